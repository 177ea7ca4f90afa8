"""The tail of a query: projection of its items, ORDER BY over outputs, LIMIT."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from hanse.bind import coercion, constants
from hanse.bind.coercion import Untyped
from hanse.bind.place import Bound, Place, Session, pairs, typed
from hanse.bind.scope import Scope, Source
from hanse.bind.sorting import sort_key
from hanse.bind.syntax import malformed, name, only, position
from hanse.errors import InvalidValue, TypeMismatch, UnknownName
from hanse.ir.expr import Column, Expr, Literal, Parameter, Ref, SortKey
from hanse.ir.plan import Limit, Plan, Project, Sort, Values
from hanse.ir.types import INT64, INTEGERS, NULL, Kind

MODIFIERS = frozenset({"order", "limit", "offset"})
ROWS_MAX = 2**61 - 1
"""More rows than there are."""


@dataclass(frozen=True, slots=True)
class Window:
    """What LIMIT, OFFSET and FETCH say."""

    count: Expr | None = None
    offset: Expr | None = None
    with_ties: bool = False

    def over(self, plan: Plan) -> Plan:
        """The plan, limited if anything was said."""
        if self.count is None and self.offset is None:
            return plan
        return Limit(plan, self.count, self.offset, self.with_ties)


def limits(node: exp.Expr, session: Session) -> Window:
    """LIMIT, OFFSET and FETCH of a query."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    skip = _rows(offset.args.get("expression"), "OFFSET", session) if offset is not None else None
    if limit is None:
        return Window(None, skip)
    if isinstance(limit, exp.Limit):
        only(limit, frozenset({"expression"}), "LIMIT")
        return Window(_rows(limit.args["expression"], "LIMIT", session), skip)
    options = limit.args.get("limit_options")
    if options is not None and options.args.get("percent"):
        raise malformed(limit, "FETCH ... PERCENT is not possible")
    ties = options is not None and bool(options.args.get("with_ties"))
    if ties and node.args.get("order") is None:
        raise malformed(limit, "WITH TIES cannot be specified without ORDER BY clause")
    count = limit.args.get("count")
    one: Expr = Literal(INT64, 1)
    return Window(_rows(count, "FETCH", session) if count is not None else one, skip, ties)


def _rows(node: exp.Expr, clause: str, session: Session) -> Expr | None:
    if isinstance(node, exp.Var | exp.Null):
        return None
    if node.find(exp.Column) is not None and node.find(exp.Query) is None:
        message = f"argument of {clause} must not contain variables"
        raise TypeMismatch(message, sqlstate="42P10", position=position(node.find(exp.Column)))
    place = Place(session, Scope(Source(Values((), ((),)))), clause)
    given = place.bind(node)
    value = constants.folded(coercion.coerce(given, INT64, position(node), "assignment"))
    plain = given.literal if isinstance(given, Untyped) else given
    if isinstance(plain, Parameter) and plain.type.kind in (*INTEGERS, Kind.NULL):
        return session.row_count(plain.index, clause)
    if isinstance(value, Literal):
        count = rows_of(value.value, clause, position(node))
        return None if count is None else Literal(INT64, count)
    return value


def rows_of(value: int | None, clause: str, where: int | None = None) -> int | None:
    """A number of rows as LIMIT or OFFSET takes it; raises InvalidValue (2201W, 2201X) for a negative one. What no table
    has is cut off, so that the sum of two is no overflow."""
    if value is not None and value < 0:
        code = "2201X" if clause == "OFFSET" else "2201W"
        raise InvalidValue(
            f"{'LIMIT' if clause == 'FETCH' else clause} must not be negative", sqlstate=code, position=where
        )
    return None if value is None else min(value, ROWS_MAX)


def project(
    plan: Plan, items: Sequence[tuple[str, Expr]], session: Session
) -> tuple[list[tuple[Column, Expr]], dict[int, Expr]]:
    """Projection items under their names; a column of the input is passed on with its id, once. Also what is untyped."""
    inputs = {column.id: column for column in plan.columns}
    done: list[tuple[Column, Expr]] = []
    untyped: dict[int, Expr] = {}
    for label, expr in items:
        if isinstance(expr, Untyped) or (isinstance(expr, Literal) and expr.type == NULL):
            untyped[len(done)] = expr
        value = typed(expr)
        known = inputs.pop(value.id, None) if isinstance(value, Ref) else None
        if known is not None:
            done.append((Column(known.id, label, known.type, known.nullable), value))
        else:
            nullable = not (isinstance(value, Literal) and value.value is not None)
            done.append((session.column(label, value.type, nullable), value))
    return done, untyped


def ordinal(node: exp.Expr, count: int, clause: str) -> int | None:
    """The 0-based output that a whole number in ORDER BY or GROUP BY means; None if the node is no constant."""
    if not isinstance(node, exp.Literal):
        return None
    if node.args.get("is_string") or not node.this.isdigit():
        raise malformed(node, f"non-integer constant in {clause}")
    number = int(node.this)
    if not 1 <= number <= count:
        message = f"{clause} position {number} is not in select list"
        raise UnknownName(message, sqlstate="42P10", position=position(node))
    return number - 1


def bare_name(node: exp.Expr) -> tuple[str, bool] | None:
    """The name, and whether it is quoted, of an unqualified column reference."""
    if isinstance(node, exp.Column) and len(node.parts) == 1 and isinstance(node.this, exp.Identifier):
        return name(node.this), bool(node.this.args.get("quoted"))
    return None


def modify(bound: Bound, node: exp.Expr, session: Session) -> Bound:
    """ORDER BY and LIMIT over a query whose outputs are all that can be named: set operations, VALUES, parentheses."""
    order, plan = node.args.get("order"), bound.plan
    if order is not None:
        keys = tuple(_output_key(term, plan.columns) for term in order.expressions)
        plan = Sort(plan, keys)
    return Bound(limits(node, session).over(plan), bound.untyped)


def _output_key(term: exp.Expr, columns: tuple[Column, ...]) -> SortKey:
    place = ordinal(term.this, len(columns), "ORDER BY")
    if place is None:
        wanted = bare_name(term.this)
        found = [] if wanted is None else matching([c.name for c in columns], *wanted)
        if not found:
            hint = "only result column names and numbers can be used; put the query in FROM to sort by an expression"
            raise TypeMismatch(
                "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", sqlstate="0A000", position=position(term), hint=hint
            )
        if len(found) > 1:
            raise UnknownName(f'ORDER BY "{term.this.name}" is ambiguous', sqlstate="42702", position=position(term))
        place = found[0]
    return sort_key(term, columns[place].ref())


def matching(names: Sequence[str], wanted: str, quoted: bool) -> list[int]:
    """The places of the names that ``wanted`` means: exact ones, else (unquoted) without regard to case."""
    exact = [index for index, label in enumerate(names) if label == wanted]
    if exact or quoted:
        return exact
    return [index for index, label in enumerate(names) if label.casefold() == wanted.casefold()]


def dropping(plan: Plan, columns: Sequence[Column]) -> Plan:
    """Only these columns, as the last step."""
    return Project(plan, tuple(pairs(list(columns))))
