"""Statements that want out of the catalog database: each is refused, whatever the classifier would have said of it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from hanse.errors import Cancelled, HanseError, ResourceLimit
from hanse.server.pgcatalog import CatalogDatabase, Client
from hanse.server.pgcatalog import catalog as module
from tests.contract.pgcatalog.world import snapshot

ANN = Client("ann")
HOSTILE = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM pg_catalog.read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd'), pg_class",
    "SELECT read_text('/etc/passwd') FROM pg_class",
    "SELECT pg_catalog.read_blob('/etc/passwd') FROM pg_class",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    'SELECT * FROM pg_catalog."/etc/passwd"',
    "SELECT * FROM glob('/*'), pg_class",
    "SELECT getenv('PATH') FROM pg_class",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd') FROM pg_class",
    "SELECT * FROM duckdb_settings(), pg_class",
    "SELECT * FROM duckdb_secrets(), pg_class",
    "SELECT * FROM pragma_version(), pg_class",
    "SELECT * FROM query('SELECT 1'), pg_class",
    "SELECT * FROM query_table('pg_class')",
    "SELECT * FROM cat.pg_class",
    "SELECT * FROM main.sqlite_master, pg_class",
    "SELECT * FROM memory.cat.pg_class, pg_class",
    "SELECT * FROM temp.information_schema.tables",
    "SELECT getvariable('x') FROM pg_class",
    "SELECT COLUMNS('.*') FROM pg_class",
    "SELECT * FROM pg_class; SELECT * FROM read_text('/etc/passwd')",
    "COPY (SELECT * FROM pg_class) TO '/tmp/x'",
    "ATTACH '/tmp/x' AS pg_class",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET lock_configuration = false",
    "CREATE TABLE pg_class AS SELECT 1",
    "SELECT * INTO x FROM pg_class",
    "WITH x AS (DELETE FROM pg_class RETURNING *) SELECT * FROM x",
    "EXPLAIN ANALYZE SELECT * FROM pg_class",
    "SELECT error('x') FROM pg_class",
    "SELECT pg.class_named('x', NULL) FROM pg_class",
    "SELECT incoming.* FROM incoming, pg_class",
    "SELECT * FROM rows, pg_class",
    "SELECT nextval('x') FROM pg_class",
    "SELECT sleep_ms(1000) FROM pg_class",
    "SELECT pg_sleep(1000)",
]


@pytest.fixture(scope="module")
def ours() -> Iterator[CatalogDatabase]:
    database = CatalogDatabase(snapshot(), "hanse", ("ann",))
    yield database
    database.close()


@pytest.mark.parametrize("sql", HOSTILE)
def test_it_is_refused(ours: CatalogDatabase, sql: str) -> None:
    with pytest.raises(HanseError) as failure:
        ours.query(sql, ANN)
    assert failure.value.kind == "user"
    assert not isinstance(failure.value.__cause__, duckdb.Error), "it reached the database"


@pytest.mark.parametrize(
    "text",
    [
        "x' UNION SELECT content FROM read_text('/etc/passwd') --",
        "\\'; DROP SCHEMA cat CASCADE; --",
        "\x00",
        '"',
        "{'",
        "$$",
    ],
)
def test_parameters_and_settings_are_values(ours: CatalogDatabase, text: str) -> None:
    if "\x00" not in text:
        assert ours.query("SELECT relname FROM pg_class WHERE relname = $1", ANN, [text]).rows == []
        assert ours.query("SELECT $1::text, pg_backend_pid()", ANN, [text]).rows == [(text, 0)]
        client = Client(text, settings={"application_name": text})
        assert ours.query("SELECT current_user, current_setting('application_name')", client).rows == [(text, text)]
        assert ours.query("SELECT setting FROM pg_settings WHERE name = 'application_name'", client).rows == [(text,)]
    assert ours.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'crm'", ANN).rows == [(1,)]


def test_the_database_itself_is_closed(ours: CatalogDatabase) -> None:
    """What protects it if a statement should ever come through."""
    cursor = ours._connection.cursor()
    for sql in (
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "COPY (SELECT 1) TO '/tmp/hanse-was-here'",
        "ATTACH '/tmp/hanse-was-here.db' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET python_enable_replacements = true",
    ):
        with pytest.raises(duckdb.Error):
            cursor.execute(sql).fetchall()
    rows_of_ours = duckdb.sql("SELECT 1 AS a")  # a variable here that DuckDB's client would find
    with pytest.raises(duckdb.Error):
        cursor.execute("SELECT * FROM rows_of_ours").fetchall()
    assert rows_of_ours.fetchall() == [(1,)]


def test_a_statement_without_end_is_ended(ours: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_MAX", 0.2)
    with pytest.raises(Cancelled):
        ours.query(
            "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c WHERE a.attname < b.attname || c.attname",
            ANN,
        )


def test_an_answer_without_end_is_refused(ours: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 1000)
    with pytest.raises(ResourceLimit, match="1,000 rows"):
        ours.query("SELECT 1 FROM pg_attribute a, pg_attribute b", ANN)
