"""Statements about statements: cursors (DECLARE, FETCH, MOVE, CLOSE), and PREPARE and EXECUTE (PostgreSQL's manual, SQL
Commands). Cursors are portals, as in PostgreSQL: what is declared can be described and executed by the protocol too.
"""

import struct
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace

from hanse.errors import HanseError, UnknownName, Unsupported, UserError
from hanse.parse import cursors
from hanse.parse.script import Piece, pieces
from hanse.server.pgcatalog import types as pg
from hanse.server.pgwire import messages as m
from hanse.server.pgwire import oids
from hanse.server.pgwire.commands import IDLE
from hanse.server.pgwire.lookups import catalog_value
from hanse.server.pgwire.portals import Portal, Portals, Prepared
from hanse.server.pgwire.reading import expanded
from hanse.server.pgwire.rows import BINARY
from hanse.server.pgwire.values import value
from hanse.server.pgwire.work import Chunk, Describe, Described, Found, Read, Seek, Shut, Sought, Start, Started, Work
from hanse.server.scrolling import Backwards, Scroll

Steps = Generator[Work, Found, None]
Run = Callable[[Portal, Piece, int, bool], Steps]
_NO_CAST = frozenset({oids.NUMERIC, oids.UNKNOWN, 0})
"""Numerics have the digits that they have."""
_NUMBERS = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.OID, oids.NUMERIC, oids.FLOAT4, oids.FLOAT8})


