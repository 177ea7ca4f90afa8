"""Failures of DuckDB keep their meaning, before the first row and after it."""

from __future__ import annotations

import duckdb
import pytest

from hanse.errors import HanseError, InternalError, InvalidValue, ResourceLimit
from hanse.execute.failures import translate

CASES = [
    ("SELECT (CASE WHEN i > {0} THEN 'x' ELSE '1' END)::int FROM range(3000000) t(i)", InvalidValue, "22P02"),
    ("SELECT (9223372036854775807 - {0} + i)::bigint + 1::bigint FROM range(3000000) t(i)", InvalidValue, "22003"),
    (
        "SELECT (CASE WHEN i > {0} THEN 9e31 ELSE 9 END)::decimal(38,0)::decimal(38,7) FROM range(3000000) t(i)",
        InvalidValue,
        "22003",
    ),
    ("SELECT CASE WHEN i > {0} THEN error('[22012] no') ELSE i END FROM range(3000000) t(i)", InvalidValue, "22012"),
    ("SELECT i, md5(i::text || '{0}') FROM range(5000000) t(i) ORDER BY 2", ResourceLimit, "53200"),
]


@pytest.mark.parametrize("after", [0, 2_000_000])
@pytest.mark.parametrize(("sql", "kind", "code"), CASES)
def test_the_class_survives_the_stream(sql: str, kind: type[HanseError], code: str, after: int) -> None:
    config = {"memory_limit": "20MB", "max_temp_directory_size": "1MB", "threads": 1}
    with duckdb.connect(":memory:", config=config) as connection, pytest.raises((duckdb.Error, OSError)) as failure:
        for _ in connection.execute(sql.format(after)).to_arrow_reader(1000):
            pass
    ours = translate(failure.value)
    assert (type(ours), ours.code) == (kind, code)
    assert "Error:" not in ours.message


def test_a_failure_that_duckdb_lost_is_no_cancellation() -> None:
    """With two threads, the one that only stops for the other's failure may be heard first: then nobody knows the cause.
    Whoever cancels says so himself; an interruption that reaches us here is nobody's wish."""
    ours = translate(OSError("INTERRUPT Error: Interrupted!"))
    assert (type(ours), ours.code) == (InternalError, "XX000")
    assert "again" in (ours.hint or "")


def test_another_os_error_is_a_bug_of_ours() -> None:
    assert translate(OSError("disk on fire")).kind == "internal"
