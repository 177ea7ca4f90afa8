"""A shard that has been down since the process started: what does not need it is answered, and nothing is sent to it by tables
that nobody has read."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hanse.cli.main import main
from hanse.engine import Engine
from hanse.errors import HanseError, SourceUnreachable
from hanse.execute.result import ResultStream
from tests.fault.proxy import Proxy
from tests.servers.databases import Database, DatabaseFactory

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SHARDS = 4
KEYS = 40
ON = {"partial_results": "on"}
TABLES: dict[str, Any] = {
    "orders": {"key": "customer", "method": "hash", "function": "mod"},
    "country": {"reference": True},
}
CREATED = (
    "CREATE TABLE orders (customer INT NOT NULL, total INT NOT NULL, PRIMARY KEY (customer, total))",
    "CREATE TABLE country (code VARCHAR(2) PRIMARY KEY, name VARCHAR(20))",
    "INSERT INTO country VALUES ('de', 'Germany'), ('fr', 'France')",
)


@dataclass
class Spread:
    """The rows (key, 10 * key) over shards that are PostgreSQL, but for the second, which is MariaDB; each behind a proxy."""

    databases: list[Database]
    proxies: list[Proxy]
    options: dict[str, Any] = field(default_factory=lambda: {"breaker": {"failures": 50}})

    def config(self, **engine: Any) -> dict[str, Any]:
        common = {"tls": {"mode": "disable"}, "sweep": False, **self.options}
        blocks = [{"url": proxy.url, **common} for proxy in self.proxies]
        return {"sources": {"sales": {"kind": "sharded", "shards": blocks, "tables": TABLES}}, "engine": engine}


@pytest.fixture(scope="module")
def databases(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> list[Database]:
    found = []
    for number in range(SHARDS):
        database = mysql_database() if number == 1 else pg_database(collation="C")
        rows = [f"({key}, {key * 10})" for key in range(number, KEYS, SHARDS)]
        database.run(*CREATED, f"INSERT INTO orders VALUES {', '.join(rows)}")
        found.append(database)
    return found


@pytest.fixture
def spread(databases: list[Database]) -> Iterator[Spread]:
    with contextlib.ExitStack() as stack:
        yield Spread(databases, [stack.enter_context(Proxy(one.url)) for one in databases])


def lost(result: ResultStream) -> set[str]:
    found = result.report.completeness
    return set() if found is None else {part.source for part in found.lost}


def awaited(ask: Callable[[], Any], seconds: float = 30) -> Any:
    """What is answered as soon as nothing is unreachable any more."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except SourceUnreachable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_what_does_not_need_it_is_answered(spread: Spread, place: int) -> None:
    name, away = f"sales/{place}", spread.proxies[place]
    away.refuse()
    other = (place + 2) % SHARDS
    with Engine(spread.config()) as engine:
        before = away.asked
        for key in (other, other + SHARDS):
            rows = engine.query(f"SELECT total FROM sales.orders WHERE customer = {key}").fetchall()
            assert rows == engine.query("SELECT total FROM sales.orders WHERE customer = $1", [key]).fetchall()
            assert rows == [(key * 10,)]
        assert engine.query("SELECT count(*) FROM sales.country").fetchall() == [(2,)]
        joined = f"SELECT c.name FROM sales.orders o JOIN sales.country c ON c.code = 'de' WHERE o.customer = {other}"
        assert engine.query(joined).fetchall() == [("Germany",)]
        for sql, values in (
            ("SELECT count(*) FROM sales.orders", []),
            (f"SELECT total FROM sales.orders WHERE customer = {place}", []),
            ("SELECT total FROM sales.orders WHERE customer = $1", [place]),
            ("SELECT total FROM sales.orders WHERE customer IS NULL", []),
        ):
            with pytest.raises(SourceUnreachable) as failure:
                engine.query(sql, values).fetchall()
            assert failure.value.source == name
            assert "its tables are taken to be those of sales/" in failure.value.message
        assert away.asked == before


