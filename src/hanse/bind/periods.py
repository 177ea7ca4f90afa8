"""``(start, end) OVERLAPS (start, end)``: periods in either order of their ends, or with a length (manual, section 9.9)."""

from sqlglot import exp

from hanse.bind import coercion, comparisons, functions
from hanse.bind.place import Place
from hanse.bind.syntax import malformed, position
from hanse.errors import TypeMismatch
from hanse.ir.expr import TRUE, Call, Case, Expr, Literal
from hanse.ir.types import BOOLEAN, Kind

NULL = Literal(BOOLEAN, None)
FALSE = Literal(BOOLEAN, False)


def overlaps(node: exp.Overlaps, place: Place) -> Expr:
    """Whether the periods share an instant; each holds its start but not its end, unless that is its start."""
    where = position(node)
    ends: list[Expr] = []
    for side in (node.this, node.args["expression"]):
        parts = comparisons.row(side)
        if parts is None or len(parts) != 2:
            raise malformed(node, "on both sides of OVERLAPS stand two values: (start, end) OVERLAPS (start, end)")
        ends += _ends(place.bind(parts[0]), place.bind(parts[1]), where)
    try:
        known, type = coercion.unify(ends, where, "OVERLAPS")
    except TypeMismatch:
        known, type = (), None
    if type is None or type.kind not in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        shown = ", ".join(str(end.type) for end in ends)
        raise TypeMismatch(f"OVERLAPS does not take ({shown})", sqlstate="42883", position=where)
    return _overlap(known, where)


def _ends(start: Expr, end: Expr, where: int | None) -> tuple[Expr, Expr]:
    """Start and end; an interval is a length."""
    return start, functions.resolve("+", (start, end), where) if end.type.kind is Kind.INTERVAL else end


def _overlap(ends: tuple[Expr, ...], where: int | None) -> Expr:
    """As PostgreSQL's overlaps_timestamp: with an end missing, the other one may still decide."""
    start, end, start2, end2 = ends
    first, last = _ordered(start, end, where)
    first2, last2 = _ordered(start2, end2, where)

    def test(name: str, *args: Expr) -> Expr:
        return functions.resolve(name, args, where)

    def after(inner: Expr, outer_last: Expr, inner_last: Expr) -> Expr:
        """The period that starts at ``inner`` starts after the other one, which ends at ``outer_last``."""
        unknown = (test("is_null", outer_last), NULL), (test("<", inner, outer_last), TRUE)
        return Case(BOOLEAN, (*unknown, (test("is_null", inner_last), NULL)), FALSE)

    missing = Call(BOOLEAN, "or", (test("is_null", first), test("is_null", first2)))
    endless = Call(BOOLEAN, "or", (test("is_null", last), test("is_null", last2)))
    branches = (
        (missing, NULL),
        (test(">", first, first2), after(first, last2, last)),
        (test("<", first, first2), after(first2, last, last2)),
        (endless, NULL),
    )
    return Case(BOOLEAN, branches, TRUE)


def _ordered(start: Expr, end: Expr, where: int | None) -> tuple[Expr, Expr]:
    """The earlier and the later end; with one missing, the other is the start."""
    later = functions.resolve("greatest", (start, end), where)
    missing = Call(BOOLEAN, "or", tuple(functions.resolve("is_null", (x,), where) for x in (start, end)))
    return functions.resolve("least", (start, end), where), Case(
        later.type, ((missing, Literal(later.type, None)),), later
    )
