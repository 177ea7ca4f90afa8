"""Functions in FROM, each column against PostgreSQL's; and that signatures and rules are of the same functions."""

import duckdb
import psycopg
import pytest

from hanse.bind import aggregates, functions, rowlists
from hanse.ir.types import TEXT
from hanse.spi.dialect import Operand, find
from hanse.spi.duckdb.dialect import DuckDBDialect
from tests.unit.functions import calls
from tests.unit.functions.compare import read, same

CALLS = (
    "generate_series | 1 | 5",
    "generate_series | 5 | 1",
    "generate_series | 5 | 1 | -2",
    "generate_series | 1 | 5 | 0",
    "generate_series | 1 | NULL::int4",
    "generate_series | 9223372036854775800::int8 | 9223372036854775807::int8 | 3::int8",
    "generate_series | 0.5 | 2.0 | 0.5",
    "generate_series | 1.0 | 3.5",
    "generate_series | 2.0 | 0.1 | -0.7",
    "generate_series | '2024-01-31'::timestamp | '2024-05-31'::timestamp | '1 month'::interval",
    "generate_series | '2024-01-31'::date | '2024-02-03'::date | '1 day'::interval",
    "generate_series | '2024-02-03'::timestamp | '2024-01-31'::timestamp | '-1 day'::interval",
    "generate_series | '2024-02-03 00:00+00'::timestamptz | '2024-02-03 02:00+00'::timestamptz | '00:30'::interval",
    "unnest | '{1,NULL,3}'::int4[]",
    "unnest | '{}'::int4[]",
    "unnest | NULL::int4[]",
    "unnest | '{{1,2},{3,4}}'::int4[][]",
    "unnest | '{1,2,3}'::int4[] | '{a,b}'::text[]",
    'json_each | \'{"a": 1.50, "b": [1, 2], "c": null, "": "x"}\'::json',
    'json_each | \'{"a": 1, "b": "x"}\'::json',
    'json_each_text | \'{"a": 1.50, "b": [1,2], "c": null, "d": "x\\"y"}\'::json',
    "json_each | '[1]'::json",
    "json_each | '{}'::json",
    'json_array_elements | \'[1.50, {"a": 2}, null, "x"]\'::json',
    'json_array_elements_text | \'[1.50, {"a":2}, null, "x", true]\'::json',
    "json_array_elements | '{}'::json",
    'json_object_keys | \'{"b": 1, "a": 2}\'::json',
    "regexp_split_to_table | 'hello   world' | '\\s+'",
    "regexp_matches | 'foobarbequebaz' | 'ba.' | 'g'",
    "regexp_matches | 'foobarbequebaz' | 'ba.'",
    "regexp_matches | 'foobarbequebaz' | '(b)(a.)' | 'g'",
    "regexp_matches | 'foo' | 'x'",
    "string_to_table | 'a,b,,c' | ','",
    "string_to_table | 'a,b,,c' | ',' | ''",
    "generate_subscripts | '{7,8,9}'::int4[] | 1",
)


@pytest.fixture(scope="module")
def postgres(pg_database):
    """A database that sorts text by bytes."""
    with psycopg.connect(pg_database(collation="C").url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def _ours(name: str, args: list[calls.Argument], connection: duckdb.DuckDBPyConnection):
    """Rows of text, the types that DuckDB gives, and those that bind promises."""
    cast, columns = functions.table_function(name, tuple(arg.expr for arg in args), 0)
    operands = [calls.spelt(arg) for arg in cast]
    rule = find(calls.DIALECT.table_functions, name, operands)
    assert rule is not None
    labels = [f"x{place}" for place in range(len(columns))]
    values = [Operand(label, type) for label, (_, type) in zip(labels, columns, strict=True)]
    casts = [calls.DIALECT.cast(value, TEXT, False) for value in values]
    shown = ", ".join(rule.spell([value]) for rule, value in zip(casts, values, strict=True) if rule is not None)
    source = f"{rule.spell(operands)} t({', '.join(labels)})"
    rows = connection.execute(f"SELECT {shown} FROM {source}").fetchall()
    kinds = [row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    return rows, kinds, [type for _, type in columns]


@pytest.mark.postgres
@pytest.mark.parametrize("call", CALLS)
def test_rows(call: str, postgres, coordinator: duckdb.DuckDBPyConnection) -> None:
    name, args = read(call)
    count = 2 if "each" in name or (call.count("[] |") == 1 and name == "unnest") else 1
    labels = [f"x{place}" for place in range(count)]
    sql = f"SELECT {', '.join(f'{label}::text' for label in labels)} FROM {calls.postgres(name, args)} t({', '.join(labels)})"
    try:
        wanted = postgres.execute(sql).fetchall()
    except psycopg.Error:
        with pytest.raises(duckdb.Error):
            _ours(name, args, coordinator)
        return
    found, kinds, types = _ours(name, args, coordinator)
    assert len(found) == len(wanted), (found, wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert all(same(a, b, type) for a, b, type in zip(ours, theirs, types, strict=True)), (found, wanted)
    assert kinds == [calls.DIALECT.type_name(type) for type in types]


def test_every_signature_has_a_rule_and_every_rule_a_signature() -> None:
    made_by_binding = {"row"}
    spelt = {name for name in DuckDBDialect.functions if not name.startswith(functions.QUANTIFIED)}
    assert {name for name in spelt - made_by_binding if not name.startswith(rowlists.ROWS_OF)} == functions.names()
    assert set(DuckDBDialect.aggregates) == aggregates.names()
    assert set(DuckDBDialect.windows) == set(aggregates.WINDOW)
    assert {name for name in DuckDBDialect.table_functions if " with " not in name} == set(functions.TABLE)
