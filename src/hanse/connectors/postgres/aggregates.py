"""PostgreSQL's aggregates and window functions, each with the type that Hanse gives it (traps R12, R13).

Sums need no cast: the server's types are ours, and a sum that needs more than 38 digits is an error when it is read.
"""

from collections.abc import Callable, Sequence

from hanse.connectors.postgres.functions import (
    COMPARABLE,
    EXACT_NUMBER,
    INTEGER,
    NUMERIC,
    compares_codepoints,
    in_c,
    is_text,
    no,
)
from hanse.ir.types import TEXTS, Kind
from hanse.spi.dialect import Operand, Rule, Rules

FLOAT64 = frozenset({Kind.FLOAT64})
BOOLEAN = frozenset({Kind.BOOLEAN})
ORDERED = COMPARABLE - {Kind.BOOLEAN, Kind.BYTES, Kind.UUID, Kind.NULL, Kind.INTERVAL}
"""Kinds that every server has min and max for, and whose equal values are alike (a month equals 30 days)."""
STATISTICS = ("stddev_samp", "stddev_pop", "var_samp", "var_pop")
PAIRS = (
    *(
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_avgx",
        "regr_avgy",
        "regr_count",
        "regr_intercept",
        "regr_r2",
        "regr_slope",
    ),
    *("regr_sxx", "regr_sxy", "regr_syy"),
)


def _extreme(name: str) -> Callable[[Sequence[Operand]], str]:
    def spell(args: Sequence[Operand]) -> str:
        plain = not is_text(args) or compares_codepoints(args)
        return f"{name}({args[0].sql if plain else in_c(args[0])})"

    return spell


AGGREGATES: Rules = {
    "count": (Rule("count(*)", ()), Rule("count({0})")),
    "sum": (Rule("sum({0})", (NUMERIC,)),),
    "avg": (Rule("avg({distinct}{0}{order}){over}::float8", (EXACT_NUMBER,)), Rule("avg({0})", (FLOAT64,))),
    "min": (Rule(_extreme("min"), (ORDERED,)),),
    "max": (Rule(_extreme("max"), (ORDERED,)),),
    "bool_and": (Rule("bool_and({0})", (BOOLEAN,)),),
    "bool_or": (Rule("bool_or({0})", (BOOLEAN,)),),
    "bit_and": (Rule("bit_and({0})", (INTEGER,)),),
    "bit_or": (Rule("bit_or({0})", (INTEGER,)),),
    "bit_xor": (Rule("bit_xor({0})", (INTEGER,)),),
    "string_agg": (Rule("string_agg({0}, {1})", (TEXTS,), distinct=False),),
    "array_agg": (Rule("array_agg({0})", (COMPARABLE - {Kind.NULL},)),),
    **{name: (Rule(f"{name}({{0}})", (FLOAT64,)),) for name in STATISTICS},
    **{name: (Rule(f"{name}({{0}}, {{1}})", (FLOAT64,)),) for name in PAIRS},
    "percentile_disc": (Rule("percentile_disc({0})", (FLOAT64,)),),
    "percentile_cont": (Rule("percentile_cont({0})", (FLOAT64,)),),
    "mode": no("which of several most frequent values it is depends on the order of rows"),
    "json_agg": no("the text of JSON is the source's own"),
    "any_value": no("which value it is depends on the order of rows"),
}
WINDOWS: Rules = {
    "row_number": (Rule("row_number()", ()),),
    "rank": (Rule("rank()", ()),),
    "dense_rank": (Rule("dense_rank()", ()),),
    "percent_rank": (Rule("percent_rank()", ()),),
    "cume_dist": (Rule("cume_dist()", ()),),
    "ntile": (Rule("ntile({0})", (frozenset({Kind.INT32}),)),),
    "lag": (
        Rule("lag({0})", when=lambda args: len(args) == 1),
        Rule("lag({*})", (COMPARABLE, frozenset({Kind.INT32}), COMPARABLE)),
    ),
    "lead": (
        Rule("lead({0})", when=lambda args: len(args) == 1),
        Rule("lead({*})", (COMPARABLE, frozenset({Kind.INT32}), COMPARABLE)),
    ),
    "first_value": (Rule("first_value({0})"),),
    "last_value": (Rule("last_value({0})"),),
    "nth_value": (Rule("nth_value({0}, {1})", (frozenset(Kind), frozenset({Kind.INT32}))),),
}
