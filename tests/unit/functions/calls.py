"""Calls written as ``name | argument | argument``, bound by our rules, spelt for DuckDB and for PostgreSQL.

An argument is a constant as PostgreSQL reads it: ``1``, ``1.5``, ``true``, ``'text'`` (untyped), ``'2024-01-01'::date``,
``NULL::int4``. A call is run twice: with its constants in place, and with each of them in a column.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hanse.bind import coercion, functions, overloads
from hanse.errors import HanseError
from hanse.ir import types as t
from hanse.ir.expr import Call, Cast, Expr, Literal, Ref
from hanse.ir.types import Array, Kind, Type
from hanse.spi.dialect import Operand, find
from hanse.spi.duckdb.dialect import DuckDBDialect

DIALECT = DuckDBDialect()
NAMES = {
    **overloads.WORDS,
    "real": t.FLOAT32,
    "float4": t.FLOAT32,
    "float8": t.FLOAT64,
    "bytea": t.BYTES,
    "timestamp": t.TIMESTAMP,
    "timestamptz": t.TIMESTAMPTZ,
    "jsonb": t.JSON,
}
SPELT = {
    "neg": "(- {0})",
    "not": "(NOT {0})",
    "bit_not": "(~ {0})",
    "is_null": "({0} IS NULL)",
    "is_not_null": "({0} IS NOT NULL)",
    "is_true": "({0} IS TRUE)",
    "is_not_true": "({0} IS NOT TRUE)",
    "is_false": "({0} IS FALSE)",
    "is_not_false": "({0} IS NOT FALSE)",
    "is_distinct": "({0} IS DISTINCT FROM {1})",
    "is_not_distinct": "({0} IS NOT DISTINCT FROM {1})",
    "and": "({0} AND {1})",
    "or": "({0} OR {1})",
    "array_get": "({0})[{1}]",
    "array_slice": "({0})[{1}:{2}]",
    "extract": "EXTRACT({0} FROM {1})",
    "similar_to": "({0} SIMILAR TO {1})",
}


NOTHING = Literal(t.NULL, None)


class Refused(Exception):
    """We have no spelling: refused before anything runs."""


@dataclass(frozen=True)
class Argument:
    """One constant: its text for PostgreSQL and what bind sees of it."""

    text: str
    expr: Expr


def type_named(name: str) -> Type:
    """A type by PostgreSQL's name."""
    name = name.strip()
    if name.endswith("[]"):
        return t.array(type_named(name[:-2]))
    if match := re.fullmatch(r"numeric\((\d+),\s*(\d+)\)", name):
        return t.decimal(int(match[1]), int(match[2]))
    return NAMES[name]


def argument(text: str) -> Argument:
    """Read one constant."""
    text = text.strip()
    if match := re.fullmatch(r"(?s)(.*)::([a-z0-9(), ]+(?:\[\])*)", text):
        value, type = match[1], type_named(match[2])
        if value == "NULL":
            return Argument(text, Literal(type, None))
        inner = value[1:-1].replace("''", "'") if value.startswith("'") else value.strip("()")
        return Argument(text, coercion.coerce(coercion.Untyped(t.TEXT, Literal(t.TEXT, inner)), type, None, "explicit"))
    if text.startswith("E'"):
        return Argument(text, coercion.Untyped(t.TEXT, Literal(t.TEXT, text[2:-1].encode().decode("unicode_escape"))))
    if text.startswith("'"):
        return Argument(text, coercion.Untyped(t.TEXT, Literal(t.TEXT, text[1:-1].replace("''", "'"))))
    if text in ("true", "false"):
        return Argument(text, Literal(t.BOOLEAN, text == "true"))
    if text == "NULL":
        return Argument(text, Literal(t.NULL, None))
    if re.fullmatch(r"-?\d+", text):
        value = int(text)
        return Argument(f"({text})", Literal(t.INT32 if -(2**31) <= value < 2**31 else t.INT64, value))
    digits = Decimal(text).as_tuple()
    scale = -int(digits.exponent)
    return Argument(f"({text})", Literal(t.decimal(max(len(digits.digits), scale), scale), Decimal(text)))


def postgres(name: str, args: Sequence[Argument]) -> str:
    """The call in PostgreSQL's SQL."""
    texts = [arg.text for arg in args]
    if name in SPELT:
        return SPELT[name].format(*texts)
    if name == "array":
        return f"ARRAY[{', '.join(texts)}]"
    if name in ("like", "ilike"):
        escape = f" ESCAPE {texts[2]}" if len(texts) > 2 else ""
        return f"({texts[0]} {name} {texts[1]}{escape})"
    if name.startswith(("any_array_", "all_array_")):
        return f"({texts[0]} {name[10:]} {name[:3]}({texts[1]}))"
    if name == "cast":
        return f"CAST({texts[0]} AS {args[1].text})"
    if not re.match(r"[a-z]", name):
        return f"({texts[0]} {name} {texts[1]})"
    return f"{name}({', '.join(texts)})"


