"""A small world of tables over three sources, and how the tests of binding ask about it."""

import datetime as dt

from hanse.bind.binder import BindContext, BoundQuery, Tables, allow_all, bind
from hanse.ir import types as t
from hanse.ir.check import check
from hanse.ir.plan import Plan
from hanse.ir.tables import HiddenColumn, Table, TableColumn
from hanse.ir.types import Type
from hanse.ir.walk import plans
from hanse.parse.parser import parse

NOW = dt.datetime(2026, 1, 2, 23, 4, 5, 678901, tzinfo=dt.UTC)


def table(path: str, key: tuple[str, ...] = (), /, **columns: Type) -> Table:
    """``source.schema.name`` with these columns."""
    source, schema, name = path.split(".")
    listed = tuple(TableColumn(label, type, label not in key) for label, type in columns.items())
    hidden = (HiddenColumn("blob_", "geometry", "no carrier for geometry"),)
    return Table(source, schema, name, listed, name, hidden, primary_key=key)


TABLES = Tables(
    [
        table("crm.public.customers", ("id",), id=t.INT32, name=t.TEXT, region=t.TEXT, born=t.DATE, Mixed=t.TEXT),
        table(
            "shop.main.orders",
            ("id",),
            id=t.INT64,
            customer_id=t.INT32,
            total=t.decimal(12, 2),
            placed=t.TIMESTAMP,
            tags=t.array(t.TEXT),
            doc=t.JSON,
            paid=t.BOOLEAN,
        ),
        table("crm.public.t", a=t.INT32, b=t.INT32, x=t.TEXT),
        table("shop.main.t", a=t.INT32, c=t.INT64),
        table("shop.other.t", a=t.INT32, d=t.INT64),
        table("lake.main.Events", Id=t.INT32, id2=t.INT32, ID2=t.INT32),
    ],
    {"shop": "main"},
    {"erp": "connection refused"},
)


def bound(sql: str, *, timezone: str = "UTC", types: tuple[Type, ...] = (), path: tuple[str, ...] = ()) -> BoundQuery:
    """The bound query; its plan is checked."""
    query = bind(parse(sql), TABLES, allow_all, BindContext(NOW, timezone, types, path))
    check(query.plan)
    assert query.columns == query.plan.columns
    return query


def shape(sql: str) -> list[str]:
    """``name type`` of each output column."""
    return [f"{column.name} {column.type}" for column in bound(sql).columns]


def nodes(plan: Plan, kind: type[Plan]) -> list[Plan]:
    """The operators of one kind, also inside subqueries, top first."""
    return [node for node in plans(plan) if isinstance(node, kind)]


def names(plan: Plan) -> list[str]:
    """The classes of the operators along the leftmost inputs, top first."""
    found = [type(plan).__name__]
    while plan.inputs:
        plan = plan.inputs[0]
        found.append(type(plan).__name__)
    return found
