"""The private database that answers statements about the catalog: filled once, closed to everything else from then on.

It reads no files, knows no extension, has no other database, and its configuration cannot be changed. Only statements that
``translate`` has made reach it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from hanse.server.pgcatalog import derived, macros, seed
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.defaults import Row, Rows

MEMORY = "256MB"
"""What one statement, or all together, may take: there is no disk to spill to."""
_CONFIG: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY, "temp_directory": ""}
_CLOSED = {
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "default_null_order": "'nulls_last_on_asc_first_on_desc'",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
"""What is set once it is filled, in this order."""
_SCHEMAS = {seed.CATALOG: "cat", seed.INFORMATION: "inf"}
_OWN = {
    "names": "oid UINTEGER, relname VARCHAR, schema VARCHAR, alone BOOLEAN, rivals VARCHAR[]",
    "constraints": "oid UINTEGER, definition VARCHAR",
    "indexes": "oid UINTEGER, definition VARCHAR",
    "formats": "oid UINTEGER, typname VARCHAR, base VARCHAR, suffix VARCHAR",
    "keywords": "word VARCHAR, catcode VARCHAR, barelabel BOOLEAN, catdesc VARCHAR, baredesc VARCHAR",
}
"""Tables of our own beside PostgreSQL's, in the schema ``pg``."""


def built(rows: Rows) -> duckdb.DuckDBPyConnection:
    """A database with these rows, and what follows from them."""
    connection = duckdb.connect(":memory:", config=_CONFIG)
    for schema in ("cat", "inf", "pg"):
        connection.execute(f"CREATE SCHEMA {schema}")
    for relation in seed.RELATIONS.values():
        columns = ", ".join(f'"{name}" {t.carrier(t.named(type) or t.TEXT)}' for name, type in relation.columns.items())
        connection.execute(f'CREATE TABLE {_SCHEMAS[relation.schema]}."{relation.name}" ({columns})')
    for name, columns in _OWN.items():
        connection.execute(f"CREATE TABLE pg.{name} ({columns})")
    for name, found in rows.items():
        _insert(connection, f"pg.{name}" if name in _OWN else f'cat."{name}"', found)
    _insert(connection, "pg.formats", formats())
    for name, query in macros.VIEWS.items():
        connection.execute(f"CREATE VIEW pg.{name} AS {query}")
    words = ", ".join(f"'{row['word']}'" for row in rows["keywords"] if row["catcode"] != "U")
    for definition in macros.definitions(f"[{words}]", "make_timestamp(epoch_us(now()))"):
        connection.execute(f"CREATE MACRO pg.{definition}")
    for relation_name, query in derived.STATEMENTS.items():
        connection.execute(f"INSERT INTO {relation_name} BY NAME {query}")
    for name, value in _CLOSED.items():
        connection.execute(f"SET {name} = {value}")
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    connection.register("incoming", pa.table({name: [row.get(name) for row in rows] for name in rows[0]}))
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")


def seeded() -> Rows:
    """The rows that every database has."""
    found: Rows = {name: [] for name in seed.ROWS}
    for name, rows in seed.ROWS.items():
        columns = _seed_columns(name)
        found[name] = [
            {column: _value(value, type) for (column, type), value in zip(columns.items(), row, strict=False)}
            for row in rows
        ]
    return found


def _seed_columns(name: str) -> Mapping[str, str]:
    if name == "keywords":
        return {"word": "text", "catcode": "text", "barelabel": "boolean", "catdesc": "text", "baredesc": "text"}
    columns = seed.RELATIONS[seed.CATALOG, name].columns
    return {column: columns[column] for column in seed.SETTING_COLUMNS} if name == "pg_settings" else columns


def _value(text: Any, type: str) -> Any:
    if not isinstance(text, str):
        return text
    carrier = t.carrier(t.named(type) or t.TEXT)
    if carrier.endswith("[]"):
        words = [word.strip('"') for word in text.strip("{}").replace(",", " ").split()]
        return [int(word) for word in words] if "INT" in carrier else words
    if carrier == "BOOLEAN":
        return text == "true"
    return int(text) if "INT" in carrier else float(text) if carrier in ("FLOAT", "DOUBLE") else text


_SHOWN = {
    name: sql
    for sql, name in t.SQL_NAMES.items()
    if sql in ("boolean", "bigint", "integer", "smallint", "real", '"char"') or (" " in sql)
} | {"bpchar": "character"}


def formats() -> list[Row]:
    """What format_type() calls each type."""
    found = []
    for oid, name in t.NAMES.items():
        element = t.ELEMENTS.get(oid, 0)
        is_array = bool(element) and t.ARRAYS.get(element) == oid
        base = t.NAMES.get(element, name) if is_array else name
        found.append({"oid": oid, "typname": name, "base": _SHOWN.get(base, base), "suffix": "[]" if is_array else ""})
    return found
