"""What the catalog says of sources: names, types, paths, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hanse.errors import UnknownName, Unsupported, UserError
from hanse.server.pgcatalog import CatalogDatabase, Client, Named
from hanse.server.pgcatalog import types as t
from tests.contract.pgcatalog.world import snapshot

ANN = Client("ann", "hanse")


@pytest.fixture(scope="module")
def ours() -> Iterator[CatalogDatabase]:
    database = CatalogDatabase(snapshot(), "hanse", ("ann", "bob"))
    yield database
    database.close()


def rows(ours: CatalogDatabase, sql: str, client: Client = ANN, *parameters: Any) -> list[tuple[Any, ...]]:
    return ours.query(sql, client, parameters).rows


def test_a_source_is_a_schema_and_its_other_schemas_are_beside_it(ours: CatalogDatabase) -> None:
    found = rows(
        ours,
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema !~ '^(pg_|inf)' ORDER BY 1, 2",
    )
    assert found == [
        ("crm", "customers"),
        ("crm", "orders"),
        ("crm", "rich"),
        ("crm.archive", "orders"),
        ("files", "events"),
    ]


def test_what_is_not_listed_is_not_there(ours: CatalogDatabase) -> None:
    assert rows(ours, "SELECT 1 FROM pg_namespace WHERE nspname = 'system'") == []
    assert rows(ours, "SELECT to_regclass('system.queries')") == [(None,)]


def test_a_name_that_is_alone_is_visible(ours: CatalogDatabase) -> None:
    sql = "SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relkind IN ('r', 'v') AND relnamespace <> 11 ORDER BY 1"
    assert rows(ours, sql) == [("customers",), ("events",), ("rich",)]
    archive = Client("ann", settings={"search_path": '"crm.archive", crm'})
    assert rows(ours, sql, archive) == [("customers",), ("events",), ("orders",), ("rich",)]
    shown = "SELECT 'orders'::regclass::oid = '\"crm.archive\".orders'::regclass, 'orders'::regclass, 'crm.orders'::regclass"
    assert [str(one) for one in rows(ours, shown, archive)[0]] == ["True", "orders", "crm.orders"]
    with pytest.raises(UnknownName, match='relation "orders" does not exist'):
        rows(ours, "SELECT 'orders'::regclass")


def test_oids_outlive_refreshes(ours: CatalogDatabase) -> None:
    again = CatalogDatabase(snapshot(2), "hanse")
    sql = "SELECT oid, relname FROM pg_class ORDER BY oid"
    assert again.version == 2
    assert rows(again, sql) == rows(ours, sql)
    again.close()


def test_oids_are_unique(ours: CatalogDatabase) -> None:
    for relation in ("pg_class", "pg_constraint", "pg_namespace", "pg_type", "pg_authid"):
        assert rows(ours, f"SELECT count(*) - count(DISTINCT oid) FROM {relation}") == [(0,)]


def test_names_of_oids_are_numbers_in_binary(ours: CatalogDatabase) -> None:
    ((shown,),) = rows(ours, "SELECT oid::regclass FROM pg_class WHERE relname = 'pg_class'")
    assert isinstance(shown, Named)
    assert (int(shown), str(shown)) == (1259, "pg_class")


def test_who_asks(ours: CatalogDatabase) -> None:
    client = Client(
        "bob", "hanse", {"application_name": "psql", "hanse.partial_results": "on"}, 77, "PostgreSQL 15.0 of ours"
    )
    sql = "SELECT current_user, session_user, user, current_database(), current_catalog, pg_backend_pid(), version()"
    assert rows(ours, sql, client) == [("bob", "bob", "bob", "hanse", "hanse", 77, "PostgreSQL 15.0 of ours")]
    assert rows(ours, "SELECT current_setting('HANSE.partial_results'), current_setting('nope', true)", client) == [
        ("on", None)
    ]
    assert rows(ours, "SELECT setting FROM pg_settings WHERE name = 'hanse.partial_results'", client) == [("on",)]
    assert rows(ours, "SELECT rolname FROM pg_roles ORDER BY 1") == [("ann",), ("bob",), ("hanse",)]
    with pytest.raises(UnknownName) as failure:
        rows(ours, "SELECT current_setting('nope')")
    assert failure.value.code == "42704"


def test_settings_that_a_statement_changes_are_told(ours: CatalogDatabase) -> None:
    answer = ours.query("SELECT set_config('search_path', 'crm', false)", ANN)
    assert answer.rows == [("crm",)]
    assert answer.changed == {"search_path": ("crm", False)}


def test_parameters_have_types(ours: CatalogDatabase) -> None:
    sql = "SELECT relname FROM pg_class WHERE oid = $1 AND relname = $2 AND relkind = ANY ($3) AND $4::bool LIMIT $5"
    assert ours.describe(sql, ANN).parameters == (t.OID, t.NAME, 1002, t.BOOL, t.INT8)
    assert ours.describe(sql, ANN, (0, t.TEXT)).parameters == (t.OID, t.TEXT, 1002, t.BOOL, t.INT8)
    assert rows(ours, sql, ANN, "1259", "pg_class", ["r", "v"], True, 3) == [("pg_class",)]
    with pytest.raises(UserError, match="5 parameters, and 1 are given"):
        rows(ours, sql, ANN, 1)


def test_arrays_that_begin_with_zero(ours: CatalogDatabase) -> None:
    sql = """SELECT indkey[0], indkey[1], array_upper(indkey, 1), array_lower(indkey, 1), generate_subscripts(indkey, 1), conkey[1], conkey[0],
      (information_schema._pg_expandarray(indkey)).n FROM pg_index JOIN pg_constraint ON conindid = indexrelid WHERE conname = 'orders_pkey'"""
    assert rows(ours, sql) == [(1, None, 0, 0, 0, 1, None, 1)]


def test_other_databases_are_not_here(ours: CatalogDatabase) -> None:
    assert rows(ours, "SELECT count(*) FROM hanse.pg_catalog.pg_database") == [(1,)]
    with pytest.raises(Unsupported, match="cross-database references"):
        rows(ours, "SELECT count(*) FROM crm.pg_catalog.pg_database")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nothing FROM pg_class", "42703"),
        ("SELECT * FROM pg_catalog.nothing", "42P01"),
        ("SELECT pg_nothing() FROM pg_class", "42883"),
        ("SELECT crm.version() FROM pg_class", "3F000"),
        ("SELECT 1 FROM pg_class WHERE crm.version() = relname", "3F000"),
        ("SELECT 'x'::nothing FROM pg_class", "42704"),
        ("SELECT 'nothing'::regtype", "42704"),
        ("SELECT 'x'::int FROM pg_class", "22P02"),
    ],
)
def test_what_does_not_exist(ours: CatalogDatabase, sql: str, code: str) -> None:
    with pytest.raises(UserError) as failure:
        rows(ours, sql)
    assert failure.value.code == code
