"""What MySQL and MariaDB may be asked for, apart from functions, by version (their release notes)."""

from hanse.ir.plan import JoinKind, SetKind
from hanse.spi.capabilities import Capabilities

Version = tuple[int, int, int]
UNION = frozenset({(SetKind.UNION, True), (SetKind.UNION, False)})
DISTINCT_PAIRS = frozenset({(SetKind.INTERSECT, False), (SetKind.EXCEPT, False)})
ALL_PAIRS = frozenset({(SetKind.INTERSECT, True), (SetKind.EXCEPT, True)})
MISSING = (
    ("joins", "the source has no full join"),
    ("lateral", "the server has no LATERAL"),
    ("grouping_sets", "the source has only WITH ROLLUP"),
    ("aggregate_filter", "the source has no FILTER"),
    ("distinct_on", "the source has no DISTINCT ON"),
    ("with_ties", "the source has no WITH TIES that all versions agree on"),
    ("recursive_ctes", "the source cuts the values of a recursive query to the width of the first row"),
    ("values", "the source has no VALUES that all versions agree on"),
)


def capabilities(is_mariadb: bool, version: Version) -> Capabilities:
    """The sheet for a server: MySQL from 8.0.17, MariaDB from 10.3; older ones are only read column by column."""
    if version < ((10, 3, 0) if is_mariadb else (8, 0, 17)):
        return Capabilities(missing=(("filters", "the server is too old for exact comparisons"),))
    return Capabilities(
        filters=True,
        projections=True,
        joins=frozenset(JoinKind) - {JoinKind.FULL},
        lateral=not is_mariadb,
        set_operations=_set_operations(is_mariadb, version),
        aggregates=True,
        distinct=True,
        windows=True,
        sort=True,
        limit=True,
        ctes=True,
        subqueries=True,
        missing=MISSING,
    )


def _set_operations(is_mariadb: bool, version: Version) -> frozenset[tuple[SetKind, bool]]:
    if is_mariadb:
        return UNION | DISTINCT_PAIRS | (ALL_PAIRS if version >= (10, 5, 0) else frozenset())
    return UNION | (DISTINCT_PAIRS | ALL_PAIRS if version >= (8, 0, 31) else frozenset())
