"""Whole numbers that are computed from constants alone, where a clause needs the number itself: LIMIT 10 + 1."""

from collections.abc import Callable

from hanse.bind import coercion, textual
from hanse.ir.expr import Call, Cast, Expr, Literal
from hanse.ir.types import INTEGERS


def _divided(left: int, right: int) -> int | None:
    """Truncated toward zero; None for a division by zero, which is an error of the run."""
    if right == 0:
        return None
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _remainder(left: int, right: int) -> int | None:
    quotient = _divided(left, right)
    return None if quotient is None else left - quotient * right


OPERATORS: dict[str, Callable[..., int | None]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "%": _remainder,
    "neg": lambda value: -value,
    "abs": abs,
}


def folded(expr: Expr) -> Expr:
    """The literal that the expression always yields, if it is integer arithmetic over literals that cannot fail; else the
    expression as it is."""
    match expr:
        case Cast(arg=arg, safe=False):
            inner = folded(arg)
            same = isinstance(inner, Literal) and {inner.type.kind, expr.type.kind} <= INTEGERS
            return coercion.coerce(inner, expr.type, None, "explicit") if same else expr
        case Call(name=name, args=args) if name in OPERATORS and expr.type.kind in INTEGERS:
            return _computed(expr, [folded(arg) for arg in args])
    return expr


def _computed(call: Call, args: list[Expr]) -> Expr:
    values = [arg.value for arg in args if isinstance(arg, Literal) and arg.type.kind in INTEGERS]
    if len(values) != len(args) or None in values:
        return call
    value = OPERATORS[call.name](*values)
    try:
        return call if value is None else Literal(call.type, textual.in_range(value, call.type))
    except textual.OutOfRange:
        return call
