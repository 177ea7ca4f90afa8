"""What every database of PostgreSQL 15 has in its catalog, read from a real one (``scripts/write_pgcatalog.py``)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

CATALOG = "pg_catalog"
INFORMATION = "information_schema"
SCHEMAS = frozenset({CATALOG, INFORMATION})
_DOMAINS = {
    "information_schema.sql_identifier": "name",
    "information_schema.character_data": "character varying",
    "information_schema.yes_or_no": "character varying",
    "information_schema.cardinal_number": "integer",
    "information_schema.time_stamp": "timestamp with time zone",
}
"""The domains of the information schema; what a client is told is the type below (PostgreSQL, Message Formats)."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of the catalog: its columns are names and their types, as ``format_type`` spells these."""

    schema: str
    name: str
    oid: int
    kind: str
    columns: Mapping[str, str]


def _load() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("postgresql.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


_DATA = _load()


def _relation(dotted: str, said: Mapping[str, Any]) -> Relation:
    schema, _, name = dotted.partition(".")
    columns = {column: _DOMAINS.get(type, type) for column, type in said["columns"].items()}
    return Relation(schema, name, said["oid"], said["kind"], columns)


RELATIONS: Mapping[tuple[str, str], Relation] = {
    (found.schema, found.name): found for found in (_relation(*item) for item in _DATA["relations"].items())
}
"""Every relation of the two schemas, by schema and name."""
ROWS: Mapping[str, Sequence[Sequence[str | None]]] = _DATA["rows"]
"""Rows by relation of pg_catalog, each value as text; ``keywords`` is what pg_get_keywords() returns."""
SETTING_COLUMNS = (
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
"""What is kept of pg_settings."""


def find(schema: str | None, name: str) -> Relation | None:
    """The relation that a name in FROM means; a name alone is looked for in pg_catalog, as in PostgreSQL."""
    return RELATIONS.get((schema or CATALOG, name))
