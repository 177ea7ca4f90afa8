"""What clients of PostgreSQL see of ``source.schema.table``: one database, whose schemas are the sources.

A source's own schema (its default one, or the only one that it has) is called as the source is; any other is called
``source.schema``, in one quoted name. So ``crm.customers`` is what it is in every other statement, and
``"crm.archive".customers``
is the table of another schema. Oids come from names, so that they outlive refreshes, restarts and other sources.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hanse.ir.tables import Table
from hanse.server.pgcatalog.seed import ROWS
from hanse.spi.snapshot import Snapshot, SourceCatalog

DATABASE = "hanse"
"""The name of the one database, whatever name a client asked for, unless the caller knows better."""
PUBLIC = "public"
"""A schema without tables, which clients take to exist."""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_RESERVED = frozenset(str(row[0]) for row in ROWS["keywords"] if row[1] != "U")
_FIRST = 16_384
"""The first oid that is not PostgreSQL's own (FirstNormalObjectId)."""
_LAST = 2**31 - 1
"""Clients keep oids in signed integers."""


@dataclass(frozen=True, slots=True)
class Named:
    """A table under the name that clients see."""

    schema: str
    table: Table
    is_alone: bool
    """Whether no other table is called so: then its name alone finds it, whatever the search path."""


def home(catalog: SourceCatalog) -> str:
    """The schema whose tables are called ``source.table``, if there is one."""
    if catalog.default_schema:
        return catalog.default_schema
    schemas = {table.schema for table in catalog.tables}
    return schemas.pop() if len(schemas) == 1 else ""


def schema_name(catalog: SourceCatalog, schema: str) -> str:
    """What clients call a schema of a source."""
    return catalog.source if schema in ("", home(catalog)) else f"{catalog.source}.{schema}"


def schemas(snapshot: Snapshot) -> list[str]:
    """The schemas of all listed sources, those without tables included."""
    found: dict[str, None] = {}
    for source in snapshot.listed().values():
        found[source.source] = None
        found.update({schema_name(source, table.schema): None for table in source.tables})
    return list(found)


def named(snapshot: Snapshot) -> Iterator[Named]:
    """Every table that is listed."""
    listed = snapshot.listed().values()
    count = Counter(table.name for source in listed for table in source.tables)
    for source in listed:
        for table in source.tables:
            yield Named(schema_name(source, table.schema), table, count[table.name] == 1)


def quoted(name: str) -> str:
    """An identifier as quote_ident() spells it."""
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


class Oids:
    """Gives every name its oid, and no two names the same."""

    def __init__(self) -> None:
        """None is taken."""
        self._taken: dict[int, tuple[str, ...]] = {}

    def __call__(self, *name: str) -> int:
        """The oid of a thing by its kind and its names."""
        digest = hashlib.sha256("\0".join(name).encode()).digest()
        oid = _FIRST + int.from_bytes(digest[:8], "big") % (_LAST - _FIRST)
        while self._taken.setdefault(oid, name) != name:
            oid = oid + 1 if oid < _LAST else _FIRST
        return oid
