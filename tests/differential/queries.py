"""Random queries over a schema: FROM with joins of every kind, grouping, windows, set operations, CTEs, and total orders."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tests.differential.aggregates import aggregate, window
from tests.differential.choices import Choices
from tests.differential.expressions import comparison, expression, pieces, predicate
from tests.differential.scope import COMPARABLE, GROUPS, SORTABLE, Context, Piece, Scope
from tests.differential.tables import Table

PARAMETER = re.compile(r"\$(\d+)")
FOLLOWING = ("JOIN", "LEFT JOIN", "JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
JOINED = ("int", "int", "text", "dec", "date", "uuid", "enum", "uint", "ts", "bool")
SET_OPERATIONS = ("UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")


@dataclass(frozen=True)
class Query:
    """A statement with what a comparison must know of it."""

    sql: str
    parameters: tuple[object, ...] = ()
    ordered: bool = False
    """Whether the rows come in an order that the statement fixes."""
    approximate: frozenset[int] = frozenset()
    """Columns whose last digits depend on the order in which rows are read."""


@dataclass(frozen=True)
class Select:
    """A SELECT: its text, the groups of its columns, and which of them are approximate."""

    sql: str
    columns: tuple[Piece, ...]
    approximate: frozenset[int] = frozenset()

    @property
    def exact_order(self) -> bool:
        """Whether sorting by all columns fixes the order of rows that differ."""
        return not self.approximate and all(one.group in SORTABLE for one in self.columns)


class Generator:
    """Queries over the tables of one schema."""

    def __init__(self, tables: list[Table], choices: Choices) -> None:
        self._tables = tables
        self._choices = choices
        self._ctes: list[tuple[str, Scope]] = []

    def query(self) -> Query:
        """One statement."""
        ctx = Context(self._choices, subquery=self._subquery)
        with_clause = self._with(ctx)
        body = self._set_operation(ctx) if self._choices.chance(15) else self._select(ctx)
        text, ordered = self._ordered(body)
        sql, parameters = _renumbered(with_clause + text, ctx.parameters)
        return Query(sql, parameters, ordered, body.approximate)

    def _with(self, ctx: Context) -> str:
        if not self._choices.chance(15):
            return ""
        if self._choices.chance(25):
            name = ctx.name("r")
            self._ctes.append((name, Scope((Piece(f"{name}.n", "int"),))))
            return f"WITH RECURSIVE {name}(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < 6) "
        name = ctx.name("w")
        inner = self._select(ctx.deeper(), exact=True)
        how = self._choices.pick(("", "MATERIALIZED ", "NOT MATERIALIZED "))
        names = [f"c{i}" for i in range(len(inner.columns))]
        self._ctes.append(
            (name, Scope(tuple(replace(one, sql=f"{name}.{n}") for one, n in zip(inner.columns, names, strict=True))))
        )
        return f"WITH {name}({', '.join(names)}) AS {how}({inner.sql}) "

    def _ordered(self, body: Select) -> tuple[str, bool]:
        """The statement with an order over all columns, and perhaps a limit."""
        if not body.exact_order or not self._choices.chance(45):
            return body.sql, False
        order = self._order_by(len(body.columns))
        return f"{body.sql} ORDER BY {order}{self._limit() if self._choices.chance(60) else ''}", True

    def _order_by(self, count: int) -> str:
        keys = []
        for i in range(count):
            direction = self._choices.pick(("", " DESC", " ASC"))
            keys.append(f"{i + 1}{direction}{self._choices.pick(('', ' NULLS FIRST', ' NULLS LAST'))}")
        return ", ".join(keys)

    def _limit(self) -> str:
        limit = self._choices.pick((" LIMIT 5", " LIMIT 1", " LIMIT 0", " LIMIT 20", " FETCH FIRST 3 ROWS ONLY", ""))
        offset = self._choices.pick(("", " OFFSET 1", " OFFSET 7"))
        return offset + limit if "FETCH" in limit else limit + offset

    def _set_operation(self, ctx: Context) -> Select:
        left = self._select(ctx.deeper(), exact=True, groups=SORTABLE)
        kinds = [one.group for one in left.columns]
        text = f"({left.sql})"
        for _ in range(self._choices.between(1, 2)):
            operation = self._choices.pick(SET_OPERATIONS)
            text = f"({text} {operation} ({self._of_groups(ctx.deeper(), kinds)}))"
        return Select(text.removeprefix("(").removesuffix(")"), left.columns)

    def _united(self, ctx: Context) -> tuple[str, Scope]:
        """The rows of several tables, one below the other."""
        kinds = [self._choices.pick(("int", "int", "text", "dec", "date", "bool")) for _ in range(3)]
        sides = []
        for _ in range(self._choices.pick((2, 2, 3))):
            table, scope = self._table(ctx)
            items = ", ".join(expression(ctx.deeper(2).plain(), scope, kind) for kind in kinds)
            where = f" WHERE {comparison(ctx.deeper(2).plain(), scope)}" if self._choices.chance(30) else ""
            sides.append(f"SELECT {items} FROM {table}{where}")
        columns = tuple(Piece("", kind, tame=False) for kind in kinds)
        return self._aliased(ctx, " UNION ALL ".join(sides), Select("", columns))

    def _of_groups(self, ctx: Context, groups: list[str]) -> str:
        source, scope = self._from(ctx)
        items = ", ".join(expression(ctx, scope, group) for group in groups)
        return f"SELECT {items} FROM {source}{self._where(ctx, scope)}"

    def _select(self, ctx: Context, exact: bool = False, groups: tuple[str, ...] = GROUPS) -> Select:
        source, scope = self._from(ctx)
        where = self._where(ctx, scope)
        style = self._choices.below(100)
        if style < 50:
            return self._plain(ctx, scope, f"FROM {source}{where}", groups)
        if style < 77:
            return self._grouped(ctx, scope, f"FROM {source}{where}", exact)
        if style < 85:
            source, scope = self._united(ctx)
            return self._grouped(ctx, scope, f"FROM {source}{self._where(ctx, scope)}", exact)
        return self._windowed(ctx, scope, f"FROM {source}{where}", exact)

    def _where(self, ctx: Context, scope: Scope) -> str:
        return f" WHERE {predicate(ctx, scope)}" if self._choices.chance(50) else ""

    def _plain(self, ctx: Context, scope: Scope, rest: str, groups: tuple[str, ...]) -> Select:
        distinct = self._choices.chance(20)
        items = pieces(ctx, scope, SORTABLE if distinct else groups, self._choices.between(1, 4))
        word = "DISTINCT " if distinct else ""
        return Select(f"SELECT {word}{_list(items)} {rest}", tuple(items))

    def _grouped(self, ctx: Context, scope: Scope, rest: str, exact: bool) -> Select:
        keys = pieces(
            ctx.deeper(2), scope, tuple(one for one in SORTABLE if one != "array"), self._choices.between(0, 3)
        )
        keys = [one for one in keys if _refers(one, scope)]
        found = [aggregate(ctx.deeper(), scope, exact) for _ in range(self._choices.between(1, 3))]
        items = [*keys, *(piece for piece, _ in found)]
        loose = frozenset(i + len(keys) for i, (_, approximate) in enumerate(found) if approximate)
        group_by = f" GROUP BY {self._grouping([one.sql for one in keys])}" if keys else ""
        having = ""
        if self._choices.chance(20):
            piece, _ = aggregate(ctx.deeper(2), scope, True)
            having = (
                f" HAVING {piece} IS NOT NULL"
                if piece.group != "int"
                else f" HAVING {piece} > {self._choices.pick(('0', '1', '5'))}"
            )
        return Select(f"SELECT {_list(items)} {rest}{group_by}{having}", tuple(items), loose)

    def _grouping(self, keys: list[str]) -> str:
        every = ", ".join(keys)
        # PostgreSQL takes a key that is simplified to another one for that one, and then makes the wrong one NULL.
        told_apart = len(set(keys)) == len(keys) and all(re.fullmatch(r"\w+\.\w+", key) for key in keys)
        match self._choices.below(10) if told_apart else 0:
            case 7:
                return f"ROLLUP ({every})"
            case 8:
                return f"CUBE ({every})"
            case 9:
                return f"GROUPING SETS (({every}), ({keys[0]}), ())"
            case _:
                return every

    def _windowed(self, ctx: Context, scope: Scope, rest: str, exact: bool) -> Select:
        items = pieces(ctx.deeper(2), scope, SORTABLE, self._choices.between(0, 2))
        found = [window(ctx.deeper(2).plain(), scope, exact) for _ in range(self._choices.between(1, 2))]
        loose = frozenset(i + len(items) for i, (_, approximate) in enumerate(found) if approximate)
        items += [piece for piece, _ in found]
        return Select(f"SELECT {_list(items)} {rest}", tuple(items), loose)

    def _from(self, ctx: Context) -> tuple[str, Scope]:
        if self._choices.chance(5):
            return self._using(ctx)
        text, scope = self._relation(ctx)
        for _ in range(self._choices.pick((0, 0, 1, 1, 2, 3))):
            text, scope = self._joined(ctx, text, scope)
        return text, scope

    def _using(self, ctx: Context) -> tuple[str, Scope]:
        """Two tables by the name of their key, which is then one column without a table."""
        (left, one), (right, two) = self._table(ctx), self._table(ctx)
        how = self._choices.pick([how for how in FOLLOWING if how != "CROSS JOIN"])
        rest = tuple(piece for piece in one.columns + two.columns if not piece.sql.endswith(".k"))
        return f"{left} {how} {right} USING (k)", Scope((Piece("k", "int"), *rest), one.keys + two.keys)

    def _joined(self, ctx: Context, text: str, scope: Scope) -> tuple[str, Scope]:
        how = self._choices.pick(FOLLOWING)
        if how in ("JOIN", "LEFT JOIN") and ctx.depth > 1 and self._choices.chance(8):
            inner, right = self._lateral(ctx, scope)
            return f"{text} {how} LATERAL {inner} ON true", scope.joined(right)
        right_text, right = self._relation(ctx)
        both = scope.joined(right)
        if how == "CROSS JOIN" and len(scope.columns) < 12:
            return f"{text} CROSS JOIN {right_text}", both
        how = "JOIN" if how == "CROSS JOIN" else how
        return f"{text} {how} {right_text} ON {self._condition(ctx, scope, right, how)}", both

    def _condition(self, ctx: Context, left: Scope, right: Scope, how: str) -> str:
        group = self._choices.pick([one for one in ("int", "int", "text", "dec", "date", "uuid", "enum", "uint", "float", "ts", "bool")
                                    if left.of(one, True) and right.of(one, True)] or ["none"])  # fmt: skip
        if group == "none":
            return "true" if how != "FULL JOIN" else "1 = 1"
        on = f"{self._choices.pick(left.of(group, True))} = {self._choices.pick(right.of(group, True))}"
        if group != "bool" and self._choices.chance(20):
            on += f" AND {self._choices.pick(left.of(group, True))} = {self._choices.pick(right.of(group, True))}"
        for _ in range(self._choices.pick((0, 0, 0, 1, 1, 2))):
            on += self._further(left, right)
        if how != "FULL JOIN" and self._choices.chance(25):
            on += f" AND {comparison(ctx.deeper(2).plain(), left.joined(right))}"
        return on

    def _further(self, left: Scope, right: Scope) -> str:
        """One more equality of columns, of whatever group: keys of several columns."""
        groups = [one for one in JOINED if left.of(one, True) and right.of(one, True)]
        if not groups:
            return ""
        group = self._choices.pick(groups)
        return f" AND {self._choices.pick(left.of(group, True))} = {self._choices.pick(right.of(group, True))}"

    def _relation(self, ctx: Context) -> tuple[str, Scope]:
        if ctx.depth > 1 and self._choices.chance(10):
            return self._derived(ctx)
        if self._ctes and self._choices.chance(60):
            name, scope = self._choices.pick(self._ctes)
            alias = ctx.name("a")
            return f"{name} AS {alias}", Scope(
                tuple(replace(one, sql=f"{alias}.{one.sql.split('.')[1]}") for one in scope.columns)
            )
        if self._choices.chance(4):
            alias = ctx.name("v")
            columns = (Piece(f"{alias}.x", "int"), Piece(f"{alias}.y", "text"))
            return f"(VALUES (1, 'a'), (2, 'A'), (NULL, 'b'), (3, NULL)) AS {alias}(x, y)", Scope(columns)
        return self._table(ctx)

    def _table(self, ctx: Context) -> tuple[str, Scope]:
        table = self._choices.pick(self._tables)
        alias = ctx.name("a")
        columns = tuple(Piece(f"{alias}.{one.name}", one.family.group, one.tame) for one in table.columns)
        return f"{table.name} AS {alias}", Scope(columns, (f"{alias}.id",))

    def _derived(self, ctx: Context) -> tuple[str, Scope]:
        inner = self._select(replace(ctx.deeper(2), subquery=None), exact=True)
        text = inner.sql
        if inner.exact_order and self._choices.chance(25):
            text += f" ORDER BY {self._order_by(len(inner.columns))}{self._limit()}"
        return self._aliased(ctx, text, inner)

    def _aliased(self, ctx: Context, text: str, inner: Select) -> tuple[str, Scope]:
        alias = ctx.name("d")
        names = [f"c{i}" for i in range(len(inner.columns))]
        columns = tuple(replace(one, sql=f"{alias}.{n}") for one, n in zip(inner.columns, names, strict=True))
        return f"({text}) AS {alias}({', '.join(names)})", Scope(columns)

    def _lateral(self, ctx: Context, outer: Scope) -> tuple[str, Scope]:
        source, scope = self._relation(replace(ctx.deeper(2), subquery=None))
        both = Scope(outer.columns + scope.columns)
        inner_ctx = ctx.deeper(2).plain()
        where = f" WHERE {self._condition(inner_ctx, scope, outer, 'JOIN')}"
        if self._choices.chance(50):
            piece, _ = aggregate(inner_ctx, scope, True)
            return self._aliased(ctx, f"SELECT {piece} FROM {source}{where}", Select("", (piece,)))
        items = pieces(inner_ctx, both, SORTABLE, 2)
        text = f"SELECT {_list(items)} FROM {source}{where} ORDER BY {self._order_by(2)} LIMIT 2"
        return self._aliased(ctx, text, Select("", tuple(items)))

    def _subquery(self, ctx: Context, outer: Scope, group: str) -> str:
        """A subquery in an expression: EXISTS, IN, or a scalar of that group; often correlated."""
        inner = replace(ctx.deeper(), subquery=None)
        source, scope = self._relation(inner)
        correlated = self._condition(inner, scope, outer, "JOIN") if self._choices.chance(65) else "true"
        if self._choices.chance(30):
            correlated += f" AND {comparison(inner.deeper(), scope)}"
        if group == "exists":
            return self._existence(inner, outer, scope, f"FROM {source} WHERE {correlated}")
        if self._choices.chance(40) and group in ("int", "uint"):
            return f"(SELECT count({self._choices.pick(('*', *map(str, scope.columns)))}) FROM {source} WHERE {correlated})"
        value = expression(inner.deeper(), scope, group)
        if group in SORTABLE and self._choices.chance(40):
            return f"(SELECT {value} FROM {source} WHERE {correlated} ORDER BY 1 LIMIT 1)"
        word = "max" if group not in ("bool", "bytes", "uuid", "json", "array", "interval") else "count"
        if word == "count":
            return expression(inner, outer, group)
        return f"(SELECT {self._choices.pick((word, 'min'))}({value}) FROM {source} WHERE {correlated})"

    def _existence(self, ctx: Context, outer: Scope, scope: Scope, rest: str) -> str:
        word = self._choices.pick(("EXISTS", "NOT EXISTS", "IN", "NOT IN", "ANY"))
        if word in ("EXISTS", "NOT EXISTS"):
            return f"({word} (SELECT 1 {rest}))"
        group = self._choices.pick([one for one in COMPARABLE if outer.of(one) and scope.of(one)] or ["int"])
        value, inner = expression(ctx.plain(), outer, group), expression(ctx, scope, group)
        if word == "ANY":
            return f"({value} {self._choices.pick(('=', '<', '>=', '<>'))} {self._choices.pick(('ANY', 'ALL'))} (SELECT {inner} {rest}))"
        return f"({value} {word} (SELECT {inner} {rest}))"


def _renumbered(sql: str, parameters: list[object]) -> tuple[str, tuple[object, ...]]:
    """The statement with only the parameters that are left in it."""
    used = sorted({int(number) for number in PARAMETER.findall(sql)})
    return PARAMETER.sub(lambda m: f"${used.index(int(m[1])) + 1}", sql), tuple(
        parameters[number - 1] for number in used
    )


def _list(items: list[Piece]) -> str:
    return ", ".join(one.sql for one in items)


def _refers(piece: Piece, scope: Scope) -> bool:
    """Whether the text names a column at all (a constant key would be read as the number of a column)."""
    return any(one.sql in piece.sql for one in scope.columns) and "$" not in piece.sql and "SELECT" not in piece.sql
