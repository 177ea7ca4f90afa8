"""Casts: every pair of types that ``bind.coercion`` allows, with PostgreSQL's reading of text and its rounding.

DuckDB casts text leniently ('1e3', '0x10' and '1_000' are integers to it), so text is first tested against the form that
both read alike. Text that PostgreSQL reads but that form leaves out ('Jan 5 2020' in a column) is an error with a hint,
never another value. ``safe`` casts give NULL where others raise.
"""

from collections.abc import Callable

from hanse.ir.types import FLOATS, INTEGERS, NUMBERS, Array, Decimal, Enum, Kind, Type
from hanse.spi.dialect import Operand, Rule
from hanse.spi.duckdb import texts
from hanse.spi.duckdb.spelling import fail, fail_with, let, quoted
from hanse.spi.duckdb.types import type_name

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
SPECIAL = r"(?i:nan|[+-]?inf(inity)?)"
OFFSET = r"(\s*([zZ]|[+-][0-9]{1,2}(:?[0-9]{2}){0,2}))?"
DAY = r"[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}"
CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{0,6})?)?"
MOMENT = rf"{DAY}([tT\s]\s*{CLOCK}{OFFSET})?(\s+(?i:bc))?"
ENDLESS = r"|[+-]?(?i:infinity)"
WORDS = r"(years?|mons?|months?|weeks?|days?|hours?|minutes?|mins?|seconds?|secs?|milliseconds?|microseconds?)"
SPAN = rf"([+-]?[0-9]+ {WORDS}\s*)*([+-]?[0-9]+:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{0,6}})?)?)?"
FORMS = {
    **dict.fromkeys(INTEGERS, r"[+-]?[0-9]+"),
    Kind.DECIMAL: NUMBER,
    Kind.FLOAT32: f"{NUMBER}|{SPECIAL}",
    Kind.FLOAT64: f"{NUMBER}|{SPECIAL}",
    Kind.DATE: MOMENT + ENDLESS,
    Kind.TIME: CLOCK + OFFSET,
    Kind.TIMESTAMP: MOMENT + ENDLESS,
    Kind.TIMESTAMPTZ: MOMENT + ENDLESS,
    Kind.INTERVAL: SPAN,
}
"""What text must look like, blanks around it aside, before DuckDB may cast it."""
MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL})
TRUE, FALSE = "'t','tr','tru','true','y','ye','yes','on','1'", "'f','fa','fal','fals','false','n','no','of','off','0'"
BLANKS = "chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
STRINGS = frozenset({Kind.TEXT, Kind.ENUM})

Spelt = str | None


def cast(arg: Operand, target: Type, safe: bool) -> Rule | None:
    """The conversion of ``arg``; None where PostgreSQL has none."""
    sql = spell(arg, target, safe)
    return None if sql is None else Rule(lambda _: sql)


def spell(arg: Operand, target: Type, safe: bool = False) -> str | None:
    """The SQL of the conversion."""
    source = arg.type
    if source == target:
        return arg.sql
    if source.kind == Kind.NULL or (arg.literal is not None and arg.literal.value is None):
        return f"CAST({arg.sql} AS {type_name(target)})"
    if isinstance(source, Array) or isinstance(target, Array):
        return _array(arg, target, safe)
    if source.kind in STRINGS:
        return _from_text(arg, target, safe)
    if target.kind in STRINGS:
        return texts.to_text(arg) if target.kind == Kind.TEXT else None
    special = SPECIALS.get((source.kind, target.kind))
    if special:
        return special(arg, target, safe)
    if source.kind in NUMBERS and target.kind in NUMBERS:
        return _number(arg, target, safe)
    return None


def _plain(sql: str, target: Type, safe: bool) -> str:
    return f"{'TRY_CAST' if safe else 'CAST'}({sql} AS {type_name(target)})"


def _refuse(code: str, message: str, value: str, safe: bool) -> str:
    return "NULL" if safe else fail_with(code, message, value)


