"""The table of the scan benchmarks: 1.5 M rows of 7 columns, shaped like TPC-H's lineitem, made inside each server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.databases import Database, mysql_database, postgres_database

ROWS = int(os.environ.get("HANSE_BENCH_ROWS", "1500000"))

POSTGRES = f"""
CREATE TABLE lines AS SELECT
  i::bigint AS orderkey, (i * 7919 % 200000)::int AS partkey, (i % 50 + 1)::numeric(15,2) AS quantity,
  ((i * 7919 % 10000000) / 100.0)::numeric(15,2) AS price, date '1992-01-01' + (i % 2500)::int AS shipdate,
  substr('ANR', (i % 3 + 1)::int, 1) AS flag, 'comment of line ' || (i % 100000) AS comment
FROM generate_series(1::bigint, {ROWS}) AS i
"""

MYSQL = f"""
CREATE TABLE `lines` (orderkey bigint NOT NULL, partkey int, quantity decimal(15,2), price decimal(15,2), shipdate date,
  flag varchar(1), comment varchar(44)) AS SELECT
  seq AS orderkey, seq * 7919 % 200000 AS partkey, seq % 50 + 1 AS quantity, (seq * 7919 % 10000000) / 100.0 AS price,
  date '1992-01-01' + INTERVAL (seq % 2500) DAY AS shipdate, substr('ANR', seq % 3 + 1, 1) AS flag,
  concat('comment of line ', seq % 100000) AS comment
FROM seq_1_to_{ROWS}
"""


@contextmanager
def postgres() -> Iterator[Database]:
    """A PostgreSQL database that holds the table ``lines``."""
    with postgres_database(os.environ["HANSE_TEST_PG_URL"]) as database:
        database.run(POSTGRES, "VACUUM ANALYZE lines")
        yield database


@contextmanager
def mysql() -> Iterator[Database]:
    """A MariaDB database that holds the table ``lines``."""
    with mysql_database(os.environ["HANSE_TEST_MYSQL_URL"]) as database:
        database.run(MYSQL, "ANALYZE TABLE `lines`")
        yield database
