"""The distinct keys of a fragment while it arrives, and what is to be sent of them into another fragment's query."""

import threading
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hanse.execute.batches import RANGED
from hanse.execute.cancel import CancelScope
from hanse.ir.fragment import Hole
from hanse.ir.request import KeyRange
from hanse.ir.sharding import Scheme
from hanse.ir.types import Type
from hanse.spi.arrow import carrier

UNCOUNTED = 65_536
"""As many values as may wait to be counted, or as many as there are keys: counting looks at all."""


class Located:
    """Which keys of one column live on which shard; found once for all shards that they are sent to."""

    def __init__(self, scheme: Scheme) -> None:
        """Nothing is looked for yet."""
        self._scheme = scheme
        self._lock = threading.Lock()
        self._found: dict[int, list[Any]] | None = None

    def on(self, shard: int, keys: Sequence[Any]) -> tuple[Any, ...]:
        """Those of all the keys that can live on the shard, in their order."""
        with self._lock:
            if self._found is None:
                self._found = {}
                for key in keys:
                    for place in self._scheme.shards_of(key):
                        self._found.setdefault(place, []).append(key)
            return tuple(self._found.get(shard, ()))


class ShippedKeys:
    """One hole being filled: one thread adds, another waits. Undecided until the origin is finished or there is too much."""

    def __init__(self, hole: Hole, type: Type, scope: CancelScope, located: Located | None = None) -> None:
        """Keys of ``type``, that of the column which they narrow; ending the scope wakes who waits. ``located`` is shared
        with the same keys' other holes, and given if the hole is for a part of a sharded table."""
        self.hole = hole
        self._located = located
        self._type = type
        self._scope = scope
        self._changed = threading.Condition()
        self._found: pa.Array = pa.array([], carrier(type))
        self._waiting: list[pa.Array] = []
        self._low: Any = None
        self._high: Any = None
        self._is_whole = True
        self._decided = False
        self._given_up = False
        scope.on_end(self._wake)

    @property
    def is_over_cap(self) -> bool:
        """Whether there were more keys than the configuration allows, and that is to be refused."""
        return not self._is_whole and self.hole.caps.fails and self.hole.keys_max == self.hole.caps.keys_max

    @property
    def decided(self) -> bool:
        """Whether what is sent is known."""
        return self._decided

    def add(self, values: pa.Array) -> None:
        """Take the keys of one batch."""
        if self._decided:
            return
        fresh = pc.unique(values.drop_null())
        if self._type.kind in RANGED and len(fresh):
            ends = pc.min_max(fresh).as_py()
            self._low = ends["min"] if self._low is None else min(self._low, ends["min"])
            self._high = ends["max"] if self._high is None else max(self._high, ends["max"])
        if not self._is_whole:
            return
        if fresh.type != self._found.type:
            fresh = _fitting(fresh, self._found.type)
        self._waiting.append(fresh)
        if sum(map(len, self._waiting)) >= max(len(self._found), min(UNCOUNTED, self.hole.keys_max)):
            self._count()

    def _count(self) -> None:
        """Keep one of each; whoever has too many sends no list."""
        self._found = pc.unique(pa.concat_arrays([self._found, *self._waiting]))
        self._waiting.clear()
        if len(self._found) > self.hole.keys_max:
            self._is_whole = False
            if self._type.kind not in RANGED:
                self.give_up()

    def finish(self) -> None:
        """The origin has no more rows."""
        if self._is_whole and not self._decided:
            self._count()
        self._decide()

    def give_up(self) -> None:
        """Send nothing: the other fragment is read as if there were no keys."""
        self._given_up = self._given_up or not self._decided
        self._decide()

    def _decide(self) -> None:
        with self._changed:
            self._decided = True
            self._changed.notify_all()

    def wait(self) -> tuple[Any, ...] | KeyRange | None:
        """The keys, sorted; their range if they are too many; None if nothing can be said. Raises what ended the query."""
        with self._changed:
            while not self._decided and not self._scope.ended:
                self._changed.wait()
        self._scope.check()
        if self._given_up:
            return None
        if not self._is_whole:
            return None if self._low is None else KeyRange(self._low, self._high)
        keys = pc.take(self._found, pc.sort_indices(self._found)).to_pylist()
        if self._located is not None and self.hole.home is not None:
            return self._located.on(self.hole.home.shard, keys)
        return tuple(keys)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _fitting(values: pa.Array, type: pa.DataType) -> pa.Array:
    """Integers as those of another width; what does not fit there equals nothing there."""
    try:
        return values.cast(type)
    except pa.ArrowInvalid:
        bits, signed = type.bit_width, pa.types.is_signed_integer(type)
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return pa.array([value for value in values.to_pylist() if low <= value <= high], type)
