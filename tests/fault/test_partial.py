"""Answers without what failed: never by default; whole parts or nothing; and always with what is true of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from hanse import dbapi
from hanse.cli.main import main
from hanse.engine import Engine
from hanse.errors import Cancelled, GuardrailRefused, HanseError, InvalidValue, SourceUnreachable
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from tests.fault.conftest import RETRY, ROWS, SHARDS, World, assert_nothing_is_left
from tests.fault.proxy import Proxy
from tests.fault.test_retries import BATCH, opened

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SOURCES = pytest.mark.parametrize("source", ["shop", "crm"])
ON = {"partial_results": "on"}
OTHER = {"shop": "crm", "crm": "shop"}
BOTH = "SELECT id, n FROM shop.t1 UNION ALL SELECT id, n FROM crm.t1"


def told(report: Report) -> tuple[set[str], set[str], str, list[str]]:
    """What is lost and read, and what is true of rows and columns."""
    found = report.completeness
    assert found is not None
    assert not report.complete
    lost, read = ({part.source for part in parts} for parts in (found.lost, found.read))
    return lost, read, str(found.claim.rows), [str(standing) for _, standing in found.claim.columns]


def missing(result: ResultStream, rows: list[tuple[Any, ...]], source: str) -> None:
    """The other source's rows, all of them."""
    assert sorted(rows) == [(id, id) for id in range(ROWS)]
    assert told(result.report) == ({source}, {OTHER[source]}, "rows may be missing", ["exact", "exact"])


@SOURCES
def test_a_source_that_refuses_connections(world: World, small_queues: None, source: str) -> None:
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        assert len(engine.query(BOTH, settings=ON).fetchall()) == 2 * ROWS
        proxy.refuse()
        with pytest.raises(SourceUnreachable) as failure:
            engine.query(BOTH).fetchall()
        assert failure.value.source == source
        result = engine.query(BOTH, settings=ON)
        missing(result, result.fetchall(), source)
        part = result.report.completeness.lost[0]  # type: ignore[union-attr]
        assert (part.fault, part.sqlstate[:2]) == ("down", "08")  # type: ignore[index]
        assert part.tables == ("public.t1" if source == "shop" else f"{world.crm.name}.t1",)
        assert_nothing_is_left(engine, world)
        proxy.resume()
        result = engine.query(BOTH, settings=ON)
        assert len(result.fetchall()) == 2 * ROWS
        assert (result.report.complete, result.report.completeness) == (True, None)


@SOURCES
def test_a_source_that_is_cut_at_any_moment(world: World, small_queues: None, source: str) -> None:
    """All rows of both, or all of one and a statement: never a part of what was cut."""
    outcomes = set()
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        proxy.chunk, proxy.pause = 8192, 0.001
        for step in range(16):
            timer = threading.Timer(0.006 * step, proxy.cut)
            timer.start()
            result = engine.query(BOTH, settings=ON)
            rows = result.fetchall()
            if result.report.completeness is None:
                assert len(rows) == 2 * ROWS
                assert result.report.complete
            else:
                missing(result, rows, source)
            outcomes.add(result.report.completeness is None)
            timer.join()
        assert_nothing_is_left(engine, world)
    assert False in outcomes


def test_a_source_that_is_left_alone_costs_nothing(world: World, small_queues: None) -> None:
    options = {"breaker": {"failures": 2, "wait": 60, "wait_max": 60}}
    with Proxy(world.shop.url) as proxy, opened(world, "shop", proxy, **options) as engine:
        proxy.refuse()
        for _ in range(2):
            engine.query(BOTH, settings=ON).fetchall()
        before = proxy.accepted
        result = engine.query(BOTH, settings=ON)
        missing(result, result.fetchall(), "shop")
        lost = result.report.completeness.lost[0]  # type: ignore[union-attr]
        assert lost.sqlstate == "57P03"
        assert lost.lost is not None
        assert lost.lost.startswith("not asked since")
        assert proxy.accepted == before


