"""Which statements the catalog database gets, with names that only look like the catalog's."""

from __future__ import annotations

import pytest

from hanse.errors import Unsupported
from hanse.server.pgcatalog import About, classify, is_about_catalog

CATALOG = [
    "SELECT version()",
    "select pg_catalog.version()",
    "SELECT current_schema",
    "SELECT CURRENT_USER, session_user, user",
    "SELECT current_setting('TimeZone')",
    "SELECT 'crm.customers'::regclass",
    "SELECT 'crm.customers'::pg_catalog.regclass::oid",
    "SELECT relname FROM pg_class",
    'SELECT relname FROM "pg_class"',
    "SELECT relname FROM PG_CATALOG.PG_CLASS",
    "TABLE pg_namespace",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM hanse.information_schema.tables",
    "WITH t AS (SELECT * FROM pg_class) SELECT * FROM t",
    "WITH RECURSIVE t AS (SELECT oid FROM pg_class UNION ALL SELECT oid FROM t) SELECT * FROM t",
    "SELECT * FROM unnest(current_schemas(true))",
    "SELECT * FROM pg_get_keywords()",
    "SELECT (SELECT count(*) FROM pg_class)",
    "/* of customers */ SELECT 1 FROM pg_class -- crm.customers",
    "SELECT t.select FROM (SELECT relname AS select FROM pg_class) t",
    "SELECT 1 FROM pg_type WHERE oid = any('{1}'::oid[])",
]
DATA = [
    "SELECT 1",
    "SELECT 'pg_class'",
    "SELECT 'select * from pg_class'",
    "SELECT 1 -- from pg_class",
    "SELECT /* version() */ 1",
    "SELECT version FROM crm.releases",
    'SELECT "version"() FROM crm.releases',
    "SELECT current_schema FROM crm.releases",
    "SELECT version, format_type, current_setting FROM crm.settings",
    'SELECT "user" FROM crm.orders',
    'SELECT "current_user" FROM crm.orders',
    'SELECT "user"',
    "SELECT pg_class FROM crm.customers",
    "SELECT pg_class.id FROM crm.customers AS pg_class",
    "SELECT * FROM crm.pg_class",
    'SELECT * FROM "PG_CLASS"',
    "SELECT * FROM crm.information_schema",
    'SELECT * FROM "information_schema.tables"',
    "SELECT * FROM tables",
    "SELECT * FROM pg_statement_of_ours",
    "WITH pg_class AS (SELECT 1 AS a) SELECT * FROM pg_class",
    "SELECT * FROM (WITH pg_class AS (SELECT id FROM crm.customers) SELECT * FROM pg_class) t",
    "SELECT current_user, count(*) FROM crm.customers",
    "SHOW search_path",
    "SET search_path = pg_catalog",
    "EXPLAIN SELECT * FROM pg_class",
    "INSERT INTO pg_class VALUES (1)",
    "SELECT * FROM pg_class; DROP TABLE crm.customers",
    "SELECT * FROM pg_class STRICT",
    "SELECT FROM WHERE pg_class",
    "'",
    "",
]
BOTH = [
    "SELECT * FROM pg_class, crm.customers",
    "SELECT * FROM crm.customers WHERE name IN (SELECT relname FROM pg_class)",
    "WITH pg_class AS (SELECT * FROM pg_class) SELECT * FROM pg_class, crm.customers",
    "SELECT * FROM pg_catalog.pg_class c JOIN (WITH pg_class AS (SELECT id FROM crm.customers) SELECT * FROM pg_class) t ON true",
    "SELECT 1 FROM pg_class UNION ALL SELECT id FROM crm.customers",
]


@pytest.mark.parametrize("sql", CATALOG)
def test_what_is_about_the_catalog(sql: str) -> None:
    assert classify(sql) is About.CATALOG
    assert is_about_catalog(sql)


@pytest.mark.parametrize("sql", DATA)
def test_what_is_not(sql: str) -> None:
    assert classify(sql) is About.DATA
    assert not is_about_catalog(sql)


@pytest.mark.parametrize("sql", BOTH)
def test_what_nobody_can_answer(sql: str) -> None:
    assert classify(sql) is About.BOTH
    with pytest.raises(Unsupported, match="cannot read the catalog and tables of sources"):
        is_about_catalog(sql)
