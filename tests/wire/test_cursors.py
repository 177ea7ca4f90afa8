"""Cursors and prepared statements in SQL: the same scripts to a server and to the real PostgreSQL that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.servers.databases import DatabaseFactory
from tests.wire.serving import Served, configured, served

SCRIPTS = [
    """BEGIN; DECLARE c CURSOR FOR SELECT n, t FROM few ORDER BY n; FETCH c; FETCH NEXT FROM c; FETCH 2 IN c; FETCH FORWARD 3 c;
       FETCH ALL c; FETCH c; CLOSE c; FETCH c; COMMIT""",
    """BEGIN; DECLARE c SCROLL CURSOR FOR SELECT n FROM few ORDER BY n; FETCH PRIOR c; FETCH LAST c; FETCH c; FETCH PRIOR c; FETCH BACKWARD 3 c;
       FETCH FIRST c; FETCH ABSOLUTE 5 c; FETCH RELATIVE -2 c; FETCH RELATIVE 0 c; FETCH 0 c; FETCH RELATIVE 4 c; FETCH ABSOLUTE -3 c;
       FETCH ABSOLUTE 99 c; FETCH BACKWARD ALL c; FETCH FORWARD ALL c; FETCH BACKWARD 100 c; FETCH RELATIVE 3 c; FETCH -2 c;
       FETCH BACKWARD -2 c; FETCH ABSOLUTE 0 c; FETCH c; FETCH ABSOLUTE -99 c; FETCH 0 c; COMMIT""",
    """BEGIN; DECLARE c SCROLL CURSOR FOR SELECT n FROM few ORDER BY n; MOVE 3 c; FETCH c; MOVE BACKWARD ALL c; MOVE ALL c; MOVE LAST c;
       FETCH c; MOVE ABSOLUTE 2 c; MOVE 0 c; FETCH c; MOVE RELATIVE 2 FROM c; FETCH PRIOR c; COMMIT; FETCH c""",
    "BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT n FROM few ORDER BY n; MOVE 2 c; FETCH c; FETCH PRIOR c",
    "BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT n FROM few ORDER BY n; FETCH RELATIVE 2 c; FETCH ABSOLUTE 4 c; FETCH ALL c; FETCH c",
    "DECLARE c CURSOR FOR SELECT 1",
    "BEGIN; DECLARE c CURSOR FOR SELECT 1; DECLARE c CURSOR FOR SELECT 2",
    'BEGIN; DECLARE "My C" CURSOR WITH HOLD FOR SELECT n FROM few ORDER BY n; FETCH 1 "My C"; COMMIT; FETCH 2 "My C"; CLOSE "My C"; FETCH "My C"',
    "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; ROLLBACK; FETCH c",
    "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT n FROM few ORDER BY n; FETCH LAST c; FETCH BACKWARD 2 c; CLOSE ALL; FETCH c",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1; DISCARD ALL; FETCH c",
    "BEGIN; DECLARE c CURSOR FOR SELECT nope FROM few; COMMIT",
    "BEGIN; DECLARE c CURSOR FOR SELECT 1 / (n - 2) FROM few ORDER BY n; FETCH ALL c; FETCH c",
    "FETCH 3 FROM; MOVE; CLOSE; DECLARE c CURSOR SELECT 1; FETCH ABSOLUTE c",
    """PREPARE p AS SELECT n, t FROM few WHERE n > $1 ORDER BY n; EXECUTE p(3); EXECUTE p('4'); EXECUTE p(1 + 1); EXECUTE p(NULL); EXECUTE p;
       EXECUTE p(1, 2); PREPARE p AS SELECT 1; DEALLOCATE p; EXECUTE p(3); DEALLOCATE p""",
    """PREPARE q (int, text, bool, numeric, date, int[]) AS SELECT $1 + 1, $2 || '!', NOT $3, $4 * 2, $5 + 1, $6;
       EXECUTE q(1, 'a', true, 1.25, '2026-02-03', '{1,2}'); EXECUTE q('-7', upper('a'), 1 > 2, -3, date '2026-01-01' + 2, array[3]); DEALLOCATE ALL; EXECUTE q(1)""",
    "PREPARE r (nonsense) AS SELECT 1; PREPARE r AS; EXECUTE nope; DEALLOCATE nope; EXECUTE p(",
    "PREPARE s AS SELECT 1; BEGIN; EXECUTE s; ROLLBACK; EXECUTE s; DEALLOCATE PREPARE s",
]


@pytest.fixture(scope="module")
def both(pg_database: DatabaseFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    database = pg_database()
    database.run(
        "CREATE TABLE few (n integer PRIMARY KEY, t text)",
        "INSERT INTO few SELECT i, 'row ' || i FROM generate_series(1, 6) AS s(i)",
    )
    config = configured(tmp_path_factory.mktemp("cursors"), {"pg": {"kind": "postgres", "url": database.url}})
    with served(config) as server:
        yield server, database.url


def _said(connection: psycopg.Connection[Any], script: str) -> list[Any]:
    """What each statement yields: its tag, columns and rows, or its SQLSTATE."""
    found: list[Any] = []
    for statement in script.split(";"):
        try:
            cursor = connection.execute(statement.strip())
        except psycopg.Error as error:
            found.append((statement, error.sqlstate))
            continue
        columns = [(one.name, one.type_code) for one in cursor.description or ()]
        found.append((statement, cursor.statusmessage, columns, cursor.fetchall() if columns else []))
    return found


@pytest.mark.postgres
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_goes_as_in_postgresql(both: tuple[Served, str], script: str) -> None:
    server, url = both
    with psycopg.connect(url, autocommit=True) as real, server.connect() as ours:
        assert _said(ours, script) == _said(real, script)


@pytest.mark.postgres
@pytest.mark.parametrize("binary", [False, True])
def test_cursors_of_psycopg(both: tuple[Served, str], binary: bool) -> None:
    server, _ = both
    with psycopg.connect(server.dsn()) as connection:
        with connection.cursor("named", binary=binary) as cursor:
            cursor.itersize = 2
            cursor.execute("SELECT n, t FROM few WHERE n > %s ORDER BY n", (1,))
            assert [one.name for one in cursor.description or ()] == ["n", "t"]
            assert [row[0] for row in cursor] == [2, 3, 4, 5, 6]
        with connection.cursor("back", binary=binary, scrollable=True, withhold=True) as cursor:
            cursor.execute("SELECT n FROM few ORDER BY n")
            assert cursor.fetchall()[-1] == (6,)
            cursor.scroll(1, mode="absolute")
            connection.commit()
            assert cursor.fetchmany(2) == [(2,), (3,)]


@pytest.mark.postgres
def test_a_cursor_over_the_catalog(both: tuple[Served, str]) -> None:
    server, _ = both
    with psycopg.connect(server.dsn()) as connection, connection.cursor("names") as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname = %s", ("few",))
        assert cursor.fetchall() == [("few",)]


@pytest.mark.postgres
def test_a_binary_cursor(both: tuple[Served, str]) -> None:
    server, url = both
    found = []
    for dsn in (server.dsn(), url):
        with psycopg.connect(dsn) as connection:
            connection.execute("DECLARE c BINARY CURSOR FOR SELECT n FROM few ORDER BY n")
            result = connection.pgconn.exec_(b"FETCH 2 FROM c")
            found.append((result.fformat(0), [result.get_value(row, 0) for row in range(result.ntuples)]))
    assert found[0] == found[1] == (1, [b"\0\0\0\1", b"\0\0\0\2"])


@pytest.mark.postgres
def test_what_scrolls_is_kept_and_that_has_an_end(both: tuple[Served, str]) -> None:
    server, _ = both
    wide = "SELECT repeat('x', 2000) AS w FROM pg.few a, pg.few b, pg.few c, pg.few d, pg.few e, pg.few f"
    with psycopg.connect(server.dsn()) as connection:
        connection.execute(f"DECLARE c SCROLL CURSOR FOR {wide}")
        with pytest.raises(errors.ConfigurationLimitExceeded, match="NO SCROLL"):
            connection.execute("FETCH LAST c")
        connection.rollback()
        connection.execute(f"DECLARE c NO SCROLL CURSOR FOR {wide}")
        assert connection.execute("MOVE ALL IN c").statusmessage == f"MOVE {6**6}"
