"""Small random queries in which what is lost matters: conditions, groups and joins by what is counted, and all that is refused."""

from __future__ import annotations

from collections.abc import Sequence

from tests.differential.choices import Choices

TABLES = ("shop.o", "shop.o", "crm.c", "crm.d")
COLUMNS = ("id", "k", "v", "u")
CALLS = ("count(*)", "count({})", "count(DISTINCT {})", "sum({})", "sum(abs({}))", "sum({} * {})", "avg({})", "max({})")
KINDS = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
SETS = ("UNION ALL", "UNION", "EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL")


class Losses:
    """Makes queries; every relation has the columns ``id``, ``k``, ``v`` and ``u``, all numbers."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._names = 0

    def query(self) -> str:
        """One statement."""
        body = self._select(2)
        if self._choices.chance(12):
            return f"SELECT * FROM ({body}) q ORDER BY 1, 2, 3, 4 LIMIT {self._choices.below(4)}"
        return body

    def _name(self) -> str:
        self._names += 1
        return f"t{self._names}"

    def _select(self, depth: int) -> str:
        if depth and self._choices.chance(12):
            return f"{self._select(depth - 1)} {self._choices.pick(SETS)} {self._select(depth - 1)}"
        source, names = self._from(depth)
        where = f" WHERE {self._condition(names, depth)}" if self._choices.chance(60) else ""
        match self._choices.below(6):
            case 0 | 1:
                return self._grouped(source + where, names)
            case 2:
                return f"SELECT {_listed([self._call(names) for _ in COLUMNS])} FROM {source}{where}"
            case 3:
                return f"SELECT DISTINCT {_listed([self._column(names) for _ in COLUMNS])} FROM {source}{where}"
            case _:
                return f"SELECT {_listed([self._value(names, depth) for _ in COLUMNS])} FROM {source}{where}"

    def _from(self, depth: int) -> tuple[str, list[str]]:
        """A FROM clause, and the names in it."""
        left, name = self._relation(depth)
        if not depth or self._choices.chance(55):
            return left, [name]
        right, other = self._relation(depth - 1)
        test = f"{self._column([name])} = {self._column([other])}"
        return f"{left} {self._choices.pick(KINDS)} {right} ON {test}", [name, other]

    def _relation(self, depth: int) -> tuple[str, str]:
        name = self._name()
        if depth and self._choices.chance(30):
            return f"({self._select(depth - 1)}) {name}", name
        return f"{self._choices.pick(TABLES)} {name}", name

    def _grouped(self, source: str, names: Sequence[str]) -> str:
        keys = [self._column(names), self._column(names)]
        items = _listed([*keys, self._call(names), self._call(names)])
        bound = f"{self._call(names)} {self._choices.pick(('>', '>=', '<', '='))} {self._choices.below(4)}"
        having = f" HAVING {bound}" if self._choices.chance(40) else ""
        return f"SELECT {items} FROM {source} GROUP BY {', '.join(dict.fromkeys(keys))}{having}"

    def _column(self, names: Sequence[str]) -> str:
        return f"{self._choices.pick(tuple(names))}.{self._choices.pick(COLUMNS)}"

    def _call(self, names: Sequence[str]) -> str:
        column = self._column(names)
        return self._choices.pick(CALLS).format(column, column)

    def _value(self, names: Sequence[str], depth: int) -> str:
        column = self._column(names)
        match self._choices.below(12):
            case 0:
                return f"coalesce({column}, {self._choices.below(3)})"
            case 1:
                return f"{column} + {self._column(names)}"
            case 2:
                return f"CASE WHEN {column} > 1 THEN {self._column(names)} END"
            case 3 if depth:
                inner, name = self._relation(depth - 1)
                item = self._choices.pick((self._call([name]), f"{name}.v"))
                more = f" AND {self._condition([name], 0)}" if self._choices.chance(40) else ""
                return f"(SELECT {item} FROM {inner} WHERE {name}.id = {column}{more})"
            case _:
                return column

    def _condition(self, names: Sequence[str], depth: int) -> str:
        column = self._column(names)
        match self._choices.below(10):
            case 0:
                return f"{column} IS {self._choices.pick(('', 'NOT '))}NULL"
            case 1 | 2 if depth:
                inner, name = self._relation(depth - 1)
                is_not = self._choices.pick(("", "NOT "))
                return f"{is_not}EXISTS (SELECT 1 FROM {inner} WHERE {self._column([name])} = {column})"
            case 3 if depth:
                inner, name = self._relation(depth - 1)
                return f"{column} {self._choices.pick(('IN', 'NOT IN'))} (SELECT {self._column([name])} FROM {inner})"
            case 4:
                return f"({self._condition(names, 0)} OR {self._condition(names, depth)})"
            case 5:
                return f"{self._condition(names, depth)} AND {column} >= 0"
            case _:
                other = self._choices.pick((str(self._choices.below(5) - 1), self._value(names, depth)))
                return f"{self._value(names, depth)} {self._choices.pick(('=', '<>', '<', '>=', '>'))} {other}"


def _listed(items: Sequence[str]) -> str:
    return ", ".join(f"{item} AS {name}" for item, name in zip(items, COLUMNS, strict=True))
