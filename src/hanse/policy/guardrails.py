"""Finds what guardrails demand of a plan: in its fragments, as they would be sent, and in the joins and sorts of the whole."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Protocol

from hanse.errors import ConfigError
from hanse.guardrails import EngineGuardrails, GroupGuardrails, Hours, SourceGuardrails, TableGuardrails
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph
from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.ir.walk import children, free, plans, unkeyed, used
from hanse.policy.constants import Case
from hanse.policy.demands import CrossJoined, Demand, InGroup, Open, Restricted, Sorted, applying, enforce
from hanse.policy.restrictions import Tests, scans
from hanse.settings import GUARDRAILS
from hanse.spi.connector import Composite, Connector, Explaining
from hanse.spi.snapshot import SourceCatalog

SAME = frozenset({"=", "is_not_distinct"})
ITS = "the group"
"""Whose the rules of a resource group are, within what says which it is."""


class Sizes(Protocol):
    """What is expected of plans."""

    def rows(self, plan: p.Plan) -> float:
        """Rows that the plan yields."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the configuration demands."""

    engine: EngineGuardrails = EngineGuardrails.model_construct()
    sources: Mapping[str, SourceGuardrails] = field(default_factory=dict)
    """By the names in the configuration."""
    zone: str = "UTC"
    """The engine's."""
    groups: Mapping[str, GroupGuardrails] = field(default_factory=dict)
    """Those of resource groups that concern plans, by the groups' names in the configuration."""

    @property
    def any(self) -> bool:
        """Whether plans need be looked at at all."""
        return bool(self.sources or self.groups) or self.engine != EngineGuardrails.model_construct()

    def of(self, table: Table) -> list[TableGuardrails]:
        """Those of one table, all whose patterns fit it; shards' tables are those of the whole."""
        source = self.sources.get(owner(table.source))
        blocks = source.tables.items() if source else ()
        return [block for pattern, block in blocks if _fits(table, pattern)]

    def verify(self, catalog: SourceCatalog) -> None:
        """Refuse a source whose guardrails name what it does not have: they would protect nothing. Raises ConfigError."""
        block = self.sources.get(catalog.source)
        parts = catalog.shards or (catalog,)
        if block and (block.max_rows or block.max_bytes) and any(part.capabilities.embedded for part in parts):
            where = f"sources.{catalog.source}.{GUARDRAILS}"
            hint = "engine.guardrails.result_rows limits answers"
            message = (
                f"{where}: max_rows and max_bytes count what arrives, and files that are read in place send nothing"
            )
            raise ConfigError(message, hint=hint)
        for pattern, guardrails in block.tables.items() if block else ():
            where = f"sources.{catalog.source}.{GUARDRAILS}.tables.{pattern}"
            _verify(catalog, pattern, guardrails, where)
        for group, theirs in self.groups.items():
            for pattern, guardrails in theirs.tables.items():
                source, _, rest = pattern.partition(".")
                if source.casefold() == catalog.source.casefold():
                    _verify(catalog, rest, guardrails, f"resource group {group}: {GUARDRAILS}.tables.{pattern}")


def _verify(catalog: SourceCatalog, pattern: str, guardrails: TableGuardrails, where: str) -> None:
    if any(sign in pattern for sign in "*?["):
        return
    found = [table for table in catalog.tables if _fits(table, pattern)]
    if not found:
        raise ConfigError(f"{where}: there is no such table", hint="table, schema.table, or a shell pattern")
    for requirement in guardrails.require:
        for table in found:
            names = {column.name.casefold() for column in table.columns}
            if names and requirement.column.casefold() not in names:
                raise ConfigError(f"{where}.require: {named(table)} has no column {requirement.column}")


def _fits(table: Table, pattern: str, prefix: str = "") -> bool:
    """Whether a table is meant; the case of names makes no difference, so that nothing slips through by it."""
    names = (f"{prefix}{table.name}", f"{prefix}{table.schema}.{table.name}")
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names)


def require_explaining(rules: Rules, connectors: Mapping[str, Connector]) -> None:
    """Refuse limits on what EXPLAIN says where nobody would ask; raises ConfigError."""
    for name, block in rules.sources.items():
        connector = connectors[name]
        parts = connector.shards.values() if isinstance(connector, Composite) else [connector]
        asks = all(isinstance(part, Explaining) and part.explains for part in parts)
        if (block.explain_rows or block.explain_cost) and not asks:
            where = f"sources.{name}.{GUARDRAILS}"
            raise ConfigError(f"{where}: explain_rows and explain_cost are for PostgreSQL, MySQL and MariaDB")


def named(table: Table) -> str:
    """A table as users name it."""
    return ".".join(part for part in (owner(table.source), table.schema, table.name) if part)


def refuse_whole(table: Table, rules: Rules, now: dt.datetime, groups: Collection[str] = ()) -> None:
    """Raise GuardrailRefused for a table that may not be read without a condition, as for a sample or to know where keys are:
    where queries (those of these groups) must restrict a column, and at other hours than may be."""
    case = Case((), now, rules.zone)
    enforce(applying(_of_scan(p.Scan(table, ()), (), rules), groups), case, {})


