"""What SQLite is asked for: what it computes exactly as PostgreSQL does, and can be told to stop."""

from hanse.ir.plan import JoinKind
from hanse.spi.capabilities import Capabilities

CAPABILITIES = Capabilities(
    filters=True,
    projections=True,
    joins=frozenset({JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI}),
    aggregates=True,
    distinct=True,
    sort=True,
    limit=True,
    missing=(
        ("set_operations", "SQLite takes no parentheses around the sides of a set operation"),
        ("grouping_sets", "SQLite has no GROUPING SETS"),
        ("aggregate_filter", "sums are spelled as two aggregates, which take no common FILTER"),
        ("distinct_on", "SQLite has no DISTINCT ON"),
        ("windows", "sums are spelled as two aggregates, which are no window function"),
        ("subqueries", "SQLite takes the first row of a scalar subquery where several are an error"),
        ("lateral", "SQLite has no LATERAL"),
        ("values", "SQLite cannot name the columns of VALUES"),
        ("with_ties", "SQLite has no FETCH FIRST ... WITH TIES"),
    ),
)
