"""Write what a PostgreSQL's own catalog holds to src/hanse/server/pgcatalog/postgresql.json: its relations with their columns,
and the rows that every database has (types, the functions that these name, access methods, settings, key words ...).

    scripts/with_servers.py python scripts/write_pgcatalog.py

Its version is then the one that clients are told: PostgreSQL 15, whose catalog all clients know.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import psycopg

FILE = Path(__file__).resolve().parent.parent / "src/hanse/server/pgcatalog/postgresql.json"
MAJOR = 15

RELATIONS = """
SELECT n.nspname || '.' || c.relname, c.oid::int, c.relkind::text,
       array_agg(a.attname::text ORDER BY a.attnum), array_agg(pg_catalog.format_type(a.atttypid, NULL) ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1, 2, 3 ORDER BY 1
"""
FUNCTIONS_OF_TYPES = """
oid IN (SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript]::oid[])
        FROM pg_type) OR oid IN (SELECT amhandler FROM pg_am)
"""
SETTINGS = (
    "application_name", "bytea_output", "client_encoding", "client_min_messages", "DateStyle", "default_transaction_isolation",
    "default_transaction_read_only", "extra_float_digits", "integer_datetimes", "IntervalStyle", "lc_collate", "lc_ctype",
    "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "max_identifier_length", "max_index_keys", "search_path", "server_encoding", "server_version",
    "server_version_num", "standard_conforming_strings", "statement_timeout", "TimeZone", "transaction_isolation",
    "transaction_read_only", "row_security", "default_tablespace", "default_table_access_method", "max_connections", "block_size", "is_superuser", "session_authorization", "in_hot_standby",
)  # fmt: skip
ROWS = {
    "pg_type": "typnamespace = 11 AND typrelid = 0 AND typname !~ '^_?pg_'"
    " OR typname IN ('pg_node_tree', 'pg_lsn', '_pg_lsn', 'pg_snapshot')",
    "pg_proc": FUNCTIONS_OF_TYPES,
    "pg_am": "true",
    "pg_namespace": "nspname IN ('pg_catalog', 'information_schema', 'pg_toast')",
    "pg_collation": "collname IN ('default', 'C', 'POSIX')",
    "pg_language": "true",
    "pg_tablespace": "true",
    "pg_range": "true",
    "pg_opclass": "opcdefault",
}


def main() -> None:
    """Read it all and write the file, a relation a line."""
    with psycopg.connect(os.environ["HANSE_TEST_PG_URL"]) as connection:
        if connection.info.server_version // 10_000 != MAJOR:
            raise SystemExit(f"this needs PostgreSQL {MAJOR}")
        relations = {
            name: {"oid": oid, "kind": kind, "columns": dict(zip(names, types, strict=True))}
            for name, oid, kind, names, types in connection.execute(RELATIONS)
        }
        rows = {name: _rows(connection, name, relations[f"pg_catalog.{name}"]["columns"]) for name in ROWS}
        settings = connection.execute("SELECT * FROM pg_settings WHERE name = ANY(%s) ORDER BY name", [list(SETTINGS)])
        names = [column.name for column in settings.description or ()]
        known = (
            "name",
            "setting",
            "unit",
            "category",
            "short_desc",
            "context",
            "vartype",
            "source",
            "boot_val",
            "reset_val",
        )
        rows["pg_settings"] = [[_plain(row[names.index(name)]) for name in known] for row in settings]
        rows["keywords"] = [list(row) for row in connection.execute("SELECT * FROM pg_get_keywords() ORDER BY 1")]
    FILE.write_text(_text({"relations": relations, "rows": rows}), encoding="utf-8")


def _plain(value: Any) -> Any:
    """A version without the name of who packed it: ``15.14 (Debian 15.14-1)`` is ``15.14``."""
    return re.sub(r"^(\d+\.\d+) \(.*\)$", r"\1", value) if isinstance(value, str) else value


def _rows(connection: psycopg.Connection[Any], name: str, columns: dict[str, str]) -> list[list[Any]]:
    """The rows of a relation, each value as text: oids of functions as numbers, lists in braces."""
    spelled = ", ".join(
        f'"{column}"::oid::text' if type == "regproc" else f'"{column}"::text' for column, type in columns.items()
    )
    order = "oid" if "oid" in columns else "1"
    return [
        list(row) for row in connection.execute(f"SELECT {spelled} FROM {name} WHERE {ROWS[name]} ORDER BY {order}")
    ]


def _text(data: dict[str, dict[str, Any]]) -> str:
    parts = []
    for part, entries in data.items():
        lines = [f"  {json.dumps(name)}: {_line(value)}" for name, value in entries.items()]
        parts.append(f" {json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    if isinstance(value, list):
        return "[\n   " + ",\n   ".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n  ]"
    return json.dumps(value)


if __name__ == "__main__":
    main()
