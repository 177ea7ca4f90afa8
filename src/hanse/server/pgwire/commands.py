"""Statements that the session answers itself and no source ever sees: variables, and transactions, which are read only and so
change nothing but the status that clients are told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hanse.errors import Denied, SyntaxFailure, UserError
from hanse.ir.expr import Column
from hanse.ir.types import TEXT
from hanse.parse.cursors import deallocate
from hanse.parse.path import said
from hanse.parse.script import Piece
from hanse.server.pgcatalog.naming import quoted
from hanse.server.pgwire.messages import WARNING
from hanse.server.pgwire.portals import Portals
from hanse.server.session import Session

IDLE, OPEN, FAILED = b"I", b"T", b"E"
_FREE = frozenset({"COMMIT", "END", "ROLLBACK", "ABORT"})
"""What a failed transaction still takes."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did: its tag, rows where it has any, and notices (severity, code, text)."""

    tag: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notices: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class Commands:
    """The commands of one session, and its transaction."""

    session: Session
    kept: Portals = field(default_factory=Portals)
    """What it has prepared, and reads."""
    status: bytes = IDLE

    def is_one(self, piece: Piece) -> bool:
        """Whether the statement is for the session alone."""
        if piece.verb == "SHOW":
            return self._show(piece) is not None
        return piece.verb in _RUN

    def require(self, piece: Piece) -> None:
        """Raise UserError (25P02) for what a failed transaction does not take."""
        if self.status == FAILED and piece.verb not in _FREE:
            message = "current transaction is aborted, commands ignored until end of transaction block"
            raise UserError(message, sqlstate="25P02")

    def fail(self) -> None:
        """A statement failed: so has its transaction."""
        if self.status == OPEN:
            self.status = FAILED

    def columns(self, piece: Piece) -> tuple[Column, ...]:
        """What a command's answer has for columns; none for most."""
        found = self._show(piece) if piece.verb == "SHOW" else None
        return found.columns if found else ()

    def run(self, piece: Piece) -> Done:
        """Do it. Raises HanseError."""
        if piece.verb == "SHOW" and (found := self._show(piece)) is not None:
            return found
        return _RUN[piece.verb](self, piece)

    def _show(self, piece: Piece) -> Done | None:
        """The answer of SHOW for variables; None for what the engine shows."""
        name = " ".join(word for word in piece.words[1:]).replace(" . ", ".")
        if name.upper() == "ALL":
            columns = tuple(Column(place, one, TEXT) for place, one in enumerate(("name", "setting")))
            return Done("SHOW", columns, tuple(self.session.variables.all()))
        found = self.session.variables.show(name)
        return None if found is None else Done("SHOW", (Column(0, found[0], TEXT),), ((found[1],),))

    def _begin(self, piece: Piece) -> Done:
        tag = "START TRANSACTION" if piece.verb == "START" else "BEGIN"
        if self.status != IDLE:
            return Done(tag, notices=((WARNING, "25001", "there is already a transaction in progress"),))
        self.status = OPEN
        self.session.variables.begin()
        return Done(tag)

    def _commit(self, piece: Piece) -> Done:  # noqa: ARG002
        is_failed = self.status == FAILED
        return self._end("ROLLBACK" if is_failed else "COMMIT", is_failed)

    def _rollback(self, piece: Piece) -> Done:
        if "TO" in (word.upper() for word in piece.words):
            self._require_open(piece)
            self.status = OPEN
            return Done("ROLLBACK")
        return self._end("ROLLBACK", is_undone=True)

    def _end(self, tag: str, is_undone: bool) -> Done:
        if self.status == IDLE:
            return Done(tag, notices=((WARNING, "25P01", "there is no transaction in progress"),))
        self.status = IDLE
        self.session.variables.end(is_undone)
        self.kept.over(is_undone)
        return Done(tag)

    def _savepoint(self, piece: Piece) -> Done:
        self._require_open(piece)
        return Done(piece.verb)

    def _require_open(self, piece: Piece) -> None:
        if self.status == IDLE:
            raise UserError(f"{piece.verb} can only be used in transaction blocks", sqlstate="25P01")

    def _set(self, piece: Piece) -> Done:
        words = list(piece.words[1:])
        scope = words.pop(0).upper() if words and words[0].upper() in ("SESSION", "LOCAL") and len(words) > 1 else ""
        if words and words[0].upper() in ("TRANSACTION", "CHARACTERISTICS"):
            return Done("SET")  # whatever transaction is wanted: everything is read only
        name, value = _assignment(words)
        if name.lower() == "search_path" and value is not None:
            value = ", ".join(map(quoted, said(piece.text)))
        if scope == "LOCAL" and self.status == IDLE:
            return Done("SET", notices=((WARNING, "25P01", "SET LOCAL can only be used in transaction blocks"),))
        self.session.variables.set(name, value, scope == "LOCAL")
        return Done("SET")

    def _reset(self, piece: Piece) -> Done:
        name = _name(piece.words[1:])
        if not name:
            raise SyntaxFailure("RESET needs a name", position=len(piece.text))
        if name.upper() == "ALL":
            self.session.variables.reset()
        else:
            self.session.variables.set(name, None)
        return Done("RESET")

    def _discard(self, piece: Piece) -> Done:
        what = " ".join(piece.words[1:]).upper()
        if what == "ALL":
            if self.status != IDLE:
                raise UserError("DISCARD ALL cannot run inside a transaction block", sqlstate="25001")
            self.session.variables.reset()
            self.kept.forget(None)
            self.kept.drop_all()
        return Done(f"DISCARD {what}")

    def _deallocate(self, piece: Piece) -> Done:
        name = deallocate(piece.text)
        self.kept.forget(name)
        return Done("DEALLOCATE ALL" if name is None else "DEALLOCATE")

    def _nothing(self, piece: Piece) -> Done:
        return Done(piece.verb)

    def _kill(self, piece: Piece) -> Done:  # noqa: ARG002
        raise Denied("KILL is for who runs the server", hint="a client cancels its own query; hanse kill ends any")


def _name(words: tuple[str, ...] | list[str]) -> str:
    return " ".join(words).replace(" . ", ".")


def _assignment(words: list[str]) -> tuple[str, str | None]:
    """The name and value of SET; no value is DEFAULT's."""
    if [word.upper() for word in words[:2]] == ["TIME", "ZONE"]:
        split, value = 2, words[2:]
    elif words and words[0].upper() == "NAMES":
        split, value = 1, words[1:]
    else:
        split = next((place for place, word in enumerate(words) if word == "=" or word.upper() == "TO"), 0)
        value = words[split + 1 :]
    name, joined = _name(words[:split]), "".join(value)
    if not name or not value:
        raise SyntaxFailure("SET needs a name and a value: SET name = value", position=0)
    if len(value) == 1 and joined.upper() in ("DEFAULT", "LOCAL"):
        return name, None
    return name, ", ".join("".join(value).split(",")) if "," in value else joined


_RUN: dict[str, Callable[[Commands, Piece], Done]] = {
    "BEGIN": Commands._begin,
    "START": Commands._begin,
    "COMMIT": Commands._commit,
    "END": Commands._commit,
    "ROLLBACK": Commands._rollback,
    "ABORT": Commands._rollback,
    "SAVEPOINT": Commands._savepoint,
    "RELEASE": Commands._savepoint,
    "SET": Commands._set,
    "RESET": Commands._reset,
    "DISCARD": Commands._discard,
    "DEALLOCATE": Commands._deallocate,
    "UNLISTEN": Commands._nothing,
    "KILL": Commands._kill,
}
"""What is for the session, besides SHOW of a variable."""
