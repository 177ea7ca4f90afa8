"""Which tables there are, and what a name in FROM means: ``source.schema.table``, ``source.table`` or ``table``, and
``"source.schema".table`` for clients that know two parts.

A name matches exactly first; an unquoted one (which is in lower case) then without regard to case, if that is unique.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from hanse.errors import SourceError, SourceUnreachable, UnknownName
from hanse.ir.tables import Table

Name = tuple[str, bool]
"""One part of a dotted name, and whether it was quoted."""


def _readable(table: Table, position: int | None) -> Table:
    """The table, unless its source says that it cannot be read."""
    reason = dict(table.details).get("unavailable")
    if reason is not None:
        message = f"table {table} cannot be read: {reason}"
        raise SourceError(message, sqlstate="58030", source=table.source, position=position)
    return table


class Tables:
    """All tables of a snapshot, for look-up by name. Immutable once built.

    ``default_schemas`` says, per source, which schema ``source.table`` means where several hold that name;
    ``unavailable`` are the sources that could not be read, with the reason.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        default_schemas: Mapping[str, str] | None = None,
        unavailable: Mapping[str, str] | None = None,
        unlisted: Iterable[str] = (),
    ) -> None:
        """Index the tables by name; those of the sources ``unlisted`` have none without that of their source."""
        self.all = tuple(tables)
        self.default_schemas = dict(default_schemas or {})
        self.unavailable = dict(unavailable or {})
        self._by_name: dict[str, list[Table]] = {}
        for table in self.all:
            self._by_name.setdefault(table.name.casefold(), []).append(table)
        self._unlisted = frozenset(unlisted)
        self._filled = {table.source for table in self.all}
        self._sources = self._filled | set(self.unavailable) | set(self.default_schemas)

    def find(self, parts: Sequence[Name], position: int | None = None, search_path: Sequence[str] = ()) -> Table:
        """The table that the dotted name means; raises UnknownName (42P01, 42P09) or SourceUnreachable."""
        self._refuse_unavailable(parts, position)
        found = self._matching(parts)
        if len(found) > 1:
            found = self._preferred(found, parts, search_path)
        if len(found) == 1:
            return _readable(found[0], position)
        spelled = ".".join(text for text, _ in parts)
        if not found:
            raise UnknownName(f'relation "{spelled}" does not exist', position=position, hint=self._hint(parts))
        names = ", ".join(sorted(map(str, found)))
        raise UnknownName(
            f'relation "{spelled}" is ambiguous', sqlstate="42P09", position=position, hint=f"it may be {names}"
        )

    def _refuse_unavailable(self, parts: Sequence[Name], position: int | None) -> None:
        source = parts[0][0]
        if len(parts) > 1 and source in self.unavailable:
            reason = self.unavailable[source]
            raise SourceUnreachable(reason, source=source, position=position)

    def _matching(self, parts: Sequence[Name]) -> list[Table]:
        """Exact matches, else those that differ in case only (for unquoted parts)."""
        candidates = self._by_name.get(parts[-1][0].casefold(), [])
        for folded in (False, True):
            found = [
                table
                for table in candidates
                if any(
                    _matches(parts, way, folded)
                    for way in (*self._ways(table, len(parts)), *_joined(table, len(parts)))
                )
            ]
            if found:
                return found
        return []

    def _preferred(self, found: list[Table], parts: Sequence[Name], search_path: Sequence[str]) -> list[Table]:
        """Of several, those in the source's default schema, then those first in the search path."""
        if len(parts) == 2:
            by_source = [t for t in found if _matches(parts[:1], (t.source,), folded=True)]
            default = [t for t in by_source if self.default_schemas.get(t.source, "") == t.schema]
            return default or by_source or found
        if len(parts) == 1:
            for entry in search_path:
                here = [t for t in found if entry in (t.source, f"{t.source}.{t.schema}")]
                default = [t for t in here if self.default_schemas.get(t.source, t.schema) == t.schema]
                if here:
                    return default or here
        return found

    def _ways(self, table: Table, count: int) -> tuple[tuple[str, ...], ...]:
        """How a table may be called with that many parts."""
        if count == 1:
            return () if table.source in self._unlisted else ((table.name,),)
        if count == 2:
            return ((table.source, table.name), (table.schema, table.name))
        return ((table.source, table.schema, table.name),)

    def _hint(self, parts: Sequence[Name]) -> str | None:
        spelled = ".".join(text for text, _ in parts)
        names = {".".join(way).lower(): str(table) for table in self.all for way in self._ways(table, len(parts))}
        near = get_close_matches(spelled.lower(), list(names), n=3, cutoff=0.6)
        if near:
            return "did you mean " + " or ".join(dict.fromkeys(names[form] for form in near)) + "?"
        if len(parts) > 1 and parts[0][0] not in self._sources and self._sources:
            return "sources are " + ", ".join(sorted(self._sources))
        if len(parts) > 1 and parts[0][0] in self._sources - self._filled:
            return f"source {parts[0][0]} shows no table: look at its options and at the rights of its user"
        if self.unavailable:
            return "not readable now: " + ", ".join(sorted(self.unavailable))
        return None


def _joined(table: Table, count: int) -> tuple[tuple[str, ...], ...]:
    """``"source.schema".table``: clients of PostgreSQL have two parts, and are told that schema (docs/reference/catalog.md)."""
    return ((f"{table.source}.{table.schema}", table.name),) if count == 2 else ()


def _matches(parts: Sequence[Name], way: Sequence[str], folded: bool) -> bool:
    return len(parts) == len(way) and all(
        text == other or (folded and not quoted and text.casefold() == other.casefold())
        for (text, quoted), other in zip(parts, way, strict=True)
    )
