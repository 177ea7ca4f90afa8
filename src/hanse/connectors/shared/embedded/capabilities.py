"""Everything: the coordinator's own engine runs what is asked of this source."""

from hanse.ir.plan import JoinKind, SetKind
from hanse.spi.capabilities import Capabilities

CAPABILITIES = Capabilities(
    filters=True,
    projections=True,
    joins=frozenset(JoinKind),
    lateral=True,
    set_operations=frozenset((kind, every) for kind in SetKind for every in (False, True)),
    aggregates=True,
    grouping_sets=True,
    aggregate_filter=True,
    distinct=True,
    distinct_on=True,
    windows=True,
    sort=True,
    limit=True,
    ctes=True,
    recursive_ctes=True,
    subqueries=True,
    values=True,
    embedded=True,
    missing=(("with_ties", "DuckDB has no FETCH FIRST ... WITH TIES"),),
)
