"""Logic and comparison: AND, OR, NOT, IS, BETWEEN, IN lists, rows, ``operator ANY|ALL`` over arrays and subqueries."""

from collections.abc import Sequence

from sqlglot import exp

from hanse.bind import coercion, functions
from hanse.bind.place import Bound, Place
from hanse.bind.syntax import malformed, position, unsupported
from hanse.errors import TypeMismatch, Unsupported
from hanse.ir.expr import Call, Column, Expr, InList, Literal, Quantified, Scalar
from hanse.ir.plan import Plan, Project
from hanse.ir.types import BOOLEAN, TEXT, Kind, Type

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "is_not_distinct",
    exp.NullSafeNEQ: "is_distinct",
}
PATTERNS: dict[type[exp.Expr], str] = {
    exp.Like: "like",
    exp.ILike: "ilike",
    exp.SimilarTo: "similar_to",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
}
QUERIES = (exp.Query, exp.Values)


def chain(node: exp.Expr, place: Place) -> Expr:
    """AND or OR: one call over all operands of the chain."""
    kind = type(node)
    parts: list[exp.Expr] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if type(part) is kind:
            stack += [part.args["expression"], part.this]
        else:
            parts.append(part)
    name = "and" if kind is exp.And else "or"
    return Call(BOOLEAN, name, tuple(place.condition(part) for part in parts))


def negation(node: exp.Not, place: Place) -> Expr:
    """NOT; sqlglot writes IS NOT TRUE as NOT ... IS TRUE."""
    inner = node.this
    if isinstance(inner, exp.Is) and isinstance(inner.args["expression"], exp.Boolean) and not inner.args.get("negate"):
        return _is_not(inner, place)
    return Call(BOOLEAN, "not", (place.condition(node.this),))


def negate(expr: Expr) -> Expr:
    """NOT around a bound condition."""
    return Call(BOOLEAN, "not", (expr,))


def comparison(node: exp.Expr, place: Place) -> Expr:
    """``a = b`` and its kin, over values, rows, ANY and ALL."""
    name, left, right = COMPARISONS[type(node)], node.this, node.args["expression"]
    if isinstance(right, exp.Any | exp.All) or _is_all_call(right):
        return quantified(name, left, right, place)
    left_row, right_row = row(left), row(right)
    if left_row is not None and right_row is not None:
        return _rows(name, [place.bind(x) for x in left_row], [place.bind(x) for x in right_row], position(node))
    if left_row is not None and isinstance(right, exp.Subquery) and not name.startswith("is_"):
        return _with_one_row(name, left_row, right, place)
    return functions.resolve(name, (place.bind(left), place.bind(right)), position(node))


def pattern(node: exp.Expr, place: Place) -> Expr:
    """LIKE, ILIKE, SIMILAR TO and the regular expression operators."""
    name, right = PATTERNS[type(node)], node.args["expression"]
    if isinstance(right, exp.Any | exp.All):
        call = quantified(name, node.this, right, place)
    else:
        call = functions.resolve(name, (place.bind(node.this), place.bind(right)), position(node))
    return negate(call) if node.args.get("negate") else call


def escape(node: exp.Escape, place: Place) -> Expr:
    """``LIKE ... ESCAPE c``."""
    inner = node.this
    negated = isinstance(inner, exp.Not)
    if negated:
        inner = inner.this
    if type(inner) not in (exp.Like, exp.ILike, exp.SimilarTo):
        raise unsupported(node)
    args = (place.bind(inner.this), place.bind(inner.args["expression"]), place.bind(node.args["expression"]))
    call = functions.resolve(PATTERNS[type(inner)], args, position(inner))
    return negate(call) if negated or inner.args.get("negate") else call


def row(node: exp.Expr) -> list[exp.Expr] | None:
    """The parts of ``(a, b)`` or ``ROW(a, b)``; None for anything else."""
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "row":
        return list(node.expressions)
    if isinstance(node, exp.Paren):
        return row(node.this)
    return None


