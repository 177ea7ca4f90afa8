"""What planning asks about runs that were observed: figures that somebody hands in, never measured here."""

from collections.abc import Iterable
from typing import Protocol

from hanse.spi.pace import UNKNOWN, Pace


class Observed(Protocol):
    """Whoever remembers how plans went."""

    @property
    def any(self) -> bool:
        """Whether there is anything at all."""

    def knows(self, tables: frozenset[str]) -> bool:
        """Whether something is known of plans over exactly these tables."""

    def rows(self, signature: str) -> float | None:
        """Rows that plans of that signature (``ir.signature``) yield."""

    def joins(self, tables: frozenset[str]) -> Iterable[frozenset[str]]:
        """Sets of at least two of these tables over which something is known."""

    def pace(self, source: str) -> Pace:
        """How fast a source answers."""


class _Nothing:
    """Nobody has looked yet."""

    any = False

    def knows(self, tables: frozenset[str]) -> bool:  # noqa: ARG002
        """No."""
        return False

    def rows(self, signature: str) -> float | None:  # noqa: ARG002
        """Unknown."""
        return None

    def joins(self, tables: frozenset[str]) -> Iterable[frozenset[str]]:  # noqa: ARG002
        """None."""
        return ()

    def pace(self, source: str) -> Pace:  # noqa: ARG002
        """Unknown."""
        return UNKNOWN


NOTHING_SEEN: Observed = _Nothing()
