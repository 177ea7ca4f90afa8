"""One logical table from the tables of all shards: what they agree on, and the reason for what they do not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hanse.catalog.sharded.options import Places, TableOptions
from hanse.catalog.sharded.schemes import Look, scheme
from hanse.errors import ConfigError
from hanse.ir.sharding import Home, Scheme, Sharding
from hanse.ir.tables import Collation, ColumnStatistics, HiddenColumn, Table, TableColumn, TableStatistics
from hanse.spi.snapshot import SourceCatalog


class Differs(Exception):
    """The shards' tables cannot be one table; the text says why."""


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges the tables of one sharded source."""

    source: str
    names: tuple[str, ...]
    shards: tuple[SourceCatalog, ...]
    look: Look

    def table(self, name: str, options: TableOptions) -> Table:
        """The logical table; one that cannot be read says why when it is named."""
        schema, _, plain = name.rpartition(".")
        try:
            found = [_find(shard, schema, plain) for shard in self.shards]
            return self.merged(found, options, Places(self.names, f"sources.{self.source}.tables.{name}"))
        except (Differs, ConfigError) as failure:
            message = failure.message if isinstance(failure, ConfigError) else str(failure)
            return Table(self.source, schema, plain, (), "", details=(("unavailable", message),))

    def merged(self, found: Sequence[Table], options: TableOptions, places: Places) -> Table:
        """The table that all of these are parts of."""
        unread = frozenset(place for place, shard in enumerate(self.shards) if shard.assumed is not None)
        first = next(table for place, table in enumerate(found) if place not in unread)
        columns, hidden = self.columns(found)
        key = self.key(options.key, columns, hidden)
        spread = scheme(options, places, key, self.look) if key and options.method != "none" else None
        name = key.name if key else ""
        parts = tuple(replace(table, home=Home(self.source, place, name, spread)) for place, table in enumerate(found))
        sharding = Sharding(parts, name, spread, options.reference, self.is_uniform(found), unread=unread)
        count = (
            None if any(table.row_count is None for table in found) else sum(table.row_count or 0 for table in found)
        )
        return replace(
            first,
            source=self.source,
            schema=found[0].schema,
            columns=columns,
            hidden=hidden,
            relation="",
            primary_key=first.primary_key if _is_global(first.primary_key, found, sharding) else (),
            unique_keys=tuple(keys for keys in first.unique_keys if _is_global(keys, found, sharding)),
            foreign_keys=(),
            row_count=first.row_count if options.reference else count,
            details=self.details(options, spread),
            statistics=merged_statistics(found, sharding),
            sharding=sharding,
        )

    def columns(self, found: Sequence[Table]) -> tuple[tuple[TableColumn, ...], tuple[HiddenColumn, ...]]:
        """The columns that all shards have alike, and the others with the reason why they cannot be read."""
        columns: list[TableColumn] = []
        hidden = {column.name: column for table in found for column in table.hidden}
        for name in dict.fromkeys(column.name for table in found for column in table.columns):
            those = [next((c for c in table.columns if c.name == name), None) for table in found]
            column = next(c for c in those if c is not None)
            reason = self.difference(those)
            if reason or name in hidden:
                hidden[name] = hidden.get(name) or HiddenColumn(name, column.remote_type, reason)
            else:
                columns.append(_common([c for c in those if c is not None]))
        return tuple(columns), tuple(hidden.values())

    def difference(self, those: Sequence[TableColumn | None]) -> str:
        """Why these are not one column, or the empty text."""
        for place, column in enumerate(those):
            if column is None:
                return f"shard {self.names[place]} has no such column"
        types = [column.type for column in those if column is not None]
        other = next((place for place, type in enumerate(types) if type != types[0]), None)
        if other is None:
            return ""
        return f"is {types[0]} on shard {self.names[0]} and {types[other]} on shard {self.names[other]}"

    def key(
        self, name: str | None, columns: Sequence[TableColumn], hidden: Sequence[HiddenColumn]
    ) -> TableColumn | None:
        """The column by which rows are spread."""
        if not name:
            return None
        reason = next((f": it {column.reason}" for column in hidden if column.name == name), "")
        found = next((column for column in columns if column.name == name), None)
        if found is None:
            raise Differs(f"there is no key column {name}{reason}")
        return found

    def is_uniform(self, found: Sequence[Table]) -> bool:
        """Whether a plan that is made for one of these tables is good for any other that was read: it runs at no other."""
        read = [(shard, table) for shard, table in zip(self.shards, found, strict=True) if shard.assumed is None]
        first, table = read[0]
        return not first.capabilities.embedded and all(
            other.kind == first.kind
            and other.server == first.server
            and other.capabilities == first.capabilities
            and type(other.dialect) is type(first.dialect)
            and vars(other.dialect) == vars(first.dialect)
            and (same.columns, same.schema, same.name) == (table.columns, table.schema, table.name)
            for other, same in read
        )

    def details(self, options: TableOptions, spread: Scheme | None) -> tuple[tuple[str, str], ...]:
        """For DESCRIBE: how the table is spread."""
        if options.reference:
            how = "a copy on each"
        elif spread is None:
            how = "in an unknown way"
        else:
            function = f" {spread.function}, modulus {len(spread.assignment)}" if spread.method == "hash" else ""
            if options.lookup is not None:
                function = f" in {options.lookup.source}.{options.lookup.table}"
            how = f"by {spread.method}{function} of {options.key}"
        unread = tuple(("never read", f"{one.source}: {one.assumed}") for one in self.shards if one.assumed is not None)
        return (("shards", f"{len(self.names)} ({', '.join(self.names)}), {how}"), *unread)


def _find(shard: SourceCatalog, schema: str, name: str) -> Table:
    found = [table for table in shard.tables if table.name == name and (not schema or table.schema == schema)]
    if len(found) > 1:
        found = [table for table in found if table.schema == shard.default_schema] or found
    if len(found) != 1:
        what = f"several tables {name}" if found else f"no table {f'{schema}.' if schema else ''}{name}"
        raise Differs(f"shard {shard.source} has {what}")
    reason = dict(found[0].details).get("unavailable")
    if reason is not None:
        raise Differs(f"shard {shard.source}: {reason}")
    return found[0]


def _common(those: Sequence[TableColumn]) -> TableColumn:
    """What is true of the column on every shard. Its shards' own columns say how each is read."""
    first = those[0]
    return replace(
        first,
        nullable=any(column.nullable for column in those),
        no_pushdown=next((column.no_pushdown for column in those if column.no_pushdown), None),
        collation=first.collation if all(c.collation == first.collation for c in those) else Collation(),
    )


