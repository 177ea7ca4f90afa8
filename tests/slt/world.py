"""The tables that all files of SQL logic tests ask, and the configurations in which they live."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hanse.engine import Engine
from tests.differential import load
from tests.differential.families import FAMILIES, Family
from tests.differential.tables import Column, Table
from tests.servers import databases

HERE = Path(__file__).parent
BY_NAME = {family.name: family for family in FAMILIES}
ROUND = ("postgres", "mysql", "files", "sqlite", "duckdb")
"""The mixed configuration deals tables out in this order, to the next kind that has their types."""
PARSED: dict[str, Callable[[str], Any]] = {
    "int": int,
    "dec": Decimal,
    "float": float,
    "real": float,
    "bool": lambda text: text == "true",
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "ts": dt.datetime.fromisoformat,
    "tstz": dt.datetime.fromisoformat,
    "bytes": lambda text: bytes.fromhex(text.removeprefix("\\x")),
    "array": json.loads,
}


@cache
def tables() -> dict[str, list[str]]:
    """Name -> lines of every table in ``tables.txt``: first the columns, then the rows."""
    blocks = (HERE / "tables.txt").read_text(encoding="utf-8").split("\n\n")
    found = (block.strip("\n").splitlines() for block in blocks if block.strip() and not block.startswith("#"))
    return {lines[0].removeprefix("table "): lines[1:] for lines in found}


def placed(name: str, kind: str) -> Table:
    """The table as a source of that kind declares it."""
    head, *rows = tables()[name]
    named = [text.strip().split() for text in head.split("|")]
    columns = [
        Column(column, BY_NAME[family], BY_NAME[family].declared.get(kind, ("",))[0], True) for column, family in named
    ]
    return Table(name, kind, columns, [_row(row, [one.family for one in columns]) for row in rows])


def _row(line: str, families: list[Family]) -> tuple[Any, ...]:
    cells = [cell.strip() for cell in line.split("|")]
    return tuple(_value(cell, family) for cell, family in zip(cells, families, strict=True))


def _value(cell: str, family: Family) -> Any:
    if cell == "NULL":
        return None
    if family.group in PARSED:
        return PARSED[family.group](cell)
    return (
        ""
        if cell == "(empty)"
        else cell.replace("\\s", " ").replace("\\n", "\n").replace("\\t", "\t").replace("\\p", "|")
    )


def layout(configuration: str) -> list[Table]:
    """Which table lives where."""
    if configuration == "all-local":
        return [placed(name, "duckdb") for name in tables()]
    if configuration == "all-remote":
        return [placed(name, "postgres") for name in tables()]
    if configuration == "all-mysql":
        return [placed(name, "mysql" if _fits(name, "mysql") else "duckdb") for name in tables()]
    names = list(tables())
    return [placed(name, _dealt(name, ROUND[i % 5 :] + ROUND[: i % 5])) for i, name in enumerate(names)]


def _dealt(name: str, kinds: tuple[str, ...]) -> str:
    return next(kind for kind in kinds if _fits(name, kind))


def _fits(name: str, kind: str) -> bool:
    """Whether that kind of source has the table's types, and can hold its values: not all know NaN and infinity."""
    table = placed(name, kind)
    odd = any(isinstance(value, float) and not math.isfinite(value) for row in table.rows for value in row)
    return all(kind in column.family.declared for column in table.columns) and not (odd and kind in ("mysql", "sqlite"))


@contextlib.contextmanager
def engine(configuration: str, folder: Path, pg_url: str, mysql_url: str) -> Iterator[Engine]:
    """An engine over the tables as that configuration spreads them."""
    given = layout(configuration)
    of = {kind: [one for one in given if one.kind == kind] for kind in ROUND}
    sources: dict[str, dict[str, str]] = {}
    with contextlib.ExitStack() as stack:
        if of["postgres"]:
            postgres = stack.enter_context(databases.postgres_database(pg_url))
            load.postgres(postgres, of["postgres"])
            sources["pg"] = {"kind": "postgres", "url": postgres.url}
        if of["mysql"]:
            mysql = stack.enter_context(databases.mysql_database(mysql_url))
            load.mysql(mysql, of["mysql"])
            sources["my"] = {"kind": "mysql", "url": mysql.url}
        if of["sqlite"]:
            load.sqlite(folder / "ref.db", of["sqlite"])
            sources["ref"] = {"kind": "sqlite", "path": str(folder / "ref.db")}
        if of["files"]:
            load.parquet(folder / "lake", of["files"])
            sources["lake"] = {"kind": "files", "path": str(folder / "lake")}
        if of["duckdb"]:
            load.database_file(folder / "wh.duckdb", of["duckdb"])
            sources["wh"] = {"kind": "duckdb", "path": str(folder / "wh.duckdb")}
        small = {"threads": 2, "instances": 1, "memory_limit": "512MB"}
        yield stack.enter_context(Engine({"sources": sources, "engine": small}))
