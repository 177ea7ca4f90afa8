"""What is wrong is said in PostgreSQL's terms: SQLSTATE, message, the place in the text, a hint where one helps."""

import pytest

from hanse.bind.tables import Tables
from hanse.errors import HanseError, SourceUnreachable
from tests.unit.bind.world import bound

CASES = [
    # names
    ("SELECT nam FROM customers", "42703", "nam", 'column "nam" does not exist'),
    ("SELECT blob_ FROM customers", "42703", "blob_", 'column "blob_" cannot be read: no carrier for geometry'),
    ("SELECT region FROM customers GROUP BY region QUALIFY rank() OVER () = 1 AND name = 'x'", "42803", "name", None),
    ("SELECT c.nope FROM customers c", "42703", "c.nope", 'column "c.nope" does not exist'),
    ("SELECT d.id FROM customers c", "42P01", "d.id", 'missing FROM-clause entry for table "d"'),
    (
        "SELECT customers.id FROM customers c",
        "42P01",
        "customers.id",
        'missing FROM-clause entry for table "customers"',
    ),
    ("SELECT d.* FROM customers c", "42P01", "d.*", 'missing FROM-clause entry for table "d"'),
    ("SELECT * FROM custmers", "42P01", "custmers", 'relation "custmers" does not exist'),
    ("SELECT * FROM crm.ordrs", "42P01", "crm.ordrs", 'relation "crm.ordrs" does not exist'),
    ("SELECT * FROM t", "42P09", "t", 'relation "t" is ambiguous'),
    ('SELECT * FROM "Customers"', "42P01", '"Customers"', 'relation "Customers" does not exist'),
    ("SELECT t.a FROM crm.t, shop.t", "42P09", "t.a FROM", 'table reference "t" is ambiguous'),
    ("SELECT id FROM customers, orders", "42702", "id FROM", 'column reference "id" is ambiguous'),
    ('SELECT iD2 FROM lake.events WHERE Id2 = 1 AND "Id2" = 1', "42703", '"Id2"', 'column "Id2" does not exist'),
    ("SELECT * FROM customers c, orders c", "42712", "orders c", 'table name "c" specified more than once'),
    ("SELECT customers FROM customers", "0A000", "customers", "a whole row as a value is not supported"),
    ("SELECT id + 1 AS x FROM customers WHERE x = 1", "42703", "x = 1", 'column "x" does not exist'),
    ("SELECT * FROM customers c, (SELECT c.id) x", "42P01", "c.id", 'missing FROM-clause entry for table "c"'),
    ("SELECT foo(1)", "42883", "foo", "function foo does not exist"),
    ("SELECT app.lower('x')", "42883", "app", "function app.lower does not exist"),
    ("SELECT 1::foo", "42704", "foo", 'type "foo" does not exist'),
    ("SELECT rank() OVER z FROM customers", "42704", "z FROM", 'window "z" does not exist'),
    # types
    ("SELECT id = name FROM customers", "42883", "id", "operator does not exist: integer = text"),
    ("SELECT lower(1)", "42883", "lower", "function lower(integer) does not exist"),
    ("SELECT CASE WHEN id THEN 1 END FROM customers", "42804", "id", "integer is not boolean"),
    ("SELECT 1 WHERE 5", "42804", "5", "integer is not boolean"),
    ("SELECT id FROM customers WHERE born >= '1994-13-01'", "22008", "'1994", None),
    ("SELECT DATE '1994-02-30'", "22008", "'1994", 'date/time field value out of range: "1994-02-30"'),
    ("SELECT DATE 'soon'", "22007", "'soon", 'invalid input for type date: "soon"'),
    ("SELECT DATE '4714-11-23 BC'", "22008", "'4714", None),
    ("SELECT DATE '300000-01-01'", "22008", "'300000", None),
    ("SELECT TIMESTAMPTZ '2024-01-01 12:00 Mars/Base'", "22023", "'2024", 'time zone "mars/base" not recognized'),
    ("SELECT TIMESTAMPTZ '2024-01-01 12:00 XYZ'", "22007", "'2024", None),
    ("SELECT 0x", "42601", "0x", 'trailing junk after numeric literal at or near "0x"'),
    ("SELECT 1_000__5", "42601", "1_000", None),
    ("SELECT id + 'a' FROM customers", "22P02", "'a'", 'invalid input for type integer: "a"'),
    ("SELECT CASE WHEN true THEN 1 ELSE 'a' END", "22P02", "'a'", 'invalid input for type integer: "a"'),
    ("SELECT 1 UNION SELECT 'a'", "22P02", "'a'", 'invalid input for type integer: "a"'),
    ("SELECT 1 UNION SELECT name FROM customers", "42804", "1 UNION", "UNION types integer and text cannot be matched"),
    ("SELECT 12345678901234567890123456789012345678901234567890.5", "22003", "12345", None),
    ("SELECT CAST(id AS timestamp(3)) FROM customers", "0A000", "3)", None),
    (
        "SELECT id FROM customers c WHERE (c.id, name) IN (SELECT id FROM orders)",
        "42601",
        "id FROM orders",
        "subquery has too few columns",
    ),
    ("SELECT (SELECT id, name FROM customers)", "42601", "id, name", "subquery must return only one column"),
    # aggregates and windows
    (
        "SELECT name, count(*) FROM customers",
        "42803",
        "name",
        'column "name" must appear in the GROUP BY clause or be used in an aggregate function',
    ),
    ("SELECT count(*) FROM customers HAVING region = 'x'", "42803", "region", None),
    ("SELECT count(*) FROM customers ORDER BY region", "42803", "region", None),
    ("SELECT max(id) FROM customers GROUP BY name ORDER BY region", "42803", "region", None),
    ("SELECT region, (SELECT c.id) FROM customers c GROUP BY region", "42803", "c.id", None),
    ("SELECT name FROM customers GROUP BY ROLLUP (id)", "42803", "name", None),
    ("SELECT sum(count(*)) OVER (PARTITION BY name) FROM customers GROUP BY region", "42803", "name", None),
    ("SELECT 1 FROM customers WHERE sum(id) > 1", "42803", "sum", "aggregate functions are not allowed in WHERE"),
    ("SELECT 1 FROM customers GROUP BY sum(id)", "42803", "sum", "aggregate functions are not allowed in GROUP BY"),
    (
        "SELECT 1 FROM customers JOIN orders ON sum(total) > 1",
        "42803",
        "sum",
        "aggregate functions are not allowed in JOIN conditions",
    ),
    ("SELECT max(count(*)) FROM customers", "42803", "count", None),
    ("SELECT rank() FROM customers", "42809", "rank", "window function rank requires an OVER clause"),
    ("SELECT 1 FROM customers WHERE rank() OVER () = 1", "42P20", "rank", "window functions are not allowed in WHERE"),
    ("SELECT lower(DISTINCT name) FROM customers", "42809", "lower", None),
    (
        "SELECT grouping(name) FROM customers GROUP BY region",
        "42803",
        "name",
        "arguments to GROUPING must be grouping expressions of the query",
    ),
    ("SELECT id FROM customers WHERE EXISTS (SELECT sum(customers.id) FROM orders)", "0A000", "sum", None),
    ("SELECT sum(id) OVER (ORDER BY name RANGE 1 PRECEDING) FROM customers", "0A000", "1 PREC", None),
    # clauses
    ("SELECT id FROM customers ORDER BY 3", "42P10", "3", "ORDER BY position 3 is not in select list"),
    ("SELECT id FROM customers GROUP BY 2", "42P10", "2", "GROUP BY position 2 is not in select list"),
    ("SELECT id FROM customers ORDER BY 'x'", "42601", "'x'", "non-integer constant in ORDER BY"),
    ("SELECT id AS a, name AS a FROM customers ORDER BY a", "42702", "a", None),
    (
        "SELECT DISTINCT region FROM customers ORDER BY born",
        "42P10",
        None,
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
    ),
    (
        "SELECT DISTINCT ON (region) name FROM customers ORDER BY born",
        "42P10",
        None,
        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
    ),
    ("SELECT id FROM customers UNION SELECT 2 ORDER BY id + 1", "0A000", "id + 1", None),
    ("SELECT 1 LIMIT 1 UNION SELECT 2", "42601", None, None),
    ("SELECT sum(id) OVER (w ORDER BY id) FROM customers WINDOW w AS (ORDER BY name)", "42P20", None, None),
    ("SELECT 1, 2 UNION SELECT 3", "42601", None, "each UNION query must have the same number of columns"),
    ("VALUES (1), (2, 3)", "42601", None, "VALUES lists must all be the same length"),
    ("SELECT id FROM customers LIMIT -1", "2201W", None, "LIMIT must not be negative"),
    ("SELECT id FROM customers LIMIT id", "42P10", "id", None),
    (
        "SELECT id FROM customers FETCH FIRST 2 ROWS WITH TIES",
        "42601",
        None,
        "WITH TIES cannot be specified without ORDER BY clause",
    ),
    ("SELECT * FROM customers JOIN orders", "42601", "orders", "JOIN needs ON or USING"),
    (
        "SELECT * FROM customers JOIN orders USING (nope)",
        "42703",
        "nope",
        'column "nope" specified in USING clause does not exist in left table',
    ),
    ("SELECT * FROM crm.t x RIGHT JOIN LATERAL (SELECT x.a) y ON true", "42P10", "x.a", None),
    ("SELECT * FROM generate_series(1, 2) AS g (a, b)", "42P10", "g", None),
    ("SELECT *", "42601", "*", "SELECT * with no tables specified is not valid"),
    ("SELECT id FROM customers WHERE id IN ()", "42601", "id IN", "IN needs a list or a subquery"),
    ("WITH x AS (SELECT 1), x AS (SELECT 2) SELECT 1", "42712", None, 'WITH query name "x" specified more than once'),
    ("WITH x (a, b) AS (SELECT 1) SELECT 1", "42P10", "x", None),
    ("WITH x AS (SELECT nope FROM customers) SELECT 1", "42703", "nope", None),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n || 'a' FROM r) SELECT 1", "42804", "r AS", None),
    ("WITH RECURSIVE r AS (SELECT n FROM r) SELECT 1", "42P19", "r AS", None),
    # what Hanse does not do
    (
        "WITH x AS (DELETE FROM t RETURNING 1) SELECT 1",
        "42601",
        "t RETURN",
        "only queries are possible in WITH: Hanse only reads",
    ),
    ("SELECT id FROM customers FOR UPDATE", "0A000", None, "FOR UPDATE is not supported in SELECT"),
    ("SELECT id INTO x FROM customers", "0A000", "x", "INTO (Hanse only reads) is not supported in SELECT"),
    ("SELECT id FROM customers TABLESAMPLE BERNOULLI (10)", "0A000", None, "TABLESAMPLE is not supported in FROM"),
    ('SELECT name COLLATE "de_DE" FROM customers', "0A000", "name", 'collation "de_de" is not supported'),
    ("SELECT FROM customers", "0A000", None, "the query has no columns"),
    ("SELECT (1, 2)", "0A000", "1", "values of a row type are not supported"),
    ("SELECT x'ff'", "0A000", "x'", "bit strings are not supported"),
    ("SELECT current_time", "0A000", None, "time with time zone is not supported"),
    ("SELECT generate_series(1, 2), regexp_matches('a', 'a')", "0A000", None, None),
    ("SELECT generate_series(1, 2), json_each('{}')", "0A000", "json_each", "json_each yields several columns"),
    ("SELECT * FROM ROWS FROM (generate_series(1, 2) AS x)", "0A000", None, None),
    ("SELECT (1, 2) OVERLAPS (3, 4)", "42883", None, "OVERLAPS does not take (integer, integer, integer, integer)"),
    (
        "SELECT (born, name) OVERLAPS (born, born) FROM customers",
        "42883",
        None,
        "OVERLAPS does not take (date, text, date, date)",
    ),
    ("SELECT born OVERLAPS born FROM customers", "42601", None, None),
    ("SELECT 1 FROM customers WHERE unnest(ARRAY[1]) = 1", "0A000", "unnest", None),
    ("SELECT ?", "42601", None, None),
]


