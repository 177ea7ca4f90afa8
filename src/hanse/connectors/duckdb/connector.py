"""A DuckDB database file as a source: attached read only, read in place by whoever runs the query."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb

from hanse.connectors.duckdb import catalog
from hanse.connectors.duckdb.dialect import DIALECT
from hanse.connectors.shared.embedded.capabilities import CAPABILITIES
from hanse.connectors.shared.embedded.carriers import Place, name, quoted
from hanse.connectors.shared.embedded.engine import Engine
from hanse.connectors.shared.embedded.failures import unreachable
from hanse.connectors.shared.embedded.session import EmbeddedSession
from hanse.connectors.shared.embedded.versions import version
from hanse.errors import SourceUnreachable, StaleSnapshot
from hanse.ir.consistency import Picture
from hanse.ir.tables import Table
from hanse.spi.connector import Plugin, ReadContext, Session, TableFilter
from hanse.spi.snapshot import SourceCatalog


class DuckDBOptions(TableFilter):
    """Options of a source of kind ``duckdb``."""

    path: str
    """The database file, relative to the configuration's folder."""
    nanoseconds: Literal["error", "text", "truncate"] = "error"
    """What becomes of digits beyond the microsecond: ``error``, ``text`` for the whole column, or ``truncate``."""


class DuckDBConnector:
    """One database file."""

    def __init__(self, source: str, options: DuckDBOptions, folder: Path) -> None:
        """Opens nothing yet."""
        self._source = source
        self._options = options
        self._path = (folder / options.path).resolve()
        self._alias = f"hanse_{source}"
        self._engine = Engine(lambda: self.paths, self.attach)
        self._loaded: Picture | None = None
        """The file when its catalog was read: engines have attached it since, and see what it was when they did."""

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    @property
    def paths(self) -> tuple[Path, ...]:
        """What the attached relations read."""
        return (self._path,)

    def load_catalog(self) -> SourceCatalog:
        """Read the catalog of the file as it is now."""
        self._engine.forget()
        loaded = self._version()
        cursor = self._engine.cursor()
        try:
            place = Place(self._source, "", "", self._options.nanoseconds)
            tables = catalog.read(cursor, self._alias, place, (self._options.schemas, self._options.tables))
        finally:
            cursor.close()
        self._loaded = loaded
        version = f"DuckDB {duckdb.__version__}"
        return SourceCatalog(self._source, "duckdb", tables, DIALECT, CAPABILITIES, version, default_schema="main")

    def attach(self, connection: Any) -> str | None:
        """Attach the file under the alias, afresh: a file that was replaced is another file."""
        if not self._path.is_file():
            raise SourceUnreachable(f"there is no file {self._path}", source=self._source)
        alias = name(self._alias)
        before = self._version()
        try:
            connection.execute(f"DETACH DATABASE IF EXISTS {alias}")
            connection.execute(f"ATTACH {quoted(str(self._path))} AS {alias} (READ_ONLY)")
        except duckdb.Error as failure:
            raise unreachable(failure, self._source) from None
        return before.token if before.token == self._version().token else "changed while it was opened"

    def begin(self, context: ReadContext) -> Session:
        """A session on an engine of the source's own."""
        return EmbeddedSession(self._source, self._engine, DIALECT, context, self._version().token)

    def version(self, tables: Sequence[Table], thorough: bool) -> Picture:  # noqa: ARG002  # it is one file
        """What the file is now, if it is still the one whose catalog was read; of ``spi.pictures.Versioned``."""
        now = self._version()
        if self._loaded is not None and self._loaded.token == now.token:
            return now
        why = "its file is another one than when its catalog was read"
        if thorough:
            raise StaleSnapshot(why, source=self._source)
        return now.unlike(why)

    def _version(self) -> Picture:
        return version([self._path, Path(f"{self._path}.wal")])

    def close(self) -> None:
        """Release the file."""
        self._engine.forget()


def connect(source: str, options: DuckDBOptions, folder: Path) -> DuckDBConnector:
    """The source, not opened yet."""
    return DuckDBConnector(source, options, folder)


plugin = Plugin("duckdb", DuckDBOptions, connect)
