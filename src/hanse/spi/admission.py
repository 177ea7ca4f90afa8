"""What a query that was let in holds, as execution sees it: whose share it has, what it may use, and what it has used."""

from collections.abc import Callable
from typing import Protocol

from hanse.spi.shares import NOBODY, Share


class Admitted(Protocol):
    """One query's place among those that run."""

    @property
    def group(self) -> str:
        """The group's name; empty where there are none."""

    @property
    def share(self) -> Share:
        """Whose turn it takes in lines for what is scarce."""

    @property
    def memory(self) -> int | None:
        """Bytes that the query may have in memory; None: nobody counts."""

    @property
    def is_counted(self) -> bool:
        """Whether quotas want to be told what the query uses."""

    def used(self, rows: int = 0, bytes: int = 0) -> None:
        """So much was read; raises ResourceLimit where a quota is used up."""

    def answered(self, rows: int, bytes: int) -> None:
        """So much was answered; raises ResourceLimit where a quota is used up."""

    def end(self, cpu_seconds: float = 0.0) -> None:
        """The query is over, its memory not necessarily: others may run. Idempotent."""

    def free(self) -> None:
        """Its memory is others', too. Idempotent."""


class Everybody:
    """Of a query where nobody counts."""

    group = ""
    share: Share = NOBODY
    memory: int | None = None
    is_counted = False

    def used(self, rows: int = 0, bytes: int = 0) -> None:
        """Nobody is told."""

    def answered(self, rows: int, bytes: int) -> None:
        """Nobody is told."""

    def end(self, cpu_seconds: float = 0.0) -> None:
        """Nobody waits."""

    def free(self) -> None:
        """Nobody waits."""


Admit = Callable[[Callable[[], bool]], Admitted]
"""Waits for the query's turn, as long as it is not ended; raises ResourceLimit, Cancelled."""
EVERYBODY: Admitted = Everybody()


def unasked(is_ended: Callable[[], bool]) -> Admitted:  # noqa: ARG001  # nobody waits
    """For engines without groups."""
    return EVERYBODY
