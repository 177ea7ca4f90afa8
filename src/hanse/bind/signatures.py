"""Scalar functions: what PostgreSQL 15 takes and gives. Data only; ``bind.functions`` reads it.

One line per overload: ``name(parameters) -> result``. Words for types are PostgreSQL's short ones (``int4``, ``f8`` for
double precision, ``num`` for numeric, ``ts``/``tstz`` for timestamps). ``N`` is any number and ``I`` any integer, kept as it
is; ``T`` any type, the same throughout after unification; ``any`` takes what comes. ``a>b`` matches an ``a`` and passes a
``b``; ``x...`` repeats. A result is a type, a letter, or ``@rule`` for one of ``bind.results``.
"""

SCALARS = """
like(text, text) -> bool
like(text, text, text) -> bool
ilike(text, text) -> bool
ilike(text, text, text) -> bool
similar_to(text, text) -> bool
similar_to(text, text, text) -> bool
~(text, text) -> bool
~*(text, text) -> bool
^(f8, f8) -> f8
neg(interval) -> interval
+(date, int4) -> date
+(date>ts, interval) -> ts
+(ts, interval) -> ts
+(tstz, interval) -> tstz
+(time, interval) -> time
+(interval, interval) -> interval
+(date, time) -> ts
-(date, date) -> int4
-(date, int4) -> date
-(date>ts, interval) -> ts
-(ts, ts) -> interval
-(tstz, tstz) -> interval
-(time, time) -> interval
-(ts, interval) -> ts
-(tstz, interval) -> tstz
-(time, interval) -> time
-(interval, interval) -> interval
*(interval, f8) -> interval
/(interval, f8) -> interval
&(I, I) -> I
|(I, I) -> I
#(I, I) -> I
bit_not(I) -> I
<<(int2, int4) -> int2
<<(int4, int4) -> int4
<<(int8, int4) -> int8
>>(int2, int4) -> int2
>>(int4, int4) -> int4
>>(int8, int4) -> int8

abs(N) -> N
ceil(num) -> @whole
ceil(f8) -> f8
floor(num) -> @whole
floor(f8) -> f8
round(num) -> @whole
round(num, int4) -> @rounded
round(I>num, int4) -> @rounded
round(f8, int4) -> f8
round(f8) -> f8
trunc(num) -> @truncated
trunc(num, int4) -> @rounded
trunc(f8) -> f8
sign(num) -> num(1,0)
sign(f8) -> f8
sqrt(f8) -> f8
cbrt(f8) -> f8
exp(f8) -> f8
ln(f8) -> f8
log(f8) -> f8
log(f8, f8) -> f8
log10(f8) -> f8
power(f8, f8) -> f8
div(num, num) -> @quotient
gcd(int4, int4) -> int4
gcd(int8, int8) -> int8
lcm(int4, int4) -> int4
lcm(int8, int8) -> int8
degrees(f8) -> f8
radians(f8) -> f8
sin(f8) -> f8
cos(f8) -> f8
tan(f8) -> f8
cot(f8) -> f8
asin(f8) -> f8
acos(f8) -> f8
atan(f8) -> f8
atan2(f8, f8) -> f8
sinh(f8) -> f8
cosh(f8) -> f8
tanh(f8) -> f8
asinh(f8) -> f8
acosh(f8) -> f8
atanh(f8) -> f8
pi() -> f8
random() -> f8
factorial(int8) -> num(38,0)
width_bucket(num>f8, num>f8, num>f8, int4) -> int4
width_bucket(f8, f8, f8, int4) -> int4
scale(num) -> int4
min_scale(num) -> int4
trim_scale(num) -> same

lower(text) -> text
upper(text) -> text
initcap(text) -> text
length(text) -> int4
length(bytes) -> int4
octet_length(text) -> int4
octet_length(bytes) -> int4
bit_length(text) -> int4
bit_length(bytes) -> int4
substr(text, int4) -> text
substr(text, int4, int4) -> text
substr(bytes, int4) -> bytes
substr(bytes, int4, int4) -> bytes
strpos(text, text) -> int4
btrim(text) -> text
btrim(text, text) -> text
ltrim(text) -> text
ltrim(text, text) -> text
rtrim(text) -> text
rtrim(text, text) -> text
replace(text, text, text) -> text
left(text, int4) -> text
right(text, int4) -> text
lpad(text, int4) -> text
lpad(text, int4, text) -> text
rpad(text, int4) -> text
rpad(text, int4, text) -> text
repeat(text, int4) -> text
reverse(text) -> text
split_part(text, text, int4) -> text
starts_with(text, text) -> bool
ascii(text) -> int4
chr(int4) -> text
md5(text) -> text
md5(bytes) -> text
sha256(bytes) -> bytes
encode(bytes, text) -> text
decode(text, text) -> bytes
translate(text, text, text) -> text
overlay(text, text, int4) -> text
overlay(text, text, int4, int4) -> text
to_hex(int4) -> text
to_hex(int8) -> text
concat(any...) -> text
concat_ws(text, any...) -> text
format(text) -> text
format(text, any...) -> text
quote_ident(text) -> text
quote_literal(text) -> text
quote_nullable(text) -> text
normalize(text) -> text
unaccent(text) -> text
string_to_array(text, text) -> text[]
string_to_array(text, text, text) -> text[]
regexp_replace(text, text, text) -> text
regexp_replace(text, text, text, text) -> text
regexp_match(text, text) -> text[]
regexp_match(text, text, text) -> text[]
regexp_like(text, text) -> bool
regexp_like(text, text, text) -> bool
regexp_count(text, text) -> int4
regexp_substr(text, text) -> text
regexp_split_to_array(text, text) -> text[]
regexp_split_to_array(text, text, text) -> text[]

extract(text, date>ts) -> @field
extract(text, ts) -> @field
extract(text, tstz) -> @field
extract(text, time) -> @field
extract(text, interval) -> @field
date_part(text, date>ts) -> f8
date_part(text, ts) -> f8
date_part(text, tstz) -> f8
date_part(text, time) -> f8
date_part(text, interval) -> f8
date_trunc(text, date>tstz) -> tstz
date_trunc(text, ts) -> ts
date_trunc(text, tstz) -> tstz
date_trunc(text, tstz, text) -> tstz
date_trunc(text, interval) -> interval
date_bin(interval, ts, ts) -> ts
date_bin(interval, tstz, tstz) -> tstz
timezone(text, ts) -> tstz
timezone(text, tstz) -> ts
timezone(interval, ts) -> tstz
timezone(interval, tstz) -> ts
age(ts, ts) -> interval
age(tstz, tstz) -> interval
make_date(int4, int4, int4) -> date
make_time(int4, int4, f8) -> time
make_timestamp(int4, int4, int4, int4, int4, f8) -> ts
make_timestamptz(int4, int4, int4, int4, int4, f8) -> tstz
make_interval(int4) -> interval
make_interval(int4, int4) -> interval
make_interval(int4, int4, int4) -> interval
make_interval(int4, int4, int4, int4) -> interval
make_interval(int4, int4, int4, int4, int4) -> interval
make_interval(int4, int4, int4, int4, int4, int4) -> interval
make_interval(int4, int4, int4, int4, int4, int4, f8) -> interval
justify_days(interval) -> interval
justify_hours(interval) -> interval
justify_interval(interval) -> interval
isfinite(date) -> bool
isfinite(ts) -> bool
isfinite(tstz) -> bool
isfinite(interval) -> bool
to_char(ts, text) -> text
to_char(tstz, text) -> text
to_char(interval, text) -> text
to_char(int4>num, text) -> text
to_char(int8>num, text) -> text
to_char(num, text) -> text
to_char(f4, text) -> text
to_char(f8, text) -> text
to_date(text, text) -> date
to_timestamp(f8) -> tstz
to_timestamp(text, text) -> tstz

array_length(T[], int4) -> int4
array_upper(T[], int4) -> int4
array_lower(T[], int4) -> int4
array_ndims(T[]) -> int4
cardinality(T[]) -> int4
array_position(T[], T) -> int4
array_position(T[], T, int4) -> int4
array_positions(T[], T) -> int4[]
array_append(T[], T) -> T[]
array_prepend(T, T[]) -> T[]
array_cat(T[], T[]) -> T[]
array_remove(T[], T) -> T[]
array_replace(T[], T, T) -> T[]
array_to_string(T[], text) -> text
array_to_string(T[], text, text) -> text
array_fill(T, int4[]) -> T[]
trim_array(T[], int4) -> T[]
array_get(T[], int4) -> T
array_slice(T[], int4, int4) -> T[]
@>(T[], T[]) -> bool
<@(T[], T[]) -> bool
&&(T[], T[]) -> bool

->(json, int4) -> json
->(json, text) -> json
->>(json, int4) -> text
->>(json, text) -> text
#>(json, text[]) -> json
#>>(json, text[]) -> text
@>(json, json) -> bool
<@(json, json) -> bool
?(json, text) -> bool
?|(json, text[]) -> bool
?&(json, text[]) -> bool
json_build_object(any...) -> json
jsonb_build_object(any...) -> json
json_build_object() -> json
jsonb_build_object() -> json
json_build_array(any...) -> json
jsonb_build_array(any...) -> json
json_build_array() -> json
jsonb_build_array() -> json
to_json(any) -> json
to_jsonb(any) -> json
array_to_json(T[]) -> json
json_typeof(json) -> text
json_array_length(json) -> int4
json_extract_path(json, text...) -> json
json_extract_path_text(json, text...) -> text

num_nulls(any...) -> int4
num_nonnulls(any...) -> int4
gen_random_uuid() -> uuid
"""

