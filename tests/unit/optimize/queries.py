"""Random queries over three small tables, made to give every rule something to do; the same seed gives the same query."""

from dataclasses import dataclass, field
from random import Random

TABLES = ("a", "b", "c")
COLUMNS = ("id", "k", "x", "y")
JOINS = ("JOIN", "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


@dataclass
class Maker:
    """Makes the parts of one query."""

    random: Random
    names: int = 0
    scope: list[str] = field(default_factory=list)

    def fresh(self) -> str:
        self.names += 1
        return f"r{self.names}"

    def column(self, relations: list[str]) -> str:
        return f"{self.random.choice(relations)}.{self.random.choice(COLUMNS)}"

    def value(self) -> str:
        return str(self.random.randint(0, 4))

    def test(self, relations: list[str], depth: int = 0) -> str:
        """A condition over columns of these relations."""
        column = self.column(relations)
        kind = self.random.randrange(15 if depth < 2 else 9)
        match kind:
            case 0 | 1 | 2:
                return f"{column} {self.random.choice(['=', '=', '<', '>=', '<>'])} {self.value()}"
            case 3:
                return f"{column} = {self.column(relations)}"
            case 4:
                return f"{column} IS {self.random.choice(['', 'NOT '])}NULL"
            case 5:
                return f"{column} IN ({self.value()}, {self.value()})"
            case 6:
                return f"coalesce({column}, {self.value()}) = {self.value()}"
            case 7:
                return f"{column} + {self.column(relations)} > {self.value()}"
            case 8:
                return f"{column} IS DISTINCT FROM {self.column(relations)}"
            case 9:
                return f"NOT ({self.test(relations, depth + 1)})"
            case 10 | 11:
                shared = self.test(relations, depth + 1)
                one, two = (self.test(relations, depth + 1) for _ in range(2))
                return f"(({shared} AND {one}) OR ({shared} AND {two}))"
            case 12:
                return f"{self.maybe_not()}EXISTS ({self.inner(relations, '1')})"
            case 13:
                inner = self.fresh()
                table = self.random.choice(TABLES)
                where = "" if self.random.random() < 0.5 else f" WHERE {self.test([inner, *relations], 2)}"
                return f"{column} {self.maybe_not()}IN (SELECT {inner}.x FROM {table} {inner}{where})"
            case _:
                inner, table = self.fresh(), self.random.choice(TABLES)
                return f"{column} = (SELECT max({inner}.y) FROM {table} {inner} WHERE {inner}.k = {column})"

    def maybe_not(self) -> str:
        return self.random.choice(["", "", "NOT "])

    def inner(self, relations: list[str], item: str) -> str:
        """A correlated subquery."""
        inner = self.fresh()
        text = f"SELECT {item} FROM {self.random.choice(TABLES)} {inner}"
        if self.random.random() < 0.3:
            other = self.fresh()
            text += f" JOIN {self.random.choice(TABLES)} {other} ON {other}.id = {inner}.id"
        tests = [f"{inner}.{self.random.choice(COLUMNS)} = {self.column(relations)}"]
        tests += [self.test([inner], 1) for _ in range(self.random.randrange(2))]
        return f"{text} WHERE {' AND '.join(tests)}"

    def relation(self, depth: int) -> str:
        """A table, or a subquery with the same columns."""
        table = self.random.choice(TABLES)
        if depth > 1:
            return table
        match self.random.randrange(10):
            case 0:
                return f"(SELECT DISTINCT id, k, x, y FROM ({self.select(depth + 1)}) d)"
            case 1:
                every = self.random.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
                return f"({self.select(depth + 1)} {every} {self.select(depth + 1)})"
            case 2:
                return f"(SELECT min(id) AS id, k, count(*)::int AS x, max(y) AS y FROM {table} GROUP BY k)"
            case 3:
                return f"(SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id, x, y)::int AS x, y FROM {table})"
            case 4:
                return f"(SELECT id, k, x, y FROM {table} ORDER BY id, k, x, y LIMIT 4)"
            case 5:
                return f"(SELECT id, k, x + 1 AS x, y FROM {table} WHERE {self.test([table], 1)})"
            case _:
                return table

    def source(self, depth: int) -> tuple[str, list[str]]:
        """A FROM clause and the relations in it."""
        first = self.fresh()
        text, relations = f"{self.relation(depth)} {first}", [first]
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            name = self.fresh()
            other = f"{self.relation(depth)} {name}"
            kind = self.random.choice([*JOINS, ","])
            relations.append(name)
            if kind == ",":
                text = f"{text} CROSS JOIN {other}"
                continue
            tests = [f"{name}.{self.random.choice(COLUMNS)} = {self.column(relations[:-1])}"]
            if kind != "FULL JOIN":
                tests += [self.test(relations, 2) for _ in range(self.random.randrange(2))]
            text = f"{text} {kind} {other} ON {' AND '.join(tests)}"
        return text, relations

    def select(self, depth: int) -> str:
        """A SELECT with the columns id, k, x, y."""
        text, relations = self.source(depth)
        items = ", ".join(f"{self.column(relations)} AS {name}" for name in COLUMNS)
        tests = [self.test(relations) for _ in range(self.random.randrange(4))]
        return f"SELECT {items} FROM {text}" + (f" WHERE {' AND '.join(tests)}" if tests else "")

    def query(self) -> str:
        """A whole statement; with a LIMIT its order is total."""
        inner = self.select(0)
        match self.random.randrange(6):
            case 0:
                return f"SELECT k, count(*), sum(x), min(y) FROM ({inner}) q GROUP BY k HAVING {self.having()}"
            case 1:
                return f"SELECT * FROM ({inner}) q WHERE {self.test(['q'])} ORDER BY id, k, x, y LIMIT 7 OFFSET 1"
            case 2:
                return f"SELECT * FROM ({inner} UNION ALL {self.select(1)}) q ORDER BY id, k, x, y LIMIT 6"
            case 3:
                return (
                    f"WITH q AS ({inner}) SELECT q.id, p.x FROM q JOIN q p ON q.id = p.k WHERE {self.test(['q', 'p'])}"
                )
            case 4:
                return f"SELECT k, x, count(*) FROM ({inner}) q GROUP BY ROLLUP (k, x) HAVING {self.having()}"
            case _:
                return inner

    def having(self) -> str:
        return self.random.choice(["k = 1", "count(*) > 1", "k > 0 AND sum(x) > 2", "k IS NULL", "true"])


def random_query(seed: int) -> str:
    """The query of that seed."""
    return Maker(Random(seed)).query()
