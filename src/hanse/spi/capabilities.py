"""What may be asked of a source, apart from the functions that it spells (``spi.dialect``): a sheet of plain facts.

The contract suite proves every claim both ways on the real source.
"""

from dataclasses import dataclass

from hanse.ir.plan import JoinKind, SetKind


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A source's sheet. The default is the least that any source can do: read whole columns of one table."""

    filters: bool = False
    projections: bool = False
    """Computed columns; plain columns can always be chosen."""
    joins: frozenset[JoinKind] = frozenset()
    """SEMI and ANTI stand for EXISTS and NOT EXISTS."""
    lateral: bool = False
    set_operations: frozenset[tuple[SetKind, bool]] = frozenset()
    """Pairs of kind and ALL."""
    aggregates: bool = False
    grouping_sets: bool = False
    aggregate_filter: bool = False
    distinct: bool = False
    distinct_on: bool = False
    windows: bool = False
    sort: bool = False
    limit: bool = False
    with_ties: bool = False
    ctes: bool = False
    recursive_ctes: bool = False
    subqueries: bool = False
    values: bool = False
    embedded: bool = False
    """The coordinator's own DuckDB reads this source in place (``Connector.attach``)."""
    missing: tuple[tuple[str, str], ...] = ()
    """Reasons for what is absent, by field name, as EXPLAIN prints them."""

    def reason(self, field: str) -> str:
        """Why ``field`` is absent."""
        return dict(self.missing).get(field, f"the source has no {field.replace('_', ' ')}")
