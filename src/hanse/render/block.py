"""One SELECT while it is being built: its clauses, and what each column of the plan is in its terms."""

from dataclasses import dataclass, field, replace

from hanse.ir.expr import Expr, Literal
from hanse.ir.tables import Collation
from hanse.ir.types import Type
from hanse.render.spelling import LOOSE, TIGHT, level
from hanse.spi.dialect import BYTEWISE, Operand

VOLATILE, AGGREGATE, WINDOW, SUBQUERY, HOLE, CONSTANT = 1, 2, 4, 8, 16, 32
"""What is in a value: something that changes from call to call, an aggregate, a window, a subquery, a parameter; or
nothing that depends on a row."""

WORST = Collation()
CHEAP = 2
"""A value of at most this many operators may be written twice."""


@dataclass(slots=True)
class Value:
    """An expression in SQL, with what decides where it may be written again."""

    sql: str
    type: Type
    level: int = TIGHT
    collation: Collation = WORST
    literal: Literal | None = None
    cost: int = 0
    """Operators in it; a plain column has none."""
    flags: int = 0
    plain: bool = False
    """A column as it is stored: NULL where an outer join has no row."""

    def tight(self) -> str:
        """The text as one primary expression."""
        return self.sql if self.level == TIGHT else f"({self.sql})"

    def conjunct(self) -> str:
        """The text as a term of AND."""
        return self.sql if self.level >= LOOSE else f"({self.sql})"

    def operand(self) -> Operand:
        """What a dialect's rule sees."""
        return Operand(self.tight(), self.type, self.collation, self.literal)

    def repeatable(self) -> bool:
        """Whether it may be written more than once."""
        return self.cost <= CHEAP and not self.flags & (VOLATILE | WINDOW | SUBQUERY)

    def keyed(self, sql: str) -> "Value":
        """The same value in the form of a key, whose text is bytewise; a form that changes nothing may still sort by the
        column's own collation."""
        if sql in (self.sql, self.tight()):
            return self
        collation = replace(BYTEWISE, bytes_max=self.collation.bytes_max) if self.collation.bytes_max else BYTEWISE
        return Value(sql, self.type, level(sql), collation, None, self.cost, self.flags)


@dataclass(slots=True)
class Order:
    """One term of an ORDER BY: the key's form, the whole term, and what it says in the plan."""

    key: str
    descending: bool
    nulls_first: bool
    expr: Expr


@dataclass(slots=True)
class Block:
    """One SELECT, or a set operation of several."""

    values: dict[int, Value]
    """The columns of the plan so far, by id, in order."""
    source: str = ""
    """The FROM clause; empty without tables."""
    joined: bool = False
    """``source`` is a join: it needs parentheses to the right of another."""
    where: list[str] = field(default_factory=list)
    where_flags: int = 0
    group: str = ""
    grouped: bool = False
    single_group: bool = False
    """Aggregates without GROUP BY: at least one must stay in the select list, or there would be no group."""
    having: list[str] = field(default_factory=list)
    windowed: bool = False
    distinct: str = ""
    order: list[Order] = field(default_factory=list)
    limit: str = ""
    branches: list["Branch"] = field(default_factory=list)
    """The terms of a set operation, joined by ``operator``; they take the place of all other clauses."""
    operator: str = ""
    sealed: bool = False
    """Nothing may be merged into it any more (a closed guard)."""
    ctes: list[str] = field(default_factory=list)

    def is_rows(self) -> bool:
        """Whether it is no more than FROM and WHERE (an ORDER BY without LIMIT says nothing to those above)."""
        return not (self.grouped or self.windowed or self.distinct or self.limit or self.branches or self.sealed)

    def is_closed(self) -> bool:
        """Whether rows are already chosen, so that nothing may be tested, computed or grouped in this SELECT."""
        return bool(self.distinct or self.limit or self.branches or self.sealed)


@dataclass(slots=True)
class Branch:
    """A term of a set operation: a SELECT and its columns by position."""

    block: Block
    values: list[Value]
