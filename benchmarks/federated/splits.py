"""Which table of TPC-H lives where: the three distributions of Accio over two PostgreSQL databases, and one of ours.

Source: Accio: Bolt-on Query Federation, PVLDB 18(7), 2025, whose ten queries are also the ones asked by default.
"""

from dataclasses import dataclass

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
BY_SIZE = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
QUERIES = (3, 5, 7, 8, 9, 10, 12, 14, 18, 19)
"""Those of Accio."""
PRIMARY_KEYS = {
    "customer": "c_custkey",
    "lineitem": "l_orderkey, l_linenumber",
    "nation": "n_nationkey",
    "orders": "o_orderkey",
    "part": "p_partkey",
    "partsupp": "ps_partkey, ps_suppkey",
    "region": "r_regionkey",
    "supplier": "s_suppkey",
}
INDEXES = {
    "customer": ("c_nationkey",),
    "lineitem": ("l_partkey", "l_suppkey"),
    "nation": ("n_regionkey",),
    "orders": ("o_custkey",),
    "partsupp": ("ps_suppkey",),
    "supplier": ("s_nationkey",),
}
"""The foreign keys that no primary key begins with."""


@dataclass(frozen=True)
class Place:
    """One source of a split: its kind (postgres, mysql, files) and its tables."""

    kind: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """A distribution of the eight tables."""

    name: str
    places: dict[str, Place]


def _apart(name: str, *apart: str) -> Split:
    rest = tuple(table for table in TABLES if table not in apart)
    return Split(name, {"one": Place("postgres", rest), "two": Place("postgres", apart)})


SPLITS = {
    split.name: split
    for split in (
        _apart("A", "part", "partsupp"),
        _apart("B", "lineitem", "orders"),
        _apart("C", "customer", "nation", "region", "supplier"),
        Split(
            "mixed",
            {
                "one": Place("postgres", ("lineitem", "orders")),
                "two": Place("mysql", ("customer", "nation", "region", "supplier")),
                "lake": Place("files", ("part", "partsupp")),
            },
        ),
    )
}
