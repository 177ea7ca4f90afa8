"""Operators and constructs that no list of overloads describes: comparison, arithmetic, logic, COALESCE, ``||``, arrays.

Each function takes the operands as bound and gives the typed call with its operands cast, or None where the ordinary
lists (``bind.signatures``) decide.
"""

from collections.abc import Callable

from hanse.bind import coercion
from hanse.errors import TypeMismatch
from hanse.ir import arithmetic
from hanse.ir import types as t
from hanse.ir.expr import Call, Expr, Literal
from hanse.ir.types import NUMBERS, Array, Enum, Kind, Type

Args = tuple[Expr, ...]
Typing = Callable[[str, Args, int | None], Call | None]

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=", "is_distinct", "is_not_distinct")
SWAPPED = {(Kind.INT32, Kind.DATE), (Kind.INTERVAL, Kind.DATE), (Kind.TIME, Kind.DATE)} | {
    (Kind.INTERVAL, kind) for kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.TIME)
}
"""Sums that the plan holds the other way round: the moment stands first."""


def undefined(name: str, args: Args, position: int | None) -> TypeMismatch:
    """The error for an operator that has no such operands (42883)."""
    names = [str(arg.type) if not coercion.is_untyped(arg) else "unknown" for arg in args]
    shown = f"{names[0]} {name} {names[1]}" if len(names) == 2 else f"{name} {', '.join(names)}"
    hint = "no operator takes these types; add explicit type casts"
    return TypeMismatch(f"operator does not exist: {shown}", sqlstate="42883", position=position, hint=hint)


def compare(name: str, args: Args, position: int | None) -> Call:
    """Both sides in the type in which PostgreSQL compares them."""
    _count(name, args, 2, position)
    left, right = args
    known = [arg.type for arg in (left, right) if not coercion.is_untyped(arg)]
    if len(known) < 2:
        target = _literal_target(name, known[0], (left, right)) if known else t.TEXT
    else:
        target = _comparable(name, known[0], known[1], args, position)
    return Call(t.BOOLEAN, name, tuple(coercion.coerce(arg, target, position, "explicit") for arg in (left, right)))


def _literal_target(name: str, known: Type, args: Args) -> Type:
    """An untyped side takes the other's type; a label that an enum does not have is compared as text."""
    if not isinstance(known, Enum):
        return known
    texts = [a.literal.value for a in args if isinstance(a, coercion.Untyped) and isinstance(a.literal, Literal)]
    fits = name in ("=", "<>", "is_distinct", "is_not_distinct") and all(x in known.labels for x in texts)
    return known if fits else t.TEXT


def _comparable(name: str, left: Type, right: Type, args: Args, position: int | None) -> Type:
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return arithmetic.comparable(left, right)
    if left == right:
        return t.TEXT if left.kind == Kind.ENUM and name not in ("=", "<>", "is_distinct", "is_not_distinct") else left
    if {left.kind, right.kind} <= t.TEXTS:
        return t.TEXT
    if isinstance(left, Array) and isinstance(right, Array):
        return t.array(_comparable(name, left.item, right.item, args, position))
    for source, target in ((left, right), (right, left)):
        if coercion.converts(source, target) and coercion.category(source) == coercion.category(target):
            return target
    raise undefined(name, args, position)


def arithmetic_call(name: str, args: Args, position: int | None) -> Call | None:
    """Numbers under ``+ - * / %``; anything else is in the lists, with the moment first in a sum."""
    _count(name, args, 2, position)
    known = [arg for arg in args if not coercion.is_untyped(arg)]
    if not known or any(arg.type.kind not in NUMBERS for arg in known):
        return None
    left, right = (
        arg if not coercion.is_untyped(arg) else coercion.coerce(arg, known[0].type, position) for arg in args
    )
    if Kind.DECIMAL in (left.type.kind, right.type.kind) and not {left.type.kind, right.type.kind} & t.FLOATS:
        left, right = (_exact(arg, position) for arg in (left, right))
    try:
        type = arithmetic.result(name, left.type, right.type)
    except ValueError as error:
        raise TypeMismatch(str(error), sqlstate="22003", position=position, hint="cast to fewer places") from None
    if name == "%" and type.kind in t.FLOATS:
        raise undefined(name, args, position)
    if isinstance(type, t.Decimal):
        return Call(
            type, name, tuple(coercion.coerce(arg, arithmetic.as_decimal(arg.type), position) for arg in (left, right))
        )
    return Call(type, name, tuple(coercion.coerce(arg, type, position, "explicit") for arg in (left, right)))


