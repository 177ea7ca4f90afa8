"""Values on their way out: oids that show a name get it, moments get their zone."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.defaults import Rows
from hanse.server.pgcatalog.instance import formats
from hanse.server.pgcatalog.naming import quoted


class Named(int):
    """An oid that is shown as a name: ``str`` is the name, ``int`` what goes over the wire in binary."""

    name: str

    def __new__(cls, oid: int, name: str) -> Self:
        """The oid with its name."""
        made = super().__new__(cls, oid)
        made.name = name
        return made

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return repr(self.name)


class Shown:
    """Knows the names of everything in one catalog."""

    def __init__(self, rows: Rows) -> None:
        """Index what has an oid."""
        self._tables: dict[int, dict[str, Any]] = {row["oid"]: row for row in rows["names"]}
        self._names: dict[int, dict[int, str]] = {
            t.REGTYPE: {row["oid"]: row["base"] + row["suffix"] for row in formats()},
            t.REGNAMESPACE: {int(row["oid"]): quoted(row["nspname"]) for row in rows["pg_namespace"]},
            t.REGROLE: {row["oid"]: quoted(row["rolname"]) for row in rows["pg_authid"]},
            t.REGPROC: {int(row["oid"]): row["proname"] for row in rows["pg_proc"]},
        }

    def rows(self, rows: list[tuple[Any, ...]], columns: Sequence[Any], path: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows, each value as its column's type shows it."""
        makers = [self._maker(column.type.oid, path) for column in columns]
        if not any(makers):
            return rows
        return [
            tuple(
                value if maker is None or value is None else maker(value)
                for maker, value in zip(makers, row, strict=True)
            )
            for row in rows
        ]

    def _maker(self, type: int, path: Sequence[str]) -> Callable[[Any], Any] | None:
        if type == t.REGCLASS:
            return lambda value: Named(value, self._table(value, path))
        if type in t.REG:
            names = self._names.get(type, {})
            return lambda value: Named(value, names.get(value, "-" if value == 0 else str(value)))
        if type == t.TIMESTAMPTZ:
            return lambda value: value.replace(tzinfo=dt.UTC)
        if type in (t.INT2, t.INT4, t.INT8):
            return int
        if type in (t.TEXT, t.NAME, t.VARCHAR, t.CHAR):
            return _text
        return None

    def _table(self, oid: int, path: Sequence[str]) -> str:
        found = self._tables.get(oid)
        if found is None:
            return "-" if oid == 0 else str(oid)
        is_first = next((entry for entry in path if entry in found["rivals"]), None) == found["schema"]
        name = quoted(found["relname"])
        return name if found["alone"] or is_first else f"{quoted(found['schema'])}.{name}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict) else str(value)
