"""The plan that is left without some sources asks nobody for what cannot matter any more."""

from __future__ import annotations

import pytest

from hanse.bind.binder import allow_all, bind
from hanse.ir.check import check
from hanse.ir.completeness import Loss
from hanse.ir.plan import Scan
from hanse.ir.sharding import Sharding
from hanse.ir.tables import Table
from hanse.ir.walk import plans
from hanse.parse.parser import parse
from hanse.policy.losing import loss, tables_of, without
from tests.unit.policy.test_completeness import CONTEXT, TABLES


def read(sql: str, *lost: str) -> list[str]:
    """The tables that are still read."""
    rest = without(bind(parse(sql), TABLES, allow_all, CONTEXT).plan, lost)
    check(rest)
    return [node.table.name for node in plans(rest) if isinstance(node, Scan)]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM shop.orders", []),
        ("SELECT count(*) FROM shop.orders WHERE id > 5", []),
        ("SELECT customer, count(*) FROM shop.orders GROUP BY 1 ORDER BY 2 LIMIT 3", []),
        ("SELECT 1 FROM crm.customers c JOIN shop.orders o ON o.customer = c.id", []),
        ("SELECT 1 FROM crm.customers c, shop.orders o, pay.payments p", []),
        ("SELECT 1 FROM shop.orders o LEFT JOIN crm.customers c ON o.customer = c.id", []),
        ("SELECT o.id FROM crm.customers c LEFT JOIN shop.orders o ON o.customer = c.id", ["customers"]),
        ("SELECT o.id FROM shop.orders o RIGHT JOIN crm.customers c ON o.customer = c.id", ["customers"]),
        ("SELECT o.id, c.id FROM shop.orders o FULL JOIN crm.customers c ON o.customer = c.id", ["customers"]),
        ("SELECT o.id, p.id FROM shop.orders o FULL JOIN shop.orders p ON o.customer = p.id", []),
        ("SELECT name FROM crm.customers WHERE id IN (SELECT customer FROM shop.orders)", []),
        ("SELECT name FROM crm.customers c WHERE EXISTS (SELECT FROM shop.orders o WHERE o.id = c.id)", []),
        ("SELECT name, (SELECT total FROM shop.orders o WHERE o.id = c.id) FROM crm.customers c", ["customers"]),
        ("SELECT id FROM crm.customers UNION SELECT id FROM shop.orders", ["customers"]),
        ("SELECT id FROM crm.customers INTERSECT SELECT id FROM shop.orders", []),
        ("SELECT id FROM shop.orders UNION ALL SELECT customer FROM shop.orders", []),
        (
            (
                "WITH RECURSIVE r(n) AS (SELECT id FROM shop.orders UNION SELECT o.id FROM r JOIN shop.orders o ON o.id > n)"
                " SELECT n FROM r"
            ),
            [],
        ),
    ],
)
def test_what_is_still_read(sql: str, tables: list[str]) -> None:
    assert read(sql, "shop") == tables
    assert len(read(sql, "nobody")) > len(tables)


def test_shards_that_are_lost() -> None:
    shards = tuple(Table(f"sales/{place}", "public", "t", (), "t") for place in range(3))
    whole = Table("sales", "", "t", (), "", sharding=Sharding(shards))
    copies = Table("sales", "", "c", (), "", sharding=Sharding(shards, copies=True))
    every = {shard.source for shard in shards}
    assert [loss(whole, lost) for lost in ((), ("sales/1",), every)] == [Loss.NONE, Loss.PART, Loss.WHOLE]
    assert [loss(copies, lost) for lost in ((), ("sales/1",), every)] == [Loss.NONE, Loss.NONE, Loss.WHOLE]
    rest = without(Scan(whole, ()), {"sales/1"})
    assert isinstance(rest, Scan)
    assert rest.table.sharding is not None
    assert rest.table.sharding.lost == {1}
    assert tables_of(Scan(whole, ()), {"sales/2", "crm"}) == {"sales/2": ("t",)}
