"""What DuckDB gets wrong, as the dialect avoids it: each case is first shown to be wrong as it would be written plainly."""

import duckdb
import pytest

from hanse.ir import types as t
from hanse.ir.expr import Literal
from hanse.spi.dialect import Operand, find
from hanse.spi.duckdb.dialect import DuckDBDialect

UNKNOWN = "SELECT {} {} TIMESTAMP '2024-02-01' FROM (VALUES (CAST(NULL AS TIMESTAMP))) v(x)"


@pytest.mark.parametrize("operator", ["=", "<>"])
def test_a_week_that_is_null_equals_nothing(operator: str) -> None:
    week = Operand("'week'", t.TEXT, literal=Literal(t.TEXT, "week"))
    rule = find(DuckDBDialect.functions, "date_trunc", [week, Operand("x", t.TIMESTAMP)])
    assert rule is not None and not isinstance(rule.sql, str)
    spelled = str(rule.sql([week, Operand("x", t.TIMESTAMP)]))
    assert duckdb.sql(UNKNOWN.format("date_trunc('week', x)", operator)).fetchall() != [(None,)]
    assert duckdb.sql(UNKNOWN.format(spelled, operator)).fetchall() == [(None,)]
