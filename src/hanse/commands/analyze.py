"""ANALYZE: statistics of tables whose sources have none, from samples whose cost is bounded. Nothing is written there.

Of each table at most about ``ROWS`` rows, ``BYTES`` bytes and ``SECONDS`` seconds are taken, by the source's own means
(``spi.sampling``): blocks, ranges of the key, vectors; else its first rows, which say nothing of ends and frequencies.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from hanse.catalog.summary import Sampled, summarized
from hanse.errors import Cancelled, HanseError, UnknownName
from hanse.execute.result import ResultStream
from hanse.ir.expr import Column, Literal
from hanse.ir.fragment import Fragment, FragmentGraph
from hanse.ir.plan import FragmentScan, Limit, Plan, Scan
from hanse.ir.request import Request, RequestGraph, SqlText
from hanse.ir.tables import Table, TableStatistics
from hanse.ir.types import INT64
from hanse.render import render
from hanse.settings import nearest
from hanse.spi.dialect import Dialect
from hanse.spi.sampling import Sample
from hanse.spi.snapshot import Snapshot, SourceCatalog

ROWS = 30_000
"""PostgreSQL's ANALYZE takes as many: 300 for each of 100 points."""
BYTES = 64 * 1024 * 1024
SECONDS = 30.0
"""For each statement; what takes longer is given up."""
UNKNOWN_PART = 0.5
"""A table without statistics is one of which less than this part of the columns is known."""
EXTENT = (Column(0, "low", INT64), Column(1, "high", INT64))
COUNT = (Column(0, "count", INT64),)
Ask = Callable[[RequestGraph, float], ResultStream]
"""Run requests for at most so many seconds."""
Progress = Callable[[Table, int, int], object]
"""Called before each table, with its place and their number."""


@dataclass(frozen=True, slots=True)
class Analyzed:
    """What became of one table."""

    table: Table
    statistics: TableStatistics | None
    sampled: int
    """Rows that were read."""
    problem: str | None = None


def chosen(snapshot: Snapshot, name: str | None) -> list[Table]:
    """The tables meant by ``source``, ``source.table`` or ``source.schema.table``, with all shards' in the place of what is
    sharded; without a name those tables, no views, of which their sources say too little. Raises UnknownName."""
    found = [table for source in snapshot.listed().values() for table in source.tables if table.columns]
    if name is None:
        found = [table for table in found if not table.is_view and lacks(table)]
    else:
        words = name.replace('"', "").lower().split(".")
        found = [table for table in found if _is_named(table, words)]
        if not found:
            names = [
                *snapshot.listed(),
                *(str(table) for source in snapshot.listed().values() for table in source.tables),
            ]
            guess = nearest(name, names)
            raise UnknownName(f"there is no source or table {name}", hint=f"did you mean {guess}?" if guess else None)
    return [part for table in found for part in _parts(table)]


def _is_named(table: Table, words: list[str]) -> bool:
    full = [part.lower() for part in (table.source, table.schema, table.name)]
    return words in ([full[0]], [full[0], full[2]], full)


def _parts(table: Table) -> Sequence[Table]:
    if table.sharding is None:
        return (table,)
    return table.sharding.read[:1] if table.sharding.copies else table.sharding.tables