def _rows(name: str, left: Sequence[Expr], right: Sequence[Expr], where: int | None) -> Expr:
    """Row comparison (manual, 9.24.5): by parts for equality, by the first part that differs for order."""
    if len(left) != len(right):
        raise TypeMismatch("unequal number of entries in row expressions", sqlstate="42601", position=where)
    if name in ("=", "is_not_distinct", "<>", "is_distinct"):
        parts = tuple(functions.resolve(name, pair, where) for pair in zip(left, right, strict=True))
        joiner = "and" if name in ("=", "is_not_distinct") else "or"
        return parts[0] if len(parts) == 1 else Call(BOOLEAN, joiner, parts)
    last = functions.resolve(name, (left[-1], right[-1]), where)
    for one, other in zip(reversed(left[:-1]), reversed(right[:-1]), strict=True):
        strict = functions.resolve(name.rstrip("="), (one, other), where)
        equal = functions.resolve("=", (one, other), where)
        last = Call(BOOLEAN, "or", (strict, Call(BOOLEAN, "and", (equal, last))))
    return last


def _with_one_row(name: str, left: list[exp.Expr], query: exp.Expr, place: Place) -> Expr:
    """``(a, b) = (SELECT x, y ...)``: the comparison is made in the subquery, so that no row makes it NULL and more than
    one row is the error that it must be."""
    values = [place.value(part) for part in left]
    bound = place.query(query)
    if len(bound.columns) != len(left):
        words = "too many" if len(bound.columns) > len(left) else "too few"
        raise TypeMismatch(f"subquery has {words} columns", sqlstate="42601", position=position(query))
    test = _rows(name, values, [column.ref() for column in bound.columns], position(query))
    column = place.session.column("compared", BOOLEAN)
    return Scalar(BOOLEAN, Project(bound.plan, ((column, test),)))


def between(node: exp.Between, place: Place) -> Expr:
    """BETWEEN [SYMMETRIC]: both ends are within."""
    value, low, high = (place.bind(node.args[key]) for key in ("this", "low", "high"))
    where = position(node)

    def within(least: Expr, most: Expr) -> Expr:
        above, below = functions.resolve(">=", (value, least), where), functions.resolve("<=", (value, most), where)
        return Call(BOOLEAN, "and", (above, below))

    if node.args.get("symmetric"):
        return Call(BOOLEAN, "or", (within(low, high), within(high, low)))
    return within(low, high)


_IS = {"null": ("is_null", "is_not_null"), "true": ("is_true", "is_not_true"), "false": ("is_false", "is_not_false")}


def _is_not(node: exp.Is, place: Place) -> Expr:
    name = "is_not_true" if node.args["expression"].this else "is_not_false"
    return functions.resolve(name, (place.bind(node.this),), position(node))


def is_test(node: exp.Is, place: Place) -> Expr:
    """IS [NOT] NULL, TRUE, FALSE, UNKNOWN."""
    right = node.args["expression"]
    if isinstance(right, exp.Null):
        word = "null"
    elif isinstance(right, exp.Boolean):
        word = "true" if right.this else "false"
    else:
        raise unsupported(node, "after IS stand NULL, TRUE, FALSE, UNKNOWN and DISTINCT FROM")
    parts = row(node.this)
    name = _IS[word][1 if node.args.get("negate") else 0]
    if parts is not None:
        tests = tuple(functions.resolve(name, (place.bind(part),), position(part)) for part in parts)
        return Call(BOOLEAN, "and", tests)
    return functions.resolve(name, (place.bind(node.this),), position(node))


