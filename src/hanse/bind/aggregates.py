"""Aggregate and window functions: names, normal forms and result types, as PostgreSQL has them.

Two differences are declared: avg and the statistics of exact numbers are double precision, and sums have at most 38
digits. Ordered-set aggregates (``mode() WITHIN GROUP (ORDER BY x)``) get their sort keys as ``order_by``.
"""

from dataclasses import replace

from hanse.bind import coercion, overloads
from hanse.bind.overloads import Signature
from hanse.bind.signatures_aggregates import AGGREGATE_ALIASES, AGGREGATES, ORDERED_SETS, WINDOWS
from hanse.errors import TypeMismatch, UnknownName
from hanse.ir import types as t
from hanse.ir.expr import Expr, SortKey
from hanse.ir.types import Decimal, Kind, Type

AGGREGATE = overloads.read(AGGREGATES)
ORDERED = overloads.read(ORDERED_SETS)
WINDOW = overloads.read(WINDOWS)
Resolved = tuple[str, tuple[Expr, ...], Type]
UNSORTABLE = frozenset({Kind.JSON})


def is_aggregate(name: str) -> bool:
    """Whether an aggregate function (ordinary or ordered-set) has that name."""
    name = AGGREGATE_ALIASES.get(name, name)
    return name in AGGREGATE or name in ORDERED or name in ("grouping", "any_value")


def is_window(name: str) -> bool:
    """Whether a function that is only a window function has that name."""
    return name in WINDOW


def names() -> frozenset[str]:
    """Every aggregate in its normal form."""
    return frozenset(AGGREGATE) | frozenset(ORDERED) | {"grouping"}


def resolve_aggregate(
    name: str, args: tuple[Expr, ...], *, distinct: bool, order_by: tuple[SortKey, ...], position: int | None
) -> Resolved:
    """The normal name, the arguments cast, and the type; raises UnknownName and TypeMismatch as functions do."""
    name = AGGREGATE_ALIASES.get(name, name)
    if name == "grouping":
        return name, args, t.INT32
    if name in ORDERED:
        return _ordered_set(name, args, order_by, position)
    if name not in AGGREGATE:
        raise UnknownName(f"aggregate function {name} does not exist", sqlstate="42883", position=position)
    cast, type = _overload(name, AGGREGATE[name], args, position)
    if distinct and any(arg.type.kind in UNSORTABLE for arg in cast):
        raise TypeMismatch("could not identify an equality operator for type json", sqlstate="42883", position=position)
    return name, cast, _sized(name, type)


def _overload(
    name: str, signatures: tuple[Signature, ...], args: tuple[Expr, ...], position: int | None
) -> tuple[tuple[Expr, ...], Type]:
    signature = overloads.choose(signatures, args)
    if signature is None:
        given = ", ".join("unknown" if coercion.is_untyped(arg) else str(arg.type) for arg in args)
        hint = f"there is {'; '.join(str(s) for s in signatures[:6])}; add explicit type casts"
        raise TypeMismatch(f"function {name}({given}) does not exist", sqlstate="42883", position=position, hint=hint)
    return overloads.apply(signature, args, position)


def _sized(name: str, type: Type) -> Type:
    """Sums of exact numbers have all 38 digits; min and max of an enum stay what they are."""
    if name == "sum" and isinstance(type, Decimal):
        return t.decimal(38, type.scale)
    return type


def _ordered_set(name: str, args: tuple[Expr, ...], order_by: tuple[SortKey, ...], position: int | None) -> Resolved:
    if len(order_by) != 1:
        message = f"{name} needs WITHIN GROUP (ORDER BY ...) with one sort key"
        raise TypeMismatch(message, sqlstate="42809", position=position)
    key = order_by[0].expr
    cast, type = _overload(name, ORDERED[name], (*args, key), position)
    wanted = cast[-1].type
    if wanted != key.type and name == "percentile_cont" and key.type.kind not in t.NUMBERS:
        raise TypeMismatch(f"percentile_cont over {key.type} does not exist", sqlstate="42883", position=position)
    return name, cast[:-1], type


LISTS = frozenset({"string_agg", "array_agg", "json_agg", "jsonb_agg"})


def sort_keys(name: str, args: tuple[Expr, ...], order: tuple[SortKey, ...], *, distinct: bool) -> tuple[SortKey, ...]:
    """The order of an aggregate's rows: percentile_cont interpolates between doubles; a list of distinct values without
    an order of its own is sorted, as PostgreSQL's sorting makes it."""
    if name == "percentile_cont":
        return tuple(replace(key, expr=coercion.coerce(key.expr, t.FLOAT64, None)) for key in order)
    if distinct and not order and name in LISTS and args[0].type.kind not in UNSORTABLE:
        return (SortKey(args[0]),)
    return order


def resolve_window(name: str, args: tuple[Expr, ...], position: int | None) -> Resolved:
    """The same for row_number, rank, lag and the other window-only functions."""
    if name not in WINDOW:
        raise UnknownName(f"window function {name} does not exist", sqlstate="42883", position=position)
    cast, type = _overload(name, WINDOW[name], args, position)
    return name, cast, type
