"""Two servers are asked the same: a second one when the first takes longer than nearly all do, and whoever answers first wins.

For sources that say so, since a replica may be behind; for sessions of one request, whose answer is one server's all through;
for one call in twenty at most, so that a slow source gets no second load (Dean and Barroso, The Tail at Scale).
"""

import threading
from collections.abc import Callable, Iterator

import pyarrow as pa

from hanse.admission.stay import Stay
from hanse.spi.arrow import end

Read = Callable[[Stay], Iterator[pa.RecordBatch]]


def raced(first: "Runner", patience: float, rival: Callable[[], "Runner | None"]) -> tuple["Runner", list["Runner"]]:
    """Ask, and with ``patience`` at an end ask the rival, if there is one to be had; returns who has won, or was the first if
    nobody has, and the others."""
    changed = first.changed
    first.start()
    with changed:
        changed.wait_for(lambda: first.is_done, patience)
    other = None if first.is_done else rival()
    if other is None:
        with changed:
            changed.wait_for(lambda: first.is_done)
        return first, []
    other.start()
    both = (first, other)
    with changed:
        changed.wait_for(lambda: any(one.has_won for one in both) or all(one.is_done for one in both))
    winner = next((one for one in both if one.has_won), first)
    return winner, [one for one in both if one is not winner]


class Runner:
    """One of those who are asked: its first batch, which a thread of its own gets."""

    def __init__(self, stay: Stay, read: Read, changed: threading.Condition) -> None:
        """Not asked yet; ``changed`` is notified when it has answered, or failed."""
        self.stay = stay
        self.first: pa.RecordBatch | None = None
        self.rest: Iterator[pa.RecordBatch] = iter(())
        self.failure: BaseException | None = None
        self.is_done = False
        self._read = read
        self.changed = changed
        self._thread = threading.Thread(target=self._run, name="hanse-hedge", daemon=True)

    @property
    def has_won(self) -> bool:
        """Whether there is an answer."""
        return self.is_done and self.failure is None

    def start(self) -> None:
        """Ask."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self.rest = self._read(self.stay)
            self.first = next(self.rest, None)
        except BaseException as failure:  # noqa: BLE001  # it belongs to whoever waits for the answer
            self.failure = failure
        finally:
            with self.changed:
                self.is_done = True
                self.changed.notify_all()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All of the winner's; closing this ends its statement."""
        try:
            if self.first is not None:
                yield self.first
                yield from self.rest
        finally:
            end(self.rest)

    def leave(self) -> None:
        """End what is asked, and give everything back, while others go on."""
        threading.Thread(target=self._leave, name="hanse-hedge-left", daemon=True).start()

    def _leave(self) -> None:
        self.stay.session.cancel()
        self._thread.join()
        end(self.rest)
        self.stay.session.close()
        self.stay.over()
