"""Clients that bring questions about the catalog of their own: asyncpg, pg8000, psycopg 2, SQLAlchemy over three drivers."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pg8000.dbapi
import psycopg2
import pytest
import sqlalchemy as sa

from tests.wire.serving import Served


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_sqlalchemy_reflects_and_asks(server: Served, driver: str) -> None:
    engine = sa.create_engine(f"postgresql+{driver}://guest@127.0.0.1:{server.port}/hanse")
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        assert {"ref", "lake", "wh"} <= set(inspector.get_schema_names())
        assert inspector.get_table_names("ref") == ["customers"]
        assert inspector.has_table("customers")
        assert inspector.get_pk_constraint("customers", "ref")["constrained_columns"] == ["id"]
        table = sa.Table("customers", sa.MetaData(), schema="ref", autoload_with=connection)
        assert [(one.name, type(one.type)) for one in table.columns][:2] == [("id", sa.BIGINT), ("name", sa.TEXT)]
        found = connection.execute(sa.select(table.c.id).where(table.c.id > 1).order_by(table.c.id)).scalars().all()
        assert found == [2, 3]
    engine.dispose()


def test_asyncpg(server: Served) -> None:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server.port, user="guest", database="hanse", ssl=False
        )
        found: list[Any] = [
            await connection.fetchval("SELECT city FROM lake.cities WHERE id = $1", 1),
            await connection.fetchval("SELECT array[1, 2]"),
            await connection.fetchval("SELECT 'ref.customers'::regclass"),
            await connection.fetchval("SELECT relkind FROM pg_class WHERE relname = any($1)", ["customers"]),
        ]
        async with connection.transaction():
            rows = connection.cursor("SELECT id FROM ref.customers ORDER BY id", prefetch=2)
            found.append([row["id"] async for row in rows])
        await connection.set_type_codec("json", encoder=str, decoder=lambda one: ("json", one), schema="pg_catalog")
        found.append(await connection.fetchval("SELECT '{\"a\": 1}'::json"))
        assert len(await connection._introspect_types([1003, 2210, 22], 60)) > 0
        await connection.reset()
        await connection.close()
        return found

    assert asyncio.run(ask()) == ["Lübeck", [1, 2], "customers", b"r", [1, 2, 3], ("json", '{"a": 1}')]


def test_pg8000(server: Served) -> None:
    connection = pg8000.dbapi.connect("guest", host="127.0.0.1", port=server.port, database="hanse")
    cursor = connection.cursor()
    cursor.execute("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = %s", ("ref",))
    assert list(cursor.fetchall()) == [["ref"]]
    connection.close()


def test_psycopg2(server: Served) -> None:
    with psycopg2.connect(server.dsn()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE oid = %s::regclass", ("ref.customers",))
        assert cursor.fetchall() == [("customers",)]
        with connection.cursor("named") as named:
            named.itersize = 2
            named.execute("SELECT id FROM ref.customers ORDER BY id")
            assert [row[0] for row in named] == [1, 2, 3]
    connection.close()
