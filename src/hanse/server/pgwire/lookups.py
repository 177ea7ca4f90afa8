"""Answers of the catalog on their way out, and parameters of statements about it on their way in.

Its rows are Python values of PostgreSQL's own types, and few: each is spelt by itself, and goes on as bytes that are what
they are in a row.
"""

from typing import Any

from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.parse.copying import CopyOut
from hanse.server import pgcatalog
from hanse.server.answering import Answer
from hanse.server.pgcatalog import types as pg
from hanse.server.pgwire import oids
from hanse.server.pgwire.reading import decoded
from hanse.server.pgwire.rows import BINARY, Layout
from hanse.server.pgwire.values import binary_value

_OID_LIKE = pg.REG | {pg.XID}


def catalog_value(data: bytes | None, format: int, oid: int) -> Any:
    """One parameter as the catalog takes it: text stands for whatever it is compared with. Raises HanseError."""
    if data is None:
        return None
    if format != BINARY or oid == pg.CHAR:
        return decoded(data)
    found = binary_value(data, oids.OID if oid in _OID_LIKE else oid)
    if isinstance(found, tuple):
        return list(found)
    return found if isinstance(found, bool | int | float | str) else str(found)


def listed(found: pgcatalog.Answer, formats: tuple[int, ...], copy: CopyOut | None) -> tuple[Answer, Layout]:
    """An answer's rows, as they go out: ready in the formats that are wanted, or as texts for a COPY that writes lines."""
    is_text = copy is not None and copy.format != "binary"
    type, format = (t.TEXT, 0) if is_text else (t.BYTES, BINARY)
    rows: list[tuple[Any, ...]] = [
        tuple(
            pgcatalog.encoded(value, column.type.oid, wanted == BINARY)
            for value, column, wanted in zip(row, found.columns, formats, strict=True)
        )
        for row in found.rows
    ]
    if is_text:
        rows = [tuple(None if one is None else one.decode() for one in row) for row in rows]
    columns = tuple(Column(place, one.name, type) for place, one in enumerate(found.columns))
    layout = Layout((type,) * len(columns), (format,) * len(columns), copy=copy)
    return Answer(ResultStream.of_rows(columns, rows, Report("")), None), layout