def _exact(arg: Expr, position: int | None) -> Expr:
    """Operands of exact arithmetic keep their own digits: the result's type follows from them. A whole constant has
    as many digits as it shows, so that ``price * (1 - discount)`` stays far below 38."""
    if isinstance(arg, Literal) and arg.type.kind in t.INTEGERS and arg.value is not None:
        return coercion.coerce(arg, t.decimal(len(str(abs(arg.value))), 0), position)
    return coercion.coerce(arg, arithmetic.as_decimal(arg.type), position)


def swapped(name: str, args: Args) -> Args:
    """The operands of a sum or product with the moment, or the interval, first."""
    kinds = tuple(arg.type.kind for arg in args)
    turned = (
        len(args) == 2
        and not coercion.is_untyped(args[0])
        and (
            (name == "+" and (kinds in SWAPPED or (kinds[1] == Kind.DATE and kinds[0] in t.INTEGERS)))
            or (name == "*" and kinds[1] == Kind.INTERVAL and kinds[0] in NUMBERS)
        )
    )
    return (args[1], args[0]) if turned else args


def negate(name: str, args: Args, position: int | None) -> Call | None:
    """Unary minus over a number."""
    _count(name, args, 1, position)
    if args[0].type.kind not in NUMBERS:
        return None
    type = args[0].type
    type = arithmetic.SIGNED_FOR[type.kind] if type.kind in t.INTEGERS else type
    arg = coercion.coerce(args[0], type, position)
    return Call(type, name, (arg,))


def logic(name: str, args: Args, position: int | None) -> Call:
    """AND, OR, NOT, IS TRUE ... over booleans."""
    if name not in ("and", "or"):
        _count(name, args, 1, position)
    return Call(t.BOOLEAN, name, tuple(coercion.coerce(arg, t.BOOLEAN, position) for arg in args))


def null_test(name: str, args: Args, position: int | None) -> Call:
    """IS NULL over anything."""
    _count(name, args, 1, position)
    return Call(t.BOOLEAN, name, tuple(_text_if_untyped(arg, position) for arg in args))


def _text_if_untyped(arg: Expr, position: int | None) -> Expr:
    return coercion.coerce(arg, t.TEXT, position) if isinstance(arg, coercion.Untyped) else arg


def choice(name: str, args: Args, position: int | None) -> Call:
    """COALESCE, GREATEST, LEAST: one type for all."""
    if not args:
        raise TypeMismatch(f"{name.upper()} needs an argument", sqlstate="42601", position=position)
    cast, type = coercion.unify(args, position, name.upper())
    return Call(type, name, cast)


def nullif(name: str, args: Args, position: int | None) -> Call:
    """NULLIF compares as ``=`` does, and yields its first operand: in its own type, unless PostgreSQL has no ``=`` for the
    two and widens the number (manual, section 9.18.3: NULLIF(1, 2.2) yields numeric)."""
    _count(name, args, 2, position)
    sides = compare("=", args, position).args
    own, side = args[0].type.kind, sides[0].type.kind
    is_widened = (own in t.INTEGERS and side not in t.INTEGERS) or (own is Kind.DECIMAL and side in t.FLOATS)
    first = sides[0] if is_widened or coercion.is_untyped(args[0]) else args[0]
    return Call(first.type, name, (first, sides[1]) if first.type == sides[1].type else (first, *sides))


