"""The choices of a plan lead to its shape again, whatever statistics say by then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanse.connectors.postgres.capabilities import CAPABILITIES
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.ir import plan as p
from hanse.ir.choices import FORGETFUL, Choices
from hanse.ir.fragment import FragmentGraph
from hanse.ir.shape import shape
from hanse.ir.tables import ColumnStatistics, Table, TableStatistics
from hanse.ir.walk import map_plans
from hanse.optimize import optimize
from hanse.optimize.estimate import Estimator
from hanse.optimize.sides import are_ordered
from hanse.spi.snapshot import SourceCatalog
from hanse.split import split
from hanse.testing import golden
from tests.unit.plans import Plans

FILES = sorted((Path(__file__).parents[2] / "golden" / "rules").glob("*.plan"))
STATEMENTS = sorted({case.sql for path in FILES for case in golden.read(path)})
NAMES = sorted({table.source for table in golden.CATALOG})
SOURCES = {name: SourceCatalog(name, "postgres", (), PostgresDialect(), CAPABILITIES) for name in NAMES}
SOURCES |= {f"mall/{place}": replace(SOURCES["mall"], source=f"mall/{place}") for place in range(2)}
SOURCES |= {f"mall/${number}": replace(SOURCES["mall"], source=f"mall/${number}") for number in range(1, 5)}


def with_rows(plan: p.Plan, seed: int) -> p.Plan:
    """The plan over tables whose statistics are of another time."""

    def changed(table: Table) -> Table:
        rows = float(10 ** (sum(map(ord, f"{table}{seed}")) % 7))
        columns = {column.name: ColumnStatistics(distinct=max(1.0, rows / (2 + seed))) for column in table.columns}
        return replace(table, statistics=TableStatistics(rows, columns))

    return map_plans(plan, lambda x: replace(x, table=changed(x.table)) if isinstance(x, p.Scan) else x)


def made(plan: p.Plan, choices: Choices) -> tuple[str, bool]:
    sizes = Estimator(choices=choices)
    graph: FragmentGraph = split(optimize(plan, estimator=sizes), SOURCES, sizes=sizes)
    return shape(graph), are_ordered(graph, set(), sizes)


def test_the_same_choices_make_the_same_plan() -> None:
    others = 0
    for sql in STATEMENTS:
        plan = golden.bound(sql)
        for seed in range(3):
            first = Choices()
            wanted = made(with_rows(plan, seed), first)
            for later in (seed + 3, seed + 7):
                others += made(with_rows(plan, later), FORGETFUL) != wanted
                again = Choices.of_text(first.as_text())
                assert made(with_rows(plan, later), again) == wanted, sql
                assert again.as_text() == first.as_text()
    assert others > 50, "statistics that change no plan prove nothing"


def test_choices_hold_no_value() -> None:
    choices = Choices()
    sql = "SELECT c.name FROM customers c JOIN items i ON i.order_id = c.id WHERE c.name = 'Ada' AND i.price > 4711"
    made(golden.bound(sql), choices)
    assert "order_joins" in choices.as_text()
    assert "Ada" not in choices.as_text()
    assert "4711" not in choices.as_text()


def test_other_values_find_the_same_choices() -> None:
    choices = Choices()
    sql = "SELECT p.name FROM parts p JOIN lines l ON l.part_id = p.id WHERE p.name IN ({}) AND l.amount > {}"
    made(golden.bound(sql.format("'a'", 1)), choices)
    other = Choices()
    made(golden.bound(sql.format("'b', 'c'", 2)), other)
    assert choices.as_text() == other.as_text()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"order_joins":7}', "7"])
def test_a_text_that_is_none_is_no_choice(text: str) -> None:
    plan = golden.bound(
        "SELECT p.name FROM parts p JOIN lines l ON l.part_id = p.id JOIN makers m ON m.id = l.maker_id"
    )
    assert made(plan, Choices.of_text(text)) == made(plan, FORGETFUL)


def test_an_order_of_other_relations_is_not_taken() -> None:
    plan = golden.bound(
        "SELECT p.name FROM parts p JOIN lines l ON l.part_id = p.id JOIN makers m ON m.id = l.maker_id"
    )
    first = Choices()
    wanted = made(plan, first)
    for wrong in ("[0,1]", "[[0,1],[2,3]]", "[[0,1],1]", "true", '"a"', "[0,[1,null]]"):
        text = first.as_text()
        start = text.index("[", text.index("order_joins"))
        depth, end = 0, start
        while True:
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
            if not depth:
                break
        assert made(plan, Choices.of_text(text[:start] + wrong + text[end:])) == wanted


def test_who_forgets_notes_nothing() -> None:
    FORGETFUL.made("swap", True, Plans().scan("crm.a"))
    assert FORGETFUL.as_text() == "{}"
