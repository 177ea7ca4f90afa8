"""Aggregate and window functions, cast to the types that ``bind.aggregates`` states."""

from collections.abc import Sequence

from hanse.ir.types import FLOAT64, INTEGERS, INTERVAL, Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import dates, json
from hanse.spi.duckdb.spelling import is_constant, rules

SMALL = (frozenset({Kind.INT8, Kind.INT16, Kind.INT32, Kind.UINT8, Kind.UINT16}),)
LARGE = (INTEGERS,)
REAL = (frozenset({Kind.FLOAT32}),)


def _json_list(args: Sequence[Operand]) -> str:
    return f"'[' || string_agg({{distinct}}coalesce({json.to_json(args[0])}, 'null'), ', '{{order}}){{over}} || ']'"


def _json_object(separator: str, opening: str, closing: str) -> "object":
    def spell(args: Sequence[Operand]) -> str:
        key = json.key(args[0])
        pair = f"{key} || '{separator}' || coalesce({json.to_json(args[1])}, 'null')"
        return f"'{opening}' || string_agg({pair}, ', '{{order}}){{over}} || '{closing}'"

    return spell


def _nan_is_null(name: str) -> str:
    """Where a variance is zero, PostgreSQL gives NULL and DuckDB NaN."""
    found = f"{name}({{distinct}}{{0}}, {{1}}{{order}}){{over}}"
    return f"list_transform([{found}], lambda v: nullif(v, CAST('nan' AS DOUBLE)))[1]"


KEPT = "list_filter(l, lambda i: i IS NOT NULL)"
COLLECTED = f"list_transform([array_agg({{distinct}}{{0}}{{order}}){{over}}], lambda l: {KEPT})"
ADDED = "list_reduce(l, lambda a, b: a + b)"
"""Intervals, which DuckDB does not add up: collected first."""


def _average(args: Sequence[Operand]) -> str:
    """The sum divided by the number, as the operator divides an interval."""
    total = (
        f"list_transform({COLLECTED}, lambda l: CASE WHEN len(l) > 0 THEN"
        f" {{'s': {ADDED}, 'c': CAST(len(l) AS DOUBLE)}} END)"
    )
    divided = dates.DATES["/"][0].spell([Operand("h_w.s", INTERVAL), Operand("h_w.c", FLOAT64)])
    return f"list_transform({total.replace('{0}', args[0].sql)}, lambda h_w: {divided})[1]"


SPAN = (frozenset({Kind.INTERVAL}),)
AGGREGATES: Rules = {
    "count": rules(Rule("count(*)", when=lambda args: not args), Rule("count({0})")),
    "sum": rules(
        Rule("CAST(sum({0}) AS BIGINT)", SMALL),
        Rule("CAST(sum({0}) AS DECIMAL(38,0))", LARGE),
        Rule("CAST(sum({0}) AS FLOAT)", REAL),
        Rule(f"list_transform({COLLECTED}, lambda l: CASE WHEN len(l) > 0 THEN {ADDED} END)[1]", SPAN),
        Rule("sum({0})"),
    ),
    "avg": rules(Rule(_average, SPAN), Rule("avg({0})")),
    "min": rules("min({0})"),
    "max": rules("max({0})"),
    "any_value": rules("any_value({0})"),
    **{name: rules(f"{name}({{0}})") for name in ("bool_and", "bool_or", "bit_and", "bit_or", "bit_xor", "array_agg")},
    "string_agg": rules(Rule("string_agg({0}, {1})", when=lambda args: is_constant(args[1]))),
    "json_agg": rules(_json_list),
    "jsonb_agg": rules(_json_list),
    "json_object_agg": rules(_json_object(" : ", "{ ", " }")),  # type: ignore[arg-type]
    "jsonb_object_agg": rules(_json_object(": ", "{", "}")),  # type: ignore[arg-type]
    **{name: rules(f"{name}({{0}})") for name in ("stddev_samp", "stddev_pop", "var_samp", "var_pop")},
    **{name: rules(_nan_is_null(name)) for name in ("corr", "regr_intercept", "regr_r2", "regr_slope")},
    **{name: rules(f"{name}({{0}}, {{1}})") for name in ("covar_pop", "covar_samp", "regr_avgx", "regr_avgy")},
    **{name: rules(f"{name}({{0}}, {{1}})") for name in ("regr_sxx", "regr_sxy", "regr_syy")},
    "regr_count": rules("CAST(regr_count({0}, {1}) AS BIGINT)"),
    "percentile_cont": rules(Rule("percentile_cont({0})", when=lambda args: is_constant(args[0]))),
    "percentile_disc": rules(Rule("percentile_disc({0})", when=lambda args: is_constant(args[0]))),
    "mode": rules("mode()"),
    "grouping": rules("CAST(grouping({*}) AS INTEGER)"),
}

WINDOWS: Rules = {
    **{name: rules(f"{name}()") for name in ("row_number", "rank", "dense_rank", "percent_rank", "cume_dist")},
    "ntile": rules("CAST(ntile({0}) AS INTEGER)"),
    "lag": rules("lag({*})"),
    "lead": rules("lead({*})"),
    "first_value": rules("first_value({0})"),
    "last_value": rules("last_value({0})"),
    "nth_value": rules("nth_value({0}, {1})"),
}
