"""What guardrails demand of one plan: found once, and kept with it; tested on every run, with its parameters and its time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hanse.errors import CLOSED, CROSS_JOIN, NO_PREDICATE, UNBOUNDED_SORT, GuardrailRefused
from hanse.guardrails import Hours, Requirement, span_text
from hanse.ir import expr as e
from hanse.ir.text import expression
from hanse.policy.bounds import bounds
from hanse.policy.constants import Case, constant


@dataclass(frozen=True, slots=True)
class Broken:
    """What is wrong, and what would do."""

    message: str
    hint: str


class Demand(Protocol):
    """One rule, and what of the plan it concerns."""

    @property
    def code(self) -> str:
        """The SQLSTATE of a refusal."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the rule protects here, as ``source.schema.table``."""

    @property
    def rule(self) -> str:
        """The rule, as EXPLAIN shows it."""

    def broken(self, case: Case) -> Broken | None:
        """Why the plan may not run; None: it may."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """A column that the source must be asked for a part of."""

    table: str
    requirement: Requirement
    column: int | None
    """Its id where the scan reads it; it does not where no condition names it."""
    tests: tuple[e.Expr, ...]
    """The conditions that are sent and name it."""
    hole: int | None = None
    """Keys of another source that restrict it, where no constant does and they may; run time sees to it that they do."""
    code: str = NO_PREDICATE

    @property
    def tables(self) -> tuple[str, ...]:
        """The one."""
        return (self.table,)

    @property
    def rule(self) -> str:
        """The rule, and what is sent."""
        sent = (
            " and ".join(map(expression, self.tests))
            if self.hole is None
            else f"all of the keys k{self.hole}, or an error"
        )
        return f"{self.table} requires {self.requirement}{': ' + sent if sent else ''}"

    def broken(self, case: Case) -> Broken | None:
        """Unless constants bound the column, as far apart as they may be."""
        if self.hole is not None:
            return None
        name, within = self.requirement.column, self.requirement.within
        found = bounds(self.tests, -1 if self.column is None else self.column, case)
        if not found.restrict:
            return Broken(
                f"guardrail require of {self.table}: a query must restrict {name}, by a condition that is sent to the source",
                f"compare {self.table}.{name} itself with constants: =, IN, BETWEEN, < or >",
            )
        if within is None or found.is_within(within):
            return None
        return Broken(
            f"guardrail require of {self.table}: the range of {name} must have two ends, at most {span_text(within)} apart",
            f"write {name} >= ... AND {name} < ... with constants for both, and read longer ranges in parts",
        )


@dataclass(frozen=True, slots=True)
class CrossJoined:
    """A join that compares every row of one side with every row of the other."""

    tables: tuple[str, ...]
    pairs: float
    most: int
    whose: str
    """Whose rule it is: engine, or the source's name."""
    code: str = CROSS_JOIN

    @property
    def rule(self) -> str:
        """The rule, and what is expected."""
        return f"{self.whose} allows a join without an equality {self.most:,} pairs of rows: ~{self.pairs:,.0f}"

    def broken(self, case: Case) -> Broken | None:  # noqa: ARG002  # it is the same in every case
        """Where there are too many pairs."""
        if self.pairs <= self.most:
            return None
        return Broken(
            f"guardrail cross_join_rows of {self.whose}: joining {' and '.join(self.tables)} without an equality makes about"
            f" {self.pairs:,.0f} pairs of rows, more than {self.most:,}",
            "join them ON a column of each that must be equal, or restrict both first",
        )


