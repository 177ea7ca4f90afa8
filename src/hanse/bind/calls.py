"""Calls by name: scalar functions, aggregates, window functions, set-returning functions."""

from dataclasses import dataclass, field

from sqlglot import exp

from hanse.bind import aggregates, functions, literals, special, subqueries, windows
from hanse.bind.comparisons import row
from hanse.bind.place import Place
from hanse.bind.sorting import sort_keys
from hanse.bind.syntax import name as name_of
from hanse.bind.syntax import position, unsupported
from hanse.bind.types import BY_CALL, Target
from hanse.errors import TypeMismatch, UnknownName, Unsupported
from hanse.ir.expr import Aggregate, Expr, Ref, WindowCall
from hanse.ir.expr import Call as CallExpr
from hanse.ir.types import BYTES, INT32, Kind


@dataclass(slots=True)
class Call:
    """A call as written, taken out of the nodes that sqlglot wraps around it."""

    name: str
    args: list[exp.Expr]
    node: exp.Expr
    star: bool = False
    distinct: bool = False
    order: list[exp.Expr] = field(default_factory=list)
    filter: exp.Expr | None = None
    within: bool = False
    ignore_nulls: bool = False

    @property
    def position(self) -> int | None:
        """Where the name stands."""
        return position(self.node)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but arguments is given."""
        return not (self.star or self.distinct or self.order or self.filter is not None or self.within)


def unwrap(node: exp.Expr) -> Call:
    """The call below FILTER, WITHIN GROUP and IGNORE NULLS."""
    match node:
        case exp.Filter():
            call = unwrap(node.this)
            call.filter = node.args["expression"].this
        case exp.WithinGroup():
            call = unwrap(node.this)
            call.order, call.within = node.args["expression"].expressions, True
        case exp.IgnoreNulls() | exp.RespectNulls():
            call = unwrap(node.this)
            call.ignore_nulls = isinstance(node, exp.IgnoreNulls)
        case exp.Anonymous():
            call = _arguments(node)
        case exp.Dot() if isinstance(node.args["expression"], exp.Anonymous):
            call = _arguments(node.args["expression"])
            if name_of(node.this) != "pg_catalog":
                message = f"function {name_of(node.this)}.{call.name} does not exist"
                raise UnknownName(message, sqlstate="42883", position=position(node))
        case _:
            raise unsupported(node)
    return call


def _arguments(node: exp.Anonymous) -> Call:
    call = Call(name_of(node.this), list(node.expressions), node)
    if call.args and isinstance(call.args[-1], exp.IgnoreNulls | exp.RespectNulls):
        call.ignore_nulls = isinstance(call.args[-1], exp.IgnoreNulls)
        call.args[-1] = call.args[-1].this
    if call.args and isinstance(call.args[-1], exp.Order):
        order = call.args[-1]
        call.order = order.expressions
        call.args[-1:] = [order.this] if order.this is not None else []
    if call.args and isinstance(call.args[0], exp.Distinct):
        call.distinct = True
        call.args[:1] = call.args[0].expressions
    if len(call.args) == 1 and isinstance(call.args[0], exp.Star):
        call.star, call.args = True, []
    for arg in call.args:
        if isinstance(arg, exp.Limit | exp.HavingMax | exp.Kwarg | exp.Variadic | exp.Alias):
            raise unsupported(arg)
    return call


def call(node: exp.Expr, place: Place) -> Expr:
    """Any call that is not a window call."""
    found = unwrap(node)
    name = found.name
    if aggregates.is_aggregate(name):
        return _aggregate(found, place)
    if aggregates.is_window(name):
        raise UnknownName(f"window function {name} requires an OVER clause", sqlstate="42809", position=found.position)
    if not found.is_plain:
        if not functions.is_function(name):
            functions.resolve(name, (), found.position)
        message = f"{name} is not an aggregate function: DISTINCT, ORDER BY, FILTER and * are not possible"
        raise TypeMismatch(message, sqlstate="42809", position=found.position)
    special_form = _special(found, place)
    if special_form is not None:
        return special_form
    if place.collector is not None and functions.is_table_function(name):
        return _rows(found, place)
    return functions.resolve(name, tuple(place.bind(arg) for arg in found.args), found.position)


def _special(found: Call, place: Place) -> Expr | None:
    """Names that are not functions: interval literals, ARRAY(SELECT), the current moment, types, ROW."""
    name, args = found.name, found.args
    if name == "interval" and len(args) == 2:
        return literals.interval(args[0].name, args[1].name, position(args[0]))
    if name == "array" and len(args) == 1:
        return subqueries.array(args[0], place)
    if name in special.MOMENT_CALLS and all(isinstance(arg, exp.Literal) for arg in args):
        return special.moment(name, place, found.position, int(args[0].name) if args else None)
    if name == "pg_typeof" and len(args) == 1:
        return special.type_name(place.bind(args[0]))
    if name in BY_CALL and len(args) == 1 and not functions.is_function(name):
        return special.convert(place.bind(args[0]), Target(BY_CALL[name]), found.position)
    if name == "row":
        hint = "rows can only be compared: (a, b) = (c, d), (a, b) IN (...)"
        raise Unsupported("values of a row type are not supported", position=found.position, hint=hint)
    return None


def _rows(found: Call, place: Place) -> Expr:
    """A set-returning function in the select list: its rows multiply those of the query."""
    if not place.rows or place.collector is None:
        message = f"set-returning functions are not allowed in {place.clause}"
        raise Unsupported(message, position=found.position, hint="put the function in FROM")
    inner = place.without("a set-returning function", windows=True, aggregates=True)
    args, columns = functions.table_function(found.name, tuple(inner.bind(arg) for arg in found.args), found.position)
    if len(columns) != 1:
        raise Unsupported(f"{found.name} yields several columns", position=found.position, hint="put it in FROM")
    known = next((c for name, a, c in place.collector.rows if (name, a) == (found.name, args)), None)
    if known is None:
        known = place.session.column(*columns[0])
        place.collector.rows.append((found.name, args, known))
    return known.ref()


def _aggregate(found: Call, place: Place) -> Expr:
    """An aggregate: computed below, read here by a reference to its column."""
    collector = place.collector
    if not place.aggregates or collector is None:
        message = f"aggregate functions are not allowed in {place.clause}"
        raise TypeMismatch(message, sqlstate="42803", position=found.position)
    if found.name == "grouping":
        aggregate = _grouping(found, place)
    else:
        aggregate = bind_aggregate(found, place)
    column = collector.aggregates.get(aggregate)
    if column is None:
        column = place.session.column(found.name, aggregate.type, aggregate.name not in ("count", "grouping"))
        collector.aggregates[aggregate] = column
    return column.ref()


def bind_aggregate(found: Call, place: Place) -> Aggregate:
    """The aggregate call over the rows of this level."""
    reads = place.scope.reads
    place.scope.reads = {}
    inner = place.without("an aggregate function's arguments")
    args = _distinct_row(found, inner) or tuple(inner.bind(arg) for arg in found.args)
    order = sort_keys(found.order, inner)
    condition = None
    if found.filter is not None:
        condition = place.without("FILTER").condition(found.filter)
    own, place.scope.reads = place.scope.reads, reads
    _refuse_outer(args, own, found)
    if (found.star and found.name != "count") or (not args and not found.star and not found.within):
        raise TypeMismatch(
            f"{found.name}({'*' if found.star else ''}) does not exist", sqlstate="42883", position=found.position
        )
    if found.star:
        return Aggregate(
            aggregates.resolve_aggregate("count", (), distinct=False, order_by=(), position=found.position)[2],
            "count",
            filter=condition,
        )
    name, cast, type = aggregates.resolve_aggregate(
        found.name, args, distinct=found.distinct, order_by=order, position=found.position
    )
    order = aggregates.sort_keys(name, cast, order, distinct=found.distinct)
    return Aggregate(type, name, cast, found.distinct, condition, order)


def _distinct_row(found: Call, inner: Place) -> tuple[Expr, ...] | None:
    """The row of ``count(DISTINCT (a, b))``: a value that only counting sees, and never NULL."""
    parts = row(found.args[0]) if found.name == "count" and found.distinct and len(found.args) == 1 else None
    if parts is None:
        return None
    values = tuple(inner.value(part) for part in parts)
    for value, part in zip(values, parts, strict=True):
        if value.type.kind is Kind.JSON:
            message = "could not identify an equality operator for type json"
            raise TypeMismatch(message, sqlstate="42883", position=position(part), hint="cast to text")
    return (CallExpr(BYTES, "row", values),)


def _refuse_outer(args: tuple[Expr, ...], own: dict[int, int | None], found: Call) -> None:
    """An aggregate over columns of an enclosing query only would belong to that query."""
    refs = [part for arg in args for part in _refs(arg)]
    if refs and not any(ref.id in own for ref in refs):
        message = "an aggregate over columns of the enclosing query only is not supported in a subquery"
        raise Unsupported(message, position=found.position, hint="compute it in a derived table")


def _refs(expr: Expr) -> list[Ref]:
    return [part for part in windows.walk(expr) if isinstance(part, Ref)]


def _grouping(found: Call, place: Place) -> Aggregate:
    """``GROUPING(a, b)`` over group keys."""
    inner = place.without("GROUPING")
    keys = place.collector.keys if place.collector is not None else {}
    args = []
    for arg in found.args:
        column = keys.get(inner.value(arg))
        if column is None:
            message = "arguments to GROUPING must be grouping expressions of the query"
            raise TypeMismatch(message, sqlstate="42803", position=position(arg))
        args.append(column.ref())
    return Aggregate(INT32, "grouping", tuple(args))


def window(node: exp.Window, place: Place) -> Expr:
    """``f(...) OVER (...)``: computed below, read here by a reference to its column."""
    found = unwrap(node.this)
    collector = place.collector
    if not place.windows or collector is None:
        message = f"window functions are not allowed in {place.clause}"
        raise TypeMismatch(message, sqlstate="42P20", position=found.position)
    inner = place.without("a window function", aggregates=True)
    over = windows.resolve(node, collector.named_windows, inner)
    bound = _window_call(found, inner, over)
    column = collector.windows.get(bound)
    if column is None:
        column = place.session.column(found.name, bound.type)
        collector.windows[bound] = column
    return column.ref()


def _window_call(found: Call, inner: Place, over: windows.Over) -> WindowCall:
    if found.within:
        raise Unsupported("OVER is not supported for WITHIN GROUP", position=found.position)
    if found.order:
        raise Unsupported("aggregate ORDER BY is not implemented for window functions", position=found.position)
    args = tuple(inner.bind(arg) for arg in found.args)
    where = found.position
    condition = inner.condition(found.filter) if found.filter is not None else None
    if found.star:
        args = ()
    if aggregates.is_window(found.name):
        if condition is not None or found.distinct:
            raise TypeMismatch(f"{found.name} takes no FILTER and no DISTINCT", sqlstate="42809", position=where)
        name, args, type = aggregates.resolve_window(found.name, args, where)
    elif aggregates.is_aggregate(found.name):
        if not args and not found.star:
            raise TypeMismatch(f"function {found.name}() does not exist", sqlstate="42883", position=where)
        name, args, type = _window_aggregate(found, args)
    else:
        raise TypeMismatch(f"{found.name} is not a window function nor an aggregate", sqlstate="42809", position=where)
    return WindowCall(
        type, name, args, over.partition_by, over.order_by, over.frame, found.distinct, condition, found.ignore_nulls
    )


def _window_aggregate(found: Call, args: tuple[Expr, ...]) -> aggregates.Resolved:
    return aggregates.resolve_aggregate(found.name, args, distinct=found.distinct, order_by=(), position=found.position)