def inside(node: exp.In, place: Place) -> Expr:
    """IN over a list or a subquery."""
    query, items = node.args.get("query"), node.expressions
    if query is None and len(items) == 1 and isinstance(items[0], QUERIES):
        query = items[0]
    if query is not None:
        return _subquery("=", node.this, query, False, place)
    if node.args.get("unnest") or node.args.get("field"):
        raise unsupported(node, "write = ANY (array)")
    if not items:
        raise malformed(node, "IN needs a list or a subquery")
    left = row(node.this)
    if left is not None:
        return _rows_in(left, items, place, node)
    where = position(node)
    value = place.bind(node.this)
    bound = [place.bind(item) for item in items]
    if value.type.kind is Kind.ENUM and any(not _is_label(item, value.type) for item in bound):
        value = coercion.coerce(value, TEXT, where)
    parts, _ = coercion.unify((value, *bound), where, "IN")
    functions.resolve("=", (parts[0], parts[1]), where)
    return InList(BOOLEAN, parts[0], parts[1:])


def _is_label(item: Expr, type: Type) -> bool:
    call = functions.resolve("=", (Literal(type, None), item), None)
    return isinstance(call, Call) and call.args[1].type == type


def _rows_in(left: list[exp.Expr], items: list[exp.Expr], place: Place, node: exp.Expr) -> Expr:
    values = [place.bind(part) for part in left]
    tests = []
    for item in items:
        right = row(item)
        if right is None:
            raise malformed(node, "the list after IN must hold rows of the same length")
        tests.append(_rows("=", values, [place.bind(part) for part in right], position(item)))
    return tests[0] if len(tests) == 1 else Call(BOOLEAN, "or", tuple(tests))


def _is_all_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in ("all", "any", "some")


def quantified(name: str, left: exp.Expr, right: exp.Expr, place: Place) -> Expr:
    """``left operator ANY|ALL (subquery or array)``."""
    if isinstance(right, exp.Anonymous):
        every, inner = str(right.this).lower() == "all", right.expressions[0]
    else:
        every, inner = isinstance(right, exp.All), right.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if isinstance(inner, QUERIES):
        return _subquery(name, left, inner, every, place)
    prefix = "all_array_" if every else "any_array_"
    return functions.resolve(prefix + name, (place.bind(left), place.bind(inner)), position(left))


def _subquery(name: str, left: exp.Expr, query: exp.Expr, every: bool, place: Place) -> Expr:
    """``left operator ANY|ALL (query)``: both sides cast to what the operator compares."""
    if name not in COMPARISONS.values():
        raise Unsupported(
            f"{name} ANY|ALL over a subquery is not supported", position=position(left), hint="use EXISTS"
        )
    parts = row(left) or [left]
    bound = place.query(query)
    if len(bound.columns) != len(parts):
        words = "too many" if len(bound.columns) > len(parts) else "too few"
        raise TypeMismatch(
            f"subquery has {words} columns", sqlstate="42601", position=position(query) or position(left)
        )
    args, plan = _compared(name, [place.bind(part) for part in parts], bound, place, position(left))
    return Quantified(BOOLEAN, args, name, every, plan)


def _compared(
    name: str, values: list[Expr], bound: Bound, place: Place, where: int | None
) -> tuple[tuple[Expr, ...], Plan]:
    args: list[Expr] = []
    items: list[tuple[Column, Expr]] = []
    columns = bound.columns
    for index, (value, column) in enumerate(zip(values, columns, strict=True)):
        call = functions.resolve(name, (value, bound.untyped.get(index, column.ref())), where)
        if not isinstance(call, Call):  # folded: NULL with anything is NULL, but not with a subquery that has no rows
            call = Call(BOOLEAN, name, (coercion.coerce(value, column.type, where, "explicit"), column.ref()))
        args.append(call.args[0])
        same = call.args[1] == column.ref() or index in bound.untyped
        if same and call.args[1].type == column.type:
            items.append((column, column.ref()))
        else:
            cast = coercion.coerce(column.ref(), call.args[1].type, where, "explicit")
            items.append((place.session.column(column.name, cast.type, column.nullable), cast))
    changed = any(item is not column for (item, _), column in zip(items, columns, strict=True))
    return tuple(args), Project(bound.plan, tuple(items)) if changed else bound.plan
