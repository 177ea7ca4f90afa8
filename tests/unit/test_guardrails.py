"""Guardrails through the engine: what each refuses, what must still pass, and that nothing is read of a refused query."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import hanse
from hanse import Engine
from hanse.errors import ConfigError, Denied, GuardrailRefused, HanseError, ResourceLimit, SourceUnreachable, UserError
from hanse.groups import Caller

RANGE = "created_at >= '2026-06-01' AND created_at < '2026-07-01'"
REQUIRE = {"tables": {"payments": {"require": ["created_at"]}}}


class Stopped:
    """A clock that stands still at one moment."""

    def __init__(self, moment: str) -> None:
        self._now = dt.datetime.fromisoformat(moment).timestamp()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return "0" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guarded")
    with duckdb.connect(str(path / "pay.duckdb")) as pay:
        pay.execute("CREATE TABLE payments (id INTEGER, customer INTEGER, created_at TIMESTAMP, amount DECIMAL(10, 2))")
        pay.execute(
            "INSERT INTO payments SELECT i, i % 50, TIMESTAMP '2026-06-01' + to_days(i % 90), i FROM range(1000) AS r(i)"
        )
    with contextlib.closing(sqlite3.connect(path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
        crm.executemany("INSERT INTO customers VALUES (?, ?)", [(i, f"customer {i:06}") for i in range(5000)])
        crm.execute("ANALYZE")
    return path


def opened(folder: Path, engine: dict[str, Any] | None = None, clock: Any = None, **sources: Any) -> Engine:
    """An engine over both, with guardrails for each by name."""
    blocks: dict[str, dict[str, Any]] = {
        "pay": {"kind": "duckdb", "path": str(folder / "pay.duckdb")},
        "crm": {"kind": "sqlite", "path": str(folder / "crm.db")},
    }
    for name, guardrails in sources.items():
        blocks[name]["guardrails"] = guardrails
    return Engine({"sources": blocks, "engine": {"guardrails": engine or {}}}, clock)


@pytest.fixture
def guarded(folder: Path) -> Iterator[Engine]:
    with opened(folder, pay=REQUIRE) as engine:
        yield engine


def refused(engine: Engine, sql: str, params: Any = None, **settings: Any) -> GuardrailRefused:
    with pytest.raises(GuardrailRefused) as caught:
        engine.query(sql, params, settings)
    return caught.value


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT * FROM pay.payments WHERE {RANGE}",
        f"SELECT count(*) FROM pay.payments WHERE {RANGE} OR created_at = '2026-08-01'",
        "SELECT * FROM pay.payments WHERE created_at >= now() - interval '7 days'",
        "SELECT * FROM pay.payments WHERE created_at IN ('2026-06-01', '2026-06-02')",
        f"SELECT * FROM (SELECT * FROM pay.payments) AS p WHERE {RANGE}",
        f"WITH p AS (SELECT * FROM pay.payments WHERE {RANGE}) SELECT * FROM p AS a JOIN p AS b USING (id)",
        f"SELECT * FROM crm.customers AS c LEFT JOIN pay.payments AS p ON p.customer = c.id AND {RANGE}",
        f"SELECT * FROM crm.customers AS c LEFT JOIN pay.payments AS p ON p.customer = c.id WHERE {RANGE}",
        f"SELECT name FROM crm.customers WHERE id IN (SELECT customer FROM pay.payments WHERE {RANGE})",
        f"SELECT * FROM pay.payments WHERE {RANGE} UNION ALL SELECT * FROM pay.payments WHERE created_at < '2026-06-02'",
        "SELECT 1 FROM pay.payments WHERE false",
        "SELECT name FROM crm.customers",
    ],
)
def test_what_restricts_a_required_column_passes(guarded: Engine, sql: str) -> None:
    guarded.query(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM pay.payments",
        "SELECT count(*) FROM pay.payments",
        "SELECT * FROM pay.payments LIMIT 1",
        "SELECT * FROM pay.payments WHERE created_at = created_at",
        "SELECT * FROM pay.payments WHERE created_at > '0001-01-01'",
        "SELECT * FROM pay.payments WHERE created_at > '0001-01-01' OR true",
        "SELECT * FROM pay.payments WHERE created_at > '-infinity'",
        "SELECT * FROM pay.payments WHERE created_at IS NOT NULL",
        "SELECT * FROM pay.payments WHERE created_at <> '2026-06-01'",
        "SELECT * FROM pay.payments WHERE created_at::date = '2026-06-01'",
        f"SELECT * FROM pay.payments WHERE {RANGE} OR amount > 5",
        f"SELECT * FROM (SELECT * FROM pay.payments LIMIT 10) AS p WHERE {RANGE}",
        f"SELECT * FROM pay.payments WHERE {RANGE} UNION ALL SELECT * FROM pay.payments",
        f"SELECT * FROM pay.payments AS p LEFT JOIN crm.customers AS c ON c.id = p.customer AND {RANGE}",
        f"SELECT * FROM crm.customers AS c LEFT JOIN pay.payments AS p ON p.customer = c.id WHERE {RANGE} OR created_at IS NULL",
        "SELECT (SELECT max(amount) FROM pay.payments) FROM crm.customers",
        "SELECT * FROM crm.customers AS c WHERE EXISTS (SELECT FROM pay.payments AS p WHERE p.customer = c.id)",
        f"WITH p AS MATERIALIZED (SELECT * FROM pay.payments) SELECT * FROM p WHERE {RANGE}",
        "SELECT * FROM pay.payments AS p JOIN crm.customers AS c ON c.id = p.customer WHERE c.id = 5",
        "SELECT * FROM PAY.PAYMENTS",
    ],
)
def test_what_does_not_restrict_it_is_refused(guarded: Engine, sql: str) -> None:
    failure = refused(guarded, sql)
    assert (failure.code, failure.source, failure.kind) == ("HG001", "pay", "denied")
    assert "pay.main.payments" in failure.message
    assert "created_at" in str(failure.hint)
    assert failure.position == sql.lower().index("pay.payments")


def test_a_condition_that_is_not_sent_does_not_count(guarded: Engine) -> None:
    assert refused(guarded, f"SELECT * FROM pay.payments WHERE {RANGE}", pushdown="off").code == "HG001"


def test_a_kept_plan_is_tested_with_each_runs_parameters(guarded: Engine) -> None:
    sql = "SELECT count(*) FROM pay.payments WHERE created_at < $1"
    good, endless = dt.datetime(2026, 6, 2), dt.datetime(9999, 12, 31)
    first = guarded.query(sql, [good])
    assert first.fetchall() == guarded.query(sql, [good]).fetchall()
    assert refused(guarded, sql, [endless]).code == "HG001"
    again = guarded.query(sql, [good])
    assert again.fetchall()
    assert again.report.plan is not None
    assert again.report.plan.cached
    assert guarded.query(sql, [None]).fetchall() == [(0,)]


def test_a_range_can_be_required_to_be_short(folder: Path) -> None:
    rule = {"tables": {"pay*": {"require": [{"column": "CREATED_AT", "within": "31 days"}]}}}
    with opened(folder, pay=rule) as engine:
        ask = "SELECT count(*) FROM pay.payments WHERE "
        for condition in (RANGE, "created_at = '2026-06-03'", "created_at BETWEEN now() - interval '1 week' AND now()"):
            engine.query(ask + condition).fetchall()
        for condition in ("created_at >= '2026-06-01'", "created_at >= '2026-06-01' AND created_at < '2026-07-03'"):
            failure = refused(engine, ask + condition)
            assert (failure.code, "at most 31 days apart" in failure.message) == ("HG001", True)
        bounds = [dt.datetime(2026, 6, 1), dt.datetime(2026, 7, 1)]
        between = ask + "created_at >= $1 AND created_at < $2"
        engine.query(between, bounds).fetchall()
        assert refused(engine, between, [bounds[0], dt.datetime(2026, 8, 1)]).code == "HG001"


@pytest.mark.parametrize("whose", ["engine", "pay"])
def test_joins_without_an_equality_have_a_size(folder: Path, whose: str) -> None:
    rule = {"cross_join_rows": 100_000}
    with opened(folder, engine=rule) if whose == "engine" else opened(folder, pay=rule) as engine:
        ask = "SELECT count(*) FROM pay.payments AS a"
        for bad in (", pay.payments AS b", " JOIN pay.payments AS b ON a.amount < b.amount", ", crm.customers AS b"):
            failure = refused(engine, ask + bad)
            assert failure.code == "HG002"
            assert f"cross_join_rows of {whose}" in failure.message
        for good in (
            " JOIN pay.payments AS b ON a.id = b.id AND a.amount <= b.amount",
            ", (SELECT max(amount) FROM pay.payments) AS m",
            " JOIN pay.payments AS b ON a.amount < b.amount WHERE a.id = 5",
            " WHERE EXISTS (SELECT FROM crm.customers AS c WHERE c.id = a.customer)",
        ):
            engine.query(ask + good).fetchall()
        crossed = "SELECT count(*) FROM crm.customers AS a, crm.customers AS b"
        if whose == "engine":
            assert refused(engine, crossed).code == "HG002"
        else:
            engine.query(crossed + " WHERE b.id < 3").fetchall()


@pytest.mark.parametrize("whose", ["engine", "crm"])
def test_order_by_without_limit_has_a_size(folder: Path, whose: str) -> None:
    rule = {"sort_rows": 1000}
    with opened(folder, engine=rule) if whose == "engine" else opened(folder, crm=rule) as engine:
        ask = "SELECT name FROM crm.customers "
        for bad, params in (
            ("ORDER BY name", None),
            ("ORDER BY name LIMIT 1001", None),
            ("ORDER BY name LIMIT 1000 OFFSET 1", None),
            ("ORDER BY name LIMIT $1", [5000]),
            ("ORDER BY name LIMIT $1", [None]),
            ("ORDER BY name OFFSET 10", None),
        ):
            failure = refused(engine, ask + bad, params)
            assert failure.code == "HG003"
            assert "LIMIT with at most 1,000" in str(failure.hint)
        for good, params in (
            ("", None),
            ("ORDER BY name LIMIT 1000", None),
            ("ORDER BY name LIMIT $1", [10]),
            ("WHERE id = 5 ORDER BY name", None),
        ):
            engine.query(ask + good, params).fetchall()
        engine.query("SELECT id FROM pay.payments ORDER BY id LIMIT 1000").fetchall()


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        ("20:00-06:00", "2026-06-01T21:00Z", True),
        ("20:00-06:00", "2026-06-01T05:59Z", True),
        ("20:00-06:00", "2026-06-01T06:00Z", False),
        ("20:00-06:00 Europe/Berlin", "2026-06-01T18:00Z", True),
        ("20:00-06:00 Europe/Berlin", "2026-06-01T17:59Z", False),
        ("08:00-24:00", "2026-06-01T23:59Z", True),
        ("08:00-24:00", "2026-06-01T00:00Z", False),
    ],
)
@pytest.mark.parametrize("of", ["source", "table"])
def test_a_source_or_a_table_is_open_at_its_hours(
    folder: Path, hours: str, moment: str, is_open: bool, of: str
) -> None:
    rule = {"hours": hours} if of == "source" else {"tables": {"main.payments": {"hours": hours}}}
    with opened(folder, pay=rule, clock=Stopped(moment.replace("Z", "+00:00"))) as engine:
        engine.query("SELECT count(*) FROM crm.customers").fetchall()
        if is_open:
            engine.query("SELECT count(*) FROM pay.payments").fetchall()
            return
        failure = refused(engine, "SELECT count(*) FROM pay.payments")
        assert (failure.code, "may be read" in failure.message) == ("HG004", True)


def test_explain_shows_every_rule_and_what_came_of_it(folder: Path) -> None:
    limits = {"max_rows": 5000, "result_bytes": "1 MB"}
    with opened(folder, engine=limits, pay=REQUIRE, crm={"max_bytes": "1 GB"}) as engine:
        kept = engine.explain(f"SELECT * FROM pay.payments WHERE {RANGE}")
        assert "pay.main.payments requires created_at: created_at >= timestamp '2026-06-01 00:00:00' and" in kept
        assert "guardrail max_rows of engine: a query may read 5,000 rows: tested as it runs" in kept
        assert "max_bytes of crm" not in kept
        shown = engine.explain("SELECT * FROM pay.payments")
        assert "requires created_at: refused: guardrail require of pay.main.payments" in shown
        assert refused(engine, "EXPLAIN ANALYZE SELECT * FROM pay.payments").code == "HG001"
        document = json.loads(engine.explain("SELECT name FROM crm.customers", format="json"))
        assert [one["counted"] for one in document["guardrails"]] == [True] * 3
        rows = engine.query("SHOW GUARDRAILS").fetchall()
        assert ("pay", "payments", "require", "created_at") in rows
        assert (None, None, "result_bytes", "1000000") in rows


@pytest.mark.parametrize("whose", ["crm", "engine", "setting"])
@pytest.mark.parametrize("limit", [{"max_rows": 1000}, {"max_bytes": "20 kB"}])
def test_what_a_query_reads_is_counted(folder: Path, whose: str, limit: dict[str, Any]) -> None:
    configured = opened(folder) if whose == "setting" else opened(folder, **{whose: limit})
    settings = {"batch_rows": 500} | (limit if whose == "setting" else {})
    name = next(iter(limit))
    with configured as engine:
        seen = 0
        with pytest.raises(ResourceLimit, match=f"{name}.*more; it was ended") as caught:  # noqa: PT012
            for batch in engine.query("SELECT * FROM crm.customers", settings=settings):
                seen += batch.num_rows
        assert caught.value.code == "53400"
        assert seen <= 1000
        with pytest.raises(ResourceLimit, match=name):
            engine.query(
                "SELECT count(*) FROM crm.customers AS c JOIN pay.payments AS p ON c.name = p.amount::text",
                settings=settings,
            ).fetchall()
        assert engine.query("SELECT count(*) FROM crm.customers", settings=settings).fetchall() == [(5000,)]


@pytest.mark.parametrize("limit", [{"result_rows": 1000}, {"result_bytes": "20 kB"}])
@pytest.mark.parametrize("whose", ["engine", "setting"])
@pytest.mark.parametrize("sql", ["SELECT * FROM crm.customers", "SELECT i FROM generate_series(1, 100000) AS g(i)"])
def test_an_answer_has_a_size(folder: Path, limit: dict[str, Any], whose: str, sql: str) -> None:
    with opened(folder, engine=limit if whose == "engine" else None) as engine:
        settings = {"batch_rows": 400} | (limit if whose == "setting" else {})
        result = engine.query(sql, settings=settings)
        with pytest.raises(ResourceLimit, match="an answer may have") as caught:
            result.fetchall()
        assert caught.value.code == "53400"
        assert not result.report.complete
        assert len(engine.query(f"{sql} LIMIT 200", settings=settings).fetchall()) == 200


def test_exactly_as_much_as_is_allowed_passes(folder: Path) -> None:
    with opened(folder, engine={"result_rows": 5000, "max_rows": 5000}, crm={"max_rows": 5000}) as engine:
        assert len(engine.query("SELECT id FROM crm.customers").fetchall()) == 5000


def test_a_session_can_only_be_narrower(folder: Path) -> None:
    with opened(folder, engine={"max_rows": 100, "result_bytes": "1 MB"}) as engine:
        for name, value in (("max_rows", 101), ("result_bytes", "2 MB")):
            with pytest.raises(Denied, match=f"engine.guardrails.{name}"):
                engine.query("SELECT 1", settings={name: value})
        with pytest.raises(Denied, match="max_rows cannot be 5,000"):
            engine.query("SET max_rows = 5000")
        engine.query("SET max_rows = 50")
        with pytest.raises(ResourceLimit, match="setting max_rows"):
            engine.query("SELECT * FROM crm.customers LIMIT 60").fetchall()
        engine.query("RESET max_rows")
        assert len(engine.query("SELECT * FROM crm.customers LIMIT 60").fetchall()) == 60
        with pytest.raises(ResourceLimit, match="guardrail max_rows of engine"):
            engine.query("SELECT * FROM crm.customers LIMIT 101").fetchall()
        for wrong in ("0", "'much'", "-5"):
            with pytest.raises(UserError) as caught:
                engine.query(f"SET result_bytes = {wrong}")
            assert caught.value.code == "22023"


def test_guarded_tables_are_not_sampled(folder: Path, tmp_path: Path) -> None:
    source = {"kind": "duckdb", "path": str(folder / "pay.duckdb"), "guardrails": REQUIRE}
    with Engine({"sources": {"pay": source}, "engine": {"state": str(tmp_path / "state")}}) as engine:
        (found,) = engine.analyze("pay.payments")
        assert found.statistics is None
        assert "guardrail require of pay.main.payments" in str(found.problem)


@pytest.mark.parametrize(
    ("guardrails", "message"),
    [
        ({"tables": {"paymnts": {"require": ["created_at"]}}}, "tables.paymnts: there is no such table"),
        ({"tables": {"payments": {"require": ["made_at"]}}}, "pay.main.payments has no column made_at"),
        ({"max_rows": 5}, "read in place"),
    ],
)
def test_what_would_protect_nothing_closes_the_source(folder: Path, guardrails: dict[str, Any], message: str) -> None:
    with opened(folder, pay=guardrails) as engine:
        with pytest.raises((ConfigError, SourceUnreachable), match=message):
            engine.query("SELECT id FROM pay.payments")
        engine.query("SELECT id FROM crm.customers").fetchall()


@pytest.mark.parametrize(
    ("guardrails", "message"),
    [
        ({"max_row": 5}, "unknown key sources.pay.guardrails.max_row .*max_rows"),
        ({"max_rows": 0}, "guardrails.max_rows"),
        ({"max_bytes": "many"}, "no size such as 1 MB"),
        ({"hours": "always"}, "no part of the day"),
        ({"hours": "10:00-10:00"}, "starts when it ends"),
        ({"hours": "25:00-10:00"}, "no part of the day"),
        ({"hours": "20:00-06:00 Mars/Base"}, "no time zone Mars/Base"),
        ({"tables": {"t": {"require": [{"column": "a", "within": "soon"}]}}}, "no span such as 31 days"),
        ({"tables": {"t": {"requires": ["a"]}}}, "did you mean require"),
        (5, "must be a mapping"),
        ({"explain_cost": 5.5}, "explain_cost are for PostgreSQL, MySQL"),
    ],
)
def test_wrong_guardrails_are_an_error_at_once(folder: Path, guardrails: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        opened(folder, pay=guardrails)


def test_a_sharded_source_is_protected_as_a_whole(folder: Path) -> None:
    shards = [{"path": str(folder / "crm.db")}, {"path": str(folder / "crm.db"), "name": "other"}]
    tables = {"customers": {"method": "none"}}
    block = {"kind": "sharded", "shards": shards, "tables": tables}
    with Engine({"sources": {"all": block | {"guardrails": {"tables": {"customers": {"require": ["id"]}}}}}}) as engine:
        assert refused(engine, "SELECT name FROM all.customers").code == "HG001"
        assert len(engine.query("SELECT name FROM all.customers WHERE id < 10").fetchall()) == 20
    with Engine({"sources": {"all": block | {"guardrails": {"max_rows": 6000}}}}) as engine:
        with pytest.raises(ResourceLimit, match="max_rows of all"):
            engine.query("SELECT name FROM all.customers").fetchall()
        assert len(engine.query("SELECT name FROM all.customers WHERE id < 3000").fetchall()) == 6000
    inside = [shards[0] | {"guardrails": {"max_rows": 5}}]
    with pytest.raises(HanseError, match="guardrails of a sharded source stands in its own block"):
        Engine({"sources": {"all": block | {"shards": inside}}})


def test_without_guardrails_nothing_is_looked_at(folder: Path) -> None:
    with hanse.connect({"sources": {"pay": {"kind": "duckdb", "path": str(folder / "pay.duckdb")}}}) as engine:
        assert "Guardrails" not in engine.explain("SELECT * FROM pay.payments")
        assert len(engine.query("SELECT * FROM pay.payments").fetchall()) == 1000


GROUPS = {
    "guardrails": {"max_bytes": "1 GB"},
    "groups": {
        "people": {"guardrails": {"result_rows": 100}, "groups": {"${user}": {"guardrails": {"max_rows": 1000}}}},
        "nightly": {"guardrails": {"hours": "20:00-06:00 Europe/Berlin"}},
    },
    "selectors": [{"kind": "batch", "group": "nightly"}, {"user": "*a*", "group": "people.${user}"}],
}


@pytest.mark.parametrize("hour", [17, 18])
def test_queries_of_a_group_have_limits_and_hours(folder: Path, hour: int) -> None:
    crm = {"kind": "sqlite", "path": str(folder / "crm.db")}
    config = {"sources": {"crm": crm}, "resource_groups": GROUPS}
    with Engine(config, clock=Stopped(f"2026-06-01T{hour}:00+00:00"), caller=Caller("{ana}")) as engine:  # type: ignore[arg-type]
        assert len(engine.query("SELECT * FROM crm.customers LIMIT 100").fetchall()) == 100
        with pytest.raises(
            ResourceLimit, match=r"guardrail result_rows of resource group people: an answer may have 100"
        ):
            engine.query("SELECT * FROM crm.customers LIMIT 101").fetchall()
        sql = "SELECT count(DISTINCT upper(name)) FROM crm.customers"
        with pytest.raises(ResourceLimit, match=r"guardrail max_rows of resource group people\.\{ana\}: .* 1,000 rows"):
            engine.query(sql, settings={"pushdown": "off"}).fetchall()
        shown = engine.query("SHOW GUARDRAILS").fetchall()
        assert (None, None, "max_rows of resource group people.${user}", "1000") in shown
        assert (None, None, "max_bytes of resource group all", "1000000000") in shown
        other = engine.query(sql, settings={"pushdown": "off"}, caller=Caller("bo"))
        assert other.fetchall() == [(5000,)]
        batch = {"profile": "batch"}
        if hour == 18:
            assert engine.query("SELECT count(*) FROM crm.customers", settings=batch).fetchall() == [(5000,)]
        else:
            with pytest.raises(
                GuardrailRefused, match="hours of resource group nightly: its queries may run 20:00"
            ) as no:
                engine.query("SELECT count(*) FROM crm.customers", settings=batch)
            assert no.value.code == "HG004"


PLANNED = {
    "groups": {
        "analysts": {
            "guardrails": {
                "sort_rows": 100,
                "tables": {"pay.payments": {"require": ["created_at"]}, "CRM.main.c*": {"hours": "00:00-12:00 UTC"}},
            },
            "groups": {"${user}": {"guardrails": {"cross_join_rows": 1000}}},
        },
    },
    "selectors": [{"user": "ana", "group": "analysts.${user}"}, {"user": "bo", "group": "analysts"}],
}


def grouped(folder: Path, **block: Any) -> Engine:
    sources = {
        "pay": {"kind": "duckdb", "path": str(folder / "pay.duckdb")},
        "crm": {"kind": "sqlite", "path": str(folder / "crm.db")},
    }
    clock: Any = Stopped("2026-06-01T18:00+00:00")
    return Engine({"sources": sources, "resource_groups": PLANNED | block}, clock=clock)


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("SELECT * FROM pay.payments", "HG001", r"must restrict created_at.*\(of resource group analysts\)"),
        ("SELECT c.id FROM pay.payments p JOIN crm.customers c ON c.id = p.customer", "HG004", "resource group analysts"),
        (f"SELECT id FROM pay.payments WHERE {RANGE} ORDER BY id", "HG003", r"sort_rows of the group: .* resource group analysts"),
        ("SELECT count(*) FROM crm.customers", "HG004", r"hours of crm\.main\.customers: .* resource group analysts"),
    ],
)  # fmt: skip
def test_queries_of_a_group_have_guardrails_of_plans(folder: Path, sql: str, code: str, message: str) -> None:
    """A plan that is kept from somebody else's query is tested, too; and nobody else is refused."""
    with grouped(folder) as engine:
        free = engine.query(sql).fetchall()
        for user in ("ana", "bo"):
            with pytest.raises(GuardrailRefused, match=message) as refused:
                engine.query(sql, caller=Caller(user))
            assert refused.value.code == code
        assert engine.query(sql, caller=Caller("cy")).fetchall() == free