def bound(name: str, args: Sequence[Argument]) -> Expr:
    """The typed call."""
    if name == "cast":
        return Cast(type_named(args[1].text), _typed(args[0].expr))
    return functions.resolve(name, tuple(arg.expr for arg in args), 0)


def _typed(expr: Expr) -> Expr:
    return expr.literal if isinstance(expr, coercion.Untyped) else expr


CONSTANT = {
    **dict.fromkeys(functions.WITH_FIELD, (0, 2)),
    **dict.fromkeys(("to_char", "to_date", "to_timestamp", "encode", "decode", "similar_to"), (1, 2)),
    **dict.fromkeys(("#>", "#>>", "@>", "~", "~*", "array_fill"), (1, 2)),
    **dict.fromkeys(("timezone", "format", "<@"), (0,)),
}
"""The arguments that must be constant: patterns, templates, fields, zones."""


def _is_constant(name: str, place: int) -> bool:
    if name.startswith(("regexp_", "json_extract_path")):
        return place > 0
    return place in CONSTANT.get(name, ()) or (name == "jsonb_build_object" and place % 2 == 0)


def with_columns(name: str, args: Sequence[Argument]) -> tuple[Expr, list[Literal]]:
    """The typed call over columns instead of constants, and what the columns hold. Untyped text becomes a text column."""
    columns: list[Literal] = []
    whole = bound(name, args)
    operands = []
    for place, arg in enumerate(args):
        fixed = _is_constant(name, place)
        typed = _typed(arg.expr)
        is_text = isinstance(whole, Call) and len(whole.args) > place and whole.args[place].type == t.TEXT
        if isinstance(typed, Literal) and typed.type.kind != Kind.NULL and not fixed and (typed is arg.expr or is_text):
            columns.append(typed)
            operands.append(Argument(arg.text, Ref(typed.type, len(columns) - 1, "c")))
        else:
            operands.append(arg)
    return bound(name, operands), columns


def spelt(expr: Expr) -> Operand:
    """The expression in DuckDB's SQL; Refused if the dialect has no rule."""
    match expr:
        case Literal():
            return Operand(DIALECT.literal(expr), expr.type, literal=expr)
        case Ref(type=type, id=id):
            return Operand(f"t.c{id}", type)
        case Cast(type=type, arg=arg, safe=safe):
            inner = spelt(arg)
            rule = DIALECT.cast(inner, type, safe)
            if rule is None:
                raise Refused(f"cast of {inner.type} to {type}")
            return Operand(f"({rule.spell([inner])})", type)
        case Call(type=type, name=name, args=args):
            operands = [spelt(arg) for arg in args]
            found = find(DIALECT.functions, name, operands)
            if found is None:
                raise Refused(name)
            tight = [
                Operand(
                    f"({o.sql})" if o.literal is None and not o.sql.startswith("t.c") else o.sql,
                    o.type,
                    literal=o.literal,
                )
                for o in operands
            ]
            return Operand(f"({found.spell(tight)})", type)
    raise TypeError(expr)


def statement(expr: Expr, held: Sequence[Literal] = ()) -> tuple[str, str]:
    """A SELECT of the value as text and of its DuckDB type; and the type that it should have."""
    value = spelt(expr)
    shown = DIALECT.cast(value, t.TEXT, False)
    assert shown is not None
    source = ", ".join(f"{DIALECT.literal(one)} AS c{place}" for place, one in enumerate(held)) or "1 AS x"
    return f"SELECT {shown.spell([value])}, typeof({value.sql}) FROM (SELECT {source}) t", DIALECT.type_name(expr.type)


def normal(text: str | None, type: Type) -> Any:
    """A text result so that equal values are equal: digits of numbers, members of JSON."""
    if text is None:
        return None
    if type.kind == Kind.DECIMAL:
        return Decimal(text).normalize() + 0 if re.fullmatch(r"[-+0-9.eE]+", text) else text
    if type.kind in t.FLOATS:
        return float(text)
    if type.kind == Kind.JSON:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)
    if isinstance(type, Array) and type.item.kind in (t.FLOATS | {Kind.DECIMAL}):
        return [normal(None if item == "NULL" else item, type.item) for item in text.strip("{}").split(",") if item]
    return text


__all__ = ["HanseError", "Refused", "argument", "bound", "normal", "postgres", "statement", "type_named"]
