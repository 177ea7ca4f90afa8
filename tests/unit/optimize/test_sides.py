"""Whose order of the coordinator's joins is taken, and how large a side may be at worst."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hanse import Engine
from hanse.ir import plan as p
from hanse.ir.fragment import Fragment, FragmentGraph, Hole, KeyOrigin
from hanse.ir.tables import TableStatistics
from hanse.optimize.estimate import ROWS, WRONG, Estimator
from hanse.optimize.sides import are_ordered
from tests.unit.plans import Plans, call, eq, lit, ref

Kinds = p.JoinKind
FEW, MANY = 100, 1_000_000


def counted(plans: Plans, name: str, rows: int) -> p.Scan:
    scan = plans.scan(name)
    return replace(scan, table=replace(scan.table, statistics=TableStatistics(float(rows), {})))


def test_what_is_known_is_not_doubted() -> None:
    plans = Plans()
    assert Estimator().at_most(counted(plans, "sales.a", MANY)) == MANY


def test_a_table_of_unknown_size_may_be_a_hundred_times_as_large() -> None:
    scan = Plans().scan("sales.a")
    assert Estimator().at_most(scan) == ROWS * WRONG
    assert Estimator().at_most(p.Limit(scan, lit(10))) == 10


@pytest.mark.parametrize(
    "above",
    [
        lambda scan: p.Filter(scan, call("like", ref(scan, "x"), ref(scan, "y"))),
        lambda scan: p.Distinct(scan, (ref(scan, "x"),)),
        lambda scan: p.Join(Kinds.SEMI, scan, Plans().scan("crm.b"), lit(True)),
    ],
)
def test_a_guess_is_no_more_than_what_is_below(above: Callable[[p.Scan], p.Plan]) -> None:
    plan = above(counted(Plans(), "sales.a", 500))
    assert Estimator().at_most(plan) <= 500


def graph(kind: Kinds, left: p.Plan, right: p.Plan, holes: tuple[Hole, ...] = ()) -> FragmentGraph:
    """A join here of two fragments."""
    sides = [p.FragmentScan(place, plan.columns) for place, plan in enumerate((left, right))]
    condition = eq(ref(sides[0], "id"), ref(sides[1], "id"))
    fragments = (Fragment(0, "crm", left), Fragment(1, "sales", right))
    return FragmentGraph(fragments, p.Join(kind, sides[0], sides[1], condition), holes=holes)


@pytest.mark.parametrize("kind", [Kinds.SEMI, Kinds.ANTI])
def test_a_large_right_side_of_a_semi_join_is_left_to_duckdb(kind: Kinds) -> None:
    plans = Plans()
    few, many = counted(plans, "crm.a", FEW), counted(plans, "sales.b", MANY)
    assert not are_ordered(graph(kind, few, many), set())
    assert are_ordered(graph(kind, many, few), set())


def test_a_right_side_of_unknown_size_may_be_large() -> None:
    plans = Plans()
    assert not are_ordered(graph(Kinds.SEMI, counted(plans, "crm.a", FEW), plans.scan("sales.b")), set())


def test_a_right_side_that_keys_narrow_is_small() -> None:
    plans = Plans()
    few, many = counted(plans, "crm.a", FEW), counted(plans, "sales.b", MANY)
    holes = (Hole(0, (KeyOrigin(0, (few.columns[0].id,)),), 1, (many.columns[0].id,), 10_000),)
    assert are_ordered(graph(Kinds.SEMI, few, many, holes), set())


def test_a_small_right_side_makes_a_small_hash_table_whatever_is_on_the_left() -> None:
    plans = Plans()
    assert are_ordered(graph(Kinds.SEMI, counted(plans, "crm.a", FEW), counted(plans, "sales.b", 50_000)), set())


def test_other_joins_stand_as_the_rules_put_them() -> None:
    plans = Plans()
    few, many = counted(plans, "crm.a", FEW), counted(plans, "sales.b", MANY)
    assert are_ordered(graph(Kinds.INNER, few, many), set())


def test_duckdb_knows_what_it_reads_in_place() -> None:
    plans = Plans()
    few, many = counted(plans, "crm.a", FEW), counted(plans, "sales.b", MANY)
    assert not are_ordered(graph(Kinds.INNER, many, few), {0, 1})
    assert are_ordered(graph(Kinds.INNER, many, few), {0})


def test_a_join_within_one_source_was_never_ordered() -> None:
    plans = Plans()
    found = graph(Kinds.INNER, counted(plans, "crm.a", FEW), counted(plans, "crm.b", MANY))
    both = replace(found, fragments=tuple(replace(fragment, source="crm") for fragment in found.fragments))
    assert are_ordered(found, set())
    assert not are_ordered(both, set())


def sqlite_of(path: Path, table: str, rows: int) -> dict[str, str]:
    """A SQLite file with one counted table."""
    with sqlite3.connect(path) as file:
        file.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, x TEXT)")
        file.executemany(f"INSERT INTO {table} VALUES (?, ?)", ((place, f"x{place}") for place in range(rows)))
        file.execute("ANALYZE")
    return {"kind": "sqlite", "path": str(path)}


@pytest.mark.parametrize(
    ("condition", "written"),
    [("JOIN many ON few.id = many.id", True), ("WHERE few.id IN (SELECT id FROM many)", False)],
)
def test_the_engine_tells_the_coordinator(tmp_path: Path, condition: str, written: bool) -> None:
    few, many = sqlite_of(tmp_path / "a.db", "few", 20), sqlite_of(tmp_path / "b.db", "many", 150_000)
    with Engine({"sources": {"a": few, "b": many}}) as engine:
        settings = {"key_shipping": "off"}
        sql = f"SELECT few.x FROM few {condition} ORDER BY few.id"
        plan = json.loads(engine.explain(sql, format="json", settings=settings))
        assert plan["coordinator"]["as_written"] is written
        assert engine.query(sql, settings=settings).fetchall() == [(f"x{place}",) for place in range(20)]
