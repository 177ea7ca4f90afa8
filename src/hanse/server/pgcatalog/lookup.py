"""Names in text to oids, where a statement names a thing by a literal: ``'crm.customers'::regclass``.

PostgreSQL's manual, Object Identifier Types. What does not exist is an error there, and NULL for ``to_regclass``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hanse.errors import UnknownName
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.defaults import Rows

_PARTS = re.compile(r'"((?:[^"]|"")*)"|([^".\s]+)')


def parts(text: str) -> list[str]:
    """The parts of a dotted name, folded as PostgreSQL does."""
    return [quoted.replace('""', '"') if quoted or not bare else bare.lower() for quoted, bare in _PARTS.findall(text)]


@dataclass(frozen=True, slots=True)
class Lookup:
    """The names of one snapshot. ``tables`` has, by name, schema and oid of each table, and whether it is alone."""

    tables: Mapping[str, Sequence[tuple[str, int, bool]]] = field(default_factory=dict)
    namespaces: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    functions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows) -> "Lookup":
        """Index the rows of a catalog."""
        tables: dict[str, list[tuple[str, int, bool]]] = {}
        for row in rows["names"]:
            tables.setdefault(row["relname"], []).append((row["schema"], row["oid"], row["alone"]))
        return cls(
            tables,
            {row["nspname"]: row["oid"] for row in rows["pg_namespace"]},
            {row["rolname"]: row["oid"] for row in rows["pg_authid"]},
            {row["proname"]: int(row["oid"]) for row in rows["pg_proc"]},
        )

    def find(self, type: int, text: str, path: Sequence[str]) -> int | None:
        """The oid that a text of that type means; None: there is none."""
        if text.isdigit():
            return int(text)
        if text == "-":
            return 0
        match type:
            case t.REGCLASS:
                return self._table(parts(text), path)
            case t.REGTYPE:
                return t.named(re.sub(r"\s*\(.*?\)", "", text))
            case t.REGNAMESPACE:
                return self.namespaces.get(parts(text)[0]) if parts(text) else None
            case t.REGROLE:
                return self.roles.get(parts(text)[0]) if parts(text) else None
        return self.functions.get(parts(text.partition("(")[0])[-1]) if parts(text) else None

    def require(self, type: int, text: str, path: Sequence[str]) -> int:
        """The same; raises UnknownName."""
        found = self.find(type, text, path)
        if found is None:
            kind, code = _KINDS.get(type, ("function", "42883"))
            raise UnknownName(f'{kind} "{text}" does not exist', sqlstate=code)
        return found

    def _table(self, name: Sequence[str], path: Sequence[str]) -> int | None:
        found = self.tables.get(name[-1], ()) if name else ()
        if len(name) > 1:
            return next((oid for schema, oid, _ in found if schema == name[-2]), None)
        system = next((oid for schema, oid, _ in found if schema == "pg_catalog"), None)
        in_path = [oid for entry in path for schema, oid, _ in found if schema == entry]
        alone = [oid for _, oid, is_alone in found if is_alone]
        return system or next(iter((*in_path, *alone)), None)


_KINDS = {
    t.REGCLASS: ("relation", "42P01"),
    t.REGTYPE: ("type", "42704"),
    t.REGNAMESPACE: ("schema", "3F000"),
    t.REGROLE: ("role", "42704"),
}
