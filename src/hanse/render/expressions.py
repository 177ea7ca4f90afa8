"""Expressions in a dialect's SQL, by its tables of proven spellings. What has no spelling should never have come here."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hanse.errors import HanseError, InternalError, Unsupported
from hanse.ir import expr as e
from hanse.ir.plan import Plan
from hanse.ir.properties import VOLATILE as VOLATILE_NAMES
from hanse.ir.request import KeyHole, KeyOperand
from hanse.ir.types import TEXTS, Type
from hanse.render import block as b
from hanse.render.block import Value
from hanse.render.spelling import LOGIC, LOOSE, TIGHT, Marks, bare, has_mark, level, literal_level, template
from hanse.spi.dialect import BYTEWISE, Dialect, Operand, Rule, find

Values = dict[int, Value]

TEMPLATES = "the template must be a constant of patterns that docs/reference/sql.md lists; text in it stands in quotes"
COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Subqueries(Protocol):
    """What writes the plans inside expressions; the columns of the enclosing plans are in ``Expressions.outer``."""

    def exists(self, plan: Plan) -> str:
        """The text between the parentheses of EXISTS."""

    def query(self, plan: Plan, form: Callable[[Value], Value] | None) -> tuple[str, list[Value]]:
        """The SELECT and its columns, each in the given form."""


class Expressions:
    """Writes expressions over the columns of a block and of those around it."""

    def __init__(self, dialect: Dialect, marks: Marks, subqueries: Subqueries) -> None:
        self.dialect = dialect
        self.marks = marks
        self.outer: Values = {}
        self._subqueries = subqueries
        self._writers: dict[type[e.Expr], Callable[[Any, Values], Value]] = {
            e.Ref: self._ref,
            e.Literal: self._literal,
            e.Parameter: self._parameter,
            e.Call: self._call,
            e.Cast: self._cast,
            e.Case: self._case,
            e.InList: self._in_list,
            e.InKeys: self._in_keys,
            e.Scalar: self._scalar,
            e.Exists: self._exists,
            e.Quantified: self._quantified,
        }

    def write(self, node: e.Expr, values: Values) -> Value:
        """The expression over ``values``."""
        return self._writers[type(node)](node, values)

    def key(self, value: Value) -> Value:
        """The value in the form under which only equal values are equal."""
        return self._form(value, self.dialect.group_key, "compared")

    def sorted(self, value: Value) -> Value:
        """The value in the form that sorts as Hanse does."""
        return self._form(value, self.dialect.order_key, "sorted")

    def _form(self, value: Value, form: Callable[[Operand], str | None], what: str) -> Value:
        sql = form(value.operand())
        if sql is None:
            raise self.refusal(f"a value of type {value.type} that is {what}")
        return value.keyed(sql)

    def refusal(self, what: str) -> HanseError:
        """The error for what should have stayed at the coordinator, or what the coordinator itself has not: an argument
        that must be a constant, a template or a pattern that is not known."""
        if self.dialect.is_coordinator:
            hint = TEMPLATES if what.startswith(("to_char(", "to_date(", "to_timestamp(", "to_number(")) else None
            return Unsupported(f"{what} is not supported with these arguments", hint=hint)
        return InternalError(f"split sent what the dialect {self.dialect.name} cannot spell: {what}")

    def spell(self, rule: Rule, args: Sequence[Value]) -> tuple[str, int]:
        """The text and level of a call under a rule."""
        if isinstance(rule.sql, str):
            return template(rule.sql).fill([(arg.sql, arg.level) for arg in args])
        text = bare(rule.sql(self.opaque(args)))
        return text, level(text)

    def opaque(self, args: Sequence[Value]) -> list[Operand]:
        """What a rule sees that spells by itself: marks for the text, which it can carry but not confuse with its own."""
        return [Operand(self._opaque(arg), arg.type, arg.collation, arg.literal) for arg in args]

    def _opaque(self, arg: Value) -> str:
        repeatable = arg.cost == 0 and not arg.flags & ~b.CONSTANT & ~b.HOLE
        return self.marks.hidden(arg.tight(), repeatable)

    def apply(self, name: str, args: Sequence[Value], type: Type) -> Value:
        """A call of a function or operator."""
        rule = find(self.dialect.functions, name, [arg.operand() for arg in args])
        if rule is None:
            raise self.refusal(f"{name}({', '.join(str(arg.type) for arg in args)})")
        spelt = self.spell(rule, args)
        cost = 3 if name[0].isalpha() else 1
        return self._made(spelt, type, args, cost, b.VOLATILE if name in VOLATILE_NAMES else 0)

    @staticmethod
    def _made(spelt: tuple[str, int], type: Type, args: Sequence[Value], cost: int, flags: int = 0) -> Value:
        """The value of a text and its level over ``args``."""
        constant = b.CONSTANT
        for arg in args:
            flags |= arg.flags
            constant &= arg.flags
            cost += arg.cost
        if flags & b.VOLATILE:
            constant = 0
        return Value(spelt[0], type, spelt[1], cost=cost, flags=flags & ~b.CONSTANT | constant)

    def _ref(self, node: e.Ref, values: Values) -> Value:
        value = values.get(node.id) or self.outer.get(node.id)
        if value is None:
            raise InternalError(f"column {node.name} ({node.id}) is not among the columns below")
        return value

    def _literal(self, node: e.Literal, _: Values) -> Value:
        text = self.dialect.literal(node)
        if text is None:
            raise self.refusal(f"a constant of type {node.type}")
        # a rule may copy the text of a constant into its own; one that looks like a mark may not get there
        known = None if isinstance(node.value, str) and has_mark(node.value) else node
        return Value(self.marks.foreign(text), node.type, literal_level(text), BYTEWISE, known, flags=b.CONSTANT)

    def _parameter(self, node: e.Parameter, _: Values) -> Value:
        return Value(self.marks.hole(node), node.type, TIGHT, BYTEWISE, flags=b.HOLE | b.CONSTANT)

    def _in_keys(self, node: e.InKeys, values: Values) -> Value:
        args = [self.write(arg, values) for arg in node.args]
        operands = tuple(KeyOperand(arg.tight(), arg.type, arg.collation) for arg in args)
        return self._made((self.marks.keys(KeyHole(node.hole, operands)), LOGIC), node.type, args, 1)

    def _call(self, node: e.Call, values: Values) -> Value:
        args = [self.write(arg, values) for arg in node.args]
        if node.name in ("and", "or"):
            text = f" {node.name.upper()} ".join(arg.conjunct() for arg in args)
            return self._made((text, LOGIC), node.type, args, 1)
        if node.name == "not":
            text = args[0].sql if isinstance(node.args[0], e.Exists) else args[0].tight()
            return self._made((f"NOT {text}", LOGIC), node.type, args, 1)
        return self.apply(node.name, args, node.type)

    def _cast(self, node: e.Cast, values: Values) -> Value:
        arg = self.write(node.arg, values)
        rule = self.dialect.cast(self.opaque([arg])[0], node.type, node.safe)
        if rule is None:
            raise self.refusal(f"CAST({arg.type} AS {node.type})")
        return self._made(self.spell(rule, [arg]), node.type, [arg], 1)

    def _case(self, node: e.Case, values: Values) -> Value:
        parts: list[str] = ["CASE"]
        every: list[Value] = []
        results: list[Value] = []
        for condition, result in node.branches:
            test, then = self.write(condition, values), self.write(result, values)
            parts.append(f"WHEN {test.sql} THEN {then.sql}")
            every += (test, then)
            results.append(then)
        if node.otherwise is not None:
            otherwise = self.write(node.otherwise, values)
            parts.append(f"ELSE {otherwise.sql}")
            every.append(otherwise)
            results.append(otherwise)
        made = self._made((" ".join([*parts, "END"]), TIGHT), node.type, every, 1)
        if all(result.collation is BYTEWISE for result in results):
            made.collation = BYTEWISE
        return made

    def _in_list(self, node: e.InList, values: Values) -> Value:
        args = [self.write(part, values) for part in (node.arg, *node.items)]
        if "in" in self.dialect.functions:
            return self.apply("in", args, node.type)
        if all(self._compares_plainly(args[0], item) for item in args[1:]):
            text = f"{args[0].tight()} IN ({', '.join(arg.sql for arg in args[1:])})"
            return self._made((text, LOOSE), node.type, args, 1)
        tests = [self.apply("=", (args[0], item), node.type) for item in args[1:]]
        return self._made((" OR ".join(test.conjunct() for test in tests), LOGIC), node.type, tests, 1)

    def _compares_plainly(self, left: Value, right: Value) -> bool:
        """Whether the dialect's spelling of ``=`` for these operands is nothing but ``=``, which is what IN means."""
        rule = find(self.dialect.functions, "=", [left.operand(), right.operand()])
        return rule is not None and isinstance(rule.sql, str) and template(rule.sql).texts == ("", " = ", "")

    def inside(self, values: Values, write: Callable[[], Any]) -> Any:
        """What ``write`` yields where the columns of ``values`` are those of an enclosing plan."""
        before = self.outer
        self.outer = {**before, **values}
        try:
            return write()
        finally:
            self.outer = before

    def _scalar(self, node: e.Scalar, values: Values) -> Value:
        sql, columns = self.inside(values, lambda: self._subqueries.query(node.plan, None))
        return Value(f"({sql})", node.type, TIGHT, columns[0].collation, cost=9, flags=b.SUBQUERY)

    def _exists(self, node: e.Exists, values: Values) -> Value:
        sql = self.inside(values, lambda: self._subqueries.exists(node.plan))
        return Value(f"EXISTS ({sql})", node.type, LOOSE, cost=9, flags=b.SUBQUERY)

    def _quantified(self, node: e.Quantified, values: Values) -> Value:
        if node.operator not in COMPARISONS:
            raise self.refusal(f"{node.operator} {'ALL' if node.every else 'ANY'} (subquery)")
        args, sql = self._sides(node, values)
        is_membership = (node.operator, node.every) in (("=", False), ("<>", True))
        by_row = (
            not self.dialect.row_subqueries if len(args) > 1 else not is_membership and self._is_unquantified(args[0])
        )
        if by_row:
            return self._made((self._row_by_row(node, args, sql), TIGHT), node.type, args, 9, b.SUBQUERY)
        left = args[0].tight() if len(args) == 1 else f"({', '.join(arg.sql for arg in args)})"
        match (node.operator, node.every):
            case ("=", False):
                text = f"{left} IN ({sql})"
            case ("<>", True):
                text = f"{left} NOT IN ({sql})"
            case _:
                text = f"{left} {node.operator} {'ALL' if node.every else 'ANY'} ({sql})"
        return self._made((text, LOOSE), node.type, args, 9, b.SUBQUERY)

    def _is_unquantified(self, value: Value) -> bool:
        return value.type.kind in self.dialect.unquantified

    def _sides(self, node: e.Quantified, values: Values) -> tuple[list[Value], str]:
        """What is compared with a subquery's rows, and the subquery, in forms that compare as Hanse does."""
        form = self.key if node.operator in ("=", "<>") else self.sorted
        args = [form(self.write(arg, values)) for arg in node.args]
        sql, columns = self.inside(values, lambda: self._subqueries.query(node.plan, form))
        return [self._decided(arg, column) for arg, column in zip(args, columns, strict=True)], sql

    def _decided(self, value: Value, other: Value) -> Value:
        """The value under a collation of its own, if it is text that a column's collation compares and the other's is not
        that one. What is named within a subquery does not count as named outside."""
        plain = value.collation.name != BYTEWISE.name
        if value.type.kind not in TEXTS or not plain or value.collation.name == other.collation.name:
            return value
        return value.keyed(self.dialect.collated(value.operand()))

    def _row_by_row(self, node: e.Quantified, args: Sequence[Value], sql: str) -> str:
        """The comparison of a row with every row of a subquery, where a comparison with NULL must be NULL."""
        test = _row_test(node.operator, [(arg.tight(), f"m.v{i}") for i, arg in enumerate(args)])
        names = ", ".join(f"v{i}" for i in range(len(args)))
        unknown = "WHEN bool_or(m.t IS NULL) THEN NULL"
        known = "bool_and(m.t) IS FALSE THEN FALSE" if node.every else "bool_or(m.t) THEN TRUE"
        rows = f"SELECT {test} AS t FROM ({sql}) m({names})"
        return f"(SELECT CASE WHEN {known} {unknown} ELSE {str(node.every).upper()} END FROM ({rows}) m)"


def _row_test(operator: str, pairs: list[tuple[str, str]]) -> str:
    """The comparison of two rows (manual, 9.24.5): by parts for equality, by the first part that differs for order."""
    if operator in ("=", "<>"):
        return (" AND " if operator == "=" else " OR ").join(f"{left} {operator} {right}" for left, right in pairs)
    strict = operator.rstrip("=")
    (left, right), *before = reversed(pairs)
    test = f"{left} {operator} {right}"
    for left, right in before:
        test = f"{left} {strict} {right} OR ({left} = {right} AND ({test}))"
    return test
