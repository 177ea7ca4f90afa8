"""What a user may ask of the catalog: sources, tables, one table by the name they know it under."""

from collections.abc import Mapping

from hanse.catalog.store import FOREVER, CatalogStore
from hanse.errors import HanseError, UnknownName
from hanse.ir.tables import Table
from hanse.settings import nearest
from hanse.spi.snapshot import Snapshot


class Catalog:
    """A view on the current snapshot."""

    def __init__(self, store: CatalogStore, kinds: Mapping[str, str]) -> None:
        """Look through this store; ``kinds`` names every configured source."""
        self._store = store
        self.kinds = dict(kinds)

    def snapshot(self, seconds: float = FOREVER) -> Snapshot:
        """The current picture of all sources; half of ``seconds`` is waited for those that were never read."""
        return self._store.snapshot(seconds)

    def refresh(self, source: str | None = None) -> Snapshot:
        """Read one source's catalog, or all, again."""
        return self._store.refresh(source)

    def failure(self, source: str) -> HanseError | None:
        """Why the source does not answer; None if it does."""
        return self._store.failure(source)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all configured sources."""
        return tuple(self.kinds)

    def tables(self, source: str | None = None) -> tuple[Table, ...]:
        """All tables, or those of one source; raises UnknownName for a source that is not configured, or what is wrong
        with one that does not answer."""
        snapshot = self._store.snapshot()
        if source is not None and source not in snapshot.sources:
            failure = self.failure(source)
            if failure is not None:
                raise failure
            guess = nearest(source, self.kinds)
            raise UnknownName(f"there is no source {source}", hint=f"did you mean {guess}?" if guess else None)
        chosen = snapshot.listed() if source is None else {source: snapshot.sources[source]}
        return tuple(table for catalog in chosen.values() for table in catalog.tables)

    def table(self, name: str) -> Table:
        """The table known as ``source.schema.table``, ``source.table`` or, where unambiguous, ``table``.

        Raises UnknownName, or what is wrong with its source.
        """
        tables = self.tables()
        wanted = name.replace('"', "").lower().split(".")
        if len(wanted) > 1:
            sources = self._store.snapshot().sources.values()
            tables += tuple(table for source in sources if not source.is_listed for table in source.tables)
        found = [table for table in tables if _names(table)[-len(wanted) :] == wanted or _short(table) == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownName(f"{name} is ambiguous", hint=" or ".join(str(table) for table in found[:5]))
        lost = next((self.failure(source) for source in self.kinds if source.lower() == wanted[0]), None)
        if lost is not None:
            raise lost
        guess = nearest(name, [part for table in tables for part in (str(table), ".".join(_short(table)))])
        raise UnknownName(f"there is no table {name}", hint=f"did you mean {guess}?" if guess else None)


def _names(table: Table) -> list[str]:
    return [part.lower() for part in (table.source, table.schema, table.name)]


def _short(table: Table) -> list[str]:
    return [table.source.lower(), table.name.lower()]
