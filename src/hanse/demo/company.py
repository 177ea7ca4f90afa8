"""Builds the company: the same rows every time, computed by DuckDB from the rows' numbers.

============  ==================  ==========================================================
source        kind                holds
============  ==================  ==========================================================
crm           SQLite              customers, regions: the sales people's system
orders_eu     DuckDB              orders, items: one shard of two, by the customer's continent
orders_us     DuckDB              orders, items
stock         DuckDB              products, levels: the warehouses' inventory
payments      SQLite              payments: isolated, to be asked for as little as possible
lake          Parquet folders     weblogs, one folder a day
============  ==================  ==========================================================
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import yaml

TODAY = "2026-03-01"
ORDERS_PER_SHARD = 60_000
CUSTOMERS = 12_000
PRODUCTS = 1_500
LOG_ROWS_PER_DAY = 5_000
LOG_DAYS = 28

SOURCES: dict[str, dict[str, str]] = {
    "crm": {"kind": "sqlite", "path": "crm.db"},
    "orders_eu": {"kind": "duckdb", "path": "orders_eu.duckdb"},
    "orders_us": {"kind": "duckdb", "path": "orders_us.duckdb"},
    "stock": {"kind": "duckdb", "path": "stock.duckdb"},
    "payments": {"kind": "sqlite", "path": "payments.db"},
    "lake": {"kind": "files", "path": "lake"},
}

REGIONS = (
    (1, "Baltic", "EU"), (2, "Rhine", "EU"), (3, "Iberia", "EU"), (4, "Danube", "EU"),
    (5, "Great Lakes", "US"), (6, "Gulf Coast", "US"), (7, "Pacific", "US"), (8, "New England", "US"),
)  # fmt: skip
NAMES = (
    "Alster",
    "Bergen",
    "Castle",
    "Dune",
    "Ember",
    "Falk",
    "Granite",
    "Harbor",
    "Iris",
    "Juniper",
    "Kogge",
    "Linden",
)
TRADES = ("Foods", "Textiles", "Shipping", "Timber", "Metals", "Instruments", "Paper", "Glass", "Spices", "Tools")
FORMS = ("GmbH", "Ltd", "Inc", "BV", "AB")
GOODS = (
    "Valve",
    "Bearing",
    "Cable",
    "Sensor",
    "Pump",
    "Filter",
    "Hinge",
    "Lamp",
    "Gasket",
    "Switch",
    "Coupling",
    "Rotor",
)
GRADES = ("Standard", "Heavy", "Compact", "Marine", "Brass", "Steel")

CRM_SCHEMA = """
    CREATE TABLE regions (id INTEGER PRIMARY KEY, name TEXT NOT NULL, continent TEXT NOT NULL);
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, segment TEXT NOT NULL,
      region_id INTEGER NOT NULL REFERENCES regions (id), email TEXT NOT NULL, joined DATE NOT NULL);
    CREATE INDEX customers_region ON customers (region_id);
"""
PAYMENTS_SCHEMA = """
    CREATE TABLE payments (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, amount DECIMAL(12,2) NOT NULL,
      method TEXT NOT NULL, status TEXT NOT NULL, requested DATETIME NOT NULL);
    CREATE INDEX payments_order ON payments (order_id);
