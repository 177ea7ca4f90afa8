"""Random aggregates over unions, over joins, and in correlated subqueries; the same seed gives the same query."""

from random import Random

from tests.unit.optimize.queries import COLUMNS, TABLES, Maker

CALLS = (
    "count(*)",
    "count({0})",
    "sum({0})",
    "sum({0} * 2 + {1})",
    "avg({0})",
    "min({0})",
    "max({0} - {1})",
    "bool_or({0} > 2)",
    "bool_and({0} = {1})",
    "bit_xor({0})",
    "bit_and({0})",
    "count(DISTINCT {0})",
    "sum(DISTINCT {0})",
    "min(DISTINCT {0})",
    "count({0}) FILTER (WHERE {1} > 1)",
    "sum({0}) FILTER (WHERE {0} <> 2)",
    "count(DISTINCT {0}) FILTER (WHERE {0} > 1)",
    "string_agg({0}::text, ',' ORDER BY {0})",
    "stddev_pop({0}) IS NULL",
    "avg({0}::numeric(8,2) * 0.5)",
    "sum({0}::numeric(8,2))",
    "sum({0}::numeric(38,2))",
    "count(*) FILTER (WHERE {0} > 1)",
)


class Groups(Maker):
    """Makes statements that group."""

    def grouped(self) -> str:
        """A statement with groups, or with one group of all rows."""
        text, relations = self.unions() if self.random.random() < 0.4 else self.joins()
        keys = [self.column(relations) for _ in range(self.random.choice([0, 0, 1, 1, 1, 2]))]
        if keys and self.random.random() < 0.2:
            keys[0] = f"{keys[0]} % 2"
        items = [*keys, *(self.aggregate(relations) for _ in range(self.random.randint(1, 3)))]
        where = f" WHERE {self.test(relations)}" if self.random.random() < 0.4 else ""
        having = f" HAVING {self.aggregate(relations, 3)} >= {self.value()}" if self.random.random() < 0.3 else ""
        return f"SELECT {', '.join(items)} FROM {text}{where}{self.by(keys)}{having}"

    def by(self, keys: list[str]) -> str:
        if not keys:
            return ""
        word = "ROLLUP ({})" if self.random.random() < 0.15 else "{}"
        return " GROUP BY " + word.format(", ".join(keys))

    def aggregate(self, relations: list[str], first: int = len(CALLS)) -> str:
        return self.random.choice(CALLS[:first]).format(self.column(relations), self.column(relations))

    def unions(self) -> tuple[str, list[str]]:
        name = self.fresh()
        sides = f" {self.random.choice(['UNION ALL', 'UNION ALL', 'UNION ALL', 'UNION'])} ".join(
            self.select(2) for _ in range(self.random.choice([2, 2, 3]))
        )
        return f"({sides}) {name}", [name]

    def joins(self) -> tuple[str, list[str]]:
        """Tables, mostly joined by columns."""
        first = self.fresh()
        text, relations = f"{self.random.choice(TABLES)} {first}", [first]
        for _ in range(self.random.choice([1, 1, 2, 3])):
            name = self.fresh()
            kind = self.random.choice(["JOIN", "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN"])
            on = f"{name}.{self.random.choice(COLUMNS)} = {self.column(relations)}"
            if self.random.random() < 0.2:
                on += f" AND {self.test([name, *relations], 2)}"
            text += f" {kind} {self.random.choice(TABLES)} {name} ON {on}"
            relations.append(name)
        if self.random.random() < 0.2:
            text += self.unread(relations)
        return text, relations

    def unread(self, relations: list[str]) -> str:
        """An outer join with one partner at most, of whom nothing is read."""
        name, table = self.fresh(), self.random.choice(TABLES)
        side = self.random.choice(["SELECT k, max(x) AS x FROM {} GROUP BY k", "SELECT DISTINCT k FROM {}"])
        return f" LEFT JOIN ({side.format(table)}) {name} ON {self.column(relations)} = {name}.k"

    def scalar(self, relations: list[str]) -> str:
        """An aggregate over the rows that correspond to a row around."""
        text, inner = self.joins() if self.random.random() < 0.3 else self.one()
        tests = [f"{self.column(inner)} = {self.column(relations)}" for _ in range(self.random.choice([1, 1, 2]))]
        tests += [self.test(inner, 2) for _ in range(self.random.randrange(2))]
        value = self.aggregate(inner, 13)
        wrap = self.random.choice(["{}", "{}", "{} + 1", "coalesce({}, 7)", "{} IS NULL"])
        if value.startswith("bool"):
            wrap = "{}"
        return f"(SELECT {wrap.format(value)} FROM {text} WHERE {' AND '.join(tests)})"

    def one(self) -> tuple[str, list[str]]:
        name = self.fresh()
        return f"{self.random.choice(TABLES)} {name}", [name]

    def correlated(self) -> str:
        """A statement with aggregates of corresponding rows in its condition or among its columns."""
        text, relations = self.joins() if self.random.random() < 0.5 else self.one()
        item = self.scalar(relations) if self.random.random() < 0.5 else "1"
        tests = [self.test(relations) for _ in range(self.random.randrange(2))]
        for _ in range(self.random.choice([0, 1, 1, 2])):
            column, value = self.column(relations), self.scalar(relations)
            form = self.random.choice(["{0}::text = {1}::text", "NOT {1}::text <= {0}::text", "{1} IS NULL OR {0} = 1"])
            tests.append(f"({form.format(column, value)})")
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"SELECT {self.column(relations)}, {self.column(relations)}, {item} FROM {text}{where}"


def random_aggregate(seed: int) -> str:
    """The statement of that seed."""
    maker = Groups(Random(seed))
    return maker.grouped() if maker.random.random() < 0.65 else maker.correlated()