def demanded(graph: FragmentGraph, plan: p.Plan, rules: Rules, sizes: Sizes) -> tuple[Demand, ...]:
    """Everything that the rules demand of a plan (optimized, and as it is cut): met or not. Most plans have none."""
    if not rules.any:
        return ()
    found: list[Demand] = []
    tried = {hole.target for hole in graph.holes if hole.is_tried}  # these keys restrict nothing: all may be read
    for fragment in graph.fragments:
        for scan, tests in scans(unkeyed(fragment.plan) if fragment.id in tried else fragment.plan):
            found += _of_scan(scan, tests, rules)
    found += _of_whole(plan, rules.engine, "engine", sizes)
    for name, block in rules.sources.items():
        found += _of_whole(plan, block, name, sizes)
    for name, theirs in rules.groups.items():
        found += (InGroup(name, one) for one in _of_whole(plan, theirs, ITS, sizes))
    return tuple(dict.fromkeys(found))


def _of_whole(
    plan: p.Plan, limits: EngineGuardrails | SourceGuardrails | GroupGuardrails, whose: str, sizes: Sizes
) -> Iterator[Demand]:
    if limits.cross_join_rows is not None:
        yield from _cross_joins(plan, limits.cross_join_rows, whose, sizes)
    if limits.sort_rows is not None:
        yield from _sorts(plan, limits.sort_rows, whose, sizes)


def _of_scan(scan: p.Scan, tests: Tests, rules: Rules) -> Iterator[Demand]:
    source = owner(scan.table.source)
    block = rules.sources.get(source)
    if block and block.hours:
        yield _open((named(scan.table),), source, block.hours, rules)
    yield from _of_table(scan, tests, rules.of(scan.table), rules)
    for name, theirs in rules.groups.items():
        blocks = [one for pattern, one in theirs.tables.items() if _fits(scan.table, pattern, f"{source}.")]
        yield from (InGroup(name, one) for one in _of_table(scan, tests, blocks, rules))


def _of_table(scan: p.Scan, tests: Tests, blocks: Iterable[TableGuardrails], rules: Rules) -> Iterator[Demand]:
    table = named(scan.table)
    for guardrails in blocks:
        if guardrails.hours:
            yield _open((table,), table, guardrails.hours, rules)
        for requirement in guardrails.require:
            wanted = requirement.column.casefold()
            id = next((column.id for column, name in scan.outputs if name.casefold() == wanted), None)
            naming = tuple(test for test in tests if id in (reads := used([test])) or not reads)
            yield Restricted(table, requirement, id, naming, _keys(naming, id) if requirement.keys else None)


def _keys(tests: Tests, column: int | None) -> int | None:
    """The hole whose keys alone restrict a column; constants that do are better."""
    others = [test for test in tests if not isinstance(test, e.InKeys)]
    found = [test.hole for test in tests if isinstance(test, e.InKeys) and any(_is(arg, column) for arg in test.args)]
    return found[0] if found and not others else None


def _is(arg: e.Expr, column: int | None) -> bool:
    return isinstance(arg, e.Ref) and arg.id == column


def with_required_keys(graph: FragmentGraph, demands: Sequence[Demand]) -> FragmentGraph:
    """The graph in which keys are awaited, and sent one by one or not at all, where they are what a rule is kept by."""
    required = {demand.hole for demand in demands if isinstance(demand, Restricted) and demand.hole is not None}
    if not required:
        return graph
    holes = (replace(hole, required=True, patience=None) if hole.id in required else hole for hole in graph.holes)
    return replace(graph, holes=tuple(holes))


def _open(tables: tuple[str, ...], whose: str, hours: Hours, rules: Rules) -> Open:
    return Open(tables, whose, hours, rules.zone)


def _tables(plan: p.Plan, whose: str) -> tuple[str, ...] | None:
    """The tables that a plan reads; None if it reads none of those that a rule is about."""
    read = [node.table for node in plans(plan) if isinstance(node, p.Scan)]
    is_meant = whose in ("engine", ITS) or any(owner(table.source) == whose for table in read)
    return tuple(dict.fromkeys(map(named, read))) if is_meant else None


def _cross_joins(plan: p.Plan, most: int, whose: str, sizes: Sizes) -> Iterator[Demand]:
    for node in plans(plan):
        if isinstance(node, p.Join) and not _has_equality(node):
            tables = _tables(node, whose)
            if tables is not None:
                yield CrossJoined(tables, sizes.rows(node.left) * sizes.rows(node.right), most, whose)


def _has_equality(join: p.Join) -> bool:
    """Whether partners can be looked up: something of one side equals something of the other, or the right side reads what
    it is joined with."""
    left, right = ({column.id for column in side.columns} for side in (join.left, join.right))
    if join.lateral and free(join.right) & left:
        return True
    for test in e.conjuncts(join.condition):
        match test:
            case e.Call(name=name, args=(one, other)) if name in SAME:
                reads = used([one]), used([other])
                if all(reads) and (
                    (reads[0] <= left and reads[1] <= right) or (reads[0] <= right and reads[1] <= left)
                ):
                    return True
    return False


def _sorts(plan: p.Plan, most: int, whose: str, sizes: Sizes) -> Iterator[Demand]:
    for node, limit in _limited(plan, None):
        tables = _tables(node, whose)
        if tables is not None:
            counts = () if limit is None else tuple(part for part in (limit.count, limit.offset) if part is not None)
            yield Sorted(tables, sizes.rows(node.input), counts, most, whose)


def _limited(plan: p.Plan, limit: p.Limit | None) -> Iterator[tuple[p.Sort, p.Limit | None]]:
    """Every sort with the LIMIT that cuts it short."""
    match plan:
        case p.Limit() if plan.count is not None and not plan.with_ties:
            limit = plan
        case p.Project() | p.Guard():
            pass
        case p.Sort():
            yield plan, limit
            limit = None
        case _:
            limit = None
    for place, below in enumerate(children(plan)):
        yield from _limited(below, limit if place == 0 else None)
