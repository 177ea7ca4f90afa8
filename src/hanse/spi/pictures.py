"""What a source says of the state that its rows show: optional, for sessions and for connectors. Who says nothing of it is
taken to have no snapshots."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from hanse.ir.consistency import Picture
from hanse.ir.tables import Table


@runtime_checkable
class Pictured(Protocol):
    """A session that knows what its answers are a picture of."""

    @property
    def picture(self) -> Picture | None:
        """Of all that its requests have read so far; None: nothing. Asks the source nothing, and waits for nobody."""


@runtime_checkable
class Pinning(Pictured, Protocol):
    """A session whose snapshot can be taken before anything is read (``ReadContext.pinned``)."""

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        """Take the snapshot that all requests are to see, which will read these tables. Called once, before ``read``.

        ``meet`` is to be called once, as late as possible before the source is asked to take it, connections made: it waits
        until all sources of the query are as far. Raises what reading does, and Cancelled where the session ends meanwhile.
        """


@runtime_checkable
class Versioned(Protocol):
    """A connector of files, which nothing holds still while they are read, but which can be told to have stayed the same."""

    def version(self, tables: Sequence[Table], thorough: bool) -> Picture:
        """What the tables are now: a picture that is not verified, without a time. Its token is another one if any file that
        may be read for them is another, or has changed. Without ``thorough`` only as far as that takes no time; with it,
        raises StaleSnapshot where they are others than those whose catalog was read, and stay open since then."""
