"""A folder, a file or a glob as a source: views over DuckDB's readers, read in place by whoever runs the query."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from hanse.connectors.files.catalog import View, schema_of, shows, view
from hanse.connectors.files.dialect import DIALECT
from hanse.connectors.files.discovery import WILD, Found, discover, present
from hanse.connectors.files.options import FilesOptions
from hanse.connectors.files.types import given
from hanse.connectors.shared.embedded.capabilities import CAPABILITIES
from hanse.connectors.shared.embedded.carriers import name
from hanse.connectors.shared.embedded.engine import Engine
from hanse.connectors.shared.embedded.failures import translate
from hanse.connectors.shared.embedded.session import EmbeddedSession
from hanse.connectors.shared.embedded.versions import state, version
from hanse.errors import SourceUnreachable
from hanse.ir.consistency import Level, Picture
from hanse.ir.tables import Table
from hanse.spi.connector import Plugin, ReadContext, Session
from hanse.spi.snapshot import SourceCatalog

FILES_LOOKED_AT = 64
"""Looking at one file takes two microseconds: where nobody wants to know, at so many at most."""


class FilesConnector:
    """One path."""

    def __init__(self, source: str, options: FilesOptions, folder: Path) -> None:
        """Opens nothing yet; raises ConfigError for a column's type that there is not."""
        for wanted in options.columns.values():
            for text in wanted.values():
                given(text, source)
        self._source = source
        self._options = options
        self._root = (folder / options.path).resolve()
        self._engine = Engine(lambda: self.paths, self.attach)
        self._lock = threading.Lock()
        self._views: dict[tuple[str, str], tuple[str, View]] = {}
        self._links: tuple[Path, ...] = ()
        self._found: dict[tuple[str, str], Found] = {}

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    @property
    def paths(self) -> tuple[Path, ...]:
        """What the views read: the file, or the folder and what links in it point to."""
        root = self._root
        while WILD & set(root.name) and not root.exists():
            root = root.parent
        return (root, *self._links)

    def load_catalog(self) -> SourceCatalog:
        """Find the tables as they are now; looks only into files that are new or changed."""
        if not self._root.exists() and not WILD & set(str(self._root)):
            raise SourceUnreachable(f"there is no file or folder {self._root}", source=self._source)
        try:
            found = [table for table in discover(self._root, self._options.format) if shows(table, self._options)]
        except OSError as failure:
            raise SourceUnreachable(f"{failure.filename}: {failure.strerror}", source=self._source) from None
        self._links = _links(found)
        self._engine.forget()
        views = self._look(found)
        with self._lock:
            self._views = views
            self._found = {(table.schema, table.name): table for table in found}
        self._engine.forget()
        tables = tuple(known.table for _, known in views.values())
        version = f"DuckDB {duckdb.__version__}"
        return SourceCatalog(self._source, "files", tables, DIALECT, CAPABILITIES, version, default_schema="main")

    def _look(self, found: list[Found]) -> dict[tuple[str, str], tuple[str, View]]:
        with self._lock:
            before = self._views
        views: dict[tuple[str, str], tuple[str, View]] = {}
        cursor = self._engine.cursor()
        try:
            for table in found:
                key, token = (table.schema, table.name), state(table.files).digest
                known = before.get(key)
                looked = known[1] if known and known[0] == token else view(cursor, self._source, table, self._options)
                views[key] = (token, looked)
        finally:
            cursor.close()
        return views

    def attach(self, connection: Any) -> str | None:
        """Make the views of the last catalog, in place of those made before."""
        with self._lock:
            views = [known for _, known in self._views.values()]
        prefix = schema_of(self._source, "main")
        try:
            for (schema,) in connection.execute(
                "SELECT schema_name FROM duckdb_schemas() WHERE schema_name = $1 OR starts_with(schema_name, $1 || '/')",
                [prefix],
            ).fetchall():
                connection.execute(f"DROP SCHEMA IF EXISTS {name(schema)} CASCADE")
            for known in views:
                _create(connection, known)
        except duckdb.Error as failure:
            raise translate(failure, self._source) from None
        return None

    def begin(self, context: ReadContext) -> Session:
        """A session on an engine of the source's own."""
        with self._lock:
            tokens = [token for token, _ in self._views.values()]
        return EmbeddedSession(self._source, self._engine, DIALECT, context, "-".join(tokens)[:64] or None)

    def version(self, tables: Sequence[Table], thorough: bool) -> Picture:
        """What the files of the tables are now; of ``spi.pictures.Versioned``."""
        with self._lock:
            found = [self._found.get((table.schema, table.name)) for table in tables]
        if not thorough and sum(len(one.files) for one in found if one) > FILES_LOOKED_AT:
            why = f"it has more than {FILES_LOOKED_AT} files, which are looked at where a snapshot is required"
            return Picture(Level.NONE, why=why)
        try:
            files = [file for one in found if one is not None for file in present(one)]
        except OSError as failure:
            return Picture(Level.NONE, why=f"{failure.filename}: {failure.strerror}")
        return version(files)

    def close(self) -> None:
        """Let go of the files."""
        self._engine.forget()


def _create(connection: Any, known: View) -> None:
    """Files that vanished or changed since the catalog was read must not take the other tables with them."""
    try:
        for statement in known.statements:
            connection.execute(statement)
    except (duckdb.IOException, duckdb.BinderException, duckdb.InvalidInputException):
        return


def _links(found: list[Found]) -> tuple[Path, ...]:
    """What symbolic links among the files point to: DuckDB tests the real path."""
    real = ((file, file.resolve()) for table in found for file in table.files)
    return tuple(sorted({target for file, target in real if target != file}))


def connect(source: str, options: FilesOptions, folder: Path) -> FilesConnector:
    """The source, not opened yet."""
    return FilesConnector(source, options, folder)


plugin = Plugin("files", FilesOptions, connect)
