"""A dialect that is small enough to see through and that DuckDB understands, with a plan builder for two tables."""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.expr import Column, Expr, Literal
from hanse.ir.tables import Collation, Table, TableColumn
from hanse.ir.types import BOOLEAN, INT32, INT64, TEXT, TEXTS, Kind, Type
from hanse.spi.dialect import Dialect, Operand, Rule


def one(sql, **more):
    return (Rule(sql, **more),)


def infix(*names):
    return {name: one(f"{{0}} {name} {{1}}") for name in names}


class Small(Dialect):
    name = "small"
    functions = {
        **infix("=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "||"),
        "is_null": one("{0} IS NULL"),
        "is_not_null": one("({0} IS NOT NULL)"),
        "neg": one("-{0}"),
        "lower": one("lower({0})"),
        "concat": one("concat({*})"),
        "coalesce": one(lambda args: f"(COALESCE({', '.join(arg.sql for arg in args)}))"),
        "between": one("({0} BETWEEN {1} AND {2})"),
        "random": one("random()"),
    }
    aggregates = {
        "count": (Rule("count(*)", kinds=()), Rule("count({0})")),
        "sum": one("CAST(sum({0}) AS BIGINT)"),
        "min": one("min({0})"),
        "max": one(lambda args: f"max({args[0].sql})"),
        "string_agg": one("string_agg({0}, {1})"),
        "percentile_cont": one("percentile_cont({0})"),
    }
    windows = {"row_number": one("row_number()"), "rank": one("rank()"), "lag": one("lag({0})")}
    table_functions = {"generate_series": one("generate_series({0}, {1})")}

    def literal(self, literal):
        match literal.value:
            case None:
                return f"CAST(NULL AS {self.type_name(literal.type)})"
            case bool(value):
                return str(value).upper()
            case int(value):
                return str(value)
            case str(value):
                return "'" + value.replace("'", "''") + "'"
        return None

    def type_name(self, type: Type):
        return {Kind.INT32: "INTEGER", Kind.INT64: "BIGINT", Kind.TEXT: "VARCHAR", Kind.BOOLEAN: "BOOLEAN"}.get(
            type.kind
        )

    def cast(self, arg: Operand, target: Type, safe: bool):
        name = self.type_name(target)
        return None if name is None else Rule(f"{'TRY_CAST' if safe else 'CAST'}({{0}} AS {name})")

    def group_key(self, arg: Operand):
        if arg.type.kind in TEXTS and not arg.collation.equal_is_bytewise:
            return f"{arg.sql} COLLATE bytes"
        return arg.sql

    def order_key(self, arg: Operand):
        if arg.type.kind in TEXTS and not arg.collation.order_is_codepoint:
            return f'{arg.sql} COLLATE "C"'
        return arg.sql


class Local(Small):
    """The same as coordinator: text compares bytewise, and everything of DuckDB is there."""

    name = "local"
    semi_joins = True
    subqueries_in_on = False
    materialized_ctes = True
    values_lists = True

    def group_key(self, arg):
        return arg.sql

    order_key = group_key


SMALL, LOCAL = Small(), Local()
C = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)


def table(name, *columns, source="shop"):
    found = tuple(
        column if isinstance(column, TableColumn) else TableColumn(column[0], column[1], collation=C)
        for column in columns
    )
    return Table(source, "main", name, found, f'"main"."{name}"')


ORDERS = table("orders", ("id", INT32), ("customer", INT32), ("total", INT32), ("note", TEXT))
CUSTOMERS = table("customers", ("id", INT32), ("name", TEXT), ("age", INT32))


class Ids:
    """Numbers columns of one statement."""

    def __init__(self):
        self.next = 0

    def column(self, name="x", type=INT32):
        self.next += 1
        return Column(self.next, name, type)

    def scan(self, table, *names):
        chosen = names or [column.name for column in table.columns]
        return p.Scan(table, tuple((self.column(name, table.column(name).type), name) for name in chosen))


def ref(plan, name):
    return next(column for column in plan.columns if column.name == name).ref()


def number(value, type=INT32):
    return Literal(type, value)


def text(value):
    return Literal(TEXT, value)


def call(name, *args, type=BOOLEAN):
    return e.Call(type, name, args)


def eq(left: Expr, right: Expr):
    return call("=", left, right)


def plus(left, right):
    return call("+", left, right, type=INT32)


def project(plan, **items):
    """New columns by name; an Ids travels as ``ids``."""
    ids = items.pop("ids")
    return p.Project(plan, tuple((ids.column(name, x.type), x) for name, x in items.items()))


def big(value):
    return Literal(INT64, value)
