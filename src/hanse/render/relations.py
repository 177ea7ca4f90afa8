"""The leaves of a plan in SQL: tables, constants, table functions, CTEs, and what fragments yield."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.request import RowsHole
from hanse.ir.tables import Collation
from hanse.ir.walk import free
from hanse.render.block import WORST, Block, Branch, Value
from hanse.render.core import Core
from hanse.render.spelling import TIGHT, template
from hanse.spi.dialect import BYTEWISE, Dialect, find


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands for a fragment in the coordinator's SQL: a relation with these columns, or the fragment's own plan."""

    sql: str
    columns: tuple[str, ...]
    plan: p.Plan | None = None
    collations: tuple[Collation, ...] = ()
    """How the columns compare; empty: nothing is known of that."""


@dataclass(frozen=True, slots=True)
class _Cte:
    name: str
    columns: tuple[str, ...]
    values: tuple[Value, ...]


def names(ids: list[int]) -> list[str]:
    """Names for columns by position, each once."""
    found: list[str] = []
    for place, id in enumerate(ids):
        name = f"c{id}"
        found.append(f"{name}_{place}" if name in found else name)
    return found


class Relations(Core):
    """Writes leaves and CTEs."""

    def __init__(self, dialect: Dialect, merge: bool = True, fragments: Mapping[int, Relation] | None = None) -> None:
        super().__init__(dialect, merge)
        self.fragments = dict(fragments or {})
        self.within = ""
        """A condition on the rows of every table that is read."""
        self._ctes: dict[str, _Cte] = {}
        self._cte_count = 0
        self._apart: dict[int, p.Plan] = {}
        """Joins that are written as CTEs, by identity."""
        self._inside_recursion = 0
        self._local_ctes = 0

    def scan(self, plan: p.Scan) -> Block:
        """A table: each column in the form in which its source must be asked for it."""
        alias = self.alias()
        prefix = self.marks.optional(f"{alias}.")
        values: dict[int, Value] = {}
        declared = {column.name: column for column in plan.table.columns}
        for column, name in plan.outputs:
            facts = declared[name]
            sql, firm = f"{prefix}{self.marks.foreign(self.dialect.quote(name))}", TIGHT
            if facts.read_as is not None:
                sql, firm = template(facts.read_as).fill([(sql, firm)])
            values[column.id] = Value(sql, column.type, firm, facts.collation, plain=True)
        block = self.from_relation(self.marks.foreign(plan.table.relation), values, alias)
        block.where = [self.marks.foreign(self.within)] if self.within else []
        return block

    def fragment_scan(self, plan: p.FragmentScan) -> Block:
        """The rows of a fragment: those that arrive, or its own plan where the coordinator reads the source in place."""
        relation = self.fragments.get(plan.fragment) or self.rows_of(plan)
        if relation.plan is not None:
            block = self.below(relation.plan)
            if block.branches:
                block = self.wrap(block)
            ids = [column.id for column in relation.plan.columns]
            block.values = {new.id: block.values[old] for new, old in zip(plan.outputs, ids, strict=True)}
            return block
        like = tuple(
            Value("", c.type, collation=known) for c, known in zip(plan.outputs, relation.collations, strict=False)
        )
        return self._named(relation.sql, relation.columns, plan.outputs, like or None)

    def rows_of(self, plan: p.FragmentScan) -> Relation:
        """What stands in a source's own SQL for the rows of another fragment: a table that run time fills."""
        names = tuple(f"c{column.id}" for column in plan.outputs)
        types = tuple(column.type for column in plan.outputs)
        collations = tuple(self.dialect.row_collation(type) or WORST for type in types)
        return Relation(f"({self.marks.rows(RowsHole(plan.fragment, names, types))})", names, None, collations)

    def share(self, relation: Relation) -> Relation:
        """The relation as a CTE of the statement, so that several places read it while it is read once."""
        sql = f"SELECT {', '.join(relation.columns) or '1'} FROM {relation.sql}"
        if relation.plan is not None:
            sql, _ = self.query(relation.plan, None)
        name = self.cte_name()
        self.with_.append(self.cte_term(name, relation.columns, sql))
        return Relation(name, relation.columns)

    def _named(
        self,
        sql: str,
        columns: tuple[str, ...],
        outputs: tuple[e.Column, ...],
        like: tuple[Value, ...] | None,
    ) -> Block:
        alias = self.alias()
        prefix = self.marks.optional(f"{alias}.")
        values: dict[int, Value] = {}
        for place, (column, name) in enumerate(zip(outputs, columns, strict=True)):
            collation = WORST if like is None else like[place].collation
            values[column.id] = Value(f"{prefix}{name}", column.type, collation=collation, plain=True)
        if sql.startswith("("):
            return Block(values, f"{sql} {alias}")
        return self.from_relation(sql, values, alias)

    def values(self, plan: p.Values) -> Block:
        """Rows of constants: one needs no FROM."""
        columns = plan.outputs
        if len(plan.rows) == 1:
            row = plan.rows[0]
            return Block({column.id: self.expressions.write(x, {}) for column, x in zip(columns, row, strict=True)})
        if not plan.rows:
            nulls = {column.id: self.expressions.write(e.Literal(column.type, None), {}) for column in columns}
            return self.wrap(Block(nulls, where=["1 = 0"]))
        rows = [[self.expressions.write(x, {}).sql for x in row] for row in plan.rows]
        if self.dialect.values_lists and columns:
            alias = self.alias()
            text = ", ".join(f"({', '.join(row)})" for row in rows)
            found = {column.id: Value(f"{alias}.c{column.id}", column.type, plain=True) for column in columns}
            named = ", ".join(f"c{column.id}" for column in columns)
            return Block(found, f"(VALUES {text}) {alias}({named})")
        return self._union_of_rows(columns, rows)

    def _union_of_rows(self, columns: tuple[e.Column, ...], rows: list[list[str]]) -> Block:
        alias = self.alias()
        first = ", ".join(f"{sql} AS c{column.id}" for sql, column in zip(rows[0], columns, strict=True)) or "1 AS c0"
        texts = [f"SELECT {first}", *(f"SELECT {', '.join(row) or '1'}" for row in rows[1:])]
        found = {column.id: Value(f"{alias}.c{column.id}", column.type, plain=True) for column in columns}
        return Block(found, f"({' UNION ALL '.join(texts)}) {alias}")

    def table_function(self, plan: p.TableFunction) -> Block:
        """A set-returning function in FROM. A rule of its own (``unnest with ordinality``) may count the rows; else the
        clause follows the call."""
        args = [self.expressions.write(arg, {}) for arg in plan.args]
        rules, name = self.dialect.table_functions, plan.name
        counted = f"{name} with ordinality"
        clause = " WITH ORDINALITY" if plan.ordinality and counted not in rules else ""
        rule = find(rules, counted if plan.ordinality and not clause else name, [arg.operand() for arg in args])
        if rule is None:
            raise self.expressions.refusal(f"the table function {name}")
        sql, firm = self.expressions.spell(rule, args)
        if clause and sql.startswith("("):
            raise self.expressions.refusal(f"the table function {counted}")
        sql = sql if firm == TIGHT else f"({sql})"
        alias = self.alias()
        named = ", ".join(f"c{column.id}" for column in plan.outputs)
        found = {column.id: Value(f"{alias}.c{column.id}", column.type, plain=True) for column in plan.outputs}
        return Block(found, f"{sql}{clause} {alias}({named})")

    def cte_name(self) -> str:
        """A new name for a CTE. It holds the marker of this program, so that it hides no table."""
        self._cte_count += 1
        return f"hanse_cte{self._cte_count}"

    def cte_term(self, name: str, columns: tuple[str, ...], query: str) -> str:
        """One term of a WITH."""
        materialized = "MATERIALIZED " if self.dialect.materialized_ctes else ""
        return f"{name}({', '.join(columns) or 'c0'}) AS {materialized}({query})"

    def cte(self, plan: p.Cte) -> Block:
        """A named plan: in the statement's own WITH where it stands for itself, else in that of its SELECT."""
        outer = self.expressions.outer
        is_local = bool(self._inside_recursion or self._local_ctes or (outer and free(plan.definition) & outer.keys()))
        self.is_recursive |= plan.recursive
        name = self.cte_name()
        columns = tuple(names([column.id for column in plan.definition.columns]))
        unknown = tuple(Value("", column.type) for column in plan.definition.columns)
        self._ctes[plan.name] = _Cte(name, columns, unknown)
        self._inside_recursion += plan.recursive
        sql, values = self.query(plan.definition, None)
        self._inside_recursion -= plan.recursive
        if not plan.recursive:
            self._ctes[plan.name] = _Cte(name, columns, tuple(values))
        term = self.cte_term(name, columns, sql)
        if not is_local:
            self.with_.append(term)
            return self.block(plan.body)
        self._local_ctes += 1
        block = self.block(plan.body)
        self._local_ctes -= 1
        block.ctes.insert(0, term)
        return block

    def cte_scan(self, plan: p.CteScan) -> Block:
        """The rows of a CTE."""
        found = self._ctes[plan.name]
        return self._named(found.name, found.columns, plan.outputs, found.values)

    def set_operation(self, plan: p.SetOperation) -> Block:
        """UNION, INTERSECT or EXCEPT; whatever compares rows compares them in the form of keys."""
        operator = plan.kind.upper() + (" ALL" if plan.all else "")
        compares = plan.kind is not p.SetKind.UNION or not plan.all
        form = self.expressions.key if compares else None
        branches = self._first_branches(plan.left, form, operator)
        branches.append(self.branch(plan.right, form))
        columns = zip(plan.outputs, *(branch.values for branch in branches), strict=True)
        values = {
            column.id: Value(f"c{column.id}", column.type, collation=reduce(_common, (v.collation for v in found)))
            for column, *found in columns
        }
        return Block(values, branches=branches, operator=operator)

    def _first_branches(self, plan: p.Plan, form: Callable[[Value], Value] | None, operator: str) -> list[Branch]:
        """The left side; a set operation of the same kind there goes on, as all of them associate to the left."""
        if isinstance(plan, p.SetOperation) and self.merge and not self._inside_recursion:
            block = self.block(plan)
            if block.operator == operator:
                return block.branches
            return [self.as_branch(block, plan, form)]
        return [self.branch(plan, form)]


def _common(left: Collation, right: Collation) -> Collation:
    """How text compares that comes from either side."""
    if left == right or right is BYTEWISE:
        return left
    return right if left is BYTEWISE else WORST
