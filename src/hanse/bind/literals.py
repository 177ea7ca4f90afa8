"""Constants as they are written: numbers, strings in all of PostgreSQL's quotings, intervals, TRUE, NULL, parameters."""

import math
import re
from decimal import Decimal as Number

from sqlglot import exp

from hanse.bind import coercion
from hanse.bind.coercion import Untyped
from hanse.bind.place import Place
from hanse.bind.syntax import position
from hanse.errors import InvalidValue, SyntaxFailure, Unsupported
from hanse.ir import types as t
from hanse.ir.expr import Expr, Interval, Literal, Parameter
from hanse.ir.types import DECIMAL_DIGITS_MAX

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


def string(text: str, where: int | None = None) -> Expr:
    """A quoted literal: its surroundings decide its type."""
    return Untyped(t.TEXT, Literal(t.TEXT, text), where)


def literal(node: exp.Literal, _: Place) -> Expr:
    """A number or a plain string."""
    return string(node.this, position(node)) if node.args.get("is_string") else number(node.this, position(node))


def number(text: str, where: int | None) -> Expr:
    """The constant in PostgreSQL's first type that holds it: integer, bigint, numeric."""
    if text.isdigit():
        value = int(text)
        if value <= INT32_MAX:
            return Literal(t.INT32, value)
        if value <= INT64_MAX:
            return Literal(t.INT64, value)
    return _exact(Number(text), text, where)


def _exact(value: Number, text: str, where: int | None) -> Expr:
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent > 0:
        value, digits, exponent = value.quantize(Number(1)) if exponent < 40 else value, (*digits, *([0] * exponent)), 0
    precision, scale = max(len(digits), -exponent, 1), -exponent
    if precision > DECIMAL_DIGITS_MAX:
        if "e" in text.lower():
            return Literal(t.FLOAT64, float(text))
        raise InvalidValue(
            f"the number has {precision} digits, at most {DECIMAL_DIGITS_MAX} are possible",
            sqlstate="22003",
            position=where,
        )
    return Literal(t.decimal(precision, scale), value)


def null(_node: exp.Null, _: Place) -> Expr:
    """NULL, of no type yet."""
    return Literal(t.NULL, None)


def boolean(node: exp.Boolean, _: Place) -> Expr:
    """TRUE or FALSE."""
    return Literal(t.BOOLEAN, bool(node.this))


def parameter(node: exp.Parameter, place: Place) -> Expr:
    """A parameter; one of unknown type takes it from its surroundings."""
    index = int(node.this.this) - 1
    declared = place.session.parameter_type(index)
    if declared == t.NULL:
        return Untyped(t.NULL, Parameter(t.NULL, index))
    return Parameter(declared, index)


def placeholder(node: exp.Placeholder, _: Place) -> Expr:
    """``?`` is PostgreSQL's JSON operator, not a parameter."""
    raise SyntaxFailure(
        'syntax error at or near "?"', position=position(node), hint="parameters are written $1 or :name"
    )


def raw(node: exp.RawString, _: Place) -> Expr:
    """``$$text$$``."""
    return string(node.this, position(node))


def national(node: exp.National, _: Place) -> Expr:
    """``N'text'``."""
    return string(node.this)


def escaped(node: exp.ByteString, _: Place) -> Expr:
    """``E'text'``: sqlglot has replaced the escapes already."""
    return string(node.this, position(node))


_UNICODE = re.compile(r"(?P<e>\\)(?:(?P<twice>\\)|(?P<four>[0-9a-fA-F]{4})|\+(?P<six>[0-9a-fA-F]{6}))?")


def unicode(node: exp.UnicodeString, _: Place) -> Expr:
    r"""``U&'\0041'``, also with UESCAPE."""
    text, escape = node.this, node.args.get("escape")
    if isinstance(escape, exp.Expr):
        text = text.replace("\\", "\\\\").replace(escape.name, "\\")

    def character(match: re.Match[str]) -> str:
        if match["twice"]:
            return "\\"
        digits = match["four"] or match["six"]
        if not digits or int(digits, 16) > 0x10FFFF:
            raise SyntaxFailure("invalid Unicode escape", position=position(node))
        return chr(int(digits, 16))

    return string(_UNICODE.sub(character, text))


def hexadecimal(node: exp.HexString, _: Place) -> Expr:
    """``x'ff'`` is a bit string in PostgreSQL."""
    hint = f"for bytes write '\\x{node.this}'::bytea"
    raise Unsupported("bit strings are not supported", position=position(node), hint=hint)


def bits(node: exp.BitString, _: Place) -> Expr:
    """``b'101'``."""
    raise Unsupported("bit strings are not supported", position=position(node), hint="use an integer")


def interval(text: str, fields: str, where: int | None) -> Expr:
    """``INTERVAL 'text' fields``: the fields give a bare number its unit and cut off what is finer (manual, 8.5.4)."""
    if fields and re.fullmatch(r"\s*[+-]?\d+(\.\d*)?\s*", text):
        text = f"{text} {fields.split()[-1]}"
    elif fields == "YEAR TO MONTH" and (match := re.fullmatch(r"\s*([+-]?)(\d+)-(\d+)\s*", text)):
        sign = match[1]
        text = f"{sign}{match[2]} year {sign}{match[3]} month"
    elif fields == "MINUTE TO SECOND" and re.fullmatch(r"\s*[+-]?\d+:\d+(\.\d*)?\s*", text):
        text = re.sub(r"([+-]?)(\d+):", r"\g<1>00:\g<2>:", text)
    value = coercion.coerce(string(text, where), t.INTERVAL, where, "explicit")
    return _cut(value, fields.split()[-1]) if fields and isinstance(value, Literal) else value


def _cut(literal: Literal, field: str) -> Literal:
    """Without what is finer than the last field."""
    months, days, micros = literal.value.months, literal.value.days, literal.value.microseconds
    if field in ("YEAR", "MONTH"):
        months, days, micros = months - (math.fmod(months, 12) if field == "YEAR" else 0), 0, 0
    unit = {"DAY": None, "HOUR": 3_600_000_000, "MINUTE": 60_000_000}.get(field, 1)
    micros = 0 if unit is None else micros - math.fmod(micros, unit)
    return Literal(literal.type, Interval(int(months), days, int(micros)))


def interval_node(node: exp.Interval, _: Place) -> Expr:
    """``INTERVAL 30 DAY``, which PostgreSQL writes as INTERVAL '30' DAY; accepted for a constant."""
    count, unit = node.this, node.args.get("unit")
    if isinstance(count, exp.Paren):
        count = count.this
    if not isinstance(count, exp.Literal) or unit is None:
        raise Unsupported(
            "INTERVAL needs a constant", position=position(node), hint="write x * INTERVAL '1 day', or make_interval"
        )
    return interval(f"{count.this} {unit.name}", "", position(node))