@pytest.mark.parametrize("place", [0, 3])
def test_a_partial_answer_says_what_it_lacks(spread: Spread, place: int) -> None:
    spread.proxies[place].refuse()
    keys = [key for key in range(KEYS) if key % SHARDS != place]
    with Engine(spread.config()) as engine:
        result = engine.query("SELECT customer, total FROM sales.orders", settings=ON)
        assert sorted(result.fetchall()) == [(key, key * 10) for key in keys]
        assert lost(result) == {f"sales/{place}"}
        assert result.report.completeness is not None
        assert str(result.report.completeness.claim.rows) == "rows may be missing"
        assert {part.source for part in result.report.completeness.read} == {
            f"sales/{other}" for other in range(SHARDS) if other != place
        }
        sql = "SELECT count(*), count(DISTINCT customer), sum(total) FROM sales.orders WHERE total >= 0"
        result = engine.query(sql, settings=ON)
        assert result.fetchall() == [(len(keys), len(keys), sum(keys) * 10)]
        assert str(result.report.completeness.claim.columns[0][1]) == "lower bound"  # type: ignore[union-attr]
        result = engine.query("SELECT total FROM sales.orders WHERE customer = $1", [place + 1], ON)
        assert (result.fetchall(), lost(result)) == ([((place + 1) % KEYS * 10,)], set())
        result = engine.query("SELECT name FROM sales.country ORDER BY 1", settings=ON)
        assert (result.fetchall(), lost(result)) == ([("France",), ("Germany",)], set())


def test_it_comes_back_without_a_restart(spread: Spread) -> None:
    spread.proxies[2].refuse()
    spread.proxies[1].refuse()
    count = "SELECT count(*), sum(total) FROM sales.orders"
    with Engine(spread.config()) as engine:
        with pytest.raises(SourceUnreachable):
            engine.query(count).fetchall()
        result = engine.query(count, settings=ON)
        assert result.fetchall()[0][0] == KEYS / 2
        assert lost(result) == {"sales/1", "sales/2"}
        spread.proxies[2].resume()
        spread.proxies[1].resume()
        expected = [(KEYS, sum(range(KEYS)) * 10)]
        assert awaited(lambda: engine.query(count).fetchall()) == expected
        result = engine.query(count, settings=ON)
        assert (result.fetchall(), result.report.complete) == (expected, True)
        assert engine.catalog.snapshot().problem("sales") is None
        spread.proxies[2].refuse()  # now its tables are known, and it fails as any other
        with pytest.raises(SourceUnreachable) as failure:
            engine.query(count).fetchall()
        assert "are taken to be" not in failure.value.message


def test_a_shard_that_turns_out_to_be_another(pg_database: DatabaseFactory, spread: Spread) -> None:
    """Its key may be NULL, its total is text, and a column is its alone: nothing of what was assumed decides."""
    odd = pg_database()
    odd.run(
        "CREATE TABLE orders (customer INT, total TEXT, more INT)",
        "INSERT INTO orders VALUES (3, 'x', 1), (NULL, 'y', 2)",
        CREATED[1],
    )
    null_key = "SELECT count(*) FROM sales.orders WHERE customer IS NULL"
    with Proxy(odd.url) as proxy:
        proxy.refuse()
        changed = Spread(spread.databases, [*spread.proxies[:3], proxy])
        with Engine(changed.config()) as engine:
            assert engine.query("SELECT total FROM sales.orders WHERE customer = 4").fetchall() == [(40,)]
            for sql in (null_key, "SELECT total FROM sales.orders"):
                with pytest.raises(SourceUnreachable):
                    engine.query(sql)
            proxy.resume()
            assert awaited(lambda: engine.query(null_key).fetchall()) == [(1,)]
            with pytest.raises(HanseError, match=r"total.* is integer on shard 0 and text on shard 3"):
                engine.query("SELECT total FROM sales.orders WHERE customer = 4")
            assert engine.query("SELECT customer FROM sales.orders WHERE customer = 3").fetchall() == [(3,)]


