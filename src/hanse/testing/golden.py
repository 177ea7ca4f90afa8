"""Golden files: cases of SQL with what a stage makes of them; the first run writes them, a person reads the diff.

A file is a list of cases. A case is a comment (lines that start with #), flags and SQL, three dashes, and the output:

    # The test of a.x does not depend on b.
    [expect=push_filter_through_join]> SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.segment = 1
    ---
    before:
      ...
    push_filter_through_join:
      ...

``expect=rule`` demands that the rule fires, ``expect-not=rule`` that it does not.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace
from pathlib import Path

from hanse.bind.binder import BindContext, allow_all, bind
from hanse.bind.tables import Tables
from hanse.ir import text
from hanse.ir.plan import Plan
from hanse.ir.sharding import Home, Scheme, Sharding
from hanse.ir.tables import ColumnStatistics, ForeignKey, Table, TableColumn, TableStatistics
from hanse.ir.types import DATE, FLOAT64, INT32, TEXT, Kind, Type, decimal
from hanse.optimize import optimize
from hanse.parse.parser import parse

_CASE = re.compile(r"((?:#[^\n]*\n)*)\[([^\]]*)\]> (.*?)\n---\n(.*?)(?=\n\n(?:#|\[)|\Z)", re.DOTALL)
_TYPES: dict[str, Type] = {"int": INT32, "text": TEXT, "date": DATE, "money": decimal(12, 2), "float": FLOAT64}


def _table(name: str, columns: str) -> Table:
    source, table = name.split(".")
    made = []
    for column in columns.split():
        called, kind = column.split(":")
        made.append(TableColumn(called, _TYPES[kind.rstrip("!")], not kind.endswith("!")))
    return Table(source, "", table, tuple(made), f'"{table}"', primary_key=("id",) if "id:int!" in columns else ())


def _referring(name: str, columns: str, **tables: str) -> Table:
    """A table whose columns refer to the keys of others of its source."""
    keys = tuple(ForeignKey((column,), "", table, ("id",), True) for column, table in tables.items())
    return replace(_table(name, columns), foreign_keys=keys)


def _counted(name: str, columns: str, rows: int, **distinct: int) -> Table:
    known = {column: ColumnStatistics(distinct=float(count), null_fraction=0.0) for column, count in distinct.items()}
    return replace(_table(name, columns), statistics=TableStatistics(float(rows), known))


def _sharded(name: str, columns: str, key: str = "", method: str = "mod") -> Table:
    """A table over two shards, by a hash of its key; without a key, every shard has a copy."""
    whole = _table(name, columns)
    kind = Kind.INT64
    scheme = Scheme("hash", kind, 2, function=method, assignment=(0, 1)) if key else None
    parts = tuple(
        replace(whole, source=f"{whole.source}/{place}", home=Home(whole.source, place, key, scheme))
        for place in range(2)
    )
    return replace(whole, sharding=Sharding(parts, key, scheme, copies=not key, uniform=True))


CATALOG = (
    _table("crm.customers", "id:int! name:text segment:int region:text"),
    _table("crm.notes", "customer_id:int! body:text written:date"),
    _table("sales.orders", "id:int! customer_id:int placed:date total:money status:text"),
    _referring("sales.items", "order_id:int! product_id:int! quantity:int price:money", order_id="orders"),
    _referring("sales.returns", "order_id:int kept_id:int! reason:text", order_id="orders"),
    _table("stock.products", "id:int! name:text weight:float"),
    _counted("plant.lines", "part_id:int! maker_id:int! amount:int note:text", 1_000_000, part_id=10_000, maker_id=100),
    _counted("plant.places", "maker_id:int! city:text", 1_000, maker_id=100),
    _counted("trade.parts", "id:int! name:text colour:text", 10_000, colour=20),
    _counted("trade.makers", "id:int! city:text", 100, city=50),
    _sharded("mall.buyers", "id:int! name:text town:text", "id"),
    _sharded("mall.sales", "id:int! buyer_id:int! ware:text price:int", "buyer_id"),
    _sharded("mall.visits", "visitor_id:int day:date", "visitor_id"),
    _sharded("mall.letters", "buyer_id:int! body:text", "buyer_id", "crc32"),
    _sharded("mall.towns", "name:text land:text"),
)
"""The tables that the cases know; ``!`` is NOT NULL. Rows are only counted in plant and trade."""
_CONTEXT = BindContext(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a golden file."""

    comment: str
    flags: tuple[str, ...]
    sql: str
    output: str

    def wanted(self, flag: str) -> list[str]:
        """The rules that a flag (``expect`` or ``expect-not``) names."""
        return [value for name, _, value in (x.partition("=") for x in self.flags) if name == flag]

    def written(self, output: str) -> str:
        """The case as it stands in a file, with that output."""
        return f"{self.comment}[{' '.join(self.flags)}]> {self.sql}\n---\n{output}"


def read(path: Path) -> list[Case]:
    """The cases of a file; raises ValueError if there is something else in it."""
    content = path.read_text()
    cases = [Case(m[1], tuple(m[2].split()), m[3], m[4].strip("\n")) for m in _CASE.finditer(content)]
    if content.count("]> ") != len(cases):
        raise ValueError(f"{path} holds something that is no case")
    return cases


def write(path: Path, cases: list[Case], outputs: list[str]) -> None:
    """The file with new outputs."""
    path.write_text("\n\n".join(case.written(output) for case, output in zip(cases, outputs, strict=True)) + "\n")


def bound(sql: str) -> Plan:
    """The plan of a statement over CATALOG."""
    return bind(parse(sql), Tables(CATALOG), allow_all, _CONTEXT).plan


def run_rules(case: Case) -> tuple[set[str], str]:
    """Optimize the case's statement: the rules that fired, and the plan around each expected one.

    Where nothing is expected to fire, the output is the whole optimization's.
    """
    plan = bound(case.sql)
    steps: list[tuple[str, Plan]] = [("bound", plan)]
    better = optimize(plan, recorder=lambda name, after: steps.append((name, after)))
    parts = [_around(steps, rule) for rule in case.wanted("expect")] or [_titled("optimized", better)]
    return {name for name, _ in steps}, "\n".join(parts)


def _around(steps: list[tuple[str, Plan]], rule: str) -> str:
    """The plan before a rule fired for the first time, and after it was done (in that place)."""
    first = next((place for place, (name, _) in enumerate(steps) if name == rule), None)
    if first is None:
        return f"{rule} did not fire"
    last = first
    while last + 1 < len(steps) and steps[last + 1][0] == rule:
        last += 1
    return _titled("before", steps[first - 1][1]) + "\n" + _titled(rule, steps[last][1])


def _titled(title: str, plan: Plan) -> str:
    return f"{title}:\n" + "\n".join(f"  {line}" for line in text.tree(plan).splitlines())
