"""A random schema with its data: a few tables per kind of source, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.differential.choices import Choices
from tests.differential.families import FAMILIES, KINDS, Family

ROWS_MAX = 24
KEY_VALUES = (0, 1, 2, 3, 4, 5, -1, 7)
_BY_NAME = {family.name: family for family in FAMILIES}


@dataclass(frozen=True)
class Column:
    """One column of a table: its type, how its own source declares it, and whether arithmetic on it is safe."""

    name: str
    family: Family
    declared: str
    tame: bool


@dataclass
class Table:
    """One table and its rows; ``id`` is unique, ``k`` joins, ``s`` joins by text."""

    name: str
    kind: str
    columns: list[Column]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def has_key(self) -> bool:
        """Whether there is a column to join and index by."""
        return any(one.name == "k" for one in self.columns)

    def __str__(self) -> str:
        columns = ", ".join(f"{one.name} {one.declared or one.family.name}" for one in self.columns)
        return f"{self.kind}.{self.name}({columns}) -- {len(self.rows)} rows"


def schema(seed: int) -> list[Table]:
    """The tables of a seed: two at PostgreSQL and MySQL each, so that joins can move there, one or two elsewhere."""
    choices = Choices(seed)
    kinds = ["postgres", "postgres", "mysql", "mysql", "sqlite", "files", "duckdb"]
    tables = [_table(choices, f"t{i}", kind) for i, kind in enumerate(kinds)]
    for table in tables:
        table.rows = _rows(choices, table)
    return tables


def _table(choices: Choices, name: str, kind: str) -> Table:
    key = _BY_NAME["int8" if kind == "sqlite" else "int4"]
    columns = [_column(choices, "id", key, kind, True), _column(choices, "k", key, kind, True)]
    columns.append(_column(choices, "s", _BY_NAME["text"], kind, True))
    known = [family for family in FAMILIES if kind in family.declared]
    for i, family in enumerate(choices.some(known, 4, 8)):
        columns.append(_column(choices, f"{family.name}_{i}", family, kind, choices.chance(70)))
    return Table(name, kind, columns)


def _column(choices: Choices, name: str, family: Family, kind: str, tame: bool) -> Column:
    declared = family.declared.get(kind) or ("bigint",)
    return Column(name, family, choices.pick(declared), tame)


def _rows(choices: Choices, table: Table) -> list[tuple[Any, ...]]:
    count = 0 if choices.chance(4) else choices.between(3, ROWS_MAX)
    nulls = {column.name: choices.pick((0, 15, 40)) for column in table.columns}
    return [tuple(_value(choices, table, one, i, nulls[one.name]) for one in table.columns) for i in range(count)]


def _value(choices: Choices, table: Table, column: Column, row: int, nulls: int) -> Any:
    if column.name == "id":
        return row + 1
    if choices.chance(nulls):
        return None
    if column.name == "k":
        return choices.pick(KEY_VALUES)
    if column.family.odd and table.kind not in ("mysql", "sqlite") and not column.tame and choices.chance(25):
        return choices.pick(column.family.odd)
    value = column.family.value(choices, column.tame)
    if table.kind in ("mysql", "sqlite") and value == 0 and isinstance(value, float):
        return 0.0  # MySQL's constants have no negative zero, and SQLite stores it as the integer that it equals
    return value.rstrip(" ") if column.declared.startswith("char(") else value


assert set(KINDS) == {"postgres", "mysql", "sqlite", "files", "duckdb"}
