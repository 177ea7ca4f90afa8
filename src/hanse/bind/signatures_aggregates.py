"""Aggregate and window functions: what PostgreSQL 15 takes and gives. Data only, in the words of ``bind.signatures``.

The last parameter of an ordered-set aggregate is its sort key.
"""

AGGREGATES = """
count() -> int8
count(any) -> int8
sum(int2) -> int8
sum(int4) -> int8
sum(int8) -> num(38,0)
sum(num) -> @same
sum(f4) -> f4
sum(f8) -> f8
sum(interval) -> interval
avg(num>f8) -> f8
avg(f8) -> f8
avg(interval) -> interval
min(T) -> T
max(T) -> T
any_value(T) -> T
bool_and(bool) -> bool
bool_or(bool) -> bool
bit_and(I) -> I
bit_or(I) -> I
bit_xor(I) -> I
string_agg(text, text) -> text
array_agg(T) -> T[]
json_agg(any) -> json
jsonb_agg(any) -> json
json_object_agg(any, any) -> json
jsonb_object_agg(any, any) -> json
stddev_samp(num>f8) -> f8
stddev_samp(f8) -> f8
stddev_pop(num>f8) -> f8
stddev_pop(f8) -> f8
var_samp(num>f8) -> f8
var_samp(f8) -> f8
var_pop(num>f8) -> f8
var_pop(f8) -> f8
corr(f8, f8) -> f8
covar_pop(f8, f8) -> f8
covar_samp(f8, f8) -> f8
regr_avgx(f8, f8) -> f8
regr_avgy(f8, f8) -> f8
regr_count(f8, f8) -> int8
regr_intercept(f8, f8) -> f8
regr_r2(f8, f8) -> f8
regr_slope(f8, f8) -> f8
regr_sxx(f8, f8) -> f8
regr_sxy(f8, f8) -> f8
regr_syy(f8, f8) -> f8
"""

ORDERED_SETS = """
percentile_cont(f8, f8) -> f8
percentile_cont(f8[], f8) -> f8[]
percentile_disc(f8, T) -> T
percentile_disc(f8[], T) -> T[]
mode(T) -> T
"""

WINDOWS = """
row_number() -> int8
rank() -> int8
dense_rank() -> int8
percent_rank() -> f8
cume_dist() -> f8
ntile(int4) -> int4
lag(any) -> @same
lag(T, int4) -> T
lag(T, int4, T) -> T
lead(any) -> @same
lead(T, int4) -> T
lead(T, int4, T) -> T
first_value(any) -> @same
last_value(any) -> @same
nth_value(T, int4) -> T
"""

AGGREGATE_ALIASES = {
    "stddev": "stddev_samp",
    "variance": "var_samp",
    "every": "bool_and",
}
"""Further names of the same aggregates; the plan holds the second one."""
