"""psql, of the distribution's package that brings the tests' PostgreSQL."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers.packages import programs
from tests.servers.postgres import PLACES
from tests.wire.serving import PASSWORD, Served


def psql(server: Served, *args: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run psql to its end."""
    program = programs("psql", "postgresql-client", PLACES) / "psql"
    return subprocess.run(
        [program, "-X", "-d", server.dsn(**more), *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD},
    )


def test_a_query_and_its_table(server: Served) -> None:
    done = psql(server, "-c", "SELECT id, city FROM lake.cities ORDER BY id")
    assert done.stdout.splitlines() == [" id |  city  ", "----+--------", "  1 | Lübeck", "  2 | Visby", "(2 rows)", ""]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_goes_on_after_an_error_and_points_at_it(server: Served) -> None:
    done = psql(server, "-At", stdin="SELECT 1;\nSELECT nope;\nSELECT 2;\n")
    assert done.stdout.splitlines() == ["1", "2"]
    assert 'column "nope" does not exist' in done.stderr
    assert "LINE 1: SELECT nope;" in done.stderr
    assert "               ^" in done.stderr.splitlines()


def test_several_statements_of_one_message(server: Served) -> None:
    done = psql(server, "-At", "-c", "SELECT 1; SET timezone = 'Asia/Tokyo'; SHOW timezone")
    assert done.stdout.splitlines() == ["1", "SET", "Asia/Tokyo"]


def test_variables_of_the_client(server: Served) -> None:
    done = psql(
        server, "-At", "-v", "id=3", stdin="SELECT id FROM ref.customers WHERE id = :id;\n\\echo :SQLSTATE :ROW_COUNT\n"
    )
    assert done.stdout.splitlines() == ["3", "00000 1"]


def test_rows_are_fetched_in_parts(server: Served) -> None:
    done = psql(server, "-At", "-v", "FETCH_COUNT=2", "-c", "SELECT id FROM ref.customers ORDER BY id")
    assert (done.stdout, done.stderr) == ("1\n2\n3\n", "")


def test_a_copy_becomes_a_file(server: Served, tmp_path: Path) -> None:
    done = psql(
        server, "-c", f"\\copy (SELECT id, city FROM lake.cities ORDER BY id) TO '{tmp_path}/cities.csv' CSV HEADER"
    )
    assert (done.stdout, done.stderr) == ("COPY 2\n", "")
    assert (tmp_path / "cities.csv").read_text(encoding="utf-8") == "id,city\n1,Lübeck\n2,Visby\n"


def test_a_password_is_asked_for(server: Served) -> None:
    assert psql(server, "-At", "-c", "SELECT 1", user="ann").stdout == "1\n"
