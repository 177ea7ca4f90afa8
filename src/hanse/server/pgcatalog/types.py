"""PostgreSQL's types by oid: their names, their carriers in the catalog database, and what stands for each type of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.ir.expr import Column
from hanse.ir.types import Array, Decimal, Kind, Type
from hanse.server.pgcatalog.seed import CATALOG, RELATIONS, ROWS
from hanse.server.pgwire.oids import OF_KIND

_COLUMNS = list(RELATIONS[CATALOG, "pg_type"].columns)
_ELEMENT, _ARRAY, _BY_VALUE, _ALIGN, _STORAGE = (
    _COLUMNS.index(name) for name in ("typelem", "typarray", "typbyval", "typalign", "typstorage")
)

SQL_NAMES = {
    "boolean": "bool",
    "bigint": "int8",
    "integer": "int4",
    "int": "int4",
    "smallint": "int2",
    "double precision": "float8",
    "real": "float4",
    "float": "float8",
    "decimal": "numeric",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    '"char"': "char",
    "bit varying": "varbit",
    "sql_identifier": "name",
    "character_data": "varchar",
    "yes_or_no": "varchar",
    "cardinal_number": "int4",
    "time_stamp": "timestamptz",
}
"""What SQL, and the domains of the information schema, call types that pg_type has under another name."""


@dataclass(frozen=True, slots=True)
class PgType:
    """A type of PostgreSQL as a RowDescription tells it: ``length`` in bytes or -1, ``modifier`` or -1."""

    oid: int
    length: int = -1
    modifier: int = -1


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of an answer, as RowDescription tells it."""

    name: str
    type: PgType


def _lengths() -> dict[int, int]:
    return {int(row[0] or 0): int(row[4] or -1) for row in ROWS["pg_type"]}


OIDS: Mapping[str, int] = {str(row[1]): int(row[0] or 0) for row in ROWS["pg_type"]}
"""The oid of a type by its name in pg_type: ``int4`` is 23, ``_int4`` is 1007."""
NAMES: Mapping[int, str] = {oid: name for name, oid in OIDS.items()}
LENGTHS: Mapping[int, int] = _lengths()
ELEMENTS: Mapping[int, int] = {int(row[0] or 0): int(row[_ELEMENT] or 0) for row in ROWS["pg_type"]}
"""The type of an array's items, by the array's; also of int2vector and oidvector."""
ARRAYS: Mapping[int, int] = {int(row[0] or 0): int(row[_ARRAY] or 0) for row in ROWS["pg_type"]}
BY_VALUE = frozenset(int(row[0] or 0) for row in ROWS["pg_type"] if row[_BY_VALUE] == "true")
ALIGNMENTS: Mapping[int, str] = {int(row[0] or 0): str(row[_ALIGN]) for row in ROWS["pg_type"]}
STORAGES: Mapping[int, str] = {int(row[0] or 0): str(row[_STORAGE]) for row in ROWS["pg_type"]}

BOOL, BYTEA, CHAR, NAME, INT8, INT2, INT4 = 16, 17, 18, 19, 20, 21, 23
REGPROC, TEXT, OID, XID, FLOAT4, FLOAT8, VARCHAR = 24, 25, 26, 28, 700, 701, 1043
VOID = 2278
TIMESTAMPTZ, NUMERIC, REGCLASS, REGTYPE, REGROLE, REGNAMESPACE = 1184, 1700, 2205, 2206, 4096, 4089
REG = frozenset({REGPROC, 2202, 2203, 2204, REGCLASS, REGTYPE, REGROLE, REGNAMESPACE, 4191, 3734, 3769})
"""Types that are an oid and show what it names (Object Identifier Types)."""
_OIDS = REG | {OID, XID, 29}
_CARRIERS = {
    BOOL: "BOOLEAN",
    BYTEA: "BLOB",
    INT8: "BIGINT",
    INT2: "SMALLINT",
    INT4: "INTEGER",
    FLOAT4: "FLOAT",
    FLOAT8: "DOUBLE",
    NUMERIC: "DECIMAL(38,6)",
    TIMESTAMPTZ: "TIMESTAMP",
    1114: "TIMESTAMP",
    1082: "DATE",
    1186: "INTERVAL",
    22: "SMALLINT[]",
    30: "UINTEGER[]",
}
_OF_CARRIERS = {
    "BOOLEAN": BOOL,
    "BLOB": BYTEA,
    "TINYINT": INT2,
    "SMALLINT": INT2,
    "INTEGER": INT4,
    "BIGINT": INT8,
    "UINTEGER": OID,
    "FLOAT": FLOAT4,
    "DOUBLE": FLOAT8,
    "HUGEINT": NUMERIC,
    "TIMESTAMP": TIMESTAMPTZ,
    "DATE": 1082,
    "INTERVAL": 1186,
    "JSON": 114,
}


def named(spelled: str) -> int | None:
    """The oid of a type by any of its names: ``bigint``, ``_int8``, ``int8[]``, ``pg_catalog."char"``; None: unknown."""
    name = spelled.strip().lower().removeprefix("pg_catalog.").removeprefix("information_schema.")
    if name.endswith("[]"):
        element = named(name[:-2])
        return ARRAYS.get(element) or None if element else None
    name = SQL_NAMES.get(name, name).strip('"')
    return OIDS.get(name)


def carrier(oid: int) -> str:
    """The type of the catalog database that holds values of this one. Moments are UTC without a zone."""
    if oid in _CARRIERS:
        return _CARRIERS[oid]
    if oid in _OIDS:
        return "UINTEGER"
    element = ELEMENTS.get(oid, 0)
    return f"{carrier(element)}[]" if element and ARRAYS.get(element) == oid else "VARCHAR"


def of_carrier(type: str) -> int:
    """The type that a value of the catalog database is, if nothing more is known of it than its carrier."""
    if type.endswith("[]"):
        return ARRAYS.get(of_carrier(type[:-2])) or ARRAYS[TEXT]
    if type.startswith("DECIMAL"):
        return NUMERIC
    return _OF_CARRIERS.get(type, TEXT)


def described(oid: int, modifier: int = -1) -> PgType:
    """The type with the length that PostgreSQL tells for it."""
    return PgType(oid, LENGTHS.get(oid, -1), modifier)


def of_ours(type: Type) -> PgType:
    """What a client is told of a type of ours: unsigned integers are the next larger signed type, enums are text."""
    if isinstance(type, Decimal):
        return described(NUMERIC, _precision(type.precision, type.scale))
    if type.kind is Kind.UINT64:
        return described(NUMERIC, _precision(20, 0))
    if isinstance(type, Array):
        item = type.item
        while isinstance(item, Array):  # PostgreSQL's arrays have any number of dimensions
            item = item.item
        inner = of_ours(item)
        return described(ARRAYS[inner.oid], inner.modifier)
    return described(OF_KIND[type.kind])


def told(columns: Sequence[Column]) -> tuple[ResultColumn, ...]:
    """What a client is told of an answer's columns."""
    return tuple(ResultColumn(one.name, of_ours(one.type)) for one in columns)


def _precision(precision: int, scale: int) -> int:
    """numeric(p, s) as a type modifier (numeric.c, make_numeric_typmod)."""
    return ((precision << 16) | scale) + 4