def _is_global(keys: tuple[str, ...], found: Sequence[Table], sharding: Sharding) -> bool:
    """Whether what is unique on each shard is so over all: equal rows would have to live on the same shard."""
    everywhere = all(keys in (table.primary_key, *table.unique_keys) for table in found)
    scheme = sharding.scheme
    return everywhere and (sharding.copies or (scheme is not None and not scheme.strays and sharding.key in keys))


def merged_statistics(found: Sequence[Table], sharding: Sharding) -> TableStatistics | None:
    """What the shards' statistics say together: of a column, only numbers; frequent values differ from shard to shard."""
    if sharding.copies:
        return sharding.read[0].statistics
    known = [table.statistics for table in found if table.statistics is not None]
    if len(known) < len(found) or any(one.row_count is None for one in known):
        return None
    names = set.intersection(*(set(one.columns) for one in known))
    columns = {name: _column([one.columns[name] for one in known], name == sharding.key) for name in sorted(names)}
    taken = [one.taken_at for one in known if one.taken_at is not None]
    rows = sum(one.row_count or 0.0 for one in known)
    return TableStatistics(rows, columns, min(taken, default=None), known[0].origin)


def _column(those: Sequence[ColumnStatistics], apart: bool) -> ColumnStatistics:
    """``apart``: no value is on two shards."""
    distinct = [one.distinct for one in those if one.distinct is not None]
    fractions = [one.null_fraction for one in those if one.null_fraction is not None]
    widths = [one.width for one in those if one.width is not None]
    return ColumnStatistics(
        distinct=(sum(distinct) if apart else max(distinct)) if distinct else None,
        null_fraction=sum(fractions) / len(fractions) if fractions else None,
        width=sum(widths) / len(widths) if widths else None,
    )