"""


def build(folder: Path, *, orders_per_shard: int = ORDERS_PER_SHARD) -> dict[str, Any]:
    """Write every store and ``hanse.yaml`` into the folder; returns the configuration. Files that are there are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(duckdb.connect()) as maker:
        _crm(maker, folder / "crm.db")
        _stock(maker, folder / "stock.duckdb")
        for shard in (0, 1):
            _orders(maker, folder, shard, orders_per_shard)
        _payments(maker, folder / "payments.db")
        _weblogs(maker, folder / "lake" / "weblogs")
    config = {"sources": SOURCES}
    (folder / "hanse.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return config


def _pick(values: Sequence[str], salt: int, number: str = "i") -> str:
    """SQL for one of the values, chosen by the row's number."""
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"([{quoted}])[1 + {_chance(salt, len(values), number)}]"


def _chance(salt: int, below: int, number: str = "i") -> str:
    """SQL for a number from 0 up to ``below``: looks random, is the same for the same row."""
    return f"(hash({number} * 1000003 + {salt}) % {below})::INTEGER"


def _fresh(path: Path) -> Path:
    for old in (path, Path(f"{path}.wal")):
        old.unlink(missing_ok=True)
    return path


def _sqlite(path: Path, schema: str, tables: dict[str, Sequence[Sequence[Any]]]) -> None:
    with closing(sqlite3.connect(_fresh(path))) as db, db:
        db.executescript(schema)
        for table, rows in tables.items():
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _crm(maker: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Customers 1 to ``CUSTOMERS``; the continent, and so the shard, follows from the region."""
    customers = maker.execute(f"""
        SELECT i, {_pick(NAMES, 1)} || ' ' || {_pick(TRADES, 2)} || ' ' || {_pick(FORMS, 3)},
          {_pick(("enterprise", "business", "small"), 4)}, 1 + (i % 8), 'buyer' || i || '@customer.example',
          (DATE '2019-01-01' + {_chance(5, 2500)})::VARCHAR
        FROM range(1, {CUSTOMERS + 1}) AS r(i)""").fetchall()
    _sqlite(path, CRM_SCHEMA, {"regions": REGIONS, "customers": customers})


def _attach(maker: duckdb.DuckDBPyConnection, path: Path, alias: str) -> None:
    quoted = str(_fresh(path)).replace("'", "''")
    maker.execute(f"ATTACH '{quoted}' AS {alias}")


def _stock(maker: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Of every product three warehouses hold some; of one in twelve they hold too little."""
    _attach(maker, path, "stock")
    maker.execute(f"""
        CREATE TABLE stock.products (sku VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, category VARCHAR NOT NULL);
        INSERT INTO stock.products SELECT format('SKU-{{:04d}}', i),
          {_pick(GRADES, 11)} || ' ' || {_pick(GOODS, 12)} || ' ' || (100 + i), {_pick(GOODS, 12)}
        FROM range({PRODUCTS}) AS r(i);
        CREATE TABLE stock.levels (sku VARCHAR, warehouse VARCHAR, on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL,
          reorder_point INTEGER NOT NULL, PRIMARY KEY (sku, warehouse));
        INSERT INTO stock.levels SELECT format('SKU-{{:04d}}', i), w,
          CASE WHEN i % 12 = 5 THEN {_chance(13, 12)} ELSE 60 + {_chance(14, 400, "(i * 3 + length(w))")} END,
          {_chance(15, 10)}, 40
        FROM range({PRODUCTS}) AS r(i), (VALUES ('Hamburg'), ('Rotterdam'), ('Houston')) AS places(w);
        COMMENT ON TABLE stock.levels IS 'Inventory by product and warehouse';
        COMMENT ON COLUMN stock.levels.reserved IS 'Promised to orders that have not left yet';
        DETACH stock""")


def _orders(maker: duckdb.DuckDBPyConnection, folder: Path, shard: int, count: int) -> None:
    """Order numbers are even in the EU and odd in the US. One order in 80 is open beyond its promised day."""
    name = ("orders_eu", "orders_us")[shard]
    _attach(maker, folder / f"{name}.duckdb", name)
    # the customer's region: 1 + customer % 8 is at most 4 in the EU
    customer = f"({_chance(21, CUSTOMERS // 8 - 1)} * 8 + {4 * shard} + 1 + {_chance(22, 3)})"
    maker.execute(f"""
        CREATE TABLE {name}.items (order_id BIGINT, line INTEGER, sku VARCHAR NOT NULL, quantity INTEGER NOT NULL,
          price DECIMAL(10,2) NOT NULL, PRIMARY KEY (order_id, line));
        INSERT INTO {name}.items SELECT i, line, format('SKU-{{:04d}}', ({_chance(23, PRODUCTS)} + 97 * line) % {PRODUCTS}),
          1 + {_chance(24, 20, "(i * 5 + line)")}, (199 + {_chance(25, 30000, "(i * 5 + line)")}) / 100.0
        FROM (SELECT 2 * n + {shard} AS i FROM range(1, {count + 1}) AS r(n)) AS numbers,
          range(1, 5) AS l(line) WHERE line <= 1 + {_chance(26, 4)};
        CREATE TABLE {name}.orders (id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, ordered DATE NOT NULL,
          promised DATE NOT NULL, delivered DATE, status VARCHAR NOT NULL, total DECIMAL(12,2) NOT NULL);
        INSERT INTO {name}.orders
        SELECT i, {customer}, ordered, ordered + 7,
          CASE WHEN NOT is_open THEN ordered + 2 + {_chance(27, 5)} END,
          CASE WHEN is_open THEN 'open' ELSE 'delivered' END, total
        FROM (
          SELECT order_id AS i, sum(quantity * price)::DECIMAL(12,2) AS total,
            DATE '{TODAY}' - 1 - {_chance(28, 365, "order_id")} AS ordered,
            CASE WHEN {_chance(28, 365, "order_id")} < 7 THEN {_chance(29, 3, "order_id")} > 0
                 WHEN {_chance(28, 365, "order_id")} < 45 THEN {_chance(29, 8, "order_id")} = 0 ELSE false END AS is_open
          FROM {name}.items GROUP BY order_id) AS made
        ORDER BY i;
        CREATE TABLE IF NOT EXISTS billed AS SELECT id, ordered, status, total FROM {name}.orders LIMIT 0;
        INSERT INTO billed SELECT id, ordered, status, total FROM {name}.orders ORDER BY id;
        DETACH {name}""")


def _payments(maker: duckdb.DuckDBPyConnection, path: Path) -> None:
    """One payment per order; one in fifteen of the open orders' is pending, the others are settled or refunded."""
    rows = maker.execute(f"""
        SELECT id AS i, id, total::DOUBLE, {_pick(("card", "transfer", "wallet"), 31, "id")},
          CASE WHEN status = 'open' AND {_chance(32, 15, "id")} = 0 THEN 'pending'
               WHEN {_chance(33, 200, "id")} = 0 THEN 'refunded' ELSE 'settled' END,
          strftime(ordered + INTERVAL 9 HOUR + to_seconds({_chance(34, 30000, "id")}), '%Y-%m-%d %H:%M:%S')
        FROM billed ORDER BY id""").fetchall()
    _sqlite(path, PAYMENTS_SCHEMA, {"payments": rows})


def _weblogs(maker: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Page views of the last weeks, one folder a day."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = str(folder).replace("'", "''")
    maker.execute(f"""
        COPY (
          SELECT DATE '{TODAY}' - 1 - (i // {LOG_ROWS_PER_DAY})::INTEGER AS day,
            day + to_seconds({_chance(41, 86400)}) AS at, 1 + {_chance(42, CUSTOMERS)} AS customer_id,
            {_pick(("/", "/orders", "/orders/late", "/products", "/help", "/pay"), 43)} AS path,
            CASE {_chance(44, 50)} WHEN 0 THEN 500 WHEN 1 THEN 404 ELSE 200 END AS status,
            5 + {_chance(45, 400)} AS milliseconds
          FROM range({LOG_ROWS_PER_DAY * LOG_DAYS}) AS r(i)
        ) TO '{quoted}' (FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE)""")