@SOURCES
def test_what_the_caller_is_to_blame_for_is_an_error(world: World, small_queues: None, source: str) -> None:
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        with pytest.raises(InvalidValue):
            engine.query(f"SELECT 1 / (n - n) FROM {source}.t1", settings=ON).fetchall()
        with pytest.raises(HanseError) as failure:
            engine.query(BOTH, settings={**ON, "max_rows": 100}).fetchall()
        assert failure.value.code == "53400"
        with pytest.raises(Cancelled):
            engine.query(f"SELECT v FROM {source}.slow", settings={**ON, "statement_timeout": 0.3}).fetchall()
        assert_nothing_is_left(engine, world)


@SOURCES
def test_refusals_name_the_source_and_the_reason(world: World, small_queues: None, source: str) -> None:
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        proxy.refuse()
        anti = f"SELECT id FROM {OTHER[source]}.t1 a WHERE NOT EXISTS (SELECT FROM {source}.t2 b WHERE b.id = a.id)"
        with pytest.raises(
            SourceUnreachable, match="no partial answer: a condition decides by what is not known"
        ) as failure:
            engine.query(anti, settings=ON).fetchall()
        assert failure.value.source == source
        outer = f"SELECT a.id, b.n FROM {OTHER[source]}.t1 a LEFT JOIN {source}.t2 b ON b.id = a.id"
        with pytest.raises(SourceUnreachable, match="no partial answer: an outer join over"):
            engine.query(outer, settings=ON).fetchall()
        assert_nothing_is_left(engine, world)


def configured(world: World, proxy: Proxy, on_failure: Any) -> Engine:
    config = world.config(crm=proxy.url)
    config["sources"]["crm"] |= {"retry": RETRY, "breaker": {"failures": 50}, "on_failure": on_failure}
    engine = Engine(config)
    engine.catalog.tables()
    return engine


def test_what_the_configuration_says_of_tables(world: World, small_queues: None) -> None:
    tables = {"tables": {"t1": "skip", "t2": None, "t3": "fail"}}
    outer = "SELECT s.id, c.n FROM shop.t1 s LEFT JOIN crm.t{} c ON c.id = s.id WHERE s.id < 100"
    with Proxy(world.crm.url) as proxy, configured(world, proxy, tables) as engine:
        proxy.refuse()
        result = engine.query(BOTH)
        missing(result, result.fetchall(), "crm")
        with pytest.raises(SourceUnreachable):
            engine.query(BOTH, settings={"partial_results": "off"}).fetchall()
        result = engine.query(outer.format(2))
        assert sorted(result.fetchall()) == [(id, None) for id in range(100)]
        assert told(result.report) == ({"crm"}, {"shop"}, "all", ["exact", "unavailable"])
        for settings in ({}, ON):
            with pytest.raises(SourceUnreachable, match=r"on_failure of .*t3 is fail"):
                engine.query(BOTH.replace("crm.t1", "crm.t3"), settings=settings).fetchall()
        with pytest.raises(SourceUnreachable, match="an outer join over"):
            engine.query(outer.format(1)).fetchall()
        with pytest.raises(SourceUnreachable, match="only outer joins can do without it"):
            engine.query(BOTH.replace("crm.t1", "crm.t2")).fetchall()
        with pytest.raises(SourceUnreachable):
            engine.query(BOTH.replace("crm.t1", "crm.t4")).fetchall()
        assert len(engine.query(BOTH.replace("crm.t1", "crm.t4"), settings=ON).fetchall()) == ROWS
        assert_nothing_is_left(engine, world)


def test_keys_of_a_lost_side_are_not_taken_for_all(world: World, small_queues: None) -> None:
    """The side that gives keys is lost: nothing is joined, and nobody is asked by the keys that had come."""
    keys = "SELECT count(*), count(DISTINCT t.id) FROM shop.small s JOIN crm.t1 t ON t.id = s.id"
    with Proxy(world.shop.url) as proxy, opened(world, "shop", proxy) as engine:
        assert engine.query(keys, settings={**ON, "key_shipping": "force"}).fetchall() == [(100, 100)]
        proxy.refuse()
        result = engine.query(keys, settings={**ON, "key_shipping": "force"})
        assert result.fetchall() == [(0, 0)]
        assert told(result.report) == ({"shop"}, set(), "all", ["lower bound", "lower bound"])
        assert_nothing_is_left(engine, world)


