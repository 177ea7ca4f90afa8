"""OVER and WINDOW: partitions, orders and frames, with named windows resolved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from hanse.bind import coercion
from hanse.bind.place import Place
from hanse.bind.sorting import sort_keys
from hanse.bind.syntax import malformed, name, position
from hanse.errors import TypeMismatch, UnknownName
from hanse.ir.expr import Bound, Expr, Frame, SortKey
from hanse.ir.types import INT64, INTERVAL, NUMBERS, Kind
from hanse.ir.walk import walk_expr


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and what is below it, also below a literal whose type is open."""
    if not isinstance(expr, coercion.Untyped):
        yield from walk_expr(expr)


@dataclass(frozen=True, slots=True)
class Over:
    """What a window function ranges over."""

    partition_by: tuple[Expr, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: Frame | None = None


def resolve(node: exp.Window, named: Mapping[str, exp.Window], place: Place) -> Over:
    """The window that OVER describes, by itself or on top of a named one (manual, 4.2.8)."""
    base = _base(node, named, place)
    partition = tuple(place.value(part) for part in node.args.get("partition_by") or ())
    order_node = node.args.get("order")
    order = sort_keys(order_node.expressions, place) if order_node is not None else ()
    if base.partition_by and partition:
        raise _misused(node, "cannot override PARTITION BY clause of a named window")
    if base.order_by and order:
        raise _misused(node, "cannot override ORDER BY clause of a named window")
    keys = base.order_by or order
    spec = node.args.get("spec")
    if base.frame is not None and (spec is not None or order or partition):
        raise _misused(node, "cannot copy a named window that has a frame clause")
    frame = _frame(spec, keys, place) if spec is not None else base.frame
    return Over(base.partition_by or partition, keys, frame)


def _misused(node: exp.Expr, message: str) -> TypeMismatch:
    return TypeMismatch(message, sqlstate="42P20", position=position(node))


def _base(node: exp.Window, named: Mapping[str, exp.Window], place: Place) -> Over:
    alias = node.args.get("alias")
    if alias is None:
        return Over()
    found = named.get(name(alias))
    if found is None:
        raise UnknownName(f'window "{name(alias)}" does not exist', sqlstate="42704", position=position(alias))
    rest = {key: value for key, value in named.items() if value is not found}
    return resolve(found, rest, place)


def _frame(spec: exp.WindowSpec, keys: tuple[SortKey, ...], place: Place) -> Frame:
    mode = str(spec.args["kind"]).lower()
    if mode == "groups" and not keys:
        raise _misused(spec, "GROUPS mode requires an ORDER BY clause")
    start = _bound(spec, "start", mode, keys, place)
    end = _bound(spec, "end", mode, keys, place) if spec.args.get("end") is not None else Bound("current")
    _check_order(start, end, spec)
    exclude = spec.args.get("exclude")
    return Frame(mode, start, end, exclude.name.lower() if exclude is not None else "no others")


def _bound(spec: exp.WindowSpec, key: str, mode: str, keys: tuple[SortKey, ...], place: Place) -> Bound:
    value, side = spec.args[key], str(spec.args.get(f"{key}_side") or "").lower()
    if value == "CURRENT ROW":
        return Bound("current")
    if value == "UNBOUNDED":
        return Bound(side)
    if not side:
        raise malformed(spec, "a frame's end needs PRECEDING or FOLLOWING")
    return Bound(side, _offset(place.bind(value), mode, keys, position(value)))


def _offset(offset: Expr, mode: str, keys: tuple[SortKey, ...], where: int | None) -> Expr:
    """Rows and groups are counted; a range is a distance in the one sort key."""
    if mode != "range":
        return coercion.coerce(offset, INT64, where)
    if len(keys) != 1:
        message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"
        raise TypeMismatch(message, sqlstate="42P20", position=where)
    key = keys[0].expr.type
    if key.kind in NUMBERS:
        return coercion.coerce(offset, key, where, "assignment")
    if key.kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL):
        return coercion.coerce(offset, INTERVAL, where)
    raise TypeMismatch(f"RANGE with an offset is not possible for {key}", sqlstate="0A000", position=where)


_RANK = {"preceding": 0, "current": 1, "following": 2}


def _check_order(start: Bound, end: Bound, spec: exp.WindowSpec) -> None:
    wrong = (
        (start.direction == "following" and start.offset is None)
        or (end.direction == "preceding" and end.offset is None)
        or _RANK[start.direction] > _RANK[end.direction]
    )
    if wrong:
        raise TypeMismatch("the frame starts after its end", sqlstate="42P20", position=position(spec))