@dataclass(frozen=True, slots=True)
class Sorted:
    """An ORDER BY."""

    tables: tuple[str, ...]
    rows: float
    limit: tuple[e.Expr, ...]
    """What LIMIT and OFFSET say, together as many rows as are kept; nothing if there is no LIMIT."""
    most: int
    whose: str
    code: str = UNBOUNDED_SORT

    @property
    def rule(self) -> str:
        """The rule, and what is expected."""
        return f"{self.whose} allows ORDER BY without LIMIT {self.most:,} rows: ~{self.rows:,.0f}"

    def broken(self, case: Case) -> Broken | None:
        """Where neither the rows nor their LIMIT are few enough."""
        if self.rows <= self.most or (self.limit and self.kept(case) <= self.most):
            return None
        return Broken(
            f"guardrail sort_rows of {self.whose}: ORDER BY sorts about {self.rows:,.0f} rows of {' and '.join(self.tables)},"
            f" more than {self.most:,}",
            f"add LIMIT with at most {self.most:,}, restrict the rows, or leave the order to the reader",
        )

    def kept(self, case: Case) -> float:
        """How many rows LIMIT and OFFSET keep sorted."""
        found = [constant(part, case) for part in self.limit]
        return sum(found) if all(isinstance(part, int) for part in found) else float("inf")


@dataclass(frozen=True, slots=True)
class Open:
    """Only at some hours."""

    tables: tuple[str, ...]
    whose: str
    """A source, or a table."""
    hours: Hours
    zone: str
    """The engine's."""
    code: str = CLOSED

    @property
    def rule(self) -> str:
        """The rule."""
        return f"{self.whose} may be read {self.said}"

    @property
    def said(self) -> str:
        """The hours with their zone."""
        return str(self.hours) if self.hours.zone else f"{self.hours} {self.zone}"

    def broken(self, case: Case) -> Broken | None:
        """Outside of the hours."""
        if self.hours.hold(case.now, self.zone):
            return None
        return Broken(f"guardrail hours of {self.whose}: it may be read {self.said}", "ask again in these hours")


@dataclass(frozen=True, slots=True)
class InGroup:
    """A demand on the queries of one resource group, and of those below it."""

    group: str
    """Its name in the configuration."""
    demand: Demand

    @property
    def code(self) -> str:
        """The demand's."""
        return self.demand.code

    @property
    def tables(self) -> tuple[str, ...]:
        """The demand's."""
        return self.demand.tables

    @property
    def rule(self) -> str:
        """The rule, and whose."""
        return f"resource group {self.group}: {self.demand.rule}"

    def broken(self, case: Case) -> Broken | None:
        """As the demand is."""
        found = self.demand.broken(case)
        return found and Broken(f"{found.message} (of resource group {self.group})", found.hint)


def applying(demands: Iterable[Demand], groups: Collection[str]) -> list[Demand]:
    """Those that are demanded of everybody, or of queries of these groups."""
    return [one for one in demands if not isinstance(one, InGroup) or one.group in groups]


@dataclass(frozen=True, slots=True)
class Checked:
    """A demand, and what came of it, for EXPLAIN."""

    rule: str
    refused: str | None = None
    """Why the plan may not run; None: it may."""
    counted: bool = False
    """Whether it is tested while rows arrive, and not before."""

    def __str__(self) -> str:
        if self.refused:
            return f"{self.rule}: refused: {self.refused}"
        return f"{self.rule}: {'tested as it runs' if self.counted else 'kept'}"


def checked(demands: Iterable[Demand], case: Case, counted: Iterable[str] = ()) -> tuple[Checked, ...]:
    """What comes of each demand, and further rules that are tested while rows arrive."""
    found = [(demand.rule, demand.broken(case)) for demand in demands]
    tested = [Checked(rule, broken.message if broken else None) for rule, broken in found]
    return tuple(dict.fromkeys([*tested, *(Checked(rule, counted=True) for rule in counted)]))


def enforce(demands: Sequence[Demand], case: Case, places: Mapping[str, int]) -> None:
    """Raise GuardrailRefused for the first demand that is not met; ``places`` are where a statement names its tables."""
    for demand in demands:
        broken = demand.broken(case)
        if broken is not None:
            named = next((places[table] for table in demand.tables if table in places), None)
            source = demand.tables[0].partition(".")[0] if demand.tables else None
            raise GuardrailRefused(
                broken.message, sqlstate=demand.code, source=source, position=named, hint=broken.hint
            )