def test_what_a_group_may_is_not_refused(folder: Path) -> None:
    ana = Caller("ana")
    with grouped(folder) as engine:
        ranged = f"SELECT count(*) FROM pay.payments WHERE {RANGE}"
        assert engine.query(ranged, caller=ana).fetchall() == engine.query(ranged).fetchall()
        assert (
            len(engine.query(f"SELECT id FROM pay.payments WHERE {RANGE} ORDER BY id LIMIT 5", caller=ana).fetchall())
            == 5
        )
        cross = f"SELECT count(*) FROM pay.payments a, pay.payments b WHERE a.{RANGE.replace('AND ', 'AND a.')} AND b.{RANGE.replace('AND ', 'AND b.')}"  # fmt: skip
        with pytest.raises(
            GuardrailRefused, match=r"cross_join_rows of the group.*resource group analysts\.\$\{user\}"
        ):
            engine.query(cross, caller=ana)
        assert engine.query(cross, caller=Caller("bo")).fetchall() == engine.query(cross).fetchall()


def test_explain_shows_the_guardrails_of_ones_own_group(folder: Path) -> None:
    sql = "EXPLAIN SELECT id FROM pay.payments"
    with grouped(folder) as engine:
        told = "\n".join(str(row[0]) for row in engine.query(sql, caller=Caller("ana")).fetchall())
        assert "resource group analysts: pay.main.payments requires created_at: refused" in told
        assert "resource group" not in "\n".join(str(row[0]) for row in engine.query(sql).fetchall())
        shown = engine.query("SHOW GUARDRAILS").fetchall()
        assert ("pay", "payments", "require of resource group analysts", "created_at") in shown


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"payments": {"require": ["created_at"]}}, "names no source"),
        ({"pay.*": {"require": [{"column": "id", "keys": True}]}}, "keys are for the guardrails of a source"),
    ],
)
def test_wrong_guardrails_of_a_group_are_an_error_at_once(folder: Path, tables: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grouped(folder, guardrails={"tables": tables})


@pytest.mark.parametrize("tables", [{"pay.orders": {"require": ["at"]}}, {"pay.payments": {"require": ["at"]}}])
def test_guardrails_of_a_group_that_would_protect_nothing_close_the_source(folder: Path, tables: Any) -> None:
    with grouped(folder, guardrails={"tables": tables}) as engine:
        with pytest.raises(HanseError, match=r"no such table|has no column at"):
            engine.query("SELECT count(*) FROM pay.payments")
        assert engine.query("SELECT count(*) FROM crm.customers").fetchall() == [(5000,)]
