"""Small plans by hand, sources that can do much or little, and a plan's shape as text: what tests of planning share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from hanse.connectors.shared.embedded.capabilities import CAPABILITIES as EMBEDDED
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.properties import COMPARISONS
from hanse.ir.tables import Collation, ColumnStatistics, Table, TableColumn, TableStatistics, Verdict
from hanse.ir.types import BOOLEAN, INT32, INT64, TEXT, TEXTS, Kind, Type
from hanse.spi.capabilities import Capabilities
from hanse.spi.dialect import BYTEWISE, Dialect, Operand, Rule, Rules
from hanse.spi.snapshot import SourceCatalog
from hanse.split.words import name_of

LOOSE = Collation("latin1_swedish_ci")
ALL = replace(EMBEDDED, embedded=False, missing=())


def is_proven(args: Sequence[Operand]) -> bool:
    """Whether text among the arguments compares bytewise."""
    return all(arg.type.kind not in TEXTS or arg.collation.equal_is_bytewise for arg in args)


COMPARING = {name: (Rule(f"{{0}} {name} {{1}}", when=is_proven),) for name in COMPARISONS}
COMPARING["="] += (Rule("{0} = {1}", None, Verdict.SUPERSET, "the collation ignores case"),)
KNOWN = ("+", "-", "*", "%", "not", "is_null", "is_not_null", "is_distinct", "is_not_distinct", "abs", "coalesce")


class Sheet(Dialect):
    """Knows comparisons, arithmetic and a few functions; text only where it is proven bytewise."""

    name = "sheet"
    functions: Rules = COMPARING | {name: (Rule(f"{name}({{*}})"),) for name in KNOWN}
    aggregates: Rules = {name: (Rule(f"{name}({{*}})"),) for name in ("count", "sum", "max", "min", "avg")}
    windows: Rules = {"row_number": (Rule("row_number()"),)}
    table_functions: Rules = {"generate_series": (Rule("generate_series({*})"),)}

    def literal(self, literal: e.Literal) -> str | None:
        return None if literal.type.kind is Kind.INTERVAL else repr(literal.value)

    def type_name(self, type: Type) -> str | None:
        return str(type)

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:
        return Rule("cast({0})") if target.kind in (Kind.INT64, Kind.INT32) and not safe else None

    def group_key(self, arg: Operand) -> str | None:
        return arg.sql if is_proven([arg]) else None

    def order_key(self, arg: Operand) -> str | None:
        return arg.sql if arg.type.kind not in TEXTS or arg.collation.order_is_codepoint else None


def source(name: str, capabilities: Capabilities = ALL) -> SourceCatalog:
    """A source of that name that can do all of ``Sheet``."""
    return SourceCatalog(name, "sheet", (), Sheet(), capabilities)


SOURCES: Mapping[str, SourceCatalog] = {
    "crm": source("crm"),
    "sales": source("sales"),
    "bare": source("bare", Capabilities()),
}


class Plans:
    """Makes plans whose columns are numbered from 1 on."""

    def __init__(self) -> None:
        self.ids = count(1)

    def column(self, name: str, type: Type = INT32, nullable: bool = True) -> e.Column:
        return e.Column(next(self.ids), name, type, nullable)

    def scan(self, name: str, columns: str = "id x y", **facts: Any) -> p.Scan:
        """A scan of ``source.table``; a column that ends in ``!`` is not null, one that starts with ``t`` is text."""
        place, table = name.split(".")
        made = tuple(_table_column(column, **facts) for column in columns.split())
        known = Table(place, "", table, made, table)
        outputs = tuple((self.column(c.name, c.type, c.nullable), c.name) for c in made)
        return p.Scan(known, outputs)

    def counted(self, name: str, rows: int, columns: str = "id x y", **distinct: int | ColumnStatistics) -> p.Scan:
        """A scan of a table with a key, of that many rows, with that many values of each named column."""
        scan = self.scan(name, columns)
        known = {
            column: ColumnStatistics(float(count), 0.0) if isinstance(count, int) else count
            for column, count in distinct.items()
        }
        statistics = TableStatistics(float(rows), known)
        return replace(scan, table=replace(scan.table, row_count=rows, primary_key=("id",), statistics=statistics))

    def project(self, below: p.Plan, *items: str | e.Expr) -> p.Project:
        """Named columns pass; an expression becomes a column called p."""
        return p.Project(
            below,
            tuple(
                (col(below, i), ref(below, i)) if isinstance(i, str) else (self.column("p", i.type), i) for i in items
            ),
        )

    def groups(self, below: p.Plan, *keys: str, sets: Any = None, **calls: e.Aggregate) -> p.Aggregate:
        made = tuple((self.column(name, call.type), call) for name, call in calls.items())
        return p.Aggregate(below, tuple(col(below, key) for key in keys), made, sets)

    def union(
        self, left: p.Plan, right: p.Plan, every: bool = True, kind: p.SetKind = p.SetKind.UNION
    ) -> p.SetOperation:
        return p.SetOperation(kind, every, left, right, tuple(self.column(c.name, c.type) for c in left.columns))


def _table_column(name: str, collation: Collation = BYTEWISE, no_pushdown: str | None = None) -> TableColumn:
    bare = name.rstrip("!")
    type = TEXT if bare.startswith("t") else INT32
    return TableColumn(bare, type, not name.endswith("!"), collation=collation, no_pushdown=no_pushdown)


def col(plan: p.Plan, name: str) -> e.Column:
    """The column of that name; ``name@n`` is the n-th (from 0) of several."""
    name, _, place = name.partition("@")
    return [column for column in plan.columns if column.name == name][int(place or 0)]


def ref(plan: p.Plan, name: str) -> e.Ref:
    return col(plan, name).ref()


def lit(value: Any, type: Type | None = None) -> e.Literal:
    known = {int: INT32, str: TEXT, bool: BOOLEAN}
    return e.Literal(type or known.get(value.__class__, INT32), value)


def call(name: str, *args: Any, type: Type = BOOLEAN) -> e.Call:
    return e.Call(type, name, tuple(arg if isinstance(arg, e.Expr) else lit(arg) for arg in args))


def eq(left: Any, right: Any) -> e.Call:
    return call("=", left, right)


def both(*tests: e.Expr) -> e.Expr:
    return e.conjunction(tests)


COUNT = e.Aggregate(INT64, "count")


def join(left: p.Plan, right: p.Plan, condition: e.Expr = e.TRUE, kind: str = "inner", lateral: bool = False) -> p.Join:
    return p.Join(p.JoinKind(kind), left, right, condition, lateral)


def shape(plan: p.Plan) -> str:
    """The plan in one line: operators with their expressions, inputs in parentheses."""
    inputs = ", ".join(map(shape, plan.inputs))
    return f"{_operator(plan)}({inputs})" if inputs else _operator(plan)


def _operator(plan: p.Plan) -> str:
    match plan:
        case p.Scan():
            return f"{plan.table.name}[{' '.join(c.name for c in plan.columns)}]"
        case p.FragmentScan():
            return f"f{plan.fragment}"
        case p.Filter():
            return f"filter {name_of(plan.predicate)} "
        case p.Project():
            return f"project {', '.join(name_of(x) for _, x in plan.items)} "
        case p.Join():
            condition = "" if plan.condition == e.TRUE else f" {name_of(plan.condition)}"
            return f"{plan.kind}{condition} "
        case p.Aggregate():
            return f"aggregate {' '.join(k.name for k in plan.keys)} {' '.join(c.name for _, c in plan.calls)} "
        case p.Sort():
            return f"sort {', '.join(name_of(key.expr) for key in plan.keys)} "
        case p.Limit():
            return f"limit {name_of(plan.count) if plan.count else ''} "
        case p.SetOperation():
            return f"{plan.kind}{' all' if plan.all else ''} "
        case p.CteScan():
            return f"{plan.name}[{' '.join(c.name for c in plan.columns)}]"
    return type(plan).__name__.lower() + " "


Maker = Callable[[Plans], p.Plan]
