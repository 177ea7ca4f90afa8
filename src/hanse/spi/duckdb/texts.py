"""How PostgreSQL writes each type as text: what ``::text``, ``||``, concat and array_to_string show."""

from hanse.ir.types import Array, Decimal, Kind, Type
from hanse.spi.dialect import Operand
from hanse.spi.duckdb.spelling import let

DATED = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
FLOAT_DIGITS = {Kind.FLOAT64: 15, Kind.FLOAT32: 6}
"""From so many places before the point on, PostgreSQL writes an exponent (extra_float_digits = 1)."""


def to_text(arg: Operand) -> str:
    """The value as PostgreSQL's output function writes it (DateStyle ISO, IntervalStyle postgres, bytea_output hex)."""
    kind = arg.type.kind
    if kind in (Kind.TEXT, Kind.ENUM, Kind.UUID, Kind.JSON):
        return arg.sql
    if isinstance(arg.type, Array):
        item = arg.type.item
        return let([arg], lambda x: _array(x, item), "a")
    if kind in FLOAT_DIGITS:
        return let([arg], lambda x: _float(x, FLOAT_DIGITS[kind]))
    if kind == Kind.BYTES:
        return f"'\\x' || lower(hex({arg.sql}))"
    if kind == Kind.INTERVAL:
        return let([arg], interval)
    if kind in DATED:
        return _dated(arg)
    if isinstance(arg.type, Decimal) and arg.type.precision == arg.type.scale:  # DuckDB writes .5
        return f"regexp_replace(CAST({arg.sql} AS VARCHAR), '^(-?)[.]', '\\10.')"
    return f"CAST({arg.sql} AS VARCHAR)"


def displayed(arg: Operand) -> str:
    """The same as concat and array_to_string show it, by the output function: booleans are ``t`` and ``f``."""
    if arg.type.kind == Kind.BOOLEAN:
        return let([arg], lambda x: f"CASE WHEN {x} THEN 't' WHEN NOT {x} THEN 'f' END")
    return to_text(arg)


def _dated(arg: Operand) -> str:
    """BC stands without parentheses, after the zone."""
    text = f"CAST({arg.sql} AS VARCHAR)"
    return f"regexp_replace({text}, '^(.{{10,}}?) \\(BC\\)(.*)$', '\\1\\2 BC')"


def _float(x: str, digits: int) -> str:
    text = f"CAST({x} AS VARCHAR)"
    plain = f"regexp_replace({text}, '\\.0$', '')"
    return (
        f"CASE WHEN isnan({x}) THEN 'NaN' WHEN isinf({x}) THEN CASE WHEN {x} > 0 THEN 'Infinity' ELSE '-Infinity' END"
        f" WHEN abs({x}) >= 1e{digits} AND abs({x}) < 1e16 THEN {_scientific(text, x, digits)} ELSE {plain} END"
    )


def _scientific(text: str, x: str, digits: int) -> str:
    """Plain digits as mantissa and exponent; for real, the shortest digits are found by trying."""
    if digits == 6:
        tries = " ".join(
            f"WHEN CAST({shown} AS FLOAT) = {x} THEN {shown}"
            for shown in (f"printf('%.{places}e', CAST({x} AS DOUBLE))" for places in range(8))
        )
        return f"regexp_replace(CASE {tries} ELSE printf('%.8e', CAST({x} AS DOUBLE)) END, '\\.?0*e', 'e')"
    whole = f"split_part(ltrim({text}, '-'), '.', 1)"
    mantissa = f"rtrim(replace(regexp_replace(ltrim({text}, '-'), '\\.0$', ''), '.', ''), '0')"
    return (
        f"CASE WHEN {x} < 0 THEN '-' ELSE '' END || left({mantissa}, 1) || CASE WHEN len({mantissa}) > 1 THEN '.' ||"
        f" substr({mantissa}, 2) ELSE '' END || 'e+' || lpad(CAST(len({whole}) - 1 AS VARCHAR), 2, '0')"
    )


def _array(x: str, element: Type) -> str:
    item = Operand("x", element)
    text = displayed(item)
    if not isinstance(element, Array):
        special = r"""'[{}",\\\s]'"""
        escaped = "'\"' || replace(replace(t, '\\', '\\\\'), '\"', '\\\"') || '\"'"
        quote = f"t = '' OR lower(t) = 'null' OR regexp_matches(t, {special})"
        text = f"list_transform([{text}], lambda t: CASE WHEN {quote} THEN {escaped} ELSE t END)[1]"
    items = f"list_transform({x}, lambda x: coalesce({text}, 'NULL'))"
    return f"CASE WHEN {x} IS NOT NULL THEN '{{' || coalesce(array_to_string({items}, ','), '') || '}}' END"


def interval(x: str) -> str:
    """IntervalStyle postgres: signs before each part, a plus after a negative one (EncodeInterval in interval.c)."""
    years, months, days = (f"datepart('{field}', {x})" for field in ("year", "month", "day"))
    micros = micros_of(x)
    parts = [
        _unit(years, "year", "FALSE"),
        _unit(months, "mon", f"{years} < 0"),
        _unit(days, "day", f"(CASE WHEN {months} <> 0 THEN {months} ELSE {years} END) < 0"),
        _clock(micros, f"(CASE WHEN {days} <> 0 THEN {days} WHEN {months} <> 0 THEN {months} ELSE {years} END) < 0"),
    ]
    return (
        f"CASE WHEN {years} = 0 AND {months} = 0 AND {days} = 0 AND {micros} = 0 THEN '00:00:00'"
        f" WHEN {x} IS NOT NULL THEN concat_ws(' ', {', '.join(parts)}) END"
    )


def micros_of(x: str) -> str:
    """The microseconds of an interval beside its months and days."""
    return f"(datepart('hour', {x}) * 3600000000 + datepart('minute', {x}) * 60000000 + datepart('microsecond', {x}))"


def _unit(value: str, name: str, after_negative: str) -> str:
    plus = "" if after_negative == "FALSE" else f"CASE WHEN {after_negative} AND {value} > 0 THEN '+' ELSE '' END || "
    plural = f"CASE WHEN {value} = 1 THEN '' ELSE 's' END"
    return f"CASE WHEN {value} <> 0 THEN {plus}CAST({value} AS VARCHAR) || ' {name}' || {plural} END"


def _clock(micros: str, after_negative: str) -> str:
    sign = f"CASE WHEN {micros} < 0 THEN '-' WHEN {after_negative} THEN '+' ELSE '' END"
    size = f"abs({micros})"
    whole = f"printf('%02d:%02d:%02d', {size} // 3600000000, {size} // 60000000 % 60, {size} // 1000000 % 60)"
    fraction = f"CASE WHEN {size} % 1000000 <> 0 THEN '.' || rtrim(printf('%06d', {size} % 1000000), '0') ELSE '' END"
    return f"CASE WHEN {micros} <> 0 THEN {sign} || {whole} || {fraction} END"
