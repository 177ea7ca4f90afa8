"""The text of a SELECT, and the step that every operator may take: to put what is below into a derived table."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from hanse.ir import expr as e
from hanse.ir.plan import Plan
from hanse.ir.walk import free, operands, type_of_subquery
from hanse.render.block import Block, Branch, Order, Value
from hanse.render.calls import Calls
from hanse.render.expressions import Expressions
from hanse.render.spelling import Marks
from hanse.spi.dialect import Dialect


class Core(ABC):
    """What all writers of operators share: the statement's marks, names and CTEs."""

    def __init__(self, dialect: Dialect, merge: bool = True) -> None:
        self.dialect = dialect
        self.marks = Marks()
        self.expressions = Expressions(dialect, self.marks, self)
        self.calls = Calls(self.expressions)
        self.merge = merge
        """Whether operators share a SELECT where they can; without, each has its own (to test the merging)."""
        self.with_: list[str] = []
        """Terms of the statement's WITH."""
        self.is_recursive = False
        self._aliases = 0

    @abstractmethod
    def block(self, plan: Plan) -> Block:
        """The plan as a SELECT that may still grow."""

    def below(self, plan: Plan) -> Block:
        """The input of an operator."""
        block = self.block(plan)
        return block if self.merge else self.wrap(block)

    def alias(self) -> str:
        """A new name for a table in FROM."""
        self._aliases += 1
        self.marks.qualified = self._aliases > 1 or self.marks.qualified
        return f"t{self._aliases}"

    def from_relation(self, relation: str, values: dict[int, Value], alias: str) -> Block:
        """A block that reads a relation of the source; its alias stands only where columns are qualified."""
        return Block(values, relation + self.marks.optional(f" {alias}"))

    def wrap(self, block: Block, ordered: bool = True) -> Block:
        """Make the block a derived table. ``ordered``: what comes above may still see the order of rows, which no derived
        table keeps, so it is sorted again outside."""
        picks_by_order = block.limit or block.distinct.startswith("DISTINCT ON")
        order = block.order if ordered else []
        if not picks_by_order:
            block.order = []
        alias = self.alias()
        items = [(f"c{id}", value) for id, value in block.values.items()]
        outer: list[Order] = []
        for place, term in enumerate(order, 1):
            name = next((name for name, value in items if term.key in (value.sql, value.tight())), None)
            if name is None:
                name = f"k{place}"
                items.append((name, Value(term.key, e.TRUE.type)))
            outer.append(Order(f"{alias}.{name}", term.descending, term.nulls_first, term.expr))
        text = self.select(block, [value for _, value in items], [name for name, _ in items])
        values = {
            id: Value(f"{alias}.c{id}", value.type, collation=value.collation, plain=True)
            for id, value in block.values.items()
        }
        return Block(values, f"({text}) {alias}", order=outer)

    def select(self, block: Block, items: list[Value], names: Sequence[str] | None = None) -> str:
        """The text of the block with these items as its select list, under names where it is a derived table."""
        parts = [self.with_clause(block.ctes)] if block.ctes else []
        if block.branches:
            parts.append(self._branches(block, names))
        else:
            parts.append(self._list(block, items, names))
            self._clauses(block, parts)
        if block.order:
            parts.append("ORDER BY " + ", ".join(map(self.calls.term, block.order)))
        if block.limit:
            parts.append(block.limit)
        return " ".join(parts)

    def _list(self, block: Block, items: list[Value], names: Sequence[str] | None) -> str:
        if names is None:
            texts = [item.sql for item in items]
            # a bare name in ORDER BY or HAVING may mean an output column, which takes the name of a column inside a cast
            if (block.order or block.having) and not all(item.plain for item in items):
                self.marks.qualified = True
        else:
            texts = [f"{item.sql} AS {name}" for item, name in zip(items, names, strict=True)]
        head = f"SELECT {block.distinct} " if block.distinct else "SELECT "
        return head + (", ".join(texts) if texts else "1 AS c0" if names is not None else "1")

    def _clauses(self, block: Block, parts: list[str]) -> None:
        if block.source:
            parts.append("FROM " + block.source)
        elif block.where and self.dialect.empty_from:
            parts.append(self.dialect.empty_from)
        if block.where:
            parts.append("WHERE " + " AND ".join(block.where))
        if block.group:
            parts.append(block.group)
        if block.having:
            parts.append("HAVING " + " AND ".join(block.having))

    def _branches(self, block: Block, names: Sequence[str] | None) -> str:
        first, *others = block.branches
        texts = [self.select(first.block, first.values, names)]
        texts += [self.select(branch.block, branch.values) for branch in others]
        return f" {block.operator} ".join(texts)

    def with_clause(self, terms: list[str]) -> str:
        """WITH over these terms; RECURSIVE covers all of them."""
        return ("WITH RECURSIVE " if self.is_recursive else "WITH ") + ", ".join(terms)

    def branch(self, plan: Plan, form: Callable[[Value], Value] | None) -> Branch:
        """The plan as a term of a set operation, its columns by position, each in ``form``."""
        return self.as_branch(self.below(plan), plan, form)

    def as_branch(self, block: Block, plan: Plan, form: Callable[[Value], Value] | None) -> Branch:
        """The same of a plan that is already written."""
        if block.branches or block.order or block.limit or block.ctes:
            block = self.wrap(block, ordered=False)
        return Branch(block, self.outputs(block, plan, form))

    def outputs(self, block: Block, plan: Plan, form: Callable[[Value], Value] | None) -> list[Value]:
        """The block's values for the plan's columns, by position, each in ``form``."""
        values = [block.values[column.id] for column in plan.columns]
        return values if form is None else [form(value) for value in values]

    def query(
        self, plan: Plan, form: Callable[[Value], Value] | None, names: Sequence[str] | None = None
    ) -> tuple[str, list[Value]]:
        """A whole SELECT for the plan, its columns by position, each in ``form``."""
        block = self.block(plan)
        if block.branches and (form is not None or list(block.values) != [c.id for c in plan.columns]):
            block = self.wrap(block)
        values = self.outputs(block, plan, form)
        return self.select(block, values, names), values

    def exists(self, plan: Plan) -> str:
        """A SELECT of which only the number of rows matters."""
        block = self.block(plan)
        if block.single_group or block.distinct or block.branches:
            return self.select(block, list(block.values.values()))
        return self.select(block, [])

    def fits(self, block: Block, nodes: Iterable[e.Expr], kept: bool) -> bool:
        """Whether expressions may be written in the block over what its columns are: nothing volatile or expensive is
        written twice (``kept`` says that all columns are written once already), and a subquery inside refers to plain
        columns of a plain SELECT only."""
        limit = 0 if kept else 1
        heavy = {id for id, value in block.values.items() if not value.repeatable()}
        uses: dict[int, int] = {}
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if isinstance(node, e.Ref):
                if node.id in heavy:
                    uses[node.id] = uses.get(node.id, 0) + 1
            elif isinstance(node, type_of_subquery):
                if not block.is_rows() or free(node.plan) & heavy:
                    return False
                stack.extend(operands(node))
            elif not isinstance(node, (e.Literal, e.Parameter)):
                stack.extend(operands(node))
        return all(count <= limit for count in uses.values())