ALIASES = {
    "ceiling": "ceil",
    "pow": "power",
    "dpow": "power",
    "char_length": "length",
    "character_length": "length",
    "substring": "substr",
    "trim": "btrim",
    "uuid_generate_v4": "gen_random_uuid",
    "jsonb_typeof": "json_typeof",
    "jsonb_array_length": "json_array_length",
    "jsonb_extract_path": "json_extract_path",
    "jsonb_extract_path_text": "json_extract_path_text",
    "!": "not",
    "!=": "<>",
    "~~": "like",
    "~~*": "ilike",
    "xor": "#",
    "mod": "%",
}
"""Further names of the same functions; the plan holds the second one."""

VOLATILE = frozenset({"random", "gen_random_uuid"})
STABLE = frozenset(
    {"to_char", "to_timestamp", "concat", "concat_ws", "format", "timezone", "to_json", "to_jsonb", "array_to_string"}
)
"""May depend on settings of the session, such as its zone; fixed within a statement."""

NOT_STRICT = frozenset(
    {
        *(
            "is_distinct",
            "is_not_distinct",
            "is_null",
            "is_not_null",
            "is_true",
            "is_not_true",
            "is_false",
            "is_not_false",
        ),
        *("and", "or", "coalesce", "nullif", "greatest", "least", "array", "num_nulls", "num_nonnulls"),
        *("concat", "concat_ws", "format", "quote_nullable", "string_to_array", "array_to_string"),
        *("array_append", "array_prepend", "array_cat", "array_remove", "array_replace", "array_position"),
        *("array_positions", "array_fill", "json_build_object", "jsonb_build_object", "json_build_array"),
        *("jsonb_build_array",),
    }
)
"""What may give something else than NULL for a NULL argument; all other functions are strict."""

LEAKPROOF = frozenset(
    {
        *("=", "<>", "<", "<=", ">", ">=", "is_distinct", "is_not_distinct", "is_null", "is_not_null"),
        *("is_true", "is_not_true", "is_false", "is_not_false", "and", "or", "not", "like", "ilike"),
    }
)
"""Cannot tell anything about their arguments but by their answer: no error, no log (DESIGN.md, section 6)."""