def test_explain_analyze_tells_what_is_missing(world: World, small_queues: None) -> None:
    with Proxy(world.shop.url) as proxy, opened(world, "shop", proxy) as engine:
        proxy.refuse()
        text = engine.explain("SELECT count(*) AS n FROM (" + BOTH + ") x", analyze=True, settings=ON)
        assert "partial answer: all rows, not all values" in text
        assert "lost shop (public.t1): down, " in text
        assert "column n: lower bound" in text
        assert "@shop" not in text


def test_an_answer_that_is_held_back_is_held_on_disk(
    world: World, small_queues: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hanse.execute.spool.MEMORY_BYTES_MAX", 100_000)
    wide = "SELECT id, pad FROM shop.t1 UNION ALL SELECT id, pad FROM crm.t1"
    with Engine(world.config()) as engine:
        result = engine.query(wide, settings={**ON, "batch_rows": 500})
        batches = iter(result)
        next(batches)
        files = list(engine._pool.folder.rglob("held-*"))
        assert len(files) == 1
        assert 1 + sum(1 for _ in batches) > 3
        assert sorted(engine.query(wide, settings={**ON, "batch_rows": 500}).fetchall()) == sorted(
            engine.query(wide).fetchall()
        )
        assert_nothing_is_left(engine, world)
    with Engine(world.config(spill_limit="200KB")) as engine:
        with pytest.raises(HanseError, match="held back until it is complete") as failure:
            engine.query(wide, settings={**ON, "batch_rows": 500}).fetchall()
        assert failure.value.code == "53100"
        assert_nothing_is_left(engine, world)


def test_a_shard_that_is_killed_mid_stream(spread: tuple[Engine, list[Proxy]]) -> None:
    engine, proxies = spread
    rows = "SELECT id, n FROM sales.t"
    all_rows = [(id, id * 10) for id in range(8000)]

    def killed(sql: str, settings: dict[str, str]) -> ResultStream:
        """The query, of whose third shard the connection is cut while its rows come."""
        proxies[3].chunk, proxies[3].pause = 512, 0.002
        before = proxies[3].answered
        result = engine.query(sql, settings={**settings, "pushdown": "off"})
        while proxies[3].answered < before + 3000:
            time.sleep(0.001)
        proxies[3].refuse()
        return result

    with pytest.raises(SourceUnreachable) as failure:
        killed(rows, {}).fetchall()
    assert failure.value.source == "sales/3"
    proxies[3].resume()
    result = killed(rows, ON)
    assert sorted(result.fetchall()) == [row for row in all_rows if row[0] % SHARDS != 3]
    others = {f"sales/{place}" for place in range(SHARDS) if place != 3}
    assert told(result.report) == ({"sales/3"}, others, "rows may be missing", ["exact", "exact"])
    report = result.report
    assert report.bytes_moved == report.bytes_before + sum(one.bytes for one in report.sources)
    assert report.bytes_before > 0

    result = engine.query("SELECT count(*), sum(n), max(n) FROM sales.t WHERE n >= 0", settings=ON)
    kept = [n for id, n in all_rows if id % SHARDS != 3]
    assert result.fetchall() == [(7000, sum(kept), max(kept))]
    assert told(result.report) == ({"sales/3"}, others, "all", ["lower bound", "lower bound", "unknown"])
    # a row that lives elsewhere is all there
    result = engine.query("SELECT n FROM sales.t WHERE id = $1", [12], ON)
    assert (result.fetchall(), result.report.complete) == ([(120,)], True)
    result = engine.query("SELECT n FROM sales.t WHERE id = $1", [11], ON)
    assert (result.fetchall(), told(result.report)[0]) == ([], {"sales/3"})

    threading.Timer(0.5, proxies[3].resume).start()
    result = engine.query(rows, settings={**ON, **BATCH})
    assert sorted(result.fetchall()) == all_rows
    assert result.report.complete
    assert {one.source for one in result.report.sources if one.retried_after} <= {"sales/3"}


def test_a_source_that_swallows_everything(world: World, small_queues: None) -> None:
    """A black hole is left out when the time is over in which the source must be reached."""
    config = world.config()
    with Proxy(world.shop.url) as proxy:
        config["sources"]["shop"] |= {"url": proxy.url, "connect_timeout": 2, "breaker": {"failures": 1, "wait": 60}}
        with Engine(config) as engine:
            engine.catalog.tables()
            proxy.cut()
            proxy.swallow()
            for seconds in (6, 1):  # then it is left alone
                before = time.monotonic()
                result = engine.query(BOTH, settings=ON)
                missing(result, result.fetchall(), "shop")
                assert time.monotonic() - before < seconds


def test_a_statement_that_takes_too_long_there(world: World, small_queues: None) -> None:
    config = world.config()
    config["sources"]["shop"]["statement_timeout"] = 0.5
    with Engine(config) as engine:
        result = engine.query("SELECT v FROM shop.slow UNION ALL SELECT id = 5 FROM crm.t1 WHERE id < 10", settings=ON)
        assert len(result.fetchall()) == 10
        assert result.report.completeness is not None
        assert (result.report.completeness.lost[0].source, result.report.completeness.lost[0].sqlstate) == (
            "shop",
            "57014",
        )
        assert_nothing_is_left(engine, world)


def test_what_is_left_keeps_its_guardrails(world: World, small_queues: None) -> None:
    """Where the lost side's keys were what a guardrail demands, nothing is read in their place."""
    config = world.config()
    required = {"tables": {"t1": {"require": [{"column": "id", "keys": True}]}}}
    config["sources"]["crm"]["guardrails"] = required
    with Proxy(world.shop.url) as proxy:
        config["sources"]["shop"] |= {"url": proxy.url}
        with Engine(config) as engine:
            joined = "SELECT c.id FROM crm.t1 c JOIN shop.small s ON s.id = c.id"
            assert len(engine.query(joined, settings=ON).fetchall()) == 100
            proxy.refuse()
            result = engine.query(joined, settings=ON)
            assert (result.fetchall(), told(result.report)[:2]) == ([], ({"shop"}, set()))
            with pytest.raises(GuardrailRefused):
                engine.query("SELECT id FROM crm.t1 UNION ALL SELECT id FROM shop.t1", settings=ON).fetchall()


def test_runs_that_lack_something_teach_nothing(world: World, small_queues: None, tmp_path: Path) -> None:
    config = world.config()
    config["engine"]["state"] = str(tmp_path)
    with Proxy(world.shop.url) as proxy:
        config["sources"]["shop"] |= {"url": proxy.url, "breaker": {"failures": 50}}
        with Engine(config) as engine:
            assert engine.history is not None
            query = "SELECT count(*) FROM (" + BOTH + ") x"
            assert engine.query(query, settings=ON).fetchall() == [(2 * ROWS,)]
            known = engine.history.entries()
            proxy.refuse()
            for _ in range(3):
                assert engine.query(query, settings=ON).fetchall() == [(ROWS,)]
            assert engine.history.entries() == known
            proxy.resume()
            result = engine.query(query, settings=ON)
            assert result.fetchall() == [(2 * ROWS,)]
            assert result.report.plan is not None
            assert result.report.plan.cached


def test_the_command_line_and_db_api_tell_it(world: World, small_queues: None, tmp_path: Path) -> None:
    with Proxy(world.shop.url) as proxy:
        config = world.config(shop=proxy.url)
        (tmp_path / "hanse.yaml").write_text(json.dumps(config), encoding="utf-8")
        given = ["query", "-c", str(tmp_path / "hanse.yaml"), "--format", "csv", "--set", "partial_results=on"]
        proxy.chunk, proxy.pause = 4096, 0.005
        watcher = threading.Thread(target=lambda: (_until(lambda: proxy.answered > 150_000), proxy.refuse()))
        watcher.start()
        done = CliRunner().invoke(
            main, [*given, "SELECT id, n, pad FROM shop.t1 UNION ALL SELECT id, n, pad FROM crm.t1"]
        )
        watcher.join()
        assert (done.exit_code, done.stdout.count("\n")) == (0, ROWS + 1)
        assert done.stderr.splitlines()[:3] == [
            "partial answer: rows may be missing",
            done.stderr.splitlines()[1],
            f"  read crm ({world.crm.name}.t1)",
        ]
        assert done.stderr.splitlines()[1].startswith("  lost shop (public.t1): down, ")
        proxy.resume()
        config["sources"]["shop"]["on_failure"] = "skip"
        with dbapi.connect(config) as connection, connection.cursor() as cursor:
            cursor.execute(BOTH)
            assert len(cursor.fetchall()) == 2 * ROWS
            proxy.refuse()
            cursor.execute(BOTH)
            assert len(cursor.fetchall()) == ROWS
            assert cursor.report is not None
            assert told(cursor.report)[0] == {"shop"}


def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.001)


