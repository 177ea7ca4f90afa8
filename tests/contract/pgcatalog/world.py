"""The same tables twice: as sources of a snapshot, and as a real PostgreSQL has them under the names that clients see."""

from __future__ import annotations

from hanse.connectors.files.dialect import DIALECT
from hanse.ir import types as t
from hanse.ir.tables import ForeignKey, Table, TableColumn
from hanse.ir.types import Type
from hanse.spi.capabilities import Capabilities
from hanse.spi.snapshot import Snapshot, SourceCatalog

DDL = """
CREATE SCHEMA crm; CREATE SCHEMA "crm.archive"; CREATE SCHEMA files;
CREATE TABLE crm.customers (id integer PRIMARY KEY, name text NOT NULL, balance numeric(12,2), born date, seen timestamptz, tags text[]);
ALTER TABLE crm.customers ADD CONSTRAINT customers_name_key UNIQUE (name);
CREATE INDEX customers_born_idx ON crm.customers (born);
COMMENT ON TABLE crm.customers IS 'All of them'; COMMENT ON COLUMN crm.customers.name IS 'Who';
CREATE TABLE crm.orders (id bigint PRIMARY KEY, customer_id integer REFERENCES crm.customers (id), "Total Amount" float8);
CREATE TABLE "crm.archive".orders (id bigint NOT NULL, valid boolean);
CREATE VIEW crm.rich AS SELECT id FROM crm.customers;
CREATE TABLE files.events (at timestamp, data json, device uuid, small smallint, size numeric(20,0), part real, day_time time, raw bytea);
"""


def column(name: str, type: Type, is_needed: bool = False, comment: str = "") -> TableColumn:
    """A column of a table."""
    return TableColumn(name, type, not is_needed, comment=comment)


def table(source: str, schema: str, name: str, columns: list[TableColumn], **more: object) -> Table:
    """A table of a source."""
    return Table(source, schema, name, tuple(columns), relation=f'"{schema}"."{name}"', **more)  # type: ignore[arg-type]


CUSTOMERS = table(
    "crm",
    "public",
    "customers",
    [
        column("id", t.INT32, True),
        column("name", t.TEXT, True, "Who"),
        column("balance", t.decimal(12, 2)),
        column("born", t.DATE),
        column("seen", t.TIMESTAMPTZ),
        column("tags", t.array(t.TEXT)),
    ],
    primary_key=("id",),
    unique_keys=(("name",),),
    indexes=(("id",), ("name",), ("born",)),
    comment="All of them",
)
ORDERS = table(
    "crm",
    "public",
    "orders",
    [column("id", t.INT64, True), column("customer_id", t.INT32), column("Total Amount", t.FLOAT64)],
    primary_key=("id",),
    foreign_keys=(ForeignKey(("customer_id",), "public", "customers", ("id",), True),),
)
OLD_ORDERS = table("crm", "archive", "orders", [column("id", t.INT64, True), column("valid", t.BOOLEAN)])
RICH = table("crm", "public", "rich", [column("id", t.INT32)], is_view=True)
EVENTS = table(
    "files",
    "main",
    "events",
    [
        column("at", t.TIMESTAMP),
        column("data", t.JSON),
        column("device", t.UUID),
        column("small", t.INT16),
        column("size", t.UINT64),
        column("part", t.FLOAT32),
        column("day_time", t.TIME),
        column("raw", t.BYTES),
    ],
)


def source(name: str, tables: tuple[Table, ...], default: str, is_listed: bool = True) -> SourceCatalog:
    """A source with these tables."""
    return SourceCatalog(name, "files", tables, DIALECT, Capabilities(), default_schema=default, is_listed=is_listed)


def snapshot(version: int = 1) -> Snapshot:
    """Two sources that are listed, and one that is not."""
    hidden = table("system", "main", "queries", [column("id", t.TEXT)])
    sources = [
        source("crm", (CUSTOMERS, ORDERS, OLD_ORDERS, RICH), "public"),
        source("files", (EVENTS,), "main"),
        source("system", (hidden,), "main", is_listed=False),
    ]
    return Snapshot(version, {one.source: one for one in sources})