def _array(arg: Operand, target: Type, safe: bool) -> str | None:
    """Item by item; text from and to arrays is PostgreSQL's ``{1,2}``."""
    if isinstance(arg.type, Array) and isinstance(target, Array):
        item = spell(Operand("x", arg.type.item), target.item, safe)
        return None if item is None else f"list_transform({arg.sql}, lambda x: {item})"
    if target.kind == Kind.TEXT:
        return texts.to_text(arg)
    if isinstance(target, Array) and arg.type.kind in STRINGS:
        return _text_to_array(arg, target, safe)
    return None


def _text_to_array(arg: Operand, target: Array, safe: bool) -> str | None:
    """Flat arrays without quotes or escapes; others are refused."""
    item = spell(Operand("trim(x)", Type(Kind.TEXT)), target.item, safe)
    if item is None or isinstance(target.item, Array):
        return None
    inner = f"CASE WHEN upper(trim(x)) = 'NULL' THEN NULL ELSE {item} END"

    def body(x: str) -> str:
        items = f"list_transform(string_split(substr(trim({x}), 2, len(trim({x})) - 2), ','), lambda x: {inner})"
        return (
            f"CASE WHEN regexp_full_match(trim({x}), '\\{{\\s*\\}}') THEN CAST([] AS {type_name(target)})"
            f" WHEN regexp_full_match(trim({x}), '\\{{[^{{}}\"\\\\]*\\}}') THEN {items}"
            f" WHEN {x} IS NOT NULL THEN {_refuse('22P02', 'malformed array literal', x, safe)} END"
        )

    return let([arg], body, "t")


def _from_text(arg: Operand, target: Type, safe: bool) -> str | None:
    if target.kind == Kind.TEXT:
        return arg.sql
    if isinstance(target, Enum):
        labels = ", ".join(quoted(label) for label in target.labels)
        refuse = _refuse("22P02", "invalid input value for enum", "{x}", safe)
        return let(
            [arg], lambda x: f"CASE WHEN {x} IN ({labels}) THEN {x} WHEN {x} IS NOT NULL THEN {refuse.format(x=x)} END"
        )
    readers: dict[Kind, Callable[[str, bool], str]] = {
        Kind.BOOLEAN: _boolean,
        Kind.UUID: _uuid,
        Kind.JSON: _json,
        Kind.BYTES: _bytes,
    }
    if target.kind in readers:
        reader = readers[target.kind]
        return let([arg], lambda x: reader(x, safe))
    return let([arg], lambda x: _tested(x, target, safe))


def _tested(x: str, target: Type, safe: bool) -> str:
    """A cast of text that has the form which both engines read alike."""
    trimmed = f"trim({x}, {BLANKS})"
    code = "22007" if target.kind in MOMENTS else "22P02"
    refuse = _refuse(code, f"invalid input syntax for type {target.kind}", x, safe)
    value = VALUES.get(target.kind, _plain)(trimmed, target, safe)
    form = quoted(FORMS[target.kind])
    empty = f" OR {trimmed} = ''" if target.kind == Kind.INTERVAL else ""
    return f"CASE WHEN NOT regexp_full_match({trimmed}, {form}){empty} THEN {refuse} ELSE {value} END"


def _text_to_timestamp(sql: str, target: Type, safe: bool) -> str:
    """PostgreSQL reads an offset in a timestamp without zone, and drops it."""
    bare = f"regexp_replace({_era(sql)}, ':([0-9]{{2}}(\\.[0-9]*)?)\\s*([zZ]|[+-][0-9:]+)$', ':\\1')"
    return _plain(bare, target, safe)


def _era(sql: str) -> str:
    """BC stands at the end for PostgreSQL, behind the day in parentheses for DuckDB."""
    return f"regexp_replace({sql}, '^(\\d+-\\d+-\\d+)(.*)\\s+(?i:bc)$', '\\1 (BC)\\2')"


def _text_to_instant(sql: str, target: Type, safe: bool) -> str:
    return _plain(_era(sql), target, safe)


def _text_to_float(sql: str, target: Type, safe: bool) -> str:
    """What is too large or too small for the type is an error."""
    plain = _plain(sql, target, safe)
    refuse = _refuse("22003", f"value is out of range for type {target.kind}", sql, safe)
    return (
        f"CASE WHEN isinf({plain}) AND NOT regexp_matches({sql}, '(?i)inf')"
        f" OR {plain} = 0 AND regexp_matches({sql}, '^[-+0.]*[1-9]') THEN {refuse} ELSE {plain} END"
    )


