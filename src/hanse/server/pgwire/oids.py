"""Which of PostgreSQL's types stands for each of ours on the wire, and which of ours for what a client declares.

Unsigned integers and int8, which PostgreSQL lacks, are the next wider type that holds all of their values; enums are text,
since their names are nobody's there. OIDs are those of ``pg_type.dat``.
"""

from hanse.errors import Unsupported
from hanse.ir import types as t
from hanse.ir.types import Kind

BOOL, BYTEA, NAME, INT8, INT2, INT4, TEXT, OID, JSON = 16, 17, 19, 20, 21, 23, 25, 26, 114
FLOAT4, FLOAT8, UNKNOWN, BPCHAR, VARCHAR = 700, 701, 705, 1042, 1043
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, NUMERIC, UUID, JSONB = 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802

OF_KIND: dict[Kind, int] = {
    Kind.NULL: TEXT,
    Kind.BOOLEAN: BOOL,
    Kind.INT8: INT2,
    Kind.INT16: INT2,
    Kind.INT32: INT4,
    Kind.INT64: INT8,
    Kind.UINT8: INT2,
    Kind.UINT16: INT4,
    Kind.UINT32: INT8,
    Kind.UINT64: NUMERIC,
    Kind.DECIMAL: NUMERIC,
    Kind.FLOAT32: FLOAT4,
    Kind.FLOAT64: FLOAT8,
    Kind.TEXT: TEXT,
    Kind.BYTES: BYTEA,
    Kind.DATE: DATE,
    Kind.TIME: TIME,
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.TIMESTAMPTZ: TIMESTAMPTZ,
    Kind.INTERVAL: INTERVAL,
    Kind.UUID: UUID,
    Kind.JSON: JSON,
    Kind.ENUM: TEXT,
}
ARRAY_OF = {
    BOOL: 1000,
    BYTEA: 1001,
    NAME: 1003,
    INT8: 1016,
    INT2: 1005,
    INT4: 1007,
    TEXT: 1009,
    OID: 1028,
    JSON: 199,
    FLOAT4: 1021,
    FLOAT8: 1022,
    BPCHAR: 1014,
    VARCHAR: 1015,
    DATE: 1182,
    TIME: 1183,
    TIMESTAMP: 1115,
    TIMESTAMPTZ: 1185,
    INTERVAL: 1187,
    NUMERIC: 1231,
    UUID: 2951,
    JSONB: 3807,
}
"""An array's type by its items'."""
ITEM_OF = {array: item for item, array in ARRAY_OF.items()}
SIZES = {
    BOOL: 1,
    INT2: 2,
    INT4: 4,
    INT8: 8,
    OID: 4,
    FLOAT4: 4,
    FLOAT8: 8,
    DATE: 4,
    TIME: 8,
    TIMESTAMP: 8,
    TIMESTAMPTZ: 8,
    INTERVAL: 16,
    UUID: 16,
}
"""Bytes of a value (``pg_type.typlen``) of types whose values all have as many; -1 for all others."""
_DECLARED: dict[int, t.Type] = {
    BOOL: t.BOOLEAN,
    BYTEA: t.BYTES,
    NAME: t.TEXT,
    NUMERIC: t.decimal(18, 6),
    INT8: t.INT64,
    INT2: t.INT16,
    INT4: t.INT32,
    TEXT: t.TEXT,
    OID: t.INT64,
    JSON: t.JSON,
    FLOAT4: t.FLOAT32,
    FLOAT8: t.FLOAT64,
    BPCHAR: t.TEXT,
    VARCHAR: t.TEXT,
    DATE: t.DATE,
    TIME: t.TIME,
    TIMESTAMP: t.TIMESTAMP,
    TIMESTAMPTZ: t.TIMESTAMPTZ,
    INTERVAL: t.INTERVAL,
    UUID: t.UUID,
    JSONB: t.JSON,
}


def of_type(type: t.Type) -> int:
    """The OID of a type of ours; an array of arrays is, as in PostgreSQL, an array with more dimensions."""
    if isinstance(type, t.Array):
        item = type.item
        while isinstance(item, t.Array):
            item = item.item
        return ARRAY_OF[OF_KIND[item.kind]]
    return OF_KIND[type.kind]


def declared(oid: int) -> t.Type:
    """The type that a client means by an OID; NULL's where it leaves that to us. A numeric has the digits that its value has:
    the type is one of many then. Raises Unsupported for types that we do not have."""
    if oid in (0, UNKNOWN):
        return t.NULL
    if oid in _DECLARED:
        return _DECLARED[oid]
    if oid in ITEM_OF:
        return t.array(_DECLARED[ITEM_OF[oid]])
    hint = "declare the parameter as text, and cast it in the statement"
    raise Unsupported(f"parameters of the type with OID {oid} do not exist here", hint=hint)
