"""The connector contract: ask a real source through its connector, as the engine would, and compare with what is right.

A connector's tests make a ``ConnectorContract`` over a connector whose source holds the table ``TABLE`` (``setup`` says
how), and run ``cases`` (one per capability) and expressions of their own through it:

    contract = ConnectorContract(connector)
    contract.value(Call(BOOLEAN, "=", (Literal(TEXT, "a"), Literal(TEXT, "A"))))   # False, whatever the source thinks
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import Any

import pyarrow as pa

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.request import Request
from hanse.ir.tables import Table
from hanse.ir.types import Type
from hanse.ir.walk import plans
from hanse.render.writer import write
from hanse.spi.arrow import wire_schema
from hanse.spi.connector import Connector, ReadContext
from hanse.spi.dialect import Dialect, Rule, Rules, find
from hanse.spi.snapshot import SourceCatalog
from hanse.split.facts import facts_of
from hanse.split.verdict import Judge, Opinion

Rows = list[tuple[Any, ...]]


class ConnectorContract:
    """Plans and expressions, run on one real source."""

    def __init__(self, connector: Connector) -> None:
        """The catalog is read when it is first needed; ``refresh`` reads it again."""
        self.connector = connector
        self._ids = count(1000)

    @cached_property
    def catalog(self) -> SourceCatalog:
        """The source as it was when it was first asked."""
        return self.connector.load_catalog()

    def refresh(self) -> None:
        """Forget the catalog."""
        self.__dict__.pop("catalog", None)

    @property
    def dialect(self) -> Dialect:
        """How the source spells plans."""
        return self.catalog.dialect

    def table(self, name: str) -> Table:
        """The table of that name; raises KeyError."""
        found = {table.name: table for table in self.catalog.tables}
        return found[name]

    def column(self, name: str, type: Type) -> e.Column:
        """A new column."""
        return e.Column(next(self._ids), name, type)

    def scan(self, table: str, *columns: str) -> p.Scan:
        """A read of these columns of a table, or of all."""
        found = self.table(table)
        names = columns or tuple(column.name for column in found.columns)
        return p.Scan(found, tuple((self.column(name, found.column(name).type), name) for name in names))

    def request(self, plan: p.Plan) -> Request:
        """The plan as one statement for the source."""
        tables = tuple({id(one.table): one.table for one in plans(plan) if isinstance(one, p.Scan)}.values())
        return Request(0, self.connector.source, write(plan, self.dialect), plan.columns, tables)

    def read(self, asked: p.Plan | Request, parameters: tuple[e.Literal, ...] = ()) -> pa.Table:
        """The whole answer; every batch has been checked to hold the right carriers."""
        request = self.request(asked) if isinstance(asked, p.Plan) else asked
        schema = wire_schema(request.columns)
        session = self.connector.begin(ReadContext("c0ffee", 1))
        try:
            batches = list(session.read(request, parameters))
        finally:
            session.close()
        for batch in batches:
            assert batch.schema == schema, f"{batch.schema} is not {schema}"
            batch.validate(full=True)
        return pa.Table.from_batches(batches, schema)

    def rows(self, asked: p.Plan | Request, parameters: tuple[e.Literal, ...] = ()) -> Rows:
        """The answer as Python rows, in the order in which they came."""
        found = self.read(asked, parameters)
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def values(self, *expressions: e.Expr) -> Rows:
        """The row that the source computes from constant expressions."""
        columns = tuple(self.column(f"v{place}", node.type) for place, node in enumerate(expressions))
        return self.rows(p.Values(columns, (expressions,)))

    def value(self, expression: e.Expr) -> Any:
        """What the source makes of one constant expression."""
        return self.values(expression)[0][0]

    def over(self, table: str, column: str, call: Any) -> list[Any]:
        """The values of ``call(reference to the column)`` over a table, in no order."""
        scan = self.scan(table, column)
        node: e.Expr = call(scan.columns[0].ref())
        return [row[0] for row in self.rows(p.Project(scan, ((self.column("v", node.type), node),)))]

    def opinion(self, plan: p.Plan, expression: e.Expr) -> Opinion:
        """What split makes of an expression over a plan of this source: the verdict and the reason."""
        visible = {column.id for one in plans(plan) for column in one.columns}
        return Judge(self.catalog, facts_of(plan), visible, lambda _: None).expr(expression)

    def rule(self, name: str, args: Sequence[Any]) -> Rule | None:
        """The dialect's rule for a function over these operands."""
        return find(self.dialect.functions, name, args)


def covered(rules: Rules, names: set[str]) -> set[str]:
    """Names with a spelling that no sample has: the suite of a connector demands that there are none."""
    return {name for name, found in rules.items() if any(rule.sql for rule in found)} - names
