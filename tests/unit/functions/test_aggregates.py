"""Aggregates and window functions over small groups (none, NULL only, NaN, ties), asked of PostgreSQL as well."""

import duckdb
import psycopg
import pytest

from hanse.bind import aggregates
from hanse.ir.expr import Cast, Expr, Ref, SortKey
from hanse.ir.types import DECIMAL_DIGITS_MAX, TEXT, Kind, Type
from hanse.render.spelling import aggregate_template
from hanse.spi.dialect import Operand, find
from tests.unit.functions import calls
from tests.unit.functions.compare import same

COLUMNS: dict[str, tuple[str, list[str | None]]] = {
    "i": ("int4", ["1", "2", "2", None, "5"]),
    "b": ("int8", [str(2**62), str(2**62), "1", None, "5"]),
    "s": ("int2", ["1", "2", "2", None, "5"]),
    "n": ("numeric(5,2)", ["1.01", "1.02", "-3.5", None, "2.25"]),
    "f": ("float8", ["1.5", "NaN", "-2", None, "1e10"]),
    "g": ("float8", ["1.5", "2.5", "-2", None, "7"]),
    "r": ("real", ["1.5", "0.1", "-2", None, "7"]),
    "t": ("text", ["b", "A", "é", None, ""]),
    "o": ("bool", ["true", "false", "true", None, "true"]),
    "d": ("date", ["2024-01-01", "2023-01-01", "2024-05-05", None, "2024-01-01"]),
    "ts": ("timestamp", ["2024-01-01 10:00", "2023-01-01", "2024-05-05", None, "2024-01-01"]),
    "v": ("interval", ["1 day", "1 mon", "-1 hour", None, "2 days"]),
    "k": ("float8", ["3", "3", "3", "3", "3"]),
}
GROUPS: list[list[int]] = [[], [0], [3], [0, 1, 2, 3, 4], [0, 4], [0, 2, 4]]
CALLS = """
count; count | i; count | distinct | i; sum | i; sum | s; sum | b; sum | n; sum | r; sum | g; sum | f; sum | v
sum | distinct | i; avg | i; avg | b; avg | n; avg | g; avg | r; avg | v; min | i; max | n; min | f; max | f; min | t
max | t; min | d; max | ts; max | v; bool_and | o; bool_or | o; every | o; bit_and | i; bit_or | i; bit_xor | s
string_agg | t | ',' | order pos; string_agg | t | ',' | order t desc nulls last; string_agg | distinct | t | ',' | order t
array_agg | i | order pos; array_agg | n | order n desc nulls first; array_agg | distinct | i | order i
json_agg | i | order pos; json_agg | t | order pos; jsonb_agg | n | order pos; json_object_agg | t | i
stddev | i; stddev_samp | g; stddev_pop | n; variance | g; var_pop | i; var_samp | n; corr | i | g; corr | i | k
covar_pop | i | g; covar_samp | i | g; regr_avgx | i | g; regr_avgy | i | g; regr_count | i | g; regr_intercept | i | g
regr_r2 | i | g; regr_r2 | k | g; regr_slope | i | g; regr_slope | i | k; regr_intercept | i | k; regr_sxx | i | g
regr_sxy | i | g; regr_syy | i | g; percentile_cont | 0.5 | within g; percentile_cont | 0.5 | within i
percentile_cont | 0.25 | within n; percentile_cont | 0.25 | within n desc; percentile_disc | 0.5 | within i
percentile_disc | 0.5 | within t; percentile_disc | 0.3 | within n desc; percentile_cont | 1.5 | within g
percentile_cont | '{0.25,0.5}'::float8[] | within g; mode | within i; mode | within t; mode | within i desc; mode | within o
"""
WINDOWS = """
row_number; rank; dense_rank; percent_rank; cume_dist; ntile | 2; ntile | 3; ntile | 0; lag | i; lag | i | 2
lag | i | 2 | 99; lag | n | 1 | 0; lead | t; lead | i | -1; first_value | i; last_value | t; nth_value | i | 2
"""
OVER = ("order by pos", "order by i, pos", "order by i desc nulls last, pos", "partition by o order by pos")
FRAMES = (
    "order by pos",
    "",
    "order by pos rows between 1 preceding and current row",
    "order by pos rows between 2 preceding and 2 preceding",
)
FRAMED = "sum | i; avg | n; min | t; count; count | i; string_agg | t | ','; array_agg | i; max | f"
Rows = list[tuple[str | None]]


def split(text: str) -> list[str]:
    """The calls of a list."""
    return [call.strip() for line in text.split("\n") for call in line.split(";") if call.strip()]