def lacks(table: Table) -> bool:
    """Whether the source tells how many values they have of too few of the columns."""
    if table.statistics is None or table.statistics.row_count is None:
        return True
    unique = {key[0] for key in (table.primary_key, *table.unique_keys) if len(key) == 1}
    known = table.statistics.columns
    told = sum(c.name in unique or (c.name in known and known[c.name].distinct is not None) for c in table.columns)
    return told < UNKNOWN_PART * len(table.columns)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Samples tables."""

    sources: Mapping[str, SourceCatalog]
    coordinator: Dialect
    ask: Ask
    now: Callable[[], float]
    """Seconds since 1970."""
    refuse: Callable[[Table, float], object] = lambda _table, _now: None
    """Raises GuardrailRefused for a table that must not be sampled (now)."""

    def run(
        self, tables: Sequence[Table], keep: Callable[[Table, TableStatistics], object], progress: Progress
    ) -> list[Analyzed]:
        """Sample these tables, one after another; each that could be sampled is kept at once."""
        found: list[Analyzed] = []
        for place, table in enumerate(tables):
            progress(table, place, len(tables))
            found.append(self.analyzed(table))
            if (statistics := found[-1].statistics) is not None:
                keep(table, statistics)
        return found

    def analyzed(self, table: Table) -> Analyzed:
        """The statistics of a table, or why there are none; never raises what the source raised."""
        if (assumed := self.sources[table.source].assumed) is not None:
            return Analyzed(table, None, 0, str(assumed))
        try:
            return self._analyzed(table)
        except HanseError as failure:
            return Analyzed(table, None, 0, failure.message)

    def _analyzed(self, table: Table) -> Analyzed:
        self.refuse(table, self.now())
        sample = self._sample(table)
        try:
            rows, is_cut = self._rows(table, sample)
        except Cancelled:
            if sample is None:
                raise
            sample = None  # first rows come soon, whatever the table is
            rows, is_cut = self._rows(table, None)
        total = self._total(table, sample, rows.num_rows, is_cut)
        is_whole = not is_cut and (rows.num_rows < ROWS if sample is None else sample.share == 1.0)
        most = rows.num_rows if is_whole else max(total or 0.0, rows.num_rows + 1.0)
        spread = is_whole or (sample is not None and not is_cut)
        columns = summarized(Sampled(_columns(table), rows, most, spread))
        origin = f"a sample of {rows.num_rows:,} rows" if not is_whole else f"all {rows.num_rows:,} rows"
        count = float(rows.num_rows) if is_whole else total
        return Analyzed(table, TableStatistics(count, columns, self.now(), origin), rows.num_rows)

    def _sample(self, table: Table) -> Sample | None:
        """What to read; None: the first rows."""
        text = self.sources[table.source].dialect.extent(table)
        if text is None:
            return None
        try:
            low, high = self._row(table, text, EXTENT)
        except HanseError:
            return None
        return (
            None if low is None or high is None else self.sources[table.source].dialect.sample(table, (low, high), ROWS)
        )

    def _row(self, table: Table, sql: str, columns: tuple[Column, ...]) -> tuple[int | None, ...]:
        request = Request(0, table.source, SqlText((sql,)), columns, (table,))
        with self.ask(RequestGraph((request,), columns, None, direct=0), SECONDS) as answer:
            return answer.fetchall()[0]

    def _rows(self, table: Table, sample: Sample | None) -> tuple[pa.Table, bool]:
        """The rows, and whether there were more bytes than may be read."""
        batches: list[pa.RecordBatch] = []
        size = 0
        with self.ask(self._reading(table, sample), SECONDS) as answer:
            for batch in answer:
                batches.append(batch)
                size += batch.nbytes
                if size > BYTES:
                    return pa.Table.from_batches(batches), True
            return pa.Table.from_batches(batches, answer.schema), False

    def _reading(self, table: Table, sample: Sample | None) -> RequestGraph:
        columns = _columns(table)
        shown = table if sample is None else replace(table, relation=sample.relation)
        plan: Plan = Scan(shown, tuple((column, column.name) for column in columns))
        if sample is None:
            plan = Limit(plan, Literal(INT64, ROWS))
        graph = FragmentGraph((Fragment(0, table.source, plan),), FragmentScan(0, columns))
        dialects = {table.source: self.sources[table.source].dialect}
        # read through the source's own session, wherever its tables could be read in place
        capabilities = {table.source: replace(self.sources[table.source].capabilities, embedded=False)}
        return render(graph, dialects, capabilities, self.coordinator, columns)

    def _total(self, table: Table, sample: Sample | None, read: int, is_cut: bool) -> float | None:
        """How many rows there are: what the source says, what the sample says, else a count, if that is soon done."""
        known = table.statistics.row_count if table.statistics else None
        if sample is not None and sample.rows is not None:
            return sample.rows
        if known is not None or table.row_count is not None:
            return known if known is not None else table.row_count
        if sample is not None and sample.share is not None and not is_cut:
            return read / sample.share
        try:
            return float(self._row(table, f"SELECT count(*) FROM {table.relation}", COUNT)[0] or 0)
        except HanseError:
            return None


def _columns(table: Table) -> tuple[Column, ...]:
    return tuple(Column(place, column.name, column.type) for place, column in enumerate(table.columns))
