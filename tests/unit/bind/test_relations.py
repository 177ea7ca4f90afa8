"""FROM: tables by name, joins, derived tables, functions, WITH, set operations."""

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import types as t
from tests.unit.bind.world import bound, names, nodes, shape


def scanned(sql: str, **options: object) -> list[str]:
    return [str(node.table) for node in nodes(bound(sql, **options).plan, p.Scan)]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("customers", "crm.public.customers"),
        ("CUSTOMERS", "crm.public.customers"),
        ("crm.customers", "crm.public.customers"),
        ("crm.public.customers", "crm.public.customers"),
        ("public.customers", "crm.public.customers"),
        ("shop.t", "shop.main.t"),
        ("shop.other.t", "shop.other.t"),
        ("other.t", "shop.other.t"),
        ("events", "lake.main.Events"),
        ('lake."Events"', "lake.main.Events"),
        ('"shop.other".t', "shop.other.t"),
        ('"shop.main".t', "shop.main.t"),
        ('"crm.public"."customers"', "crm.public.customers"),
    ],
)
def test_tables_by_name(name, table):
    assert scanned(f"SELECT 1 FROM {name}") == [table]


def test_the_search_path_decides_between_equals():
    assert scanned("SELECT 1 FROM t", path=("crm",)) == ["crm.public.t"]
    assert scanned("SELECT 1 FROM t", path=("shop",)) == ["shop.main.t"]
    assert scanned("SELECT 1 FROM t", path=("shop.other", "crm")) == ["shop.other.t"]


def test_every_scan_passes_the_guard():
    plan = bound("SELECT (SELECT max(id) FROM orders) FROM customers WHERE id IN (SELECT a FROM crm.t)").plan
    guards = nodes(plan, p.Guard)
    assert len(guards) == 3
    assert all(isinstance(guard.input, p.Scan) for guard in guards)


def test_columns_match_exactly_then_without_case():
    assert shape("SELECT ID FROM lake.events") == ["id integer"]
    assert shape('SELECT id2, "ID2", e.Id FROM lake.events e') == ["id2 integer", "ID2 integer", "id integer"]


def test_columns_of_a_schema_that_is_one_name():
    assert shape('SELECT "shop.other"."t"."d" FROM "shop.other"."t"') == shape("SELECT d FROM shop.other.t")
    assert shape('SELECT "shop.other"."t".* FROM "shop.other"."t"') == shape("SELECT * FROM shop.other.t")


def test_tables_of_two_sources_may_share_a_name():
    assert shape("SELECT crm.t.b, shop.t.c FROM crm.t JOIN shop.t ON crm.t.a = shop.t.a") == ["b integer", "c bigint"]


@pytest.mark.parametrize(
    ("join", "kind"),
    [
        (", shop.t y WHERE true", p.JoinKind.INNER),
        ("CROSS JOIN shop.t y", p.JoinKind.INNER),
        ("JOIN shop.t y ON x.a = y.a", p.JoinKind.INNER),
        ("LEFT JOIN shop.t y ON x.a = y.a", p.JoinKind.LEFT),
        ("RIGHT OUTER JOIN shop.t y ON x.a = y.a", p.JoinKind.RIGHT),
        ("FULL JOIN shop.t y ON x.a = y.a", p.JoinKind.FULL),
        ("NATURAL LEFT JOIN shop.t y", p.JoinKind.LEFT),
    ],
)
def test_join_kinds(join, kind):
    found = nodes(bound(f"SELECT 1 FROM crm.t x {join}").plan, p.Join)[0]
    assert (found.kind, found.lateral) == (kind, False)


def test_commas_bind_less_than_joins():
    plan = bound("SELECT * FROM customers, crm.t RIGHT JOIN orders ON orders.id = t.a").plan
    outer = nodes(plan, p.Join)[0]
    assert outer.kind is p.JoinKind.INNER
    assert outer.right.kind is p.JoinKind.RIGHT


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("crm.t x JOIN shop.t y USING (a)", "a b x c"),
        ("crm.t x RIGHT JOIN shop.t y USING (a)", "a b x c"),
        ("crm.t x FULL JOIN shop.t y USING (a)", "a b x c"),
        ("crm.t x NATURAL JOIN shop.t y", "a b x c"),
        ("crm.t x JOIN shop.t y USING (a) JOIN shop.other.t z USING (a)", "a b x c d"),
        ("crm.t x CROSS JOIN shop.t y", "a b x a c"),
        ("(crm.t x JOIN shop.t y USING (a)) JOIN customers ON id = a", "a b x c id name region born Mixed"),
        ("(crm.t x CROSS JOIN shop.t y) AS z (k)", "k b x a c"),
    ],
)
def test_star_over_joins(sql, columns):
    assert [c.name for c in bound(f"SELECT * FROM {sql}").columns] == columns.split()


def test_a_full_join_merges_with_coalesce_and_keeps_both_sides_reachable():
    plan = bound("SELECT a, x.a, y.a FROM crm.t x FULL JOIN shop.t y USING (a)").plan
    merged = [expr for node in nodes(plan, p.Project) for _, expr in node.items if isinstance(expr, e.Call)]
    assert [call.name for call in merged] == ["coalesce"]
    assert len({column.id for column in plan.columns}) == 3


def test_using_over_different_types_has_the_common_one():
    assert shape("SELECT id FROM customers JOIN orders USING (id)") == ["id bigint"]
    assert shape("SELECT customers.id FROM customers JOIN orders USING (id)") == ["id integer"]


