"""Guardrails on real servers: of a refused query nothing is on the wire; limits end statements at their source, soon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest

from hanse.engine import Engine
from hanse.errors import GuardrailRefused, ResourceLimit
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.proxy import Proxy

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
MB = 1_000_000
BEYOND = 20 * MB
"""What may be on its way when a limit of a megabyte bites: two batches, and what sockets hold."""
SOURCES = ["shop", "crm"]


class Guarded:
    """An engine behind proxies, with the same guardrails for both sources."""

    def __init__(self, world: World, rules: dict[str, Any], **engine: Any) -> None:
        self.world = world
        self._opened = ExitStack()
        self.proxies = {name: self._opened.enter_context(Proxy(getattr(world, name).url)) for name in SOURCES}
        config = world.config(self.proxies["shop"].url, self.proxies["crm"].url, **engine)
        for block in config["sources"].values():
            block["guardrails"] = rules
        self.engine = self._opened.enter_context(Engine(config))
        self.engine.query(
            "SELECT 1 FROM shop.t1 AS a JOIN crm.t1 AS b ON a.id = b.id WHERE a.id = 1 AND b.id = 1"
        ).fetchall()

    def wire(self) -> dict[str, tuple[int, int]]:
        """Bytes to and from each server so far, once nothing is on its way any more."""
        found, again = self._counts(), None
        while found != again:
            time.sleep(0.05)
            found, again = self._counts(), found
        return found

    def _counts(self) -> dict[str, tuple[int, int]]:
        return {name: (proxy.asked, proxy.answered) for name, proxy in self.proxies.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


@pytest.fixture
def required(world: World) -> Iterator[Guarded]:
    with Guarded(
        world, {"tables": {"t1": {"require": ["id"]}, "t2": {"require": [{"column": "n", "within": 100}]}}}
    ) as found:
        yield found


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {0}.t1",
        "SELECT count(*) FROM {0}.t1 WHERE n > 5",
        "SELECT * FROM {0}.t2 WHERE n > 5",
        "SELECT * FROM {0}.t2 WHERE n BETWEEN 0 AND 101",
        "SELECT * FROM shop.t3 AS a JOIN crm.t3 AS b ON a.id = b.id JOIN {0}.t1 AS c ON c.n = a.n WHERE a.id < 5",
        "SELECT * FROM {0}.t1 WHERE id = 5 UNION ALL SELECT * FROM {0}.t1 WHERE id >= -9223372036854775808",
    ],
)
@pytest.mark.parametrize("estimates", ["on", "off"])
def test_of_a_refused_query_nothing_is_sent(required: Guarded, sql: str, source: str, estimates: str) -> None:
    text, before = sql.format(source), required.wire()
    with pytest.raises(GuardrailRefused) as caught:
        required.engine.query(text, settings={"remote_estimates": estimates})
    assert caught.value.code == "HG001"
    assert "refused: guardrail require" in required.engine.explain(text)
    assert required.wire() == before
    assert_nothing_is_left(required.engine, required.world)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT * FROM {0}.t1 WHERE id = 5", 1),
        ("SELECT * FROM {0}.t1 WHERE id >= 5 AND n < 10", 5),
        ("SELECT * FROM {0}.t2 WHERE n BETWEEN 1 AND 101", 50),
        ("SELECT * FROM {0}.t1 AS a JOIN {0}.t1 AS b ON a.id = b.id WHERE a.id IN (3, 4)", 2),
        (
            "SELECT * FROM shop.t3 AS a JOIN crm.t3 AS b ON a.id = b.id JOIN {0}.t1 AS c ON c.id = a.id WHERE a.id < 5",
            5,
        ),
    ],
)
def test_what_restricts_the_column_is_answered(required: Guarded, sql: str, rows: int, source: str) -> None:
    assert len(required.engine.query(sql.format(source)).fetchall()) == rows


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {0}.endless",
        "SELECT count(DISTINCT pad || n) FROM {0}.endless",
        "SELECT a.id FROM {0}.endless AS a JOIN {1}.t1 AS b ON a.pad = b.pad",
        "SELECT a.id, b.n FROM {0}.endless AS a JOIN {0}.t2 AS b ON a.id = b.id JOIN {1}.t1 AS c ON c.id = a.n",
    ],
)
def test_a_limit_of_a_megabyte_ends_an_endless_answer(world: World, source: str, sql: str) -> None:
    other = next(name for name in SOURCES if name != source)
    with Guarded(world, {"max_bytes": "1 MB"}, instances=1) as guarded:
        before = guarded.wire()[source][1]
        settings = {"pushdown": "off"} if "count" in sql or "t2" in sql else {}
        with pytest.raises(ResourceLimit, match=f"max_bytes of {source}") as caught:
            guarded.engine.query(sql.format(source, other), settings=settings).fetchall()
        assert caught.value.code == "53400"
        assert world.wait_until_idle(2) < 1.5
        assert guarded.wire()[source][1] - before < MB + BEYOND
        assert_nothing_is_left(guarded.engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_rows_are_counted_too(world: World, source: str) -> None:
    with Guarded(world, {"max_rows": 5000}) as guarded:
        seen = 0
        with pytest.raises(ResourceLimit, match=f"max_rows of {source}"):  # noqa: PT012
            for batch in guarded.engine.query(f"SELECT * FROM {source}.endless", settings={"batch_rows": 1000}):
                seen += batch.num_rows
        assert seen <= 5000
        assert_nothing_is_left(guarded.engine, world)
        assert len(guarded.engine.query(f"SELECT id FROM {source}.t1 LIMIT 5000").fetchall()) == 5000


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("setting", ["max_bytes", "max_rows", "result_bytes", "result_rows"])
def test_a_session_can_have_a_limit_of_its_own(world: World, source: str, setting: str) -> None:
    with Guarded(world, {}) as guarded:
        before, started = guarded.wire()[source][1], time.monotonic()
        with pytest.raises(ResourceLimit, match=f"setting {setting}"):
            guarded.engine.query(
                f"SELECT * FROM {source}.endless", settings={setting: 1000, "batch_rows": 500}
            ).fetchall()
        assert time.monotonic() - started < 10
        assert guarded.wire()[source][1] - before < BEYOND
        assert_nothing_is_left(guarded.engine, world)


def test_what_is_kept_aside_counts_when_it_arrives(world: World) -> None:
    """On one connection requests take turns: the answer of one that nobody reads yet goes to a file, but not endlessly."""
    with Guarded(world, {"max_bytes": "1 MB"}, connections=1, instances=1) as guarded:
        sql = "SELECT a.id FROM crm.t1 AS a JOIN crm.endless AS b ON a.id = b.n + 7000000 JOIN shop.t1 AS c ON c.id = a.id"
        before = guarded.wire()["crm"][1]
        with pytest.raises(ResourceLimit, match="max_bytes of crm"):
            guarded.engine.query(sql, settings={"pushdown": "off"}).fetchall()
        assert guarded.wire()["crm"][1] - before < MB + BEYOND
        assert_nothing_is_left(guarded.engine, world)


@pytest.fixture
def ceilings(world: World) -> Iterator[Guarded]:
    with Guarded(world, {"explain_rows": 1000}, connections=1) as found:
        yield found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {0}.endless",
        "SELECT max(n) FROM {0}.endless",
        "SELECT a.id FROM {0}.endless AS a JOIN {1}.t1 AS b ON a.id = b.id WHERE b.n < 0 OR a.n > b.n",
        "SELECT * FROM {0}.endless AS a JOIN {0}.endless AS b ON a.id = b.id UNION ALL SELECT * FROM {1}.t1 AS c, {1}.t1 AS d",
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_what_the_source_expects_to_be_too_much_does_not_run(ceilings: Guarded, sql: str, source: str) -> None:
    other = next(name for name in SOURCES if name != source)
    before = ceilings.wire()[source][1]
    with pytest.raises(GuardrailRefused, match="guardrail explain_rows") as caught:
        ceilings.engine.query(sql.format(source, other), settings={"key_shipping": "off"}).fetchall()
    assert caught.value.code == "HG005"
    assert ceilings.wire()[source][1] - before < 100_000
    assert_nothing_is_left(ceilings.engine, ceilings.world)
    assert ceilings.engine.query("SELECT n FROM crm.t1 WHERE id = 7").fetchall() == [(7,)]


def test_what_the_source_expects_to_be_little_runs(ceilings: Guarded) -> None:
    ask = ceilings.engine.query
    assert ask("SELECT n FROM crm.t1 WHERE id BETWEEN 7 AND 8").fetchall() == [(7,), (8,)]
    assert ask("SELECT id FROM shop.small ORDER BY id LIMIT 2").fetchall() == [(0,), (1,)]
    both = "SELECT s.id, c.n, d.n FROM shop.small AS s JOIN crm.t1 AS c ON s.id = c.id JOIN crm.t2 AS d ON d.id = c.id WHERE c.id < 3"
    assert sorted(ask(both).fetchall()) == [(0, 0, 0), (1, 1, 2), (2, 2, 4)]
    assert "guardrail explain_rows of crm: 1,000 rows: tested as it runs" in ceilings.engine.explain(both)
    assert_nothing_is_left(ceilings.engine, ceilings.world)


def test_costs_are_the_servers_own_and_no_cost_is_too_much(world: World) -> None:
    config = world.config()
    for block in config["sources"].values():
        block["guardrails"] = {"explain_cost": 1000}
    with Engine(config) as engine:
        with pytest.raises(GuardrailRefused, match=r"explain_cost of shop: .* says [\d,]+ for .*1,000 is allowed"):
            engine.query("SELECT count(*) FROM shop.endless").fetchall()
        assert engine.query("SELECT id FROM shop.small WHERE id = 3").fetchall() == [(3,)]
        with pytest.raises(GuardrailRefused, match="guardrail explain_cost of crm"):
            engine.query("SELECT count(*) FROM crm.endless").fetchall()
        assert_nothing_is_left(engine, world)


KEYS = {"tables": {"t1": {"require": [{"column": "id", "keys": True}]}}}


@pytest.mark.parametrize(("source", "other"), [("shop", "crm"), ("crm", "shop")])
def test_keys_of_another_source_can_be_what_restricts(world: World, source: str, other: str) -> None:
    with Guarded(world, KEYS) as guarded:
        sql = f"SELECT a.id, b.n FROM {other}.t3 AS a JOIN {source}.t1 AS b ON a.id = b.id"
        few = f"{sql} WHERE a.n IN (3, 6, 9)"
        forced = {"key_shipping": "force"}
        result = guarded.engine.query(few, settings=forced)
        assert sorted(result.fetchall()) == [(1, 1), (2, 2), (3, 3)]
        assert [report.keys for report in result.report.sources if report.source == source] == [[3]]
        shown = guarded.engine.explain(few, settings=forced)
        assert f"{source}." in shown
        assert "requires id or keys of it: all of the keys k0, or an error: kept" in shown
        assert guarded.engine.query(f"{sql} WHERE a.n < 0", settings=forced).fetchall() == []
        assert guarded.engine.query(f"{sql} WHERE b.id = 5", settings=forced).fetchall() == [(5, 5)]
        for settings in ({"key_shipping": "off"}, {"pushdown": "off"}):
            with pytest.raises(GuardrailRefused, match="a query must restrict id"):
                guarded.engine.query(few, settings=settings)
        assert_nothing_is_left(guarded.engine, world)


@pytest.mark.parametrize(("source", "other"), [("shop", "crm"), ("crm", "shop")])
def test_keys_that_cannot_all_be_sent_are_an_error_and_no_scan(world: World, source: str, other: str) -> None:
    config = world.config()
    config["sources"][source] |= {"guardrails": KEYS, "key_shipping": {"keys_max": 10}}
    with Engine(config) as engine:
        sql = f"SELECT a.id, b.n FROM {other}.t3 AS a JOIN {source}.t1 AS b ON a.id = b.id WHERE a.pad >= $1"
        settings = {"key_shipping": "force"}
        result = engine.query(sql, [""], settings=settings)
        with pytest.raises(GuardrailRefused, match="more keys than are sent one by one"):
            result.fetchall()
        assert [report.rows for report in result.report.sources if report.source == source] == [0]
        assert engine.query(sql, ["z"], settings=settings).fetchall() == []
        assert_nothing_is_left(engine, world)
