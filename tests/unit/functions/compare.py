"""Runs one call in DuckDB, with its arguments as constants and as columns, and compares with what PostgreSQL says."""

import duckdb

from hanse.errors import HanseError
from hanse.ir.types import Array, Kind
from tests.unit.functions import calls

DIGITS = {Kind.FLOAT64: 1e-12, Kind.FLOAT32: 1e-6}
"""How far floats may differ, relatively: mathematical functions are not rounded alike everywhere."""


def read(line: str) -> tuple[str, list[calls.Argument]]:
    """Name and arguments of ``name | argument | argument``; the operators | and || are written pipe and pipepipe."""
    name, *texts = [part.strip(" ") for part in line.split(" | ")]
    name = {"pipe": "|", "pipepipe": "||"}.get(name, name)
    if name == "cast":
        return name, [calls.argument(texts[0]), calls.Argument(texts[1], calls.NOTHING)]
    return name, [calls.argument(text) for text in texts]


def differences(line: str, wanted: tuple[str | None, str | None], connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What is not as PostgreSQL has it, in words; nothing if all is well. ``refused`` if we have no spelling."""
    name, args = read(line)
    found = []
    for columns in (False, True):
        try:
            expr, held = calls.with_columns(name, args) if columns else (calls.bound(name, args), [])
            sql, type_name = calls.statement(expr, held)
        except calls.Refused:
            found.append("refused")
            continue
        except HanseError as error:
            if wanted[1] is None:
                found.append(f"bind: {error}")
            continue
        try:
            row = connection.execute(sql).fetchone()
        except duckdb.Error as error:
            if wanted[1] is None:
                found.append(f"PostgreSQL says {wanted[0]!r}, we raise {str(error).splitlines()[0]}")
            continue
        assert row is not None
        if wanted[1] is not None:
            found.append(f"PostgreSQL raises {wanted[1]}, we say {row[0]!r}")
        elif row[1] not in (type_name, '"NULL"'):
            found.append(f"the type is {row[1]}, not {type_name}")
        elif not same(row[0], wanted[0], expr.type):
            found.append(f"PostgreSQL says {wanted[0]!r}, we say {row[0]!r}")
    return found


def same(ours: str | None, theirs: str | None, type: calls.Type) -> bool:
    """Whether two texts are the same value of the type."""
    left, right = calls.normal(ours, type), calls.normal(theirs, type)
    item = type.item if isinstance(type, Array) else type
    lefts, rights = (left, right) if isinstance(left, list) and isinstance(right, list) else ([left], [right])
    return len(lefts) == len(rights) and all(
        _close(l, r, DIGITS.get(item.kind, 0)) for l, r in zip(lefts, rights, strict=True)
    )


def _close(left: object, right: object, tolerance: float) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return (
            left == right
            or (left != left and right != right)
            or abs(left - right) <= tolerance * max(abs(left), abs(right))
        )
    return type(left) is type(right) and left == right