@pytest.mark.parametrize(("sql", "code", "at", "message"), CASES, ids=[case[0] for case in CASES])
def test_errors(sql, code, at, message):
    with pytest.raises(HanseError) as caught:
        bound(sql)
    error = caught.value
    assert error.kind == "user"
    if code is not None:
        assert error.code == code
    if message is not None:
        assert error.message == message
    if at is not None:
        assert error.position is not None
        assert sql[error.position :].startswith(at)


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT nam FROM customers", "did you mean name?"),
        ("SELECT * FROM custmers", "did you mean crm.public.customers?"),
        ("SELECT * FROM t", "it may be crm.public.t, shop.main.t, shop.other.t"),
        ("SELECT * FROM nosuch.x", "sources are crm, erp, lake, shop"),
        ("SELECT lowr('x')", "did you mean lower?"),
    ],
)
def test_hints(sql, hint):
    with pytest.raises(HanseError) as caught:
        bound(sql)
    assert caught.value.hint == hint


def test_a_source_without_tables_is_known_too():
    tables = Tables((), {"sales": "public"})
    with pytest.raises(HanseError) as caught:
        tables.find((("sales", False), ("orders", False)))
    assert caught.value.hint == "source sales shows no table: look at its options and at the rights of its user"
    with pytest.raises(HanseError) as caught:
        tables.find((("shop", False), ("orders", False)))
    assert caught.value.hint == "sources are sales"


def test_a_source_that_could_not_be_read_gives_its_reason():
    with pytest.raises(SourceUnreachable) as caught:
        bound("SELECT * FROM erp.invoices")
    assert (caught.value.source, caught.value.message, caught.value.position) == ("erp", "connection refused", 14)


def test_depth_never_ends_in_a_recursion_error():
    for sql in (
        "SELECT " + "(SELECT " * 45 + "1" + ")" * 45,
        "SELECT " + "abs(" * 60 + "1" + ")" * 60,
        "SELECT " + " + ".join(["1"] * 150),
        "SELECT * FROM " + "(SELECT * FROM " * 45 + "customers" + ") x" * 45,
    ):
        try:
            bound(sql)
        except HanseError as error:
            assert error.code == "54001"  # noqa: PT017
