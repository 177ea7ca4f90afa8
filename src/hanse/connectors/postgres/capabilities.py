"""What PostgreSQL may be asked for, apart from functions."""

from hanse.ir.plan import JoinKind, SetKind
from hanse.spi.capabilities import Capabilities

CAPABILITIES = Capabilities(
    filters=True,
    projections=True,
    joins=frozenset(JoinKind) - {JoinKind.FULL},
    lateral=True,
    set_operations=frozenset((kind, all_rows) for kind in SetKind for all_rows in (True, False)),
    aggregates=True,
    grouping_sets=True,
    aggregate_filter=True,
    distinct=True,
    distinct_on=True,
    windows=True,
    sort=True,
    limit=True,
    with_ties=True,
    ctes=True,
    recursive_ctes=True,
    subqueries=True,
    values=True,
    missing=(("joins", "PostgreSQL has full joins only on conditions that it can hash or merge"),),
)
