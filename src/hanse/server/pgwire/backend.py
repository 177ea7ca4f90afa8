"""The protocol after the login: simple and extended queries (PostgreSQL's manual, section "Message Flow").

A machine without I/O. ``handle`` takes one message and is a generator: what may wait it yields as ``work`` and is sent back
what came of it, or has the failure thrown in. What is to be sent is in ``out``, in order, whenever it yields and when it ends.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field

from hanse.errors import HanseError, InternalError, ResourceLimit, UserError
from hanse.execute.report import Report
from hanse.parse.copying import CopyOut, copy_out
from hanse.parse.parser import LENGTH_MAX
from hanse.parse.script import Piece, pieces
from hanse.server.answering import Answer
from hanse.server.pgcatalog import told
from hanse.server.pgwire import copies
from hanse.server.pgwire import messages as m
from hanse.server.pgwire.commands import FAILED, IDLE, OPEN, Commands, Done
from hanse.server.pgwire.lookups import catalog_value
from hanse.server.pgwire.portals import Portal, Portals, Prepared
from hanse.server.pgwire.reading import Fields, Violation, expanded
from hanse.server.pgwire.statements import Statements
from hanse.server.pgwire.values import value
from hanse.server.pgwire.work import Chunk, Cut, Describe, Described, Found, Read, Shut, Start, Started, Work
from hanse.server.scrolling import Scroll
from hanse.server.session import Session

Steps = Generator[Work, Found, None]
_TAGS = {"EXPLAIN": "EXPLAIN", "SHOW": "SHOW"}
"""Tags of what is no SELECT."""
SHORT = 20_000
"""Characters of a text that takes no time to be cut into statements."""
ABOUT_STATEMENTS = frozenset({"DECLARE", "FETCH", "MOVE", "CLOSE", "PREPARE", "EXECUTE"})
"""Verbs of ``statements``."""


@dataclass(slots=True)
class Backend:
    """One connection whose client has logged in."""

    session: Session
    out: list[bytes | memoryview] = field(default_factory=list)
    is_closed: bool = False
    """Whether the connection is to be closed, once ``out`` is sent."""
    error: HanseError | None = None
    """What the last statement failed with."""
    _commands: Commands = field(init=False)
    _kept: Portals = field(default_factory=Portals)
    _statements: Statements = field(init=False)
    _shift: int = 0
    """Where in the client's text the statement starts that is worked on."""
    _is_skipping: bool = False
    """After an error of the extended protocol: everything up to the next Sync."""

    def __post_init__(self) -> None:
        self._commands = Commands(self.session, self._kept)
        self._statements = Statements(
            self._kept, self._send, self._run, lambda: self.session.variables.get("timezone"), lambda: self.status
        )

    @property
    def status(self) -> bytes:
        """``I``, ``T`` or ``E``."""
        return self._commands.status

    def greet(self, process: int, secret: bytes) -> None:
        """Say what follows a login."""
        self.out += [m.parameter_status(*one) for one in self.session.variables.reported()]
        self.out += [m.backend_key(process, secret), m.ready(IDLE)]

    def handle(self, kind: bytes, body: bytes) -> Steps:
        """Answer a message."""
        if self._is_skipping and kind not in (b"S", b"X"):
            return
        self._shift = 0
        try:
            handler = _HANDLERS.get(kind)
            if handler is None:
                raise Violation(f"invalid frontend message type {kind[0]}")
            yield from handler(self, Fields(body))
        except HanseError as error:
            yield from self._failed(error, kind)

    def open_answers(self) -> list[Answer | Scroll]:
        """What still runs; nobody will read it on."""
        self._kept.drop_all()
        return self._kept.left()

    def _send(self, messages: Iterable[bytes | memoryview]) -> None:
        self.out += messages

    def _failed(self, error: HanseError, kind: bytes) -> Steps:
        self.error = error
        if isinstance(error, Violation) and error.code == Violation.sqlstate:
            self.out.append(m.failure(error, m.FATAL))
            self.is_closed = True
            return
        self.out.append(m.failure(error, shift=self._shift))
        self._commands.fail()
        if kind == b"Q":
            yield from self._ready()
        elif kind not in (b"S", b"H"):
            self._is_skipping = True

    def _ready(self) -> Steps:
        """The end of a simple query or of what Sync ends: portals live as long as their transaction."""
        if self.status != OPEN:
            self._kept.over(is_undone=self.status == FAILED)
        if answers := self._kept.left():
            yield Shut(answers)
        self.out += [m.parameter_status(*one) for one in self.session.variables.changes()]
        self.out.append(m.ready(self.status))

    def _simple(self, fields: Fields) -> Steps:
        text = fields.text()
        fields.end()
        self._kept.statements.pop("", None)
        found = yield from self._cut(text)
        if not found:
            self.out.append(m.EMPTY_QUERY)
        for piece in found:
            self._shift = piece.start
            self._commands.require(piece)
            if self._commands.is_one(piece):
                self._command(piece, is_described=False)
            else:
                yield from self._close_portal("")
                copy = copy_out(piece.text) if piece.verb == "COPY" else None
                self._kept.portals[""] = portal = Portal(Prepared(piece, copy=copy))
                yield from self._executed(portal, piece, 0, is_simple=True)
        self._shift = 0
        yield from self._ready()

    def _cut(self, text: str) -> Generator[Work, Found, tuple[Piece, ...]]:
        """The statements of a text; a long one does not hold up other connections."""
        if len(text) <= SHORT:
            return tuple(pieces(text))
        if len(text) > LENGTH_MAX:
            raise ResourceLimit(f"the statement is longer than {LENGTH_MAX:,} characters", sqlstate="54000")
        found = yield Cut(text)
        assert isinstance(found, tuple)
        return found

    def _finish(self, answer: Answer | Scroll, piece: Piece, rows: int) -> None:
        self.out += notices(answer.report)
        self.out.append(m.complete(_TAGS.get(piece.verb, f"SELECT {rows}")))

    def _command(self, piece: Piece, is_described: bool) -> None:
        """Run what is the session's own; ``is_described``: the client knows the columns from Describe, if it wants to."""
        done: Done = self._commands.run(piece)
        self.out += [m.notice(*one) for one in done.notices]
        if done.columns and not is_described:
            self.out.append(m.row_description(told(done.columns), (0,) * len(done.columns)))
        self.out += [m.data_row(row) for row in done.rows]
        self.out.append(m.complete(done.tag))

    def _parse(self, fields: Fields) -> Steps:
        name, text = fields.text(), fields.text()
        declared = tuple(fields.int32() & 0xFFFFFFFF for _ in range(fields.count()))
        fields.end()
        self._kept.require_new_statement(name)
        found = yield from self._cut(text)
        if len(found) > 1:
            raise UserError("cannot insert multiple commands into a prepared statement", sqlstate="42601")
        if not found:
            self._kept.statements[name] = Prepared(None, declared)
        else:
            self._kept.statements[name] = yield from self._analyzed(found[0], declared)
        self.out.append(m.PARSE_COMPLETE)

    def _analyzed(self, piece: Piece, declared: tuple[int, ...]) -> Generator[Work, Found, Prepared]:
        self._shift = piece.start
        self._commands.require(piece)
        if self._commands.is_one(piece):
            return Prepared(piece, declared, columns=told(self._commands.columns(piece)), is_command=True)
        if piece.verb == "COPY":
            return Prepared(piece, declared, copy=copy_out(piece.text))
        if piece.verb in ABOUT_STATEMENTS:
            return (yield from self._statements.analyzed(piece, declared))
        found = yield Describe(piece.text, declared)
        assert isinstance(found, Described)
        return Prepared(piece, found.parameters, found.used, found.columns, is_lookup=found.is_lookup)

    def _bind(self, fields: Fields) -> Steps:
        name, prepared_name = fields.text(), fields.text()
        formats = fields.formats()
        given = [fields.value() for _ in range(fields.count())]
        wanted = fields.formats()
        fields.end()
        prepared = self._kept.statement(prepared_name)
        if prepared.piece is not None:
            self._commands.require(prepared.piece)
        if len(given) != len(prepared.parameters):
            wants = len(prepared.parameters)
            message = f"bind message supplies {len(given)} parameters, but the prepared statement requires {wants}"
            raise UserError(message, sqlstate="08P01")
        self._kept.require_new(name)
        yield from self._close_portal(name)
        zone = self.session.variables.get("timezone")
        each = list(zip(given, expanded(formats, len(given)), prepared.parameters, strict=True))[: prepared.used]
        values = tuple(catalog_value(*one) if prepared.is_lookup else value(*one, zone) for one in each)
        if prepared.columns:
            expanded(wanted, len(prepared.columns))
        self._kept.portals[name] = Portal(prepared, values, wanted)
        self.out.append(m.BIND_COMPLETE)

    def _describe(self, fields: Fields) -> Steps:
        kind, name = fields.take(1), fields.text()
        fields.end()
        formats: tuple[int, ...] = ()
        if kind == b"S":
            prepared = self._kept.statement(name)
            self.out.append(m.parameter_description(prepared.parameters))
        elif kind == b"P":
            portal = self._kept.portal(name)
            prepared, formats = portal.prepared, portal.formats
        else:
            raise Violation("invalid DESCRIBE message subtype")
        if prepared.columns:
            self.out.append(m.row_description(prepared.columns, expanded(formats, len(prepared.columns))))
        else:
            self.out.append(m.NO_DATA)
        yield from ()

    def _execute(self, fields: Fields) -> Steps:
        portal, most = self._kept.portal(fields.text()), max(0, fields.int32())
        fields.end()
        piece = portal.prepared.piece
        if piece is None:
            self.out.append(m.EMPTY_QUERY)
            return
        self._commands.require(piece)
        if portal.prepared.is_command:
            if not portal.is_over:
                self._command(piece, is_described=True)
                portal.is_over = True
            else:
                self.out.append(m.complete(piece.verb))
            return
        yield from self._executed(portal, piece, most, is_simple=False)

    def _executed(self, portal: Portal, piece: Piece, most: int, is_simple: bool) -> Steps:
        copy = portal.prepared.copy
        if copy is not None:
            yield from self._copy(portal, piece, copy)
        elif piece.verb in ABOUT_STATEMENTS:
            self._shift = piece.start
            yield from self._statements.run(portal, piece, most, is_simple)
        else:
            yield from self._run(portal, piece, most, is_simple)

    def _run(self, portal: Portal, piece: Piece, most: int, is_simple: bool) -> Steps:
        """Rows of a portal, ``most`` of them, 0: all that are left. In a simple query nobody has described them before."""
        self._shift = piece.start
        if portal.is_over:
            self.out.append(m.complete(_TAGS.get(piece.verb, "SELECT 0")))
            return
        try:
            if portal.answer is None or portal.layout is None:
                prepared = portal.prepared
                promised = None if is_simple else tuple(one.type.oid for one in prepared.columns)
                parameters = prepared.parameters[: prepared.used]
                started = yield Start(piece.text, portal.values, portal.formats, most, promised, parameters=parameters)
                assert isinstance(started, Started)
                portal.answer, portal.layout, chunk = started.answer, started.layout, started.chunk
                if is_simple and started.columns:
                    self.out.append(m.row_description(started.columns, started.formats))
            else:
                chunk = _chunk((yield Read(portal.answer, portal.layout, most)))
            rows = chunk.rows
            self.out += chunk.messages
            while not chunk.is_last and (not most or rows < most):
                chunk = _chunk((yield Read(portal.answer, portal.layout, most - rows if most else 0)))
                rows += chunk.rows
                self.out += chunk.messages
        except HanseError:
            portal.is_over = True
            raise
        portal.is_over = chunk.is_last
        if portal.is_over:
            self._finish(portal.answer, piece, rows)
        else:
            self.out.append(m.PORTAL_SUSPENDED)

    def _copy(self, portal: Portal, piece: Piece, copy: CopyOut) -> Steps:
        """All rows of a query, as a file."""
        self._shift = piece.start + copy.start
        if portal.is_over:
            raise UserError("the rows have been copied", sqlstate="55000")
        is_binary = copy.format == "binary"
        portal.is_over = True
        started = yield Start(copy.query, (), (int(is_binary),), 0, copy=copy)
        assert isinstance(started, Started)
        portal.answer, portal.is_over = started.answer, False
        names = [column.name for column in started.columns]
        self.out.append(copies.begun(len(names), is_binary))
        if copy.header and not is_binary:
            self.out.append(copies.head(names, copy))
        chunk = started.chunk
        self.out += copies.with_head(chunk.messages) if is_binary else chunk.messages
        try:
            while not chunk.is_last:
                chunk = _chunk((yield Read(started.answer, started.layout, 0)))
                self.out += chunk.messages
        finally:
            portal.is_over = chunk.is_last
        if is_binary:
            self.out.append(copies.data((b"" if started.answer.rows else copies.BINARY_HEAD) + copies.BINARY_END))
        self.out.append(copies.DONE)
        self.out += notices(started.answer.report)
        self.out.append(m.complete(f"COPY {started.answer.rows}"))

    def _close(self, fields: Fields) -> Steps:
        kind, name = fields.take(1), fields.text()
        fields.end()
        if kind == b"S":
            self._kept.statements.pop(name, None)
        elif kind == b"P":
            yield from self._close_portal(name)
        else:
            raise Violation("invalid CLOSE message subtype")
        self.out.append(m.CLOSE_COMPLETE)

    def _close_portal(self, name: str) -> Steps:
        self._kept.drop(name)
        if left := self._kept.left():
            yield Shut(left)

    def _sync(self, fields: Fields) -> Steps:
        fields.end()
        self._is_skipping = False
        yield from self._ready()

    def _flush(self, fields: Fields) -> Steps:
        fields.end()
        yield from ()

    def _terminate(self, fields: Fields) -> Steps:  # noqa: ARG002
        self.is_closed = True
        yield from ()

    def _nothing(self, fields: Fields) -> Steps:  # noqa: ARG002
        """What is left of a COPY that never was."""
        yield from ()

    def _call(self, fields: Fields) -> Steps:  # noqa: ARG002
        yield from ()
        raise UserError("function calls by the protocol do not exist here", sqlstate="0A000")


def notices(report: Report) -> list[bytes]:
    """What a client should know of an answer: that a part of it is missing, and what the report says besides."""
    found = [m.notice(m.NOTICE, "00000", one) for one in report.notices]
    if report.completeness is not None:
        first, _, rest = str(report.completeness).partition("\n")
        found.append(m.notice(m.WARNING, "01000", first, rest))
    return found


def _chunk(found: Found) -> Chunk:
    if not isinstance(found, Chunk):
        raise InternalError("reading an answer yields rows")
    return found


_HANDLERS: Mapping[bytes, Callable[[Backend, Fields], Steps]] = {
    b"Q": Backend._simple,
    b"P": Backend._parse,
    b"B": Backend._bind,
    b"D": Backend._describe,
    b"E": Backend._execute,
    b"C": Backend._close,
    b"S": Backend._sync,
    b"H": Backend._flush,
    b"X": Backend._terminate,
    b"F": Backend._call,
    b"d": Backend._nothing,
    b"c": Backend._nothing,
    b"f": Backend._nothing,
}