def test_lateral_is_marked_where_it_is_used():
    sql = "SELECT * FROM orders o LEFT JOIN LATERAL (SELECT * FROM customers WHERE id = o.customer_id) c ON true"
    assert nodes(bound(sql).plan, p.Join)[0].lateral
    assert not nodes(bound("SELECT * FROM orders, LATERAL (SELECT 1) x").plan, p.Join)[0].lateral
    query = bound("SELECT u.* FROM orders o, unnest(o.tags) WITH ORDINALITY AS u (tag, n)")
    assert nodes(query.plan, p.Join)[0].lateral
    assert [f"{c.name} {c.type}" for c in query.columns] == ["tag text", "n bigint"]


def test_the_alias_of_a_function_names_its_value():
    assert shape("SELECT j, v.j FROM json_array_elements('[1]') j, unnest(ARRAY[1]) v (j)") == [
        "j integer",
        "j integer",
    ]
    assert shape("SELECT j FROM json_array_elements('[1]') j") == ["j json"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("generate_series(1, 3)", "generate_series integer"),
        ("generate_series(1, 3) g", "g integer"),
        ("generate_series(1, 3) AS g (i)", "i integer"),
        ("generate_series(1, 3) WITH ORDINALITY", "generate_series integer,ordinality bigint"),
        ("generate_series(DATE '2020-01-01', now(), INTERVAL '1 day') d", "d timestamptz"),
        ("unnest(ARRAY[1, 2], ARRAY['a']) AS u (x, y)", "x integer,y text"),
        ("json_each('{}') j", "key text,value json"),
        ("json_array_elements_text('[]') j", "value text"),
        ("regexp_split_to_table('a b', ' ') w", "w text"),
        ("(VALUES (1, 'a')) AS v (n)", "n integer,column2 text"),
        ("(SELECT 1 AS a)", "a integer"),
        ("(SELECT 1 AS a UNION SELECT 2) AS u (b)", "b integer"),
    ],
)
def test_other_relations(sql, expected):
    assert ",".join(shape(f"SELECT * FROM {sql}")) == expected


def test_with_is_put_in_place_when_read_once():
    once = bound("WITH c AS (SELECT id FROM customers) SELECT * FROM c").plan
    assert not nodes(once, p.Cte)
    kept = bound("WITH c AS MATERIALIZED (SELECT id FROM customers) SELECT * FROM c").plan
    assert isinstance(kept, p.Cte)
    twice = bound("WITH c AS (SELECT id FROM customers) SELECT * FROM c, c d").plan
    assert isinstance(twice, p.Cte)
    assert len(nodes(twice, p.CteScan)) == 2
    repeated = bound("WITH c AS NOT MATERIALIZED (SELECT id FROM customers) SELECT * FROM c, c d").plan
    assert not nodes(repeated, p.Cte)
    assert len(nodes(repeated, p.Scan)) == 2
    unread = bound("WITH c AS (SELECT id FROM customers) SELECT 1").plan
    assert not nodes(unread, p.Scan)


def test_with_nests_shadows_and_renames():
    sql = """WITH c (k) AS (SELECT id FROM customers), d AS (SELECT k AS n FROM c)
             SELECT n, (WITH c AS (SELECT 'inner' AS w) SELECT w FROM c) FROM d WHERE n IN (SELECT k FROM c)"""
    plan = bound(sql).plan
    assert shape(sql) == ["n integer", "w text"]
    assert names(plan)[0] == "Cte"
    assert len(nodes(plan, p.Cte)) == 1


def test_recursion():
    plan = bound("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r").plan
    assert isinstance(plan, p.Cte)
    assert plan.recursive
    assert isinstance(plan.definition, p.SetOperation)
    scan = nodes(plan.definition.right, p.CteScan)[0]
    assert [c.type for c in scan.columns] == [c.type for c in plan.definition.columns] == [t.INT32]


def test_recursion_over_exact_numbers_has_room():
    assert shape("WITH RECURSIVE r AS (SELECT 1.5 AS n UNION ALL SELECT n * 1.1 FROM r) SELECT * FROM r") == [
        "n numeric(38,2)"
    ]


def test_set_operations_unify_by_position():
    assert shape("SELECT 1 AS a UNION SELECT 2.5 UNION SELECT NULL ORDER BY a") == ["a numeric(11,1)"]
    assert shape("SELECT '2020-01-01' AS d UNION ALL SELECT born FROM customers") == ["d date"]
    assert shape("SELECT NULL UNION SELECT NULL") == ["?column? text"]
    plan = bound("SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4").plan
    assert [(n.kind, n.all) for n in nodes(plan, p.SetOperation)] == [
        (p.SetKind.EXCEPT, False),
        (p.SetKind.UNION, True),
        (p.SetKind.INTERSECT, False),
    ]


def test_a_long_union_is_a_shallow_tree():
    plan = bound(" UNION ALL ".join(["SELECT id FROM customers"] * 300)).plan
    depth = 0
    while isinstance(plan, p.SetOperation):
        plan, depth = plan.left, depth + 1
    assert depth == 9


def test_the_sides_of_a_set_operation_keep_their_own_order_and_limit():
    plan = bound("(SELECT id FROM customers ORDER BY born LIMIT 1) UNION ALL SELECT 2 ORDER BY id LIMIT 3").plan
    assert names(plan)[:3] == ["Limit", "Sort", "SetOperation"]
    assert len(nodes(plan, p.Limit)) == 2