@SOURCES
def test_a_source_that_is_down_when_a_process_starts(
    world: World, small_queues: None, source: str, tmp_path: Path
) -> None:
    sql = f"SELECT a.id, a.n, b.pad FROM {OTHER[source]}.t1 a LEFT JOIN {source}.t1 b USING (id) WHERE a.id < 3"
    with Proxy(getattr(world, source).url) as proxy:
        config = world.config(**{source: proxy.url}, state=str(tmp_path))
        with Engine(config) as first:
            assert len(first.query(sql).fetchall()) == 3
        proxy.refuse()
        config["sources"][source]["on_failure"] = "null"
        with Engine(config) as engine:
            with pytest.raises(SourceUnreachable):
                engine.query(sql, settings={"partial_results": "off"})
            result = engine.query(sql)
            assert sorted(result.fetchall()) == [(id, id, None) for id in range(3)]
            lost, read, _, columns = told(result.report)
            assert (lost, read, columns) == ({source}, {OTHER[source]}, ["exact", "exact", "unavailable"])
            part = result.report.completeness.lost[0]  # type: ignore[union-attr]
            assert "tables are taken to be what they were at 20" in part.lost  # type: ignore[operator]
            assert "unavailable" in engine.explain(sql, analyze=True)
            with pytest.raises(SourceUnreachable):
                engine.explain(sql)
            with pytest.raises(HanseError, match=r"missing|does not exist"):
                engine.query(f"SELECT missing FROM {source}.t1")
            with pytest.raises(SourceUnreachable) as failure:
                engine.query(f"SELECT a.id FROM {OTHER[source]}.t1 a WHERE id NOT IN (SELECT id FROM {source}.t1)")
            assert "no partial answer: " in str(failure.value.hint)
            proxy.resume()
            deadline = time.monotonic() + 10
            while not (result := engine.query(sql)).report.complete:
                assert len(result.fetchall()) == 3
                if result.report.complete:
                    break
                assert time.monotonic() < deadline
                time.sleep(0.1)
        kept = (tmp_path / "catalogs.db").read_bytes()
        assert b"t1" in kept
        assert urlsplit(proxy.url).password.encode() not in kept  # type: ignore[union-attr]


def test_a_source_of_which_nothing_is_known_is_not_left_out(world: World, small_queues: None, tmp_path: Path) -> None:
    with Proxy(world.shop.url) as proxy:
        proxy.refuse()
        for state in ({}, {"state": str(tmp_path)}):
            with Engine(world.config(shop=proxy.url, **state)) as engine:
                with pytest.raises(SourceUnreachable) as failure:
                    engine.query(BOTH, settings=ON)
                assert "the tables of shop are not known" in str(failure.value.hint)
                assert "engine.state" in str(failure.value.hint)