def test_what_was_read_of_it_before_is_known(pg_database: DatabaseFactory, spread: Spread, tmp_path: Path) -> None:
    with Engine(spread.config(state=str(tmp_path))) as engine:
        assert engine.query("SELECT count(*) FROM sales.orders").fetchall() == [(KEYS,)]
    assert b"orders" in (tmp_path / "catalogs.db").read_bytes()
    spread.proxies[1].refuse()
    with Engine(spread.config(state=str(tmp_path))) as engine:
        assert engine.query("SELECT total FROM sales.orders WHERE customer = $1", [4]).fetchall() == [(40,)]
        result = engine.query("SELECT count(*) FROM sales.orders", settings=ON)
        assert result.fetchall() == [(KEYS * 3 / 4,)]
        (part,) = result.report.completeness.lost  # type: ignore[union-attr]
        assert "its tables are taken to be what they were at 20" in str(part.lost)
        assert not engine.catalog.table("sales.orders").column("customer").nullable


def test_it_is_told_where_one_looks(spread: Spread, tmp_path: Path) -> None:
    spread.proxies[3].refuse()
    with Engine(spread.config(state=str(tmp_path))) as engine:
        text = engine.explain("SELECT count(*) FROM sales.orders")
        assert text.count("never read, so that this is a guess and is not sent: ") == 1
        assert "its tables are taken to be those of sales/0" in text
        assert "never read" not in engine.explain("SELECT count(*) FROM sales.orders WHERE customer = 1")
        problem = engine.query("SHOW SOURCES").fetchall()[0][4]
        assert problem.startswith("sales/3: ")
        rows = engine.query("SELECT source, server, problem IS NULL FROM system.sources ORDER BY 1").fetchall()
        assert [(source, server is None, fine) for source, server, fine in rows] == [
            (f"sales/{place}", place == 3, place != 3) for place in range(SHARDS)
        ]
        assert dict(engine.catalog.table("sales.orders").details)["never read"].startswith("sales/3: ")
        before = spread.proxies[3].accepted
        problems = {one.table.source: one.problem for one in engine.analyze("sales.orders")}
        assert [source for source, problem in problems.items() if problem] == ["sales/3"]
        assert spread.proxies[3].answered == 0
        assert before <= spread.proxies[3].accepted


def test_a_shard_that_is_left_alone_takes_no_query_from_others(spread: Spread) -> None:
    """Though they differ in kind, so that only run time knows which of them a parameter means."""
    spread.options["breaker"] = {"failures": 1, "wait": 60, "wait_max": 60}
    one = "SELECT total FROM sales.orders WHERE customer = $1"
    with Engine(spread.config()) as engine:
        assert engine.query("SELECT count(*) FROM sales.orders").fetchall() == [(KEYS,)]
        spread.proxies[1].refuse()
        for _ in range(2):
            with pytest.raises(SourceUnreachable):
                engine.query(one, [5]).fetchall()
        assert engine.breakers()["sales/1"].startswith("open")
        assert engine.query(one, [4]).fetchall() == [(40,)]


def test_where_no_shard_answers_nothing_is_assumed(spread: Spread, tmp_path: Path) -> None:
    for proxy in spread.proxies:
        proxy.refuse()
    with Engine(spread.config()) as engine, pytest.raises(SourceUnreachable, match="shard sales/0") as failure:
        engine.query("SELECT count(*) FROM sales.orders", settings=ON)
    assert failure.value.source == "sales"


def test_the_check_fails(spread: Spread, tmp_path: Path) -> None:
    spread.proxies[2].refuse()
    (tmp_path / "hanse.yaml").write_text(json.dumps(spread.config()), encoding="utf-8")
    done = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "hanse.yaml")])
    assert (done.exit_code, "sales (sharded): sales/2: " in done.stdout) == (1, True)
    done = CliRunner().invoke(main, ["tables", "-c", str(tmp_path / "hanse.yaml")])
    assert (done.exit_code, "sales/2: " in done.stderr) == (0, True)
