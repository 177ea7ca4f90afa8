"""May this source run this expression: EXACT, SUPERSET or NO, with a reason that a person understands.

The judge walks an expression bottom-up and asks the dialect for a proven spelling of each call, for operands of these
types and collations. SUPERSET passes through AND and OR only: below anything else, too many rows may become too few.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from hanse.ir import expr as e
from hanse.ir.plan import Plan
from hanse.ir.properties import COMPARISONS, VOLATILE
from hanse.ir.tables import Collation, Verdict
from hanse.ir.types import TEXTS, Type
from hanse.spi.dialect import BYTEWISE, Operand, Rules, find
from hanse.spi.snapshot import SourceCatalog
from hanse.split.facts import UNKNOWN, Facts

_PRODUCTS = {"postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite", "duckdb": "DuckDB"}


WORST = Collation()


class Opinion(NamedTuple):
    """A verdict, why it is not EXACT, and what the expression looks like to what stands above it."""

    verdict: Verdict
    reason: str
    operand: Operand

    @property
    def is_exact(self) -> bool:
        """Whether the source's answer is Hanse's."""
        return self.verdict is Verdict.EXACT


def exact(type: Type, collation: Collation = WORST, literal: e.Literal | None = None) -> Opinion:
    """The opinion that the source gives the right answer."""
    return Opinion(Verdict.EXACT, "", Operand("x", type, collation, literal))


def refused(type: Type, reason: str) -> Opinion:
    """The opinion that the source must not be asked."""
    return Opinion(Verdict.NO, reason, Operand("x", type))


class Judge:
    """Judges expressions over rows of one source. ``visible`` are the columns that they may read there; ``subquery``
    says why the plan of a subquery cannot run there, or None if it can."""

    def __init__(
        self, source: SourceCatalog, facts: Facts, visible: set[int], subquery: Callable[[Plan], str | None]
    ) -> None:
        self.source = source
        self.dialect = source.dialect
        self.facts = facts
        self.visible = visible
        self.subquery = subquery

    def expr(self, node: e.Expr) -> Opinion:  # one line per kind of expression
        """The opinion on an expression."""
        match node:
            case e.Ref():
                return self.column(node)
            case e.Literal():
                known = self.dialect.literal(node) is not None
                return (
                    exact(node.type, BYTEWISE, node) if known else refused(node.type, f"no {node.type} constant there")
                )
            case e.Parameter():
                return exact(node.type, BYTEWISE)
            case e.Call(name=("and" | "or")):
                return self.logic(node)
            case e.Call():
                return self.call(node)
            case e.Cast():
                return self.cast(node)
            case e.Case():
                return self.case(node)
            case e.InList():
                return self.in_list(node)
            case e.Exists():
                return self.nested(node, node.plan, None)
            case e.Scalar():
                return self.nested(node, node.plan, None)
            case e.Quantified():
                return self.quantified(node)
        return refused(node.type, f"{type(node).__name__} stays here")

    def column(self, node: e.Ref) -> Opinion:
        """A column: its fact decides."""
        if node.id not in self.visible:
            return refused(node.type, f"{node.name} is not a column of source {self.source.source}")
        fact = self.facts.get(node.id, UNKNOWN)
        if fact.no_pushdown:
            return refused(node.type, f"{node.name}: {fact.no_pushdown}")
        return exact(node.type, fact.collation)

    def operand(self, column: e.Column) -> Operand:
        """A column of a plan as an operand."""
        return Operand("x", column.type, self.facts.get(column.id, UNKNOWN).collation)

    def logic(self, node: e.Call) -> Opinion:
        """AND and OR: as good as the worst of their operands."""
        opinions = [self.expr(arg) for arg in node.args]
        worst = next((o for o in opinions if o.verdict is Verdict.NO), None) or next(
            (o for o in opinions if not o.is_exact), None
        )
        return exact(node.type) if worst is None else Opinion(worst.verdict, worst.reason, Operand("x", node.type))

    def all_exact(self, nodes: Iterable[e.Expr]) -> tuple[list[Operand], str]:
        """The operands, and the reason why not all of them are EXACT, or the empty text."""
        operands: list[Operand] = []
        for node in nodes:
            opinion = self.expr(node)
            if not opinion.is_exact:
                return operands, opinion.reason
            operands.append(opinion.operand)
        return operands, ""

    def call(self, node: e.Call) -> Opinion:
        """A function or operator."""
        if node.name in VOLATILE:
            return refused(node.type, f"{node.name}() answers differently each time")
        operands, reason = self.all_exact(node.args)
        return refused(node.type, reason) if reason else self.by_rule(self.dialect.functions, node.name, operands, node)

    def by_rule(self, rules: Rules, name: str, operands: list[Operand], node: e.Expr) -> Opinion:
        """What the rule for a call says, if the dialect has one."""
        rule = find(rules, name, operands)
        if rule is None:
            return refused(node.type, self.unproven(rules, name, operands))
        return Opinion(rule.verdict, rule.reason, Operand("x", node.type))

    def unproven(self, rules: Rules, name: str, operands: Sequence[Operand]) -> str:
        """Why there is no rule for a function."""
        text = next((o.collation for o in operands if o.type.kind in TEXTS and o.collation != BYTEWISE), None)
        if text is not None and name in COMPARISONS and name in rules:
            what = "equality" if name in ("=", "<>") else "order"
            return (
                f"text {what} under {f'collation {text.name}' if text.name else 'an unknown collation'} is not proven"
            )
        return f"no proven spelling of {self.signature(name, operands)} in {self.product}"

    @property
    def product(self) -> str:
        """The source's kind, as people call it."""
        return _PRODUCTS.get(self.dialect.name, self.dialect.name)

    @staticmethod
    def signature(name: str, operands: Sequence[Operand]) -> str:
        """A call as people write it, with types for arguments."""
        types = [str(operand.type) for operand in operands]
        return (
            f"{types[0]} {name} {types[1]}"
            if len(types) == 2 and not name[0].isalpha()
            else f"{name}({', '.join(types)})"
        )

    def cast(self, node: e.Cast) -> Opinion:
        """A conversion: the dialect says whether it is PostgreSQL's."""
        operands, reason = self.all_exact((node.arg,))
        if reason:
            return refused(node.type, reason)
        rule = self.dialect.cast(operands[0], node.type, node.safe)
        if rule is None:
            return refused(node.type, f"no proven cast from {node.arg.type} to {node.type} in {self.product}")
        if rule.verdict is not Verdict.EXACT:
            return refused(node.type, rule.reason or f"a cast to {node.type} is not exact in {self.product}")
        return exact(node.type)

    def case(self, node: e.Case) -> Opinion:
        """CASE: standard SQL, so its parts decide, and whether its results go together."""
        _, reason = self.all_exact([condition for condition, _ in node.branches])
        results = [result for _, result in node.branches]
        if node.otherwise is not None:
            results.append(node.otherwise)
        if not reason:
            operands, reason = self.all_exact(results)
            reason = reason or self.mixed(operands)
        return refused(node.type, reason) if reason else exact(node.type)

    def mixed(self, operands: Iterable[Operand]) -> str:
        """Why texts may not stand beside one another there, or the empty text."""
        texts = [o for o in operands if o.type.kind in TEXTS and (o.literal is None or o.literal.value is not None)]
        if not texts or self.dialect.mixes([o.collation for o in texts]):
            return ""
        names = sorted({o.collation.name or "an unknown one" for o in texts})
        return f"texts of several collations ({', '.join(names)}) do not go together in {self.product}"

    def in_list(self, node: e.InList) -> Opinion:
        """By the rule called ``in`` if the dialect has one, else by that of ``=`` for each item."""
        operands, reason = self.all_exact((node.arg, *node.items))
        if reason:
            return refused(node.type, reason)
        if "in" in self.dialect.functions:
            return self.by_rule(self.dialect.functions, "in", operands, node)
        worst = exact(node.type)
        for item in operands[1:]:
            opinion = self.by_rule(self.dialect.functions, "=", [operands[0], item], node)
            if opinion.verdict is Verdict.NO:
                return opinion
            worst = worst if opinion.is_exact else opinion
        return worst

    def nested(self, node: e.Expr, plan: Plan, reason: str | None) -> Opinion:
        """A subquery: only as a whole, and exactly."""
        if not self.source.capabilities.subqueries:
            return refused(node.type, self.source.capabilities.reason("subqueries"))
        reason = reason or self.subquery(plan)
        return refused(node.type, f"subquery: {reason}") if reason else exact(node.type)

    def quantified(self, node: e.Quantified) -> Opinion:
        """ANY and ALL over a subquery: the comparison must be EXACT too."""
        operands, reason = self.all_exact(node.args)
        if reason:
            return refused(node.type, reason)
        plain = (node.operator, node.every) in (("=", False), ("<>", True))
        if len(operands) > 1 and not plain and not self.dialect.row_quantifiers:
            word = "ALL" if node.every else "ANY"
            return refused(node.type, f"rows do not compare by {node.operator} {word} (subquery) in {self.product}")
        opinion = self.nested(node, node.plan, None)
        keys = self.group_keys if node.operator in ("=", "<>") else lambda x: self.sort_keys(map(e.SortKey, x))
        reason = keys(node.args)
        if reason:
            return refused(node.type, reason)
        form = self.dialect.group_key if node.operator in ("=", "<>") else self.dialect.order_key
        for left, column in zip(operands, node.plan.columns, strict=True):
            right = self.operand(column)
            if form(right) is None:
                return refused(node.type, f"{column.name} is not comparable there in the form that Hanse compares by")
            if opinion.is_exact:
                opinion = self.by_rule(self.dialect.functions, node.operator, [left, right], node)
        return opinion if opinion.is_exact else refused(node.type, opinion.reason or "it is not exact there")

    def key(self, node: e.Expr, form: Callable[[Operand], str | None], what: str) -> str:
        """Why an expression cannot be a key of grouping or order there, or the empty text."""
        opinion = self.expr(node)
        if not opinion.is_exact:
            return opinion.reason
        if form(opinion.operand) is not None:
            return ""
        if node.type.kind in TEXTS:
            collation = opinion.operand.collation.name
            return (
                f"text {what} under {f'collation {collation}' if collation else 'an unknown collation'} is not proven"
            )
        return f"{what} of {node.type} is not proven in {self.product}"

    def group_keys(self, nodes: Iterable[e.Expr]) -> str:
        """Why the expressions cannot be grouping keys there, or the empty text."""
        return next(filter(None, (self.key(node, self.dialect.group_key, "equality") for node in nodes)), "")

    def sort_keys(self, keys: Iterable[e.SortKey]) -> str:
        """Why rows cannot be sorted by these keys there, or the empty text."""
        return next(filter(None, (self.key(key.expr, self.dialect.order_key, "order") for key in keys)), "")
