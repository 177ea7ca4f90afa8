"""Statistics and observations that are random nonsense: whatever is claimed of rows and sources, answers must not change."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hanse.cache.observed import ObservedRuns
from hanse.engine import Engine
from hanse.ir.tables import ColumnStatistics, Table, TableColumn, TableStatistics
from hanse.ir.types import FLOATS, INTEGERS, Kind
from hanse.spi.pace import Pace
from hanse.spi.snapshot import SourceCatalog
from hanse.split import worth
from tests.differential.choices import Choices

COUNTS = (0, 1, 2, 30, 1000, 10**6, 10**12)
PATIENCES = ((worth.SURPRISE, worth.EXPECTED, worth.PATIENCE_LEAST), (0.0, 0.0, 0.0))
"""As ever, and none: whole scans begin on trial as soon as there are two keys."""
SHARES = (0.0, 1.0, 0.5, 1e-9, 0.01, 0.99)


class Liar(Engine):
    """An engine whose sources lie about their tables, and whose memory of earlier runs is made up; ``lie`` chooses how, and
    makes every plan anew. It chooses, too, how long keys are awaited, for all engines alike: no answer depends on it."""

    seed = 0

    def __init__(self, config: dict[str, Any]) -> None:
        self._truths: dict[str, SourceCatalog] = {}
        super().__init__(config)

    def lie(self, seed: int) -> None:
        """Believe other nonsense from now on, of sources that stay as they are: they are read once."""
        self.seed = seed
        worth.SURPRISE, worth.EXPECTED, worth.PATIENCE_LEAST = Choices(seed).pick(PATIENCES)
        self._planner.observed = Misremembered(seed)
        if not self._truths:
            self.catalog.refresh()
        else:
            with self._store._turn:
                self._store._take({source: self._told(truth) for source, truth in self._truths.items()})

    def _completed(self, catalog: SourceCatalog) -> SourceCatalog:
        self._truths[catalog.source] = super()._completed(catalog)
        return self._told(self._truths[catalog.source])

    def _told(self, truth: SourceCatalog) -> SourceCatalog:
        return falsified(truth, Choices(self.seed + sum(map(ord, truth.source))))


class Misremembered(ObservedRuns):
    """Knows a third of all fragments, and how fast half of the sources are: wrongly."""

    def __init__(self, seed: int) -> None:
        super().__init__(None)
        self.seed = seed

    @property
    def any(self) -> bool:
        return True

    def knows(self, tables: frozenset[str]) -> bool:
        return True

    def rows(self, signature: str) -> float | None:
        choices = self._choices(signature)
        return float(choices.pick(COUNTS)) if choices.chance(33) else None

    def joins(self, tables: frozenset[str]) -> list[frozenset[str]]:
        names = sorted(tables)
        return [frozenset(names[place : place + 2]) for place in range(len(names) - 1)]

    def pace(self, source: str) -> Pace:
        choices = self._choices(source)
        speeds = (None, 0.0, 1.0, 1e4, 1e8, 1e12)
        return Pace(choices.pick((None, 0.0, 0.01, 100.0)), choices.pick(speeds), choices.pick(speeds))

    def _choices(self, text: str) -> Choices:
        return Choices(self.seed + zlib.crc32(text.encode()))


def falsified(catalog: SourceCatalog, choices: Choices) -> SourceCatalog:
    """The catalog with nonsense for what is known of the rows of its tables, and of its shards' tables."""
    tables = tuple(_table(table, choices) for table in catalog.tables)
    return replace(catalog, tables=tables, shards=tuple(falsified(shard, choices) for shard in catalog.shards))


def _table(table: Table, choices: Choices) -> Table:
    if table.sharding is not None:
        parts = tuple(_table(part, choices) for part in table.sharding.tables)
        table = replace(table, sharding=replace(table.sharding, tables=parts))
    rows = choices.pick((None, *COUNTS))
    columns = {column.name: _column(column, choices) for column in table.columns if choices.chance(75)}
    known = None if choices.chance(20) else TableStatistics(choices.pick((rows, None, *COUNTS)), columns, 0.0, "lies")
    return replace(table, row_count=rows, statistics=known)


def _column(column: TableColumn, choices: Choices) -> ColumnStatistics:
    def values(count: int) -> list[Any]:
        found = [_value(column.type.kind, choices) for _ in range(count)]
        return [] if None in found else found

    bounds = values(choices.below(6))
    if choices.chance(70):
        bounds.sort()
    ends = (values(2) or [None, None]) if choices.chance(60) else [None, None]
    return ColumnStatistics(
        distinct=choices.pick((None, *map(float, COUNTS))),
        null_fraction=choices.pick((None, *SHARES)),
        minimum=ends[0],
        maximum=ends[1],
        common=tuple((value, choices.pick(SHARES)) for value in values(choices.below(4))),
        histogram=tuple(bounds) if len(bounds) > 1 else (),
        width=choices.pick((None, 0.0, 1.0, 1e6)),
        correlation=choices.pick((None, -1.0, 0.0, 1.0)),
    )


def _value(kind: Kind, choices: Choices) -> Any:
    number = choices.pick((0, 1, -1, 5, 100, 2**31))
    day = dt.datetime(1970, 1, 1) + dt.timedelta(days=min(number, 10**5))
    match kind:
        case Kind.TEXT | Kind.ENUM | Kind.UUID:
            return choices.pick(("", "a", "zzz", "\u00e9", "%"))
        case Kind.DECIMAL:
            return Decimal(number) / 4
        case Kind.BOOLEAN:
            return number > 0
        case Kind.DATE:
            return day.date()
        case Kind.TIME:
            return day.time()
        case Kind.TIMESTAMP:
            return day
        case Kind.TIMESTAMPTZ:
            return day.replace(tzinfo=dt.UTC)
        case _ if kind in INTEGERS:
            return number
        case _ if kind in FLOATS:
            return number / 8
    return None