@dataclass(slots=True)
class Statements:
    """Those of one connection."""

    portals: Portals
    send: Callable[[Iterable[bytes | memoryview]], None]
    run_portal: Run
    """Runs a portal: all of its rows go out."""
    zone: Callable[[], str]
    """The zone that texts without one are in."""
    status: Callable[[], bytes]
    """The transaction's."""

    def analyzed(self, piece: Piece, declared: tuple[int, ...]) -> Generator[Work, Found, Prepared]:
        """One of them, parsed by the protocol: its parameters are those of the query that it declares."""
        match piece.verb:
            case "DECLARE":
                said = cursors.declare(piece.text)
                found = yield Describe(said.query, declared)
                assert isinstance(found, Described)
                return Prepared(piece, found.parameters, found.used, is_lookup=found.is_lookup)
            case "FETCH":
                portal, _, _ = self.portals.cursor(cursors.fetch(piece.text).name)
                return Prepared(piece, declared, columns=portal.prepared.columns)
            case "EXECUTE":
                return Prepared(
                    piece, declared, columns=self.portals.statement(cursors.execute(piece.text).name).columns
                )
        return Prepared(piece, declared)

    def run(self, portal: Portal, piece: Piece, most: int, is_simple: bool) -> Steps:
        """Do it; ``is_simple``: nobody has described its columns."""
        match piece.verb:
            case "DECLARE":
                yield from self._declare(portal, piece)
            case "FETCH" | "MOVE":
                yield from self._fetch(portal, piece, is_simple)
            case "CLOSE":
                yield from self._close(piece)
            case "PREPARE":
                yield from self._prepare(piece)
            case _:
                yield from self._execute(portal, piece, most, is_simple)

    def _declare(self, portal: Portal, piece: Piece) -> Steps:
        said = cursors.declare(piece.text)
        if self.status() == IDLE and not said.is_held:
            raise UserError("DECLARE CURSOR can only be used in transaction blocks", sqlstate="25P01")
        self.portals.require_new(said.name)
        prepared = portal.prepared
        parameters = prepared.parameters[: prepared.used]
        started = yield Start(said.query, portal.values, (), 0, parameters=parameters, is_read=False)
        assert isinstance(started, Started)
        inner = replace(pieces(said.query)[0], start=piece.start + said.start)
        made = Portal(Prepared(inner, columns=started.columns, is_lookup=started.is_lookup))
        made.answer, made.layout = Scroll(started.answer, not said.is_scroll), started.layout
        made.is_held, made.is_new = said.is_held, self.status() != IDLE
        if said.is_binary:
            _require_text_only_of_data(made)
            made.formats = (BINARY,)
            made.layout = replace(started.layout, formats=expanded(made.formats, len(started.columns)))
        self.portals.portals[said.name] = made
        self.send([m.complete("DECLARE CURSOR")])

    def _fetch(self, portal: Portal, piece: Piece, is_simple: bool) -> Steps:
        said = cursors.fetch(piece.text)
        cursor, scroll, layout = self.portals.cursor(said.name)
        columns = cursor.prepared.columns
        if BINARY in portal.formats and not cursor.formats:
            _require_text_only_of_data(cursor)
            layout = replace(layout, formats=expanded(portal.formats, len(columns)))
        if is_simple and not said.is_move and columns:
            self.send([m.row_description(columns, expanded(cursor.formats, len(columns)))])
        rows = 0
        try:
            sought = yield Seek(scroll, said)
            assert isinstance(sought, Sought)
            rows = sought.rows
            while sought.most is not None:
                source = Backwards(scroll) if sought.is_backward else scroll
                chunk = yield Read(source, layout, sought.most - rows if sought.most else 0)
                assert isinstance(chunk, Chunk)
                rows += chunk.rows
                if not said.is_move:
                    self.send(chunk.messages)
                if chunk.is_last or rows == sought.most:
                    break
        except HanseError as error:
            if error.code != "55000":  # what it could not do; it is where it was
                self.portals.drop(said.name)
            raise
        self.send([m.complete(f"{piece.verb} {rows}")])

    def _close(self, piece: Piece) -> Steps:
        name = cursors.close(piece.text)
        if name is None:
            self.portals.drop_cursors()
        else:
            self.portals.cursor(name)
            self.portals.drop(name)
        if left := self.portals.left():
            yield Shut(left)
        self.send([m.complete("CLOSE CURSOR ALL" if name is None else "CLOSE CURSOR")])

    def _prepare(self, piece: Piece) -> Steps:
        said = cursors.prepare(piece.text)
        declared = tuple(map(_oid, said.types))
        self.portals.require_new_statement(said.name)
        inner = replace(pieces(said.query)[0], start=piece.start + said.start)
        found = yield Describe(said.query, declared)
        assert isinstance(found, Described)
        self.portals.statements[said.name] = Prepared(
            inner, found.parameters, found.used, found.columns, is_lookup=found.is_lookup
        )
        self.send([m.complete("PREPARE")])

    def _execute(self, portal: Portal, piece: Piece, most: int, is_simple: bool) -> Steps:
        said = cursors.execute(piece.text)
        prepared = self.portals.statement(said.name)
        if prepared.piece is None or prepared.is_command or prepared.copy is not None:
            raise Unsupported(f'EXECUTE runs queries, and "{said.name}" is none')
        if len(said.arguments) != len(prepared.parameters):
            wants = len(prepared.parameters)
            hint = f"Expected {wants} parameters but got {len(said.arguments)}."
            message = f'wrong number of parameters for prepared statement "{said.name}"'
            raise UserError(message, sqlstate="42601", hint=hint)
        texts = yield from self._arguments(said.arguments, prepared.parameters)
        given = zip(texts, prepared.parameters, strict=True)
        portal.values = tuple(
            catalog_value(text, 0, oid) if prepared.is_lookup else value(text, 0, oid, self.zone())
            for text, oid in list(given)[: prepared.used]
        )
        portal.prepared = prepared
        yield from self.run_portal(portal, prepared.piece, most, is_simple)

    def _arguments(self, arguments: Sequence[str], types: Sequence[int]) -> Generator[Work, Found, list[bytes | None]]:
        """Arguments in the text format. What is more than a constant is a query without tables."""
        constants = [cursors.constant(one) for one in arguments]
        if all(_fits(one, oid) for one, oid in zip(constants, types, strict=True)):
            return [None if one is None or one.text is None else one.text.encode() for one in constants]
        sql = ", ".join(_cast(one, oid) for one, oid in zip(arguments, types, strict=True))
        try:
            started = yield Start(f"SELECT {sql}", (), (), 1)
            assert isinstance(started, Started)
            yield Shut((started.answer,))
        except HanseError as error:
            error.position = None  # it is none of the client's text
            raise
        return _fields(b"".join(bytes(one) for one in started.chunk.messages))


def _require_text_only_of_data(cursor: Portal) -> None:
    if cursor.prepared.is_lookup:
        raise Unsupported("rows of the catalog have no binary format in a cursor", hint="ask without a cursor")


def _oid(type: str) -> int:
    found = pg.named(" ".join(type.split()))
    if found is None:
        raise UnknownName(f'type "{type}" does not exist', sqlstate="42704")
    return found


def _fits(constant: cursors.Constant | None, oid: int) -> bool:
    """Whether a constant's text is what its type reads."""
    if constant is None:
        return False
    return constant.kind in ("null", "text") or (constant.kind == "integer" and oid in _NUMBERS)


def _cast(argument: str, oid: int) -> str:
    """An argument as the type of its parameter."""
    if oid in _NO_CAST or oid not in pg.NAMES:
        return f"({argument})"
    item = oids.ITEM_OF.get(oid)
    return f"({argument})::{pg.NAMES[oid] if item is None else pg.NAMES[item] + '[]'}"


def _fields(row: bytes) -> list[bytes | None]:
    """The values of one DataRow."""
    (count,) = struct.unpack_from(">h", row, 5)
    at, found = 7, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", row, at)
        found.append(None if length < 0 else row[at + 4 : at + 4 + length])
        at += 4 + max(0, length)
    return found