def _text_to_time(sql: str, target: Type, safe: bool) -> str:
    day_end = fail("22008", "24:00:00 is a time of the next day in Hanse")
    plain = _plain(f"regexp_replace({sql}, '\\s*([zZ]|[+-][0-9:]+)$', '')", target, safe)
    return f"CASE WHEN starts_with({sql}, '24') THEN {'NULL' if safe else day_end} ELSE {plain} END"


def _text_to_interval(sql: str, target: Type, safe: bool) -> str:
    words = f"regexp_replace({sql}, '\\b(mon)(s?)\\b', 'month\\2', 'g')"
    return _plain(words, target, safe)


VALUES: dict[Kind, Callable[[str, Type, bool], str]] = {
    Kind.TIME: _text_to_time,
    Kind.TIMESTAMP: _text_to_timestamp,
    Kind.TIMESTAMPTZ: _text_to_instant,
    Kind.FLOAT32: _text_to_float,
    Kind.FLOAT64: _text_to_float,
    Kind.DATE: lambda sql, target, safe: _plain(_text_to_timestamp(sql, Type(Kind.TIMESTAMP), safe), target, safe),
    Kind.INTERVAL: _text_to_interval,
}


def _boolean(x: str, safe: bool) -> str:
    word = f"lower(trim({x}, {BLANKS}))"
    refuse = _refuse("22P02", "invalid input syntax for type boolean", x, safe)
    return f"CASE WHEN {word} IN ({TRUE}) THEN TRUE WHEN {word} IN ({FALSE}) THEN FALSE WHEN {x} IS NOT NULL THEN {refuse} END"


def _uuid(x: str, safe: bool) -> str:
    form = r"'([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}|\{([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}'"
    refuse = _refuse("22P02", "invalid input syntax for type uuid", x, safe)
    bare = f"regexp_replace(lower({x}), '[^0-9a-f]', '', 'g')"
    canonical = f"regexp_replace({bare}, '^(.{{8}})(.{{4}})(.{{4}})(.{{4}})', '\\1-\\2-\\3-\\4-')"
    return f"CASE WHEN NOT regexp_full_match({x}, {form}) THEN {refuse} ELSE {canonical} END"


def _json(x: str, safe: bool) -> str:
    """DuckDB's reader takes NaN and trailing commas, which are not JSON: they are looked for outside of strings."""
    bare = f"regexp_replace({x}, '\"([^\"\\\\]|\\\\.)*\"', '\"\"', 'g')"
    odd = f"regexp_matches({bare}, '(?i)nan|inf|,\\s*[}}\\]]|/')"
    refuse = _refuse("22P02", "invalid input syntax for type json", x, safe)
    return f"CASE WHEN NOT json_valid({x}) OR {odd} THEN {refuse} ELSE {x} END"


def _bytes(x: str, safe: bool) -> str:
    refuse = _refuse("22P02", "invalid input syntax for type bytea", x, safe)
    return (
        f"CASE WHEN regexp_full_match({x}, '\\\\x([0-9a-fA-F]{{2}})*') THEN from_hex(substr({x}, 3))"
        f" WHEN NOT contains({x}, '\\') THEN encode({x}) WHEN {x} IS NOT NULL THEN {refuse} END"
    )


