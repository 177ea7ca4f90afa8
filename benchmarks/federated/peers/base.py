"""What the harness needs of an engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from benchmarks.federated.loading import Source

Rows = list[tuple[Any, ...]]


class Unavailable(Exception):
    """This engine cannot take part, or not with these sources or tables; the message says why."""


class Peer(Protocol):
    """An engine over the sources of one split."""

    version: str

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer; raises whatever goes wrong, also when it takes more than ``timeout`` seconds."""

    def close(self) -> None:
        """Give everything back."""


Opener = Callable[[Sequence[Source]], Peer]
Openers = Mapping[str, Opener]
