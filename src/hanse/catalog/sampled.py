"""Puts what was sampled into a catalog, where the source itself knows nothing better."""

from collections.abc import Mapping
from dataclasses import fields, replace

from hanse.catalog.sharded.merging import merged_statistics
from hanse.ir.tables import ColumnStatistics, Table, TableStatistics
from hanse.spi.snapshot import SourceCatalog

Samples = Mapping[tuple[str, str, str], tuple[TableStatistics, Mapping[str, str]]]
"""By source, schema and name of a table: what was found, and of which type each column was."""
NOTHING = ColumnStatistics()


def completed(catalog: SourceCatalog, samples: Samples) -> SourceCatalog:
    """The catalog with the samples of its tables, and of its shards' tables."""
    if not any(source == catalog.source or source.startswith(f"{catalog.source}/") for source, _, _ in samples):
        return catalog
    shards = tuple(completed(shard, samples) for shard in catalog.shards)
    tables = tuple(_table(table, samples) for table in catalog.tables)
    return replace(catalog, tables=tables, shards=shards)


def _table(table: Table, samples: Samples) -> Table:
    if table.sharding is not None:
        parts = tuple(_table(part, samples) for part in table.sharding.tables)
        sharding = replace(table.sharding, tables=parts)
        return replace(table, sharding=sharding, statistics=merged_statistics(parts, sharding))
    found = samples.get((table.source, table.schema, table.name))
    if found is None:
        return table
    sample, types = found
    same = {column.name for column in table.columns if types.get(column.name) == str(column.type)}
    known = replace(sample, columns={name: column for name, column in sample.columns.items() if name in same})
    return replace(table, statistics=better(table.statistics or TableStatistics(table.row_count), known))


def better(own: TableStatistics, sample: TableStatistics) -> TableStatistics:
    """What the source knows, and the sample for the rest; but the sample first where the source says that it is older."""
    is_older = own.taken_at is not None and sample.taken_at is not None and own.taken_at < sample.taken_at
    first, second = (sample, own) if is_older else (own, sample)
    names = {**first.columns, **second.columns}
    columns = {name: _both(first.columns.get(name, NOTHING), second.columns.get(name, NOTHING)) for name in names}
    rows = second.row_count if first.row_count is None else first.row_count
    origin = " and ".join(dict.fromkeys(one.origin for one in (first, second) if one.origin and one.columns))
    return TableStatistics(rows, columns, sample.taken_at if own.taken_at is None else first.taken_at, origin)


def _both(first: ColumnStatistics, second: ColumnStatistics) -> ColumnStatistics:
    """The one, and the other where that says nothing. What belongs together (ends; frequent values and bounds) comes from
    one of them."""
    found = {field.name: getattr(first, field.name) for field in fields(ColumnStatistics)}
    for name in ("distinct", "null_fraction", "width", "correlation"):
        found[name] = getattr(second, name) if found[name] is None else found[name]
    if first.minimum is None or first.maximum is None:
        found["minimum"], found["maximum"] = second.minimum, second.maximum
    if not first.common and not first.histogram:
        found["common"], found["histogram"] = second.common, second.histogram
    return ColumnStatistics(**found)