def _number(arg: Operand, target: Type, safe: bool) -> str:
    """Floats to integers round half to even, exact numbers half away from zero: DuckDB does the same."""
    source = arg.type
    if source.kind in FLOATS and target.kind == Kind.DECIMAL:
        digits = 5 if source.kind == Kind.FLOAT32 else 14
        refuse = _refuse("0A000", "cannot convert to numeric", "CAST({x} AS VARCHAR)", safe)
        written = _plain(f"printf('%.{digits}e', {{x}})", target, safe)
        body = f"CASE WHEN NOT isfinite({{x}}) THEN {refuse} ELSE {written} END"
        return let([arg], lambda x: body.replace("{x}", x))
    if isinstance(source, Decimal) and target.kind in FLOATS and source.precision > 15:
        return _plain(f"CAST({arg.sql} AS VARCHAR)", target, safe)
    if source.kind == Kind.FLOAT64 and target.kind == Kind.FLOAT32:
        refuse = "NULL" if safe else fail("22003", "value out of range: overflow")
        return let(
            [arg],
            lambda x: (
                f"CASE WHEN isinf(TRY_CAST({x} AS FLOAT)) AND NOT isinf({x}) THEN {refuse} ELSE {_plain(x, target, safe)} END"
            ),
        )
    return _plain(arg.sql, target, safe)


def _time_to_interval(arg: Operand, _target: Type, _safe: bool) -> str:
    return f"to_microseconds(epoch_us({arg.sql}))"


def _interval_to_time(arg: Operand, _target: Type, _safe: bool) -> str:
    day = 86_400_000_000
    return let([arg], lambda x: f"CAST(make_timestamp(({texts.micros_of(x)} % {day} + {day}) % {day}) AS TIME)")


def _json_to_number(arg: Operand, target: Type, safe: bool) -> str:
    refuse = _refuse("22023", f"cannot cast jsonb to type {target}", "{x}", safe)
    value = _plain("trim({x})", target, safe)
    return let(
        [arg],
        lambda x: (
            f"CASE json_type({x}) WHEN 'BIGINT' THEN {value.format(x=x)}"
            f" WHEN 'UBIGINT' THEN {value.format(x=x)} WHEN 'DOUBLE' THEN {_json_fraction(target, x, safe)}"
            f" ELSE CASE WHEN {x} IS NOT NULL THEN {refuse.format(x=x)} END END"
        ),
    )


def _json_fraction(target: Type, x: str, safe: bool) -> str:
    """Numbers with a point become integers by way of numeric, which rounds half away from zero."""
    return _plain(f"CAST(trim({x}) AS DECIMAL(38,9))" if target.kind in INTEGERS else f"trim({x})", target, safe)


def _json_to_boolean(arg: Operand, _target: Type, safe: bool) -> str:
    refuse = _refuse("22023", "cannot cast jsonb to type boolean", "{x}", safe)
    return let(
        [arg],
        lambda x: (
            f"CASE WHEN json_type({x}) = 'BOOLEAN' THEN trim({x}) = 'true'"
            f" WHEN {x} IS NOT NULL THEN {refuse.format(x=x)} END"
        ),
    )


def _standard(arg: Operand, target: Type, safe: bool) -> str:
    return _plain(arg.sql, target, safe)


def _via_timestamp(arg: Operand, target: Type, _safe: bool) -> str:
    return f"CAST(CAST({arg.sql} AS TIMESTAMP) AS {type_name(target)})"


SPECIALS: dict[tuple[Kind, Kind], Callable[[Operand, Type, bool], str]] = {
    **{(kind, Kind.BOOLEAN): lambda arg, _target, _safe: f"({arg.sql} <> 0)" for kind in INTEGERS},
    **{(Kind.BOOLEAN, kind): _standard for kind in INTEGERS},
    (Kind.DATE, Kind.TIMESTAMP): _standard,
    (Kind.DATE, Kind.TIMESTAMPTZ): _via_timestamp,
    (Kind.TIMESTAMP, Kind.TIMESTAMPTZ): _standard,
    (Kind.TIMESTAMP, Kind.DATE): _standard,
    (Kind.TIMESTAMP, Kind.TIME): _standard,
    (Kind.TIMESTAMPTZ, Kind.TIMESTAMP): _standard,
    (Kind.TIMESTAMPTZ, Kind.DATE): _via_timestamp,
    (Kind.TIMESTAMPTZ, Kind.TIME): _via_timestamp,
    (Kind.TIME, Kind.INTERVAL): _time_to_interval,
    (Kind.INTERVAL, Kind.TIME): _interval_to_time,
    **{(Kind.JSON, kind): _json_to_number for kind in NUMBERS},
    (Kind.JSON, Kind.BOOLEAN): _json_to_boolean,
}
