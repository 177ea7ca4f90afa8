"""What answers are pictures of, on real servers under writers: what is claimed is true, and what is demanded is kept or refused.

``HANSE_FAULT_SUMS`` is how many federated sums are compared with money that is always moving and never lost (100 by default).
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import HanseError, NotConsistent
from hanse.execute.report import Report
from hanse.ir.consistency import Label, Level
from tests.fault.conftest import RETRY, World, assert_nothing_is_left
from tests.fault.proxy import Proxy
from tests.fault.test_groups import NAP, clients
from tests.servers.databases import Database

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SUMS = int(os.environ.get("HANSE_FAULT_SUMS", "100"))
ACCOUNTS, EACH = 40, 100
MONEY = ACCOUNTS * EACH
SOURCES = pytest.mark.parametrize("source", ["shop", "crm"])
BOTH = "SELECT (SELECT sum(n) FROM shop.accounts), (SELECT sum(n) FROM crm.accounts)"
OFF = {"pushdown": "off", "plan_cache": "off"}
JOINED = "SELECT count(*), sum(a.n + b.n) FROM shop.t1 AS a JOIN crm.t2 AS b ON a.id = b.id"
ANSWER = [(6000, 3 * 5999 * 3000)]
CLAUSE = " REQUIRE SNAPSHOT"


@pytest.fixture(scope="module")
def bank(world: World) -> World:
    """Accounts in both databases, whose sums never change; in MariaDB also such of an engine without snapshots."""
    rows = ", ".join(f"({id}, {EACH})" for id in range(ACCOUNTS))
    for database in (world.shop, world.crm):
        database.run("CREATE TABLE accounts (id INT PRIMARY KEY, n BIGINT)", f"INSERT INTO accounts VALUES {rows}")
    world.crm.run("CREATE TABLE loose (id INT PRIMARY KEY, n BIGINT) ENGINE=MyISAM", "INSERT INTO loose VALUES (1, 1)")
    return world


@contextlib.contextmanager
def transfers(*databases: Database) -> Iterator[list[int]]:
    """Money moves from account to account, in transactions of two statements; yields how often so far, by database."""
    over, moved = threading.Event(), [0] * len(databases)

    def move(place: int, database: Database) -> None:
        chance = random.Random(place)
        with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
            while not over.is_set():
                giver, taker = chance.sample(range(ACCOUNTS), 2)
                cursor.execute("BEGIN")
                cursor.execute(f"UPDATE accounts SET n = n - 7 WHERE id = {giver}")
                cursor.execute(f"UPDATE accounts SET n = n + 7 WHERE id = {taker}")
                cursor.execute("COMMIT")
                moved[place] += 1

    writers = [threading.Thread(target=move, args=one) for one in enumerate(databases)]
    for writer in writers:
        writer.start()
    try:
        yield moved
    finally:
        over.set()
        for writer in writers:
            writer.join()


def tokens(report: Report) -> dict[str, set[str | None]]:
    """What each source called the states that its requests saw."""
    found: dict[str, set[str | None]] = {}
    for one in report.sources:
        found.setdefault(one.source, set()).add(one.picture.token if one.picture else "nothing")
    return found


def check_claims(report: Report) -> None:
    """Nobody claims a snapshot of several states."""
    assert report.consistency is not None
    for source, picture in report.consistency.sources.items():
        assert picture.is_snapshot
        assert len(tokens(report)[source]) == 1
        assert picture.earliest is not None
        assert picture.latest is not None
        assert picture.earliest <= picture.latest <= time.time() + 0.1


@pytest.mark.parametrize("settings", [{}, {"max_skew": 5}, {"require_snapshot": "on"}], ids=["", "skew", "snapshot"])
def test_sums_are_exact_while_money_moves(bank: World, settings: dict[str, Any]) -> None:
    with Engine(bank.config(connections=4)) as engine, transfers(bank.shop, bank.crm) as moved:
        engine.query(BOTH).fetchall()
        seen: list[tuple[list[tuple[Any, ...]], Report]] = []

        def work(_: int) -> None:
            for _ in range(each):
                result = engine.query(BOTH, settings=settings)
                seen.append((result.fetchall(), result.report))

        each = max(1, SUMS // (4 * 3))
        for one in clients(4, work):
            one.join(300)
        assert len(seen) == 4 * each
        for rows, report in seen:
            assert rows == [(MONEY, MONEY)]
            check_claims(report)
            assert report.consistency is not None
            assert report.consistency.label is Label.PER_SOURCE
            is_shared = any(one.shared_with for one in report.sources)
            assert not (settings and is_shared), "who demands a snapshot takes no other query's rows"
        assert all(moved)
        assert_nothing_is_left(engine, bank)


@SOURCES
def test_several_requests_to_a_source_are_one_picture(bank: World, source: str) -> None:
    """Bare scans of the same table, twice, added up here: the same state, with a name where it has one."""
    with Engine(bank.config(connections=4)) as engine, transfers(getattr(bank, source)) as moved:
        sql = f"SELECT sum(a.n), sum(b.n), count(*) FROM {source}.accounts AS a JOIN {source}.accounts AS b ON a.id = b.id"
        seen = set()
        while moved[0] < 200 or len(seen) < 3:
            result = engine.query(sql, settings=OFF)
            total, again, count = result.fetchall()[0]
            assert (total, again, count) == (MONEY, MONEY, ACCOUNTS)
            check_claims(result.report)
            assert result.report.consistency is not None
            assert (result.report.consistency.label, result.report.consistency.skew) == (Label.ONE, 0.0)
            seen.add(result.report.consistency.sources[source].token)
            if source == "crm" and None in seen:
                break  # the server keeps no binary log
        assert_nothing_is_left(engine, bank)


@SOURCES
def test_what_a_single_statement_reads_is_a_snapshot_of_its_moment(bank: World, source: str) -> None:
    with Engine(bank.config()) as engine:
        engine.query(NAP[source]).fetchall()
        before = time.time()
        result = engine.query(f"SELECT sum(n) FROM {source}.accounts")
        assert result.fetchall() == [(MONEY,)]
        after = time.time()
        found = result.report.consistency
        assert found is not None
        picture = found.sources[source]
        assert (found.label, picture.level, picture.token, found.skew) == (Label.ONE, Level.SNAPSHOT, None, 0.0)
        assert before <= (picture.earliest or 0) <= (picture.latest or 0) <= after


def test_nothing_demanded_asks_for_nothing(bank: World) -> None:
    """Not one exchange more than the statement takes: every byte that goes to the server is what went before."""
    with Proxy(bank.shop.url) as proxy, Engine(bank.config(shop=proxy.url)) as engine:
        sql = "SELECT n FROM shop.accounts WHERE id = 1"
        asked = []
        for _ in range(8):  # the first of which connect, and meet a look at what others left
            before = proxy.asked
            engine.query(sql).fetchall()
            asked.append(proxy.asked - before)
        assert len(set(asked[4:])) == 1
        named = engine.query(sql + CLAUSE)
        named.fetchall()
        assert named.report.consistency is not None
        assert named.report.consistency.sources["shop"].token is not None
        assert proxy.asked - before - asked[-1] > asked[-1]


def refused(engine: Engine, sql: str, code: str, **settings: Any) -> NotConsistent:
    with pytest.raises(NotConsistent) as caught:
        engine.query(sql, settings=settings).fetchall()
    assert caught.value.code == code
    return caught.value


DEMANDS = [
    (" REQUIRE SNAPSHOT", {"require_snapshot": "on"}),
    (" MAX SKEW 5 s", {"max_skew": "5 s"}),
    (" MAX SKEW 5 s REQUIRE SNAPSHOT", {"max_skew": 5, "require_snapshot": "on"}),
]


@pytest.mark.parametrize(("clause", "settings"), DEMANDS)
@pytest.mark.parametrize("as_clause", [True, False])
def test_demands_that_are_kept(bank: World, clause: str, settings: dict[str, Any], as_clause: bool) -> None:
    with Engine(bank.config()) as engine:
        sql, chosen = (JOINED + clause, {}) if as_clause else (JOINED, settings)
        for _ in range(3):
            result = engine.query(sql, settings=chosen)
            assert result.fetchall() == ANSWER
            check_claims(result.report)
            assert result.report.consistency is not None
            assert result.report.consistency.skew is not None
            assert result.report.consistency.skew < 5
            assert result.report.complete
        assert_nothing_is_left(engine, bank)


def test_a_table_without_snapshots_is_refused_and_never_claimed(bank: World) -> None:
    with Engine(bank.config()) as engine:
        for sql in ("SELECT n FROM crm.loose", "SELECT a.n FROM crm.loose AS a JOIN shop.accounts AS b ON a.id = b.id"):
            result = engine.query(sql)
            assert len(result.fetchall()) == 1
            assert result.report.consistency is not None
            assert result.report.consistency.sources["crm"].level is Level.NONE
            assert result.report.consistency.label is (Label.MIXED if "shop" in sql else Label.NONE)
            for clause in ("REQUIRE SNAPSHOT", "MAX SKEW 10 s"):
                failure = refused(engine, f"{sql} {clause}", "HC001")
                assert failure.source == "crm"
                assert "MyISAM" in failure.message
        both = "SELECT sum(n) FROM (SELECT n FROM crm.loose UNION ALL SELECT n FROM crm.accounts) AS x"
        result = engine.query(both, settings=OFF)
        assert result.fetchall() == [(MONEY + 1,)]
        assert result.report.consistency is not None
        assert result.report.consistency.label is Label.NONE
        refused(engine, both + CLAUSE, "HC001", **OFF)
        assert_nothing_is_left(engine, bank)


def test_strict_is_one_source_or_nothing(bank: World) -> None:
    with Proxy(bank.shop.url) as proxy, Engine(bank.config(shop=proxy.url)) as engine:
        engine.catalog.tables()
        engine.query(JOINED).fetchall()
        before = proxy.asked
        for sql, settings in ((JOINED + " STRICT", {}), (JOINED, {"strict": "on"})):
            failure = refused(engine, sql, "HC003", **settings)
            assert "crm, shop" in failure.message
            text = engine.explain(sql, settings=settings)
            assert "Demanded: STRICT, refused: " in text
        assert proxy.asked == before, "something was sent"
        for one in ("shop", "crm"):
            result = engine.query(f"SELECT sum(n) FROM {one}.accounts STRICT")
            assert result.fetchall() == [(MONEY,)]
            assert result.report.consistency is not None
            assert result.report.consistency.label is Label.ONE
        refused(engine, "SELECT n FROM crm.loose STRICT", "HC001")
        assert_nothing_is_left(engine, bank)


@SOURCES
def test_a_slow_source_is_too_far_from_the_others(bank: World, source: str) -> None:
    """An exchange takes 0.3 s there: snapshots are that far apart, or nobody knows better, before a row has left."""
    with Proxy(getattr(bank, source).url) as proxy, Engine(bank.config(**{source: proxy.url})) as engine:
        assert engine.query(JOINED).fetchall() == ANSWER
        proxy.pause = 0.3
        for _ in range(2):  # also with connections that are open
            with pytest.raises(NotConsistent) as caught:
                engine.query(JOINED + " MAX SKEW 100 ms")  # before there is a stream that could have rows
            assert (caught.value.code, caught.value.source, caught.value.retryable) == ("HC002", source, True)
            assert "MAX SKEW 100 ms" in caught.value.message
            assert "crm, shop" in caught.value.message
        result = engine.query(JOINED + " MAX SKEW 3 s")
        assert result.fetchall() == ANSWER
        assert result.report.consistency is not None
        assert result.report.consistency.skew is not None
        assert 0.1 < result.report.consistency.skew < 3
        proxy.pause = 0.0
        assert_nothing_is_left(engine, bank)


def test_sources_wait_for_one_another_before_they_take_their_snapshots(bank: World) -> None:
    """Connections that take long to make are no skew: the fast source takes its snapshot when the slow one can."""
    with Proxy(bank.crm.url) as proxy:
        config = bank.config(crm=proxy.url)
        with Engine(config) as engine:
            engine.catalog.tables()
            proxy.pause = 0.1  # a handshake of several exchanges, then one to begin
            result = engine.query(JOINED + " MAX SKEW 350 ms")
            proxy.pause = 0.0
            assert result.fetchall() == ANSWER
            assert result.report.consistency is not None
            assert (result.report.consistency.skew or 9) < 0.35


@SOURCES
def test_a_session_that_was_begun_again_has_a_newer_snapshot(bank: World, source: str) -> None:
    """Its source is lost after the snapshots were taken: rows of a later one are no answer under a narrow bound."""
    sql = f"SELECT count(*), sum(a.n) FROM {source}.t1 AS a JOIN {{}}.t2 AS b ON a.id = b.id".format(
        "crm" if source == "shop" else "shop"
    )
    settings = {**OFF, "profile": "batch"}
    with Proxy(getattr(bank, source).url) as proxy:
        config = bank.config(**{source: proxy.url})
        config["sources"][source] |= {"retry": {**RETRY, "wait": 1.5, "wait_max": 3}, "breaker": {"failures": 50}}
        with Engine(config) as engine:
            engine.query(sql, settings=settings).fetchall()
            outcomes = set()
            for step in range(12):
                timer = threading.Timer(0.002 * step, proxy.cut)
                timer.start()
                outcomes.add(outcome(engine, sql + " MAX SKEW 60 ms", settings))
                timer.join()
            assert outcomes <= {"kept", "HC002", f"lost {source}"}
            assert_nothing_is_left(engine, bank)


def outcome(engine: Engine, sql: str, settings: dict[str, Any]) -> str:
    """What becomes of a query whose snapshots may be 60 ms apart."""
    try:
        result = engine.query(sql, settings=settings)
        assert result.fetchall()[0][0] == 6000
    except NotConsistent as failure:
        return failure.code
    except HanseError as failure:
        return f"lost {failure.source}"
    assert result.report.consistency is not None
    assert (result.report.consistency.skew or 0) <= 0.06
    check_claims(result.report)
    return "kept"


def test_a_kept_plan_has_no_demands_of_its_own(bank: World) -> None:
    """One plan, whoever demands what; and texts that differ in their clauses are the same query."""
    with Engine(bank.config()) as engine:
        sql = "SELECT a.n FROM crm.loose AS a JOIN shop.accounts AS b ON a.id = b.id"
        plans = set()
        for _ in range(2):
            result = engine.query(sql)
            assert len(result.fetchall()) == 1
            assert result.report.plan is not None
            plans.add(result.report.plan.fingerprint)
            refused(engine, sql + CLAUSE, "HC001")
            refused(engine, sql + " STRICT;", "HC003")
            refused(engine, sql, "HC001", require_snapshot="on")
        kept = engine.query(f"{JOINED} MAX SKEW 5 s")
        assert kept.fetchall() == ANSWER
        again = engine.query(JOINED)
        assert again.fetchall() == ANSWER
        assert again.report.plan is not None
        assert again.report.plan.cached
        assert len(plans) == 1


@SOURCES
def test_shared_rows_carry_the_picture_of_the_statement_that_gave_them(bank: World, source: str) -> None:
    reports: list[Report] = []
    start = threading.Barrier(20)
    with Engine(bank.config(connections=4)) as engine:
        engine.query(NAP[source]).fetchall()

        def work(_: int) -> None:
            start.wait()
            result = engine.query(NAP[source])
            result.fetchall()
            reports.append(result.report)

        for one in clients(20, work):
            one.join(60)
    own = {one.query_id: one.sources[0].picture for one in reports if one.sources[0].shared_with is None}
    others = [one.sources[0] for one in reports if one.sources[0].shared_with is not None]
    assert others
    assert all(one.picture == own[str(one.shared_with)] for one in others)


def test_silence_at_the_start_ends_in_time(bank: World, small_queues: None) -> None:
    """A source that says nothing when the snapshots are to be taken: the deadline holds, and nothing is left."""
    with Proxy(bank.crm.url) as proxy, Engine(bank.config(crm=proxy.url)) as engine:
        assert engine.query(JOINED).fetchall() == ANSWER
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises(HanseError):
            engine.query(JOINED + CLAUSE, settings={"statement_timeout": 0.5}).fetchall()
        assert time.monotonic() - began < 2
        proxy.cut()
    bank.wait_until_idle(5)
