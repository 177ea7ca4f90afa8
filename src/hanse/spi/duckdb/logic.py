"""Comparison, logic and conditional expressions. NaN, text and NULL compare in DuckDB as in PostgreSQL (tested)."""

from collections.abc import Callable, Sequence

from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb.arrays import ARRAY
from hanse.spi.duckdb.spelling import let, rules

Spell = Callable[[Sequence[Operand]], str]
SPELT = {"like": "({x} LIKE {y} ESCAPE '\\')", "ilike": "({x} ILIKE {y} ESCAPE '\\')"}


def _joined(word: str, empty: str) -> Spell:
    return lambda args: f" {word} ".join(arg.sql for arg in args) or empty


def _nullif(args: Sequence[Operand]) -> str:
    """With three operands the first is the value, and the other two what is compared (``bind.operators.nullif``).

    DuckDB writes out ``nullif(a, b)`` as a CASE with ``a`` in it twice: a subquery in it would read its sources twice.
    """
    if len(args) == 2:
        return let(args, lambda value, other: f"nullif({value}, {other})", "n")
    return f"CASE WHEN {args[1].sql} = {args[2].sql} THEN NULL ELSE {args[0].sql} END"


def _extreme(name: str) -> Spell:
    """GREATEST and LEAST skip NULL in both. Over a list of one type, DuckDB's are PostgreSQL's."""
    return lambda args: f"{name}({', '.join(arg.sql for arg in args)})" if len(args) > 1 else args[0].sql


def _every_array(operator: str) -> Spell:
    """``x op ALL (array)``: NULL array NULL; false beats NULL beats true."""
    sql = SPELT.get(operator, f"({{x}} {operator} {{y}})")

    def spell(args: Sequence[Operand]) -> str:
        def body(x: str, a: str) -> str:
            tests = f"list_transform({a}, lambda y: {sql.format(x=x, y='y')})"
            return _all(tests)

        return let(args, body)

    return spell


def _all(tests: str) -> str:
    return (
        f"CASE WHEN list_contains({tests}, FALSE) THEN FALSE"
        f" WHEN len(list_filter({tests}, lambda z: z IS NULL)) > 0 THEN NULL WHEN {tests} IS NOT NULL THEN TRUE END"
    )


def _any(tests: str) -> str:
    return (
        f"CASE WHEN list_contains({tests}, TRUE) THEN TRUE"
        f" WHEN len(list_filter({tests}, lambda z: z IS NULL)) > 0 THEN NULL WHEN {tests} IS NOT NULL THEN FALSE END"
    )


def _any_array(operator: str) -> Spell:
    """``x op ANY (array)``: NULL array NULL; true beats NULL beats false."""
    sql = SPELT.get(operator, f"({{x}} {operator} {{y}})")

    def spell(args: Sequence[Operand]) -> str:
        return let(args, lambda x, a: _any(f"list_transform({a}, lambda y: {sql.format(x=x, y='y')})"))

    return spell


OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "like", "ilike")

LOGIC: Rules = {
    **{op: rules(f"{{0}} {op} {{1}}") for op in ("=", "<>")},
    # DuckDB joins two bounds of a column in one BETWEEN, which it cannot compute of lists
    **{
        op: rules(Rule(f"({{0}} {op} {{1}}) = TRUE", (ARRAY,)), Rule(f"{{0}} {op} {{1}}"))
        for op in ("<", "<=", ">", ">=")
    },
    "is_distinct": rules("{0} IS DISTINCT FROM {1}"),
    "is_not_distinct": rules("{0} IS NOT DISTINCT FROM {1}"),
    "is_null": rules("{0} IS NULL"),
    "is_not_null": rules("{0} IS NOT NULL"),
    "is_true": rules("{0} IS NOT DISTINCT FROM TRUE"),
    "is_not_true": rules("{0} IS DISTINCT FROM TRUE"),
    "is_false": rules("{0} IS NOT DISTINCT FROM FALSE"),
    "is_not_false": rules("{0} IS DISTINCT FROM FALSE"),
    "and": rules(_joined("AND", "TRUE")),
    "or": rules(_joined("OR", "FALSE")),
    "not": rules("NOT {0}"),
    "coalesce": rules("coalesce({*})"),
    "nullif": rules(_nullif),
    "greatest": rules(_extreme("greatest")),
    "least": rules(_extreme("least")),
    **{f"any_array_{op}": rules(_any_array(op)) for op in OPERATORS},
    **{f"all_array_{op}": rules(_every_array(op)) for op in OPERATORS},
    "num_nulls": rules(lambda args: " + ".join(f"CAST({arg.sql} IS NULL AS INTEGER)" for arg in args)),
    "num_nonnulls": rules(lambda args: " + ".join(f"CAST({arg.sql} IS NOT NULL AS INTEGER)" for arg in args)),
}