def concatenate(name: str, args: Args, position: int | None) -> Call:
    """``||``: arrays with arrays or items, bytes with bytes, else text with anything that is not an array."""
    _count(name, args, 2, position)
    left, right = args
    if isinstance(left.type, Array) or isinstance(right.type, Array):
        return _concatenate_arrays(left, right, position)
    kinds = {arg.type.kind for arg in args if not coercion.is_untyped(arg)}
    if kinds == {Kind.BYTES}:
        return Call(t.BYTES, name, tuple(coercion.coerce(arg, t.BYTES, position) for arg in args))
    if kinds == {Kind.JSON}:
        raise undefined(name, args, position)
    if kinds and not kinds & t.TEXTS and not any(isinstance(arg, coercion.Untyped) for arg in args):
        raise undefined(name, args, position)
    return Call(t.TEXT, name, tuple(coercion.coerce(arg, t.TEXT, position, "assignment") for arg in args))


def _concatenate_arrays(left: Expr, right: Expr, position: int | None) -> Call:
    sides = [arg for arg in (left, right) if isinstance(arg.type, Array)]
    if len(sides) == 2 or coercion.is_untyped(left) or coercion.is_untyped(right):
        cast, type = coercion.unify((left, right), position, "array")
        return Call(type, "array_cat", cast)
    array_first = isinstance(left.type, Array)
    item = right if array_first else left
    assert isinstance(sides[0].type, Array)
    common = coercion.unify((Literal(sides[0].type.item, None), item), position, "array")[1]
    whole, one = coercion.coerce(sides[0], t.array(common), position), coercion.coerce(item, common, position)
    if array_first:
        return Call(t.array(common), "array_append", (whole, one))
    return Call(t.array(common), "array_prepend", (one, whole))


def array(name: str, args: Args, position: int | None) -> Call:
    """ARRAY[...]: items of one type; of nothing, text."""
    cast, type = coercion.unify(args, position, "ARRAY")
    return Call(t.array(t.TEXT if type.kind == Kind.NULL else type), name, cast)


def quantified(name: str, args: Args, position: int | None) -> Call:
    """``x = ANY(array)`` and its kin, as ``any_array_=``: the item type is what ``=`` would compare."""
    _count(name, args, 2, position)
    prefix, operator = name[:10], name[10:]
    item, items = args
    if isinstance(items, coercion.Untyped):
        known = t.TEXT if coercion.is_untyped(item) else item.type
        items = coercion.coerce(items, t.array(known), position)
    if not isinstance(items.type, Array):
        raise TypeMismatch(
            "op ANY/ALL (array) requires an array on the right side", sqlstate="42809", position=position
        )
    if operator in ("like", "ilike"):
        sides: Args = tuple(coercion.coerce(x, t.TEXT, position) for x in (item, Literal(t.TEXT, None)))
    else:
        sides = compare(operator, (item, Call(items.type.item, "array_get", (items,))), position).args
    return Call(
        t.BOOLEAN, prefix + operator, (sides[0], coercion.coerce(items, t.array(sides[1].type), position, "explicit"))
    )


def _count(name: str, args: Args, count: int, position: int | None) -> None:
    if len(args) != count:
        raise wrong_count(name, len(args), position)


def wrong_count(name: str, count: int, position: int | None) -> TypeMismatch:
    """The error for a wrong number of operands."""
    return TypeMismatch(f"{name} does not take {count} arguments", sqlstate="42883", position=position)


TYPINGS: dict[str, Typing] = {
    **dict.fromkeys(COMPARISONS, compare),
    **dict.fromkeys(("+", "-", "*", "/", "%"), arithmetic_call),
    **dict.fromkeys(("and", "or", "not", "is_true", "is_not_true", "is_false", "is_not_false"), logic),
    **dict.fromkeys(("is_null", "is_not_null"), null_test),
    **dict.fromkeys(("coalesce", "greatest", "least"), choice),
    "neg": negate,
    "nullif": nullif,
    "||": concatenate,
    "array": array,
}
