"""What one connection has prepared, and what it is reading: statements, and portals, which cursors are too, by name."""

from dataclasses import dataclass, field

from hanse.errors import UserError
from hanse.parse.copying import CopyOut
from hanse.parse.script import Piece
from hanse.server.answering import Answer
from hanse.server.pgcatalog import ResultColumn
from hanse.server.pgwire.rows import Layout
from hanse.server.scrolling import Scroll

PREPARED_MAX = 5_000
"""Prepared statements and portals of one connection, each."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that was parsed. ``piece`` is None for an empty one."""

    piece: Piece | None
    parameters: tuple[int, ...] = ()
    """OIDs of the types of its parameters."""
    used: int = 0
    """How many of them the statement has; a client may declare more."""
    columns: tuple[ResultColumn, ...] = ()
    is_command: bool = False
    is_lookup: bool = False
    """Whether it is about the catalog."""
    copy: CopyOut | None = None


@dataclass(slots=True)
class Portal:
    """A prepared statement with its values, and, once it runs, its answer."""

    prepared: Prepared
    values: tuple[object, ...] = ()
    formats: tuple[int, ...] = ()
    answer: Answer | Scroll | None = None
    layout: Layout | None = None
    is_over: bool = False
    is_held: bool = False
    """A cursor that outlives its transaction, once that is committed."""
    is_new: bool = False
    """Whether that has yet to be."""


@dataclass(slots=True)
class Portals:
    """All of one connection."""

    statements: dict[str, Prepared] = field(default_factory=dict)
    portals: dict[str, Portal] = field(default_factory=dict)
    _left: list[Answer | Scroll] = field(default_factory=list)
    """Answers that nobody can read any more, and that still run."""

    def statement(self, name: str) -> Prepared:
        """A statement by its name; raises UserError (26000)."""
        found = self.statements.get(name)
        if found is None:
            shown = f'prepared statement "{name}"' if name else "unnamed prepared statement"
            raise UserError(f"{shown} does not exist", sqlstate="26000")
        return found

    def require_new_statement(self, name: str) -> None:
        """Raise UserError where there is one of that name (42P05), or where there are too many."""
        if name and name in self.statements:
            raise UserError(f'prepared statement "{name}" already exists', sqlstate="42P05")
        if len(self.statements) >= PREPARED_MAX:
            raise UserError(f"more than {PREPARED_MAX} prepared statements", sqlstate="54000")

    def forget(self, name: str | None) -> None:
        """DEALLOCATE of one, or of all; raises UserError (26000)."""
        if name is None:
            self.statements.clear()
        elif self.statements.pop(name, None) is None:
            raise UserError(f'prepared statement "{name}" does not exist', sqlstate="26000")

    def portal(self, name: str) -> Portal:
        """A portal by its name; raises UserError (34000)."""
        found = self.portals.get(name)
        if found is None:
            raise UserError(f'portal "{name}" does not exist', sqlstate="34000")
        return found

    def cursor(self, name: str) -> tuple[Portal, Scroll, Layout]:
        """A portal that was declared; raises UserError (34000)."""
        found = self.portals.get(name)
        if found is None or not isinstance(found.answer, Scroll) or found.layout is None:
            raise UserError(f'cursor "{name}" does not exist', sqlstate="34000")
        return found, found.answer, found.layout

    def require_new(self, name: str) -> None:
        """Raise UserError where there is a portal of that name (42P03), or where there are too many."""
        if name and name in self.portals:
            raise UserError(f'cursor "{name}" already exists', sqlstate="42P03")
        if len(self.portals) >= PREPARED_MAX:
            raise UserError(f"more than {PREPARED_MAX} portals", sqlstate="54000")

    def drop(self, name: str) -> None:
        """Forget one, if it is there; ``left`` yields its answer."""
        portal = self.portals.pop(name, None)
        if portal is not None and portal.answer is not None and not portal.is_over:
            self._left.append(portal.answer)

    def drop_cursors(self) -> None:
        """CLOSE ALL."""
        for name in [name for name, one in self.portals.items() if isinstance(one.answer, Scroll)]:
            self.drop(name)

    def over(self, is_undone: bool) -> None:
        """A transaction is: what is not held goes with it, and what is, too, where it came with it and is undone."""
        for name, one in list(self.portals.items()):
            if not one.is_held or (one.is_new and is_undone):
                self.drop(name)
            one.is_new = False

    def drop_all(self) -> None:
        """Forget all that are open."""
        for name in list(self.portals):
            self.drop(name)

    def left(self) -> list[Answer | Scroll]:
        """What still runs and nobody can read any more; it is for the caller to end it."""
        found, self._left = self._left, []
        return found
