"""Type names as they are written in SQL, to types: ``numeric(10,2)``, ``timestamp with time zone``, ``int[]`` ..."""

from dataclasses import dataclass

from sqlglot import exp

from hanse.bind.syntax import position
from hanse.errors import TypeMismatch, UnknownName, Unsupported
from hanse.ir import types as t
from hanse.ir.types import Type

_D = exp.DType

PLAIN: dict[exp.DType, Type] = {
    _D.BOOLEAN: t.BOOLEAN,
    _D.TINYINT: t.INT8,
    _D.SMALLINT: t.INT16,
    _D.INT: t.INT32,
    _D.BIGINT: t.INT64,
    _D.UTINYINT: t.UINT8,
    _D.USMALLINT: t.UINT16,
    _D.UINT: t.UINT32,
    _D.UBIGINT: t.UINT64,
    _D.FLOAT: t.FLOAT32,
    _D.DOUBLE: t.FLOAT64,
    _D.TEXT: t.TEXT,
    _D.VARCHAR: t.TEXT,
    _D.CHAR: t.TEXT,
    _D.BPCHAR: t.TEXT,
    _D.NAME: t.TEXT,
    _D.VARBINARY: t.BYTES,
    _D.BLOB: t.BYTES,
    _D.DATE: t.DATE,
    _D.TIME: t.TIME,
    _D.TIMESTAMP: t.TIMESTAMP,
    _D.TIMESTAMPTZ: t.TIMESTAMPTZ,
    _D.INTERVAL: t.INTERVAL,
    _D.UUID: t.UUID,
    _D.JSON: t.JSON,
    _D.JSONB: t.JSON,
}
NAMED: dict[str, Type] = {
    "int8": t.INT64,  # PostgreSQL's word for eight bytes
    "int1": t.INT8,
    "uint8": t.UINT8,
    "uint16": t.UINT16,
    "uint32": t.UINT32,
    "uint64": t.UINT64,
    "bool": t.BOOLEAN,
    "int2": t.INT16,
    "int4": t.INT32,
    "float4": t.FLOAT32,
    "float8": t.FLOAT64,
    "bytea": t.BYTES,
    "string": t.TEXT,
}
BY_CALL: dict[str, Type] = {
    **NAMED,
    "date": t.DATE,
    "text": t.TEXT,
    "int": t.INT32,
    "uuid": t.UUID,
    "json": t.JSON,
    "timestamptz": t.TIMESTAMPTZ,
}
"""Type names that PostgreSQL lets stand before parentheses: ``date('2000-01-01')``."""

NUMERIC_DEFAULT = t.decimal(38, 18)
"""What ``numeric`` without precision means where the digits of the value are not known."""


@dataclass(frozen=True, slots=True)
class Target:
    """A type as written. ``length`` is that of char(n) and varchar(n), ``padded`` tells char, ``free`` a bare numeric."""

    type: Type
    length: int | None = None
    padded: bool = False
    free: bool = False


def parse_type(node: exp.DataType) -> Type:
    """The type that the syntax names; raises UnknownName (42704) or Unsupported."""
    return parse_target(node).type


def parse_target(node: exp.DataType) -> Target:
    """The type with what a cast must know beyond it."""
    kind = node.this
    if kind is _D.ARRAY or kind is _D.LIST:
        return Target(t.array(parse_type(node.expressions[0])))
    if kind is _D.DECIMAL:
        return _decimal(node)
    if kind is _D.USERDEFINED:
        return Target(_named(node))
    if kind not in PLAIN:
        return _refuse(node)
    return _sized(node, PLAIN[kind])


def _sized(node: exp.DataType, type: Type) -> Target:
    sizes = _sizes(node)
    if not sizes:
        padded = node.this is _D.CHAR
        return Target(type, 1 if padded else None, padded)
    if type is t.TEXT:
        return Target(type, sizes[0], node.this in (_D.CHAR, _D.BPCHAR))
    if type in (t.TIME, t.TIMESTAMP, t.TIMESTAMPTZ, t.INTERVAL) and sizes[0] < 6:
        raise Unsupported(
            f"{type}({sizes[0]}) is not supported: times have microseconds",
            position=position(node),
            hint="use date_trunc, or to_char for output",
        )
    if node.this is _D.DOUBLE and sizes[0] <= 24:
        return Target(t.FLOAT32)
    return Target(type)


def _sizes(node: exp.DataType) -> list[int]:
    sizes = []
    for param in node.expressions:
        literal = param.this if isinstance(param, exp.DataTypeParam) else param
        if not isinstance(literal, exp.Literal) or not literal.this.isdigit():
            raise TypeMismatch("a type's size must be a whole number", sqlstate="42601", position=position(node))
        sizes.append(int(literal.this))
    return sizes


def _decimal(node: exp.DataType) -> Target:
    sizes = _sizes(node)
    if not sizes:
        return Target(NUMERIC_DEFAULT, free=True)
    try:
        return Target(t.decimal(sizes[0], sizes[1] if len(sizes) > 1 else 0))
    except ValueError as error:
        raise Unsupported(str(error), position=position(node), hint="cast to text to keep all digits") from None


def _named(node: exp.DataType) -> Type:
    kind = node.args.get("kind")
    name = (kind.name if isinstance(kind, exp.Expr) else str(kind)).lower()
    if name in NAMED:
        return NAMED[name]
    place = position(kind) if isinstance(kind, exp.Expr) else position(node)
    raise UnknownName(f'type "{name}" does not exist', sqlstate="42704", position=place)


def _refuse(node: exp.DataType) -> Target:
    word = node.this.sql() if isinstance(node.this, exp.Expr) else str(node.this.value).lower()
    hint = "use time, or timestamptz" if word == "timetz" else "cast to text"
    raise Unsupported(f"type {word} is not supported", position=position(node), hint=hint)
