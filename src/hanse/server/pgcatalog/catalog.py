"""The catalog of one snapshot, shared by all sessions: ask it ``query``, or ``describe`` before there are parameters."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import exp

from hanse.errors import Cancelled, HanseError, InternalError, ResourceLimit, UnknownName, UserError
from hanse.server.pgcatalog import signals
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.classify import parsed
from hanse.server.pgcatalog.client import Client
from hanse.server.pgcatalog.defaults import roles
from hanse.server.pgcatalog.filling import Filling
from hanse.server.pgcatalog.instance import built, seeded
from hanse.server.pgcatalog.lookup import Lookup
from hanse.server.pgcatalog.naming import DATABASE
from hanse.server.pgcatalog.parameters import bound, types_of
from hanse.server.pgcatalog.resolver import Resolver
from hanse.server.pgcatalog.sets import Columns
from hanse.server.pgcatalog.shown import Shown
from hanse.server.pgcatalog.translate import Translator
from hanse.server.pgcatalog.types import ResultColumn
from hanse.spi.snapshot import Snapshot

ROWS_MAX = 1_000_000
"""Rows of one answer: they are all in memory."""
SECONDS_MAX = 30.0
"""How long one statement may take, if its session does not say less (``statement_timeout``)."""
End = Callable[[HanseError], None]
"""What ends a statement, and says why."""


def _for_nobody(end: End) -> None:
    """Nobody ends it."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a statement needs and gives: the oids of its parameters, and its columns."""

    parameters: tuple[int, ...]
    columns: tuple[ResultColumn, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of Python values in the carriers of ``encoding``; ``changed`` are the settings that set_config() was to change: the
    value, and whether that is for the transaction alone."""

    columns: tuple[ResultColumn, ...]
    rows: list[tuple[Any, ...]]
    changed: Mapping[str, tuple[str, bool]] = field(default_factory=dict)


class CatalogDatabase:
    """pg_catalog and information_schema of one snapshot. Thread-safe."""

    def __init__(self, snapshot: Snapshot, database: str = DATABASE, users: Sequence[str] = ()) -> None:
        """Fill it; takes some tenths of a second. ``users`` are the roles that are shown."""
        self.version = snapshot.version
        rows = {**seeded()}
        for name, found in Filling(snapshot, database).rows.items():
            rows[name] = rows.get(name, []) + found
        rows["pg_authid"] = roles(users)
        self._lookup = Lookup.of(rows)
        self._shown = Shown(rows)
        self._connection = built(rows)

    def describe(self, sql: str, client: Client, parameters: Sequence[int] = ()) -> Description:
        """What the statement needs and gives; ``parameters`` are the oids that the client has said, 0 where it has not. What
        raises errors in ``query`` does here, but for what comes of values."""
        tree, count = parsed(sql)
        given = {place: oid for place, oid in enumerate(parameters, 1) if oid}
        Resolver(given).outputs(tree)
        oids = types_of(tree, count, given)
        answer = self._run(bound(tree, [None] * count, oids), client, dict(enumerate(oids, 1)))
        return Description(oids, answer.columns)

    def query(
        self,
        sql: str,
        client: Client,
        parameters: Sequence[Any] = (),
        oids: Sequence[int] = (),
        begun: Callable[[End], object] = _for_nobody,
    ) -> Answer:
        """The rows of a statement. Parameters are Python values: None, bool, int, float, str, or lists of these; a text stands
        for whatever it is compared with, anything else is of the type that ``oids`` says, where it does. ``begun`` is given
        what ends the statement early, from any thread. Raises HanseError."""
        tree, count = parsed(sql)
        if count > len(parameters):
            raise UserError(f"the statement has {count} parameters, and {len(parameters)} are given", sqlstate="07001")
        return self._run(bound(tree, parameters, oids), client, {}, begun)

    def _run(
        self,
        tree: exp.Expr,
        client: Client,
        parameters: Mapping[int, int],
        begun: Callable[[End], object] | None = None,
    ) -> Answer:
        """Without ``begun`` only the columns are wanted."""
        outputs = Resolver(parameters).outputs(tree)
        translator = Translator(client, self._lookup)
        text = translator.translated(tree).sql("duckdb", identify=True, normalize_functions=False, comments=False)
        cursor = self._connection.cursor()
        try:
            fetch = _Fetch(cursor, client.seconds(SECONDS_MAX))
            if begun is not None:
                begun(fetch.end)
            described, found = fetch(text, ROWS_MAX if begun is not None else 0)
        finally:
            cursor.close()
        columns = _columns(outputs, described)
        found = signals.done(found, translator.signals, client.signal)
        return Answer(columns, self._shown.rows(found, columns, client.path()), translator.answers.changed)

    def close(self) -> None:
        """End it; who still asks gets an error."""
        self._connection.close()


class _Fetch:
    """One statement in the catalog database, which ends by itself, after some seconds, or because somebody says so."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> None:
        """It does not run yet."""
        self._cursor = cursor
        self._seconds = seconds
        self._why: HanseError | None = None

    def end(self, why: HanseError) -> None:
        """End it; whoever waits for it is told why."""
        self._why = self._why or why
        self._cursor.interrupt()

    def __call__(self, text: str, rows: int) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        """Names and carriers of the columns, and as many rows."""
        late = Cancelled(f"a statement about the catalog took longer than {self._seconds:g} seconds")
        alarm = threading.Timer(self._seconds, self.end, (late,))
        alarm.daemon = True
        alarm.start()
        try:
            if self._why is not None:
                raise self._why
            self._cursor.execute(text)
            described = [(str(one[0]), str(one[1])) for one in self._cursor.description or ()]
            found = self._cursor.fetchmany(rows + 1) if rows else []
        except duckdb.Error as failure:
            raise self._why or _error(failure) from failure
        finally:
            alarm.cancel()
        if len(found) > rows:
            raise ResourceLimit(f"more than {rows:,} rows of the catalog", sqlstate="54000")
        return described, found


def _columns(outputs: Columns | None, described: Sequence[tuple[str, str]]) -> tuple[ResultColumn, ...]:
    known: Columns = (
        outputs if outputs is not None and len(outputs) == len(described) else [(name, None) for name, _ in described]
    )
    return tuple(
        ResultColumn(name, t.described(oid or t.of_carrier(type)))
        for (name, oid), (_, type) in zip(known, described, strict=True)
    )


def _error(failure: duckdb.Error) -> HanseError:
    """DuckDB's failure as one of ours, without its text where that would show how the catalog is made."""
    message = str(failure).partition("\n")[0]
    match failure:
        case duckdb.OutOfMemoryException():
            return ResourceLimit("a statement about the catalog needs too much memory", sqlstate="53200")
        case duckdb.BinderException() | duckdb.CatalogException():
            return UnknownName(message.removeprefix("Binder Error: ").removeprefix("Catalog Error: "), sqlstate="42703")
        case duckdb.ConversionException() | duckdb.InvalidInputException() | duckdb.OutOfRangeException():
            return UserError(message.partition(": ")[2] or message, sqlstate="22P02")
    return InternalError(f"the catalog cannot answer: {message}")
