"""Which shards a condition can concern, at planning by constants alone, at run time by parameters too."""

from collections.abc import Callable

from hanse.ir import expr as e
from hanse.ir.properties import MIRRORED
from hanse.ir.sharding import Scheme, Shards
from hanse.ir.types import INTEGERS, Kind, Type

Values = Callable[[e.Expr], e.Literal | None]
"""What a constant expression is, where that is known."""


def literal(node: e.Expr) -> e.Literal | None:
    """What planning knows of constants."""
    if isinstance(node, e.Cast) and isinstance(node.arg, e.Literal) and _widens(node):
        return e.Literal(node.type, node.arg.value)
    return node if isinstance(node, e.Literal) else None


def parameter(node: e.Expr) -> e.Parameter | None:
    """The parameter that the expression is, with the same value perhaps in a wider integer."""
    if isinstance(node, e.Cast) and _widens(node):
        node = node.arg
    return node if isinstance(node, e.Parameter) else None


def column(node: e.Expr) -> int:
    """The id of the column whose value the expression is (perhaps in a wider integer); -1: of none."""
    if isinstance(node, e.Cast) and _widens(node):
        node = node.arg
    return node.id if isinstance(node, e.Ref) else -1


def _widens(node: e.Cast) -> bool:
    return {node.type.kind, node.arg.type.kind} <= INTEGERS


def family(type: Type) -> Kind:
    """The kind of a type as a ``Scheme`` has it."""
    return Kind.INT64 if type.kind in INTEGERS else type.kind


def concerned(test: e.Expr, ids: Shards, scheme: Scheme, values: Values) -> Shards:
    """The shards on which a row can be for which the condition is true; ``ids`` are the columns that hold the key."""
    match test:
        case e.Literal(value=value):
            return scheme.all if value is True else frozenset()
        case e.Call(name="and", args=args):
            return frozenset.intersection(*(concerned(arg, ids, scheme, values) for arg in args))
        case e.Call(name="or", args=args):
            return frozenset.union(*(concerned(arg, ids, scheme, values) for arg in args))
        case e.Call(name=name, args=(left, right)) if name in MIRRORED:
            if column(left) in ids:
                return _compared(name, right, scheme, values)
            if column(right) in ids:
                return _compared(MIRRORED[name], left, scheme, values)
        case e.InList(arg=arg, items=items) if column(arg) in ids:
            return frozenset[int]().union(*(_compared("=", item, scheme, values) for item in items))
    return scheme.all


def _compared(name: str, other: e.Expr, scheme: Scheme, values: Values) -> Shards:
    """Where ``key name other`` can be true."""
    known = values(other)
    if known is not None and known.value is None:
        return frozenset()
    if known is None or family(known.type) is not scheme.kind:
        return scheme.all
    match name:
        case "=":
            return scheme.shards_of(known.value)
        case "<" | "<=":
            return scheme.shards_within(None, known.value)
        case ">" | ">=":
            return scheme.shards_within(known.value, None)
        case _:
            return scheme.all
