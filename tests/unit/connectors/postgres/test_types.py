"""Declared types to ours, from rows of pg_type."""

from __future__ import annotations

import pytest

from hanse.connectors.postgres.types import Policy, Reading, ServerType, exact, finite, reading
from hanse.ir import types as t

POLICY = Policy(t.decimal(38, 18))


def server_type(
    oid: int, name: str, kind: str = "b", base: int = 0, element: int = 0, dimensions: int = 0
) -> ServerType:
    return ServerType(oid, name, kind, base, -1, element, dimensions, True)


TYPES = {
    one.oid: one
    for one in (
        server_type(23, "int4"),
        server_type(25, "text"),
        server_type(1082, "date"),
        server_type(869, "inet"),
        server_type(1042, "bpchar"),
        server_type(1007, "_int4", element=23),
        server_type(1182, "_date", element=1082),
        server_type(1041, "_inet", element=869),
        server_type(90, "matrix", "d", base=1007, dimensions=2),
        server_type(91, "_matrix", element=90),
        ServerType(92, "citext", "b", 0, -1, 0, 0, False),
        ServerType(93, "text", "b", 0, -1, 0, 0, False),
    )
}


def modifier(precision: int, scale: int) -> int:
    return (precision << 16 | scale & 0x7FF) + 4


@pytest.mark.parametrize(
    ("declared", "type"),
    [
        ((12, 2), t.decimal(12, 2)),
        ((38, 38), t.decimal(38, 38)),
        ((3, -2), t.decimal(5, 0)),
        ((2, 4), t.decimal(4, 4)),
        ((1, 38), t.decimal(38, 38)),
        ((39, 0), None),
        ((1000, 10), None),
        ((30, -9), None),
        ((1, 1000), None),
    ],
)
def test_exact(declared: tuple[int, int], type: t.Decimal | None) -> None:
    assert exact(modifier(*declared)) == type


@pytest.mark.parametrize(
    ("oid", "dimensions", "expected"),
    [
        (23, 0, Reading(t.INT32)),
        (25, 0, Reading(t.TEXT, collates=True)),
        (1042, 0, Reading(t.TEXT, "{0}::text", collates=True)),
        (869, 0, Reading(t.TEXT, "nullif(concat({0}), '')")),
        (1007, 1, Reading(t.array(t.INT32))),
        (1007, 2, Reading(t.TEXT, "{0}::text")),
        (1041, 1, Reading(t.array(t.TEXT), "nullif(concat({0}), '')::text[]")),
        (90, 0, Reading(t.TEXT, "{0}::text")),
        (91, 1, Reading(t.array(t.TEXT), "{0}::text[]")),
        (92, 0, Reading(t.TEXT, "{0}::text")),
        (93, 0, Reading(t.TEXT, "{0}::text")),
        (4711, 0, Reading(t.TEXT, "{0}::text")),
    ],
)
def test_reading(oid: int, dimensions: int, expected: Reading) -> None:
    assert reading(TYPES, oid, -1, dimensions, POLICY) == expected


def test_infinity_changes_how_dates_are_read() -> None:
    assert finite(t.Kind.DATE, "error") is None
    assert finite(t.Kind.INT32, "null") is None
    assert finite(t.Kind.DATE, "null") == "CASE WHEN isfinite({0}) THEN {0} END"
    clamped = finite(t.Kind.DATE, "clamp")
    assert clamped is not None
    assert clamped.format("c").startswith("CASE WHEN c IS NOT NULL THEN greatest(date '4714-11-24 BC', least(")
    assert reading(TYPES, 1182, -1, 1, Policy(None, "null")) == Reading(t.array(t.DATE))
