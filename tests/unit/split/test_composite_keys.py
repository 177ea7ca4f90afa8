"""Keys of several columns: when whole rows of values are sent, when single columns, and when neither is right."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph
from hanse.ir.tables import ColumnStatistics, TableStatistics
from hanse.ir.text import tree
from hanse.optimize.estimate import Estimator
from hanse.spi.keys import KeyCosts
from hanse.spi.snapshot import SourceCatalog
from hanse.split import split
from tests.unit.plans import ALL, SOURCES, Plans, Sheet, both, eq, join, ref, source


class Rows(Sheet):
    """Takes keys of several columns."""

    takes_key_rows = True


def able(name: str, **capabilities: bool) -> SourceCatalog:
    return replace(source(name, replace(ALL, **capabilities)), dialect=Rows())


ABLE = {**SOURCES, **{name: able(name) for name in ("crm", "sales")}}


@pytest.fixture
def make() -> Plans:
    return Plans()


def graph_of(plan: p.Plan, key_shipping: str = "force", **sources: SourceCatalog) -> FragmentGraph:
    return split(plan, ABLE | sources, key_shipping=key_shipping, sizes=Estimator())


def holes(plan: p.Plan, key_shipping: str = "force", **sources: SourceCatalog) -> list[str]:
    """Each hole as ``source.columns -> source.columns``."""
    graph = graph_of(plan, key_shipping, **sources)
    names = {c.id: c.name for f in graph.fragments for c in f.columns}
    places = {f.id: f.source for f in graph.fragments}

    def key(fragment: int, columns: tuple[int, ...]) -> str:
        return f"{places[fragment]}.{' '.join(names[id] for id in columns)}"

    return [
        f"{' + '.join(key(o.fragment, o.columns) for o in hole.origins)} -> {key(hole.target, hole.target_columns)}"
        for hole in graph.holes
    ]


def on(a: p.Plan, b: p.Plan, *columns: str, kind: str = "inner") -> p.Join:
    return join(a, b, both(*(eq(ref(a, name), ref(b, name)) for name in columns)), kind)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("inner", ["crm.x y -> sales.x y"]),
        ("semi", ["crm.x y -> sales.x y"]),
        ("left", ["crm.x y -> sales.x y"]),
        ("anti", ["crm.x y -> sales.x y"]),
        ("right", ["sales.x y -> crm.x y"]),
        ("full", []),
    ],
)
def test_equalities_of_two_fragments_send_rows(make: Plans, kind: str, expected: list[str]) -> None:
    assert holes(on(make.scan("crm.a"), make.scan("sales.b"), "x", "y", kind=kind)) == expected


def test_the_condition_speaks_of_rows(make: Plans) -> None:
    graph = graph_of(on(make.scan("crm.a"), make.scan("sales.b"), "x", "y"))
    assert "(x, y) in keys k0" in tree(graph.fragments[1].plan)


def test_a_source_that_takes_no_rows_gets_columns(make: Plans) -> None:
    plan = on(make.scan("crm.a"), make.scan("sales.b"), "x", "y")
    assert holes(plan, sales=source("sales")) == ["crm.x -> sales.x", "crm.y -> sales.y"]


def test_keys_of_several_fragments_are_of_several_columns_each(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("bare.b"), make.scan("sales.c")
    pair = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    plan = join(pair, c, both(eq(ref(a, "x"), ref(c, "x")), eq(ref(b, "y"), ref(c, "y"))))
    assert not any("x y" in hole for hole in holes(plan))


def test_a_column_that_takes_no_keys_is_left_out_of_them(make: Plans) -> None:
    a, b = make.scan("crm.a", "id x y"), make.scan("sales.b", "id x y")
    columns = tuple(replace(c, no_pushdown="in doubt") if c.name == "y" else c for c in b.table.columns)
    doubtful = replace(b, table=replace(b.table, columns=columns))
    assert holes(on(a, doubtful, "x", "y", kind="left")) == ["crm.x -> sales.x"]


def test_keys_pass_groups_only_if_they_group_by_all_columns(make: Plans) -> None:
    grouped = {}
    for keys in (("x", "y"), ("x",)):
        b = make.scan("sales.b")
        groups = make.groups(b, *keys, y2=e.Aggregate(ref(b, "y").type, "max", (ref(b, "y"),)))
        a = make.scan("crm.a")
        other = ref(groups, "y") if "y" in keys else ref(groups, "y2")
        plan = join(a, groups, both(eq(ref(a, "x"), ref(groups, "x")), eq(ref(a, "y"), other)), "left")
        grouped[keys] = tree(next(f.plan for f in graph_of(plan).fragments if f.source == "sales"))
    assert grouped["x", "y"].startswith("Aggregate")
    assert grouped["x",].startswith("Filter: (x, y2) in keys")


# -- by statistics


def table(make: Plans, name: str, rows: int, indexes: tuple[tuple[str, ...], ...] = (), **distinct: int) -> p.Scan:
    scan = make.scan(name, "id x y")
    known = {column: ColumnStatistics(float(count), 0.0) for column, count in distinct.items()}
    facts = {"row_count": rows, "primary_key": ("id",), "indexes": indexes}
    return replace(scan, table=replace(scan.table, statistics=TableStatistics(float(rows), known), **facts))


def items(make: Plans, indexes: tuple[tuple[str, ...], ...] = (("x", "y"),)) -> p.Scan:
    """Many rows for each x and each y, few for both."""
    return table(make, "sales.items", 4_000_000, indexes, x=20_000, y=10_000)


def test_rows_are_sent_where_no_column_alone_finds_few(make: Plans) -> None:
    offers = table(make, "crm.offers", 4000, x=3500, y=3000)
    assert holes(on(offers, items(make), "x", "y"), "on") == ["crm.x y -> sales.x y"]


def test_a_column_that_is_selective_enough_is_sent_alone(make: Plans) -> None:
    offers = table(make, "crm.offers", 4000, x=10, y=3000)
    assert holes(on(offers, items(make), "x", "y"), "on")[0] == "crm.x -> sales.x"


def test_rows_that_find_everything_are_not_sent(make: Plans) -> None:
    every = table(make, "sales.items", 4_000_000, (("x", "y"),), x=200, y=100)
    for rows, expected in ((40_000, []), (2000, ["crm.x y -> sales.x y"])):
        offers = table(make, "crm.offers", rows, x=200, y=100)
        assert holes(on(offers, every, "x", "y"), "on") == expected


def test_statements_share_rows_only_where_an_index_finds_them(make: Plans) -> None:
    offers = table(make, "crm.offers", 4000, x=3500, y=3000)
    for indexes, divisible in (((("y", "x", "id"),), True), ((("x", "id"), ("id", "y")), False)):
        graph = graph_of(on(offers, items(make, indexes), "x", "y"), "on")
        assert [hole.divisible for hole in graph.holes if len(hole.target_columns) == 2] in ([divisible], [])


def test_rows_are_sent_where_nobody_knows_how_many_values_a_column_has(make: Plans) -> None:
    offers = table(make, "crm.offers", 4000, x=200, y=10)
    known = table(make, "sales.items", 400_000, (("x", "y"),), x=300_000, y=10)
    assert holes(on(offers, known, "x", "y"), "on")[0] == "crm.x -> sales.x"
    unknown = table(make, "sales.items", 400_000, (("x", "y"),), x=300_000)
    assert holes(on(offers, unknown, "x", "y"), "on") == ["crm.x y -> sales.x y"]
    uncounted = table(make, "crm.offers", 4000, x=200)
    assert holes(on(uncounted, known, "x", "y"), "on") == ["crm.x y -> sales.x y"]


def test_columns_are_sent_where_only_one_of_them_has_an_index(make: Plans) -> None:
    offers = table(make, "crm.offers", 4000, x=200)
    alone = table(make, "sales.items", 400_000, (("x",),), x=300_000)
    assert "crm.x -> sales.x" in holes(on(offers, alone, "x", "y"), "on")


def test_a_source_that_combines_indexes_badly_gets_columns(make: Plans) -> None:
    class Slow(Rows):
        key_costs = KeyCosts(apart=500.0)

    offers = table(make, "crm.offers", 4000, x=3500, y=3000)
    slow = replace(ABLE["sales"], dialect=Slow())
    each = items(make, (("x",), ("y",)))
    assert holes(on(offers, each, "x", "y"), "on") == ["crm.x y -> sales.x y"]
    assert "crm.x y -> sales.x y" not in holes(on(offers, each, "x", "y"), "on", sales=slow)
    for indexes in ((("x", "y"),), (("x",),)):
        assert holes(on(offers, items(make, indexes), "x", "y"), "on", sales=slow) == ["crm.x y -> sales.x y"]
