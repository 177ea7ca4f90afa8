"""What the catalog says: tables of every kind, keys, comments, rights, collations; fast for many tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from hanse.errors import InvalidValue
from hanse.ir import types as t
from hanse.ir.tables import Collation, HiddenColumn
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
Connect = Callable[..., object]


def test_kinds_of_tables(make: Make) -> None:
    contract = make(
        "CREATE TABLE base (i int)",
        "CREATE VIEW seen AS SELECT i FROM base",
        "CREATE MATERIALIZED VIEW kept AS SELECT i FROM base",
        "CREATE TABLE parent (i int, d date) PARTITION BY RANGE (d)",
        "CREATE TABLE child PARTITION OF parent FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "INSERT INTO parent VALUES (1, '2020-05-05')",
        "CREATE INDEX ON base (i)",
        "CREATE SEQUENCE numbers",
        "CREATE TYPE pair AS (a int)",
    )
    found = {table.name: dict(table.details)["relation"] for table in contract.catalog.tables}
    assert found == {"base": "table", "seen": "view", "kept": "materialized view", "parent": "partitioned table"}
    assert [table.name for table in contract.catalog.tables if table.is_view] == ["kept", "seen"]
    assert contract.rows(contract.scan("parent", "i")) == [(1,)]


def test_foreign_tables(make: Make, database: Database) -> None:
    contract = make(
        "CREATE EXTENSION IF NOT EXISTS file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE far (line text) SERVER files OPTIONS (filename '/dev/null')",
    )
    assert dict(contract.table("far").details)["relation"] == "foreign table"
    assert contract.rows(contract.scan("far")) == []
    database.run("DROP SERVER files CASCADE")


def test_keys(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (a int, b int, c int UNIQUE, d text, e int UNIQUE DEFERRABLE, PRIMARY KEY (b, a))",
        "CREATE UNIQUE INDEX ON v (d) INCLUDE (c)",
        "CREATE UNIQUE INDEX ON v (a) WHERE a > 0",
        "CREATE UNIQUE INDEX ON v (lower(d))",
    )
    table = contract.table("v")
    assert table.primary_key == ("b", "a")
    assert sorted(table.unique_keys) == [("c",), ("d",)]
    assert [column.name for column in table.columns if not column.nullable] == ["a", "b"]


def test_comments_and_declared_types(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (a varchar(7), b numeric(5,2)[])",
        "COMMENT ON TABLE v IS 'what people bought'",
        "COMMENT ON COLUMN v.a IS 'its name'",
    )
    table = contract.table("v")
    assert table.comment == "what people bought"
    assert table.columns[0].comment == "its name"
    assert [column.remote_type for column in table.columns] == ["character varying(7)", "numeric(5,2)[]"]


def test_dropped_columns_are_gone(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (a int, b int, c text)", "ALTER TABLE v DROP COLUMN b", "INSERT INTO v VALUES (1, 'x')"
    )
    assert contract.rows(contract.scan("v")) == [(1, "x")]


def test_collations(make: Make) -> None:
    contract = make(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        'CREATE TABLE v (a text, b text COLLATE "C", c text COLLATE loose, d text COLLATE "de-x-icu", e text COLLATE "POSIX")',
    )
    found = {column.name: column.collation for column in contract.table("v").columns}
    assert found == {
        "a": Collation("default", True, False),
        "b": Collation("C", True, True),
        "c": Collation("loose", False, False),
        "d": Collation("de-x-icu", True, False),
        "e": Collation("POSIX", True, True),
    }


def test_default_collation_of_bytes(pg_database: Callable[..., Database], connect_to: Callable[..., object]) -> None:
    database = pg_database(collation="C")
    database.run("CREATE TABLE v (a text, b char(3))")
    contract = ConnectorContract(connect_to(database.url))  # type: ignore[arg-type]
    assert {column.collation for column in contract.table("v").columns} == {Collation("default", True, True)}
    assert contract.catalog.default_schema == "public"
    assert contract.catalog.server.startswith("PostgreSQL 1")


def test_filters(database: Database, connect_to: Callable[..., object]) -> None:
    database.run(
        "CREATE SCHEMA f1",
        "CREATE SCHEMA f2",
        "CREATE TABLE f1.t_a ()",
        "CREATE TABLE f1.u ()",
        "CREATE TABLE f2.t_a ()",
    )
    try:
        options = {"schemas": ["f*"], "tables": ["t_*", "f2.*"]}
        contract = ConnectorContract(connect_to(database.url, **options))  # type: ignore[arg-type]
        assert [str(table) for table in contract.catalog.tables] == ["shop.f1.t_a", "shop.f2.t_a"]
    finally:
        database.run("DROP SCHEMA f1, f2 CASCADE")


@pytest.fixture
def guest(database: Database) -> Iterator[Database]:
    """A user who may see little."""
    database.run("CREATE ROLE guest LOGIN PASSWORD 'let me in'")
    parts = urlsplit(database.url)
    netloc = f"guest:let%20me%20in@{parts.hostname}:{parts.port}"
    yield Database(database.name, urlunsplit(parts._replace(netloc=netloc)))
    database.run("DROP OWNED BY guest", "DROP ROLE guest")


def test_rights(make: Make, guest: Database, database: Database, connect_to: Callable[..., object]) -> None:
    owner = make(
        "CREATE TABLE v (a int PRIMARY KEY, secret text)", "CREATE TABLE w (a int)", "INSERT INTO v VALUES (1, 'x')"
    )
    schema = owner.table("v").schema
    database.run(f"GRANT SELECT (a) ON {schema}.v TO guest")
    contract = ConnectorContract(connect_to(guest.url, schemas=[schema]))  # type: ignore[arg-type]
    assert contract.table("v").columns == ()
    assert contract.table("v").hidden[0] == HiddenColumn("a", "integer", f"no USAGE privilege on schema {schema}")
    database.run(f"GRANT USAGE ON SCHEMA {schema} TO guest")
    contract.refresh()
    assert [column.name for column in contract.table("v").columns] == ["a"]
    assert contract.table("v").hidden == (HiddenColumn("secret", "text", "no SELECT privilege"),)
    assert contract.table("v").primary_key == ("a",)
    assert contract.table("w").columns == ()
    assert contract.rows(contract.scan("v")) == [(1,)]


def test_many_tables_take_few_round_trips(make: Make, database: Database) -> None:
    create = "EXECUTE format('CREATE TABLE many_%s (a int PRIMARY KEY, b text, c date)', n)"
    contract = make(f"DO $$ BEGIN FOR n IN 1..500 LOOP {create}; END LOOP; END $$")
    started = time.monotonic()
    catalog = contract.catalog
    assert len(catalog.tables) == 500
    assert catalog.tables[0].primary_key == ("a",)
    assert time.monotonic() - started < 5


def test_partitioned_tables_count_their_children(make: Make, database: Database) -> None:
    contract = make(
        "CREATE TABLE parent (i int) PARTITION BY HASH (i)",
        "CREATE TABLE one PARTITION OF parent FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE two PARTITION OF parent FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        "INSERT INTO parent SELECT generate_series(1, 300)",
        "ANALYZE one",
        "ANALYZE two",
    )
    assert contract.table("parent").row_count == 300


@pytest.mark.parametrize(("encoding", "text"), [("LATIN1", "'é'"), ("SQL_ASCII", r"E'\303\251'")])
def test_other_encodings(pg_url: str, encoding: str, text: str, connect_to: Callable[..., object]) -> None:
    name = f"hanse_test_{encoding.lower()}"
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding} LOCALE_PROVIDER libc LOCALE 'C'")
    database = Database(name, urlunsplit(urlsplit(pg_url)._replace(path=f"/{name}")))
    try:
        database.run("CREATE TABLE v (v text)", f"INSERT INTO v VALUES ({text})")
        contract = ConnectorContract(connect_to(database.url))  # type: ignore[arg-type]
        assert contract.rows(contract.scan("v")) == [("é",)]
        assert not {"md5", "chr"} & set(contract.dialect.functions)
        if encoding == "SQL_ASCII":
            database.run(r"INSERT INTO v VALUES (E'\377')")
            with pytest.raises(InvalidValue, match="invalid byte sequence"):
                contract.rows(contract.scan("v"))
        assert contract.table("v").column("v").type == t.TEXT
        contract.connector.close()
    finally:
        with psycopg.connect(pg_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
