"""What an expression may refer to, and what it is made of: typed pieces of SQL text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.differential.choices import Choices

SORTABLE = (
    "int",
    "text",
    "dec",
    "bool",
    "date",
    "ts",
    "tstz",
    "time",
    "bytes",
    "uuid",
    "enum",
    "uint",
    "float",
    "real",
    "array",
)
"""Groups whose equal values are the same value: a row may be sorted, grouped and told apart by them."""
COMPARABLE = (*SORTABLE, "interval")
GROUPS = (*COMPARABLE, "json")


@dataclass(frozen=True)
class Piece:
    """SQL text of a value, its group of types, and whether arithmetic on it is safe."""

    sql: str
    group: str
    tame: bool = True

    def __str__(self) -> str:
        return self.sql


@dataclass(frozen=True)
class Scope:
    """The columns in sight; ``keys`` together tell the rows apart, if any do."""

    columns: tuple[Piece, ...]
    keys: tuple[str, ...] = ()

    def of(self, group: str, tame: bool = False) -> list[Piece]:
        """The columns of that group."""
        return [one for one in self.columns if one.group == group and (one.tame or not tame)]

    def joined(self, other: Scope) -> Scope:
        """Both sides of a join."""
        both = (*self.keys, *other.keys) if self.keys and other.keys else ()
        return Scope(self.columns + other.columns, both)


@dataclass
class Context:
    """What the making of a query carries along: choices, a supply of names, and how deep it may still go."""

    choices: Choices
    depth: int = 3
    subquery: Callable[[Context, Scope, str], str] | None = None
    """Makes a scalar or boolean subquery that may refer to the scope; None where there may be none."""
    names: list[int] = field(default_factory=lambda: [0])
    parameters: list[object] = field(default_factory=list)

    def name(self, prefix: str) -> str:
        """A name that the query does not have yet."""
        self.names[0] += 1
        return f"{prefix}{self.names[0]}"

    def deeper(self, by: int = 1) -> Context:
        """The same, with less depth left."""
        return replace(self, depth=self.depth - by)

    def plain(self) -> Context:
        """The same, without subqueries."""
        return replace(self, subquery=None)