class Call:
    """One aggregate call: ``name | distinct | argument | order ...`` or ``within key``."""

    def __init__(self, text: str, over: str | None = None, *, window: bool = False) -> None:
        self.name, *args = [part.strip() for part in text.split(" | ")]
        self.distinct = "DISTINCT " if args[:1] == ["distinct"] else ""
        args = args[bool(self.distinct) :]
        self.order = args.pop().replace("order ", " ORDER BY ", 1) if args and args[-1].startswith("order ") else ""
        self.within = args.pop().removeprefix("within ") if args and args[-1].startswith("within ") else ""
        self.args, self.window = args, window
        self.over = "" if over is None else f" OVER ({over})"

    def postgres(self, group: list[int]) -> str:
        """The call in PostgreSQL's SQL, over some of the rows."""
        args = ", ".join(self.args) or ("*" if self.name == "count" else "")
        within = f" WITHIN GROUP (ORDER BY {self.within})" if self.within else ""
        call = f"({self.name}({self.distinct}{args}{self.order}){within}{self.over})::text"
        return f"SELECT {call} FROM {_source(group, postgres=True)}" + (" ORDER BY pos" if self.over else "")

    def duckdb(self, group: list[int]) -> tuple[str, Type]:
        """The same for DuckDB, and the type of the value."""
        args = tuple(map(_bound, self.args))
        key = self.within.split(" ")[0]
        order = (SortKey(_bound(key), "desc" in self.within),) if key else ()
        if self.window:
            name, cast, type = aggregates.resolve_window(self.name, args, 0)
        else:
            resolve = aggregates.resolve_aggregate
            name, cast, type = resolve(self.name, args, distinct=bool(self.distinct), order_by=order, position=0)
        keys = aggregates.sort_keys(name, cast, order, distinct=bool(self.distinct))
        sorts = ", ".join(f"{_spelt(k.expr).sql} {'DESC' if k.descending else 'ASC'}" for k in keys)
        over = (f" WITHIN GROUP (ORDER BY {sorts})" if self.within else "") + self.over
        clauses = {"distinct": self.distinct, "order": self.order, "over": over}
        value = Operand("x", type)
        shown = calls.DIALECT.cast(value, TEXT, False)
        assert shown is not None
        inner = f"SELECT {_template(name, cast, self.window, clauses)} AS x{', pos' if self.over else ''} FROM {_source(group)}"
        return f"SELECT {shown.spell([value])}, typeof(x) FROM ({inner})" + (" ORDER BY pos" if self.over else ""), type


def _template(name: str, args: tuple[Expr, ...], window: bool, clauses: dict[str, str]) -> str:
    operands = [_spelt(arg) for arg in args]
    rule = find(calls.DIALECT.windows if window else calls.DIALECT.aggregates, name, operands)
    assert rule is not None, name
    spelling = rule.sql if isinstance(rule.sql, str) else rule.spell(operands)
    return aggregate_template(spelling).fill([(o.sql, 2) for o in operands], clauses)[0]


def _bound(text: str) -> Expr:
    if text in COLUMNS:
        return Ref(calls.type_named(COLUMNS[text][0]), list(COLUMNS).index(text), text)
    return calls.argument(text).expr


def _spelt(expr: Expr) -> Operand:
    if isinstance(expr, Ref):
        return Operand(f"q.{expr.name}", expr.type)
    if isinstance(expr, Cast):
        inner = _spelt(expr.arg)
        rule = calls.DIALECT.cast(inner, expr.type, False)
        assert rule is not None
        return Operand(f"({rule.spell([inner])})", expr.type)
    return calls.spelt(expr)


def _source(group: list[int], *, postgres: bool = False) -> str:
    rows = []
    for place in group or [0]:
        texts = [f"NULL::{type}" if v[place] is None else f"'{v[place]}'::{type}" for type, v in COLUMNS.values()]
        spelt = texts if postgres else [calls.spelt(calls.argument(text).expr).sql for text in texts]
        rows.append(f"({', '.join([*spelt, str(place)])})")
    where = "" if group else " WHERE false"
    return f"(SELECT * FROM (VALUES {', '.join(rows)}) q({', '.join(COLUMNS)}, pos){where}) q"


def _ask(connection: psycopg.Connection[tuple[str | None]], sql: str) -> Rows | None:
    try:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]
    except psycopg.Error:
        return None


def check(
    call: Call,
    group: list[int],
    postgres: psycopg.Connection[tuple[str | None]],
    coordinator: duckdb.DuckDBPyConnection,
) -> str:
    """What differs, or nothing."""
    wanted = _ask(postgres, call.postgres(group))
    sql, type = call.duckdb(group)
    try:
        found = coordinator.execute(sql).fetchall()
    except duckdb.Error as error:
        return "" if wanted is None else f"PostgreSQL says {wanted}, we raise {error}"
    if wanted is None:
        return f"PostgreSQL raises, we say {found}"
    names = {name for _, name in found} - {'"NULL"', calls.DIALECT.type_name(type)}
    if names:
        return f"the type is {names}, not {type}"
    alike = all(same(ours, theirs, type) for (ours, _), (theirs,) in zip(found, wanted, strict=True))
    return "" if alike else f"PostgreSQL says {wanted}, we say {found}"


@pytest.fixture(scope="module")
def postgres(pg_database):
    """A database that sorts text by bytes."""
    with psycopg.connect(pg_database(collation="C").url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


@pytest.mark.postgres
@pytest.mark.parametrize("text", split(CALLS))
def test_aggregates(text: str, postgres, coordinator: duckdb.DuckDBPyConnection) -> None:
    wrong = {str(group): check(Call(text), group, postgres, coordinator) for group in GROUPS}
    assert not any(wrong.values()), wrong


@pytest.mark.postgres
@pytest.mark.parametrize("text", split(WINDOWS))
def test_window_functions(text: str, postgres, coordinator: duckdb.DuckDBPyConnection) -> None:
    wrong = {over: check(Call(text, over, window=True), [0, 1, 2, 3, 4], postgres, coordinator) for over in OVER}
    assert not any(wrong.values()), wrong


@pytest.mark.postgres
@pytest.mark.parametrize("text", split(FRAMED))
def test_aggregates_over_frames(text: str, postgres, coordinator: duckdb.DuckDBPyConnection) -> None:
    wrong = {over: check(Call(text, over), [0, 1, 2, 3, 4], postgres, coordinator) for over in FRAMES}
    assert not any(wrong.values()), wrong


def test_sums_of_exact_numbers_have_all_digits() -> None:
    for name in ("b", "n"):
        _, _, type = aggregates.resolve_aggregate("sum", (_bound(name),), distinct=False, order_by=(), position=0)
        assert type.kind == Kind.DECIMAL
        assert type.precision == DECIMAL_DIGITS_MAX  # type: ignore[attr-defined]
