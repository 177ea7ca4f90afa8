"""The distinct keys of fragments while they arrive, and what is to be sent of them into another fragment's query."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from hanse.execute.batches import Filling
from hanse.execute.cancel import CancelScope
from hanse.execute.distinct import UNCOUNTED, DistinctRows, DistinctValues
from hanse.ir.fragment import Hole
from hanse.ir.sharding import Scheme
from hanse.ir.types import Type


class Located:
    """Which keys of one column live on which shard; found once for all shards that they are sent to."""

    def __init__(self, scheme: Scheme) -> None:
        """Nothing is looked for yet."""
        self._scheme = scheme
        self._lock = threading.Lock()
        self._found: dict[int, list[Any]] | None = None

    def on(self, shard: int, keys: Sequence[Any]) -> tuple[Any, ...]:
        """Those of all the keys that can live on the shard, by their first part, in their order."""
        with self._lock:
            if self._found is None:
                self._found = {}
                for key in keys:
                    for place in self._scheme.shards_of(key[0] if isinstance(key, tuple) else key):
                        self._found.setdefault(place, []).append(key)
            return tuple(self._found.get(shard, ()))


class ShippedKeys:
    """One hole being filled: threads add, another waits. Undecided until all origins are finished or there is too much."""

    def __init__(self, hole: Hole, types: Sequence[Type], scope: CancelScope, located: Located | None = None) -> None:
        """Keys of these types, those of the columns which they narrow; ending the scope wakes who waits. ``located`` is
        shared with the same keys' other holes, and given if the hole is for a part of a sharded table."""
        self.hole = hole
        self._located = located
        self._scope = scope
        self._changed = threading.Condition()
        self._collecting = threading.Lock()
        uncounted = UNCOUNTED if hole.patience is None else min(UNCOUNTED, hole.patience.keys)
        spans = hole.spans or (None,) * len(types)
        known = zip(types, spans, strict=True)
        self._columns = [DistinctValues(type, hole.keys_max, uncounted, span) for type, span in known]
        self._rows = DistinctRows(types, hole.keys_max, uncounted) if len(types) > 1 else None
        self._unfinished = len(hole.origins)
        self._tell: list[Callable[[], object]] = []
        self._decided = False
        self._given_up = False
        scope.on_end(self._wake)

    @property
    def is_over_cap(self) -> bool:
        """Whether there were more keys than the configuration allows, and that is to be refused."""
        counted = self._rows or self._columns[0]
        return not counted.is_whole and self.hole.caps.fails and self.hole.keys_max == self.hole.caps.keys_max

    @property
    def decided(self) -> bool:
        """Whether what is sent is known."""
        return self._decided

    @property
    def found(self) -> int:
        """As many different keys as have been counted."""
        return (self._rows or self._columns[0]).found

    @property
    def is_in_vain(self) -> bool:
        """Whether they are as many as was feared, where all of the target is being read beside."""
        return self.hole.is_tried and not (self._rows or self._columns[0]).is_whole

    def part(self, worth: int) -> float:
        """What reading by the keys, once they are decided, takes as a part of reading all, where ``worth`` keys take as long
        as that."""
        counted = self._rows or self._columns[0]
        if counted.is_whole or self._given_up:
            return 1.0 if self._given_up else counted.found / worth
        return min(1.0 if column.share is None else column.share for column in self._columns)

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Take the keys of one batch, part by part. What cannot be sent in any form any more is given up at once."""
        with self._collecting:
            if self._decided:
                return
            before = self.found
            for column, values in zip(self._columns, columns, strict=True):
                column.add(values)
            if self._rows is not None:
                self._rows.add(columns)
            is_whole = self._rows is not None and self._rows.is_whole
            has_more = self.found > before
        if not is_whole and (self.is_in_vain or all(column.is_lost for column in self._columns)):
            self.give_up()
        elif has_more:
            self._told()

    def finish(self) -> None:
        """One origin has no more rows."""
        with self._collecting:
            self._unfinished -= 1
            if self._unfinished:
                return
            for column in self._columns:
                column.count()
            if self._rows is not None:
                self._rows.count()
        if self.is_in_vain:
            self.give_up()
        self._decide()

    def give_up(self) -> None:
        """Send nothing: the other fragment is read as if there were no keys."""
        self._given_up = self._given_up or not self._decided
        self._decide()

    def tell(self, action: Callable[[], object]) -> None:
        """Call ``action`` when more keys have been counted, and when it is known what is sent; at once if it is already."""
        with self._changed:
            self._tell.append(action)
        if self._decided:
            action()

    def _decide(self) -> None:
        with self._changed:
            self._decided = True
            self._changed.notify_all()
        self._told()

    def _told(self) -> None:
        with self._changed:
            tell = tuple(self._tell)
        for action in tell:
            action()

    def wait(self) -> Filling:
        """What is to be sent. Raises what ended the query."""
        with self._changed:
            while not self._decided and not self._scope.ended:
                self._changed.wait()
        self._scope.check()
        with self._collecting:
            if self._given_up:
                return Filling(self.hole, (None,) * len(self._columns))
            rows = self._rows.keys() if self._rows is not None else None
            columns = tuple(column.keys() for column in self._columns)
        if self._located is not None and self.hole.home is not None:
            shard = self.hole.home.shard
            if rows is not None:
                rows = self._located.on(shard, rows)
            elif self._rows is None and isinstance(columns[0], tuple):
                columns = (self._located.on(shard, columns[0]),)
        return Filling(self.hole, columns, rows)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
