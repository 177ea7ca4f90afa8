"""Dates, times and intervals. Zone-dependent functions use the session's zone, which DuckDB's ICU has as TimeZone."""

import re
from collections.abc import Callable, Sequence

from hanse.ir.expr import Interval
from hanse.ir.types import Kind, Type
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb.spelling import fail, let, rules, using, value
from hanse.spi.duckdb.texts import micros_of

DATE, TIME, TIMESTAMP, INSTANT, INTERVAL = (
    frozenset({kind}) for kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL)
)
STAMPS = TIMESTAMP | INSTANT
DAY = 86_400_000_000
ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z_]+([+-][0-9]+)?)*|[A-Z]{3}[0-9][A-Z]{3}")
"""Names of zones that both read alike; 'UTC+3' and '+03' mean west to PostgreSQL and east to ICU."""
Spell = Callable[[Sequence[Operand]], str]
RANGE = "22008"


def months_of(x: str) -> str:
    """The months of an interval."""
    return f"(datepart('year', {x}) * 12 + datepart('month', {x}))"


def _span(micros: str, name: str = "d") -> str:
    """Microseconds as days of 24 hours and time."""
    return let([micros], lambda d: f"to_days(CAST({d} // {DAY} AS INTEGER)) + to_microseconds({d} % {DAY})", name)


def _instants(args: Sequence[Operand]) -> str:
    return _span(f"epoch_us({args[0].sql}) - epoch_us({args[1].sql})")


def _shifted(sign: str) -> Spell:
    """An instant and an interval: months, then days, then time, one by one. DuckDB's ICU begins with the time as soon as
    any of the three is negative, which makes another day of it at the end of a month."""

    def spell(args: Sequence[Operand]) -> str:
        span = value(args[1])
        if isinstance(span, Interval):
            parts = (span.months, span.days, span.microseconds)
            if sum(map(bool, parts)) <= 1 or (not sign and min(parts) >= 0):
                return f"({args[0].sql} {sign or '+'} {args[1].sql})"
        months, days = f"CAST({sign}{months_of('$1')} AS INTEGER)", f"CAST({sign}datepart('day', $1) AS INTEGER)"
        return using(f"$0 + to_months({months}) + to_days({days}) + to_microseconds({sign}{micros_of('$1')})")(args)

    return spell


def _scaled(operator: str) -> Spell:
    """Interval times or by a number: fractions of months become days, of days time (interval_mul in timestamp.c)."""

    def spell(args: Sequence[Operand]) -> str:
        check = f"CASE WHEN $1 = 0 THEN {fail('22012', 'division by zero')} ELSE " if operator == "/" else ""
        month, day, micros = months_of("$0"), "datepart('day', $0)", micros_of("$0")
        parts = ", ".join(f"'{name}': {x} {operator} $1" for name, x in (("m", month), ("d", day), ("t", micros)))
        rest = (
            "lambda h_p: to_months(CAST(trunc(h_p.m) AS INTEGER))"
            " + to_days(CAST(trunc(h_p.d) + trunc(h_p.r) + trunc(h_p.s / 86400) AS INTEGER))"
            " + to_microseconds(CAST(h_p.t + (h_p.s - trunc(h_p.s / 86400) * 86400) * 1000000 AS BIGINT))"
        )
        seconds = "round_even((h_q.d - trunc(h_q.d) + h_q.r - trunc(h_q.r)) * 86400, 6)"
        left = f"lambda h_q: {{'m': h_q.m, 'd': h_q.d, 't': h_q.t, 'r': h_q.r, 's': {seconds}}}"
        first = "lambda h_o: {'m': h_o.m, 'd': h_o.d, 't': h_o.t, 'r': round_even((h_o.m - trunc(h_o.m)) * 30, 6)}"
        whole = f"list_transform(list_transform(list_transform([{{{parts}}}], {first}), {left}), {rest})[1]"
        guarded = f"CASE WHEN $0 IS NULL OR $1 IS NULL THEN NULL ELSE {whole} END"
        return using(f"{check}{guarded}{' END' if check else ''}")(args)

    return spell


SIMPLE_FIELDS = frozenset(
    {
        *("year", "month", "day", "hour", "minute", "dow", "isodow", "doy", "week", "isoyear", "quarter", "decade"),
        *("century", "millennium", "timezone", "timezone_hour", "timezone_minute"),
    }
)
TIME_FIELDS = frozenset({"hour", "minute", "second", "milliseconds", "microseconds", "epoch"})
SPAN_FIELDS = TIME_FIELDS | {"year", "month", "day", "quarter", "decade", "century", "millennium"}
FACTORS = {"second": "0.000001", "milliseconds": "0.001", "microseconds": "1.000000"}


def _field_of(args: Sequence[Operand]) -> str:
    return str(value(args[0]))


def _has_field(args: Sequence[Operand]) -> bool:
    field, kind = _field_of(args), args[1].type.kind
    if kind == Kind.TIME:
        return field in TIME_FIELDS
    if kind == Kind.INTERVAL:
        return field in SPAN_FIELDS
    return kind == Kind.TIMESTAMPTZ or not field.startswith("timezone")


def _extract(args: Sequence[Operand]) -> str:
    """EXTRACT as numeric: whole fields numeric(10,0), the others numeric(20,6)."""
    field = _field_of(args)
    if field in SIMPLE_FIELDS:
        return f"CAST({_whole(field, args[1])} AS DECIMAL(10,0))"
    if field in FACTORS:
        micros = f"CAST({_micros_in_minute(args[1])} AS DECIMAL(19,0))"
        return f"CAST({micros} * CAST('{FACTORS[field]}' AS DECIMAL(7,6)) AS DECIMAL(20,6))"
    if field == "epoch":
        return f"CAST(CAST({_epoch(args[1])} AS DECIMAL(19,0)) * CAST('0.000001' AS DECIMAL(7,6)) AS DECIMAL(20,6))"
    return f"CAST({_julian(args[1])} AS DECIMAL(20,6))"


def _part(args: Sequence[Operand]) -> str:
    """date_part: the same as double precision."""
    field = _field_of(args)
    if field in SIMPLE_FIELDS:
        return f"CAST({_whole(field, args[1])} AS DOUBLE)"
    if field in FACTORS:
        divisor = {"second": "1000000", "milliseconds": "1000", "microseconds": "1"}[field]
        return f"CAST({_micros_in_minute(args[1])} AS DOUBLE) / {divisor}"
    if field == "epoch":
        return f"CAST({_epoch(args[1])} AS DOUBLE) / 1000000"
    return f"CAST({_julian(args[1])} AS DOUBLE)"


def _whole(field: str, arg: Operand) -> str:
    x = arg.sql
    if arg.type.kind == Kind.INTERVAL:
        years = f"datepart('year', {x})"
        spans = {"decade": 10, "century": 100, "millennium": 1000}
        if field in spans:
            return f"CAST(trunc({years} / {spans[field]}) AS BIGINT)"
        return f"datepart('month', {x}) // 3 + 1" if field == "quarter" else f"datepart('{field}', {x})"
    if field in ("year", "isoyear"):  # PostgreSQL has no year 0
        return let([f"datepart('{field}', {x})"], lambda y: f"CASE WHEN {y} > 0 THEN {y} ELSE {y} - 1 END", "y")
    if field == "decade":
        return f"CAST(floor(datepart('year', {x}) / 10) AS BIGINT)"
    return f"datepart('{field}', {x})"


def _micros_in_minute(arg: Operand) -> str:
    return f"datepart('microsecond', {arg.sql})"


def _epoch(arg: Operand) -> str:
    if arg.type.kind != Kind.INTERVAL:
        return f"epoch_us({arg.sql})"
    return let(
        [arg],
        lambda x: (
            f"(datepart('year', {x}) * 31557600 + datepart('month', {x}) * 2592000 + datepart('day', {x}) * 86400)"
            f" * 1000000 + {micros_of(x)}"
        ),
    )


def _julian(arg: Operand) -> str:
    odd = fail("0A000", "the julian day of a time within the day is not exact")
    return let(
        [f"CAST({arg.sql} AS TIMESTAMP)"],
        lambda x: f"CASE WHEN epoch_us({x}) % {DAY} <> 0 THEN {odd} ELSE epoch_us({x}) // {DAY} + 2440588 END",
    )


def _trunc(args: Sequence[Operand]) -> str:
    field, x = _field_of(args), args[1]
    if len(args) == 3:
        inner = f"timezone({args[2].sql}, {x.sql})"
        local = Operand(inner, Type(Kind.TIMESTAMP))
        return f"timezone({args[2].sql}, {_trunc([args[0], local])})"
    if x.type.kind == Kind.INTERVAL:
        return _trunc_span(field, x)
    if field in ("century", "millennium"):
        years = 100 if field == "century" else 1000
        return let(
            [x], lambda t: f"date_trunc('year', {t}) - to_years(CAST((datepart('year', {t}) - 1) % {years} AS INTEGER))"
        )
    return f"greatest(date_trunc('{field}', {x.sql}))"  # see faults: it must not stand plainly under = or <>


def _trunc_span(field: str, arg: Operand) -> str:
    months = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
    micros = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "milliseconds": 1000, "microseconds": 1}
    if field in months:
        return let([arg], lambda x: f"to_months(CAST({months_of(x)} // {months[field]} * {months[field]} AS INTEGER))")
    kept = "to_months(CAST({m} AS INTEGER)) + to_days(CAST(datepart('day', {x}) AS INTEGER))"
    if field == "day":
        return let([arg], lambda x: kept.format(m=months_of(x), x=x))
    step = micros[field]
    return let(
        [arg], lambda x: f"{kept.format(m=months_of(x), x=x)} + to_microseconds({micros_of(x)} // {step} * {step})"
    )


def _can_trunc(args: Sequence[Operand]) -> bool:
    field = _field_of(args)
    if len(args) == 3 and not _known_zone(args[2]):
        return False
    if args[1].type.kind == Kind.INTERVAL:
        return field in SPAN_FIELDS - {"epoch"}
    units = {"microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year"}
    return field in units | {"decade", "century", "millennium"}


def _known_zone(arg: Operand) -> bool:
    zone = value(arg)
    return isinstance(zone, str) and ZONE.fullmatch(zone) is not None


def _bin(args: Sequence[Operand]) -> str:
    """date_bin: the stride has no months, and is positive."""
    months = fail("0A000", "timestamps cannot be binned into intervals containing months or years")
    order = fail(RANGE, "stride must be greater than zero")
    cast = "make_timestamp" if args[1].type.kind == Kind.TIMESTAMP else "make_timestamptz"
    stride = f"(datepart('day', $0) * {DAY} + {micros_of('$0')})"
    gap = "(epoch_us($1) - epoch_us($2))"
    floor = f"({gap} - (({gap} % {stride}) + {stride}) % {stride})"
    return using(
        "CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL"
        f" WHEN {months_of('$0')} <> 0 THEN {months} WHEN {stride} <= 0 THEN {order}"
        f" ELSE {cast}(epoch_us($2) + {floor}) END"
    )(args)


def _age(args: Sequence[Operand]) -> str:
    """Years, months and days by the calendar: days borrow from the month of the earlier date (timestamp_age)."""
    stamps = [f"CAST({arg.sql} AS TIMESTAMP)" if arg.type.kind == Kind.TIMESTAMPTZ else arg.sql for arg in args]

    def borrowed(a: str, b: str) -> str:
        months = (
            f"((datepart('year', {a}) - datepart('year', {b})) * 12 + datepart('month', {a}) - datepart('month', {b}))"
        )
        days = f"(datepart('day', {a}) - datepart('day', {b}))"
        micros = f"((epoch_us({a}) % {DAY} + {DAY}) % {DAY} - (epoch_us({b}) % {DAY} + {DAY}) % {DAY})"
        return f"{{'m': {months}, 'd': {days}, 't': {micros}, 'l': datepart('day', last_day({b}))}}"

    time = "lambda h_p: CASE WHEN h_p.t < 0 THEN"
    time += f" {{'m': h_p.m, 'd': h_p.d - 1, 't': h_p.t + {DAY}, 'l': h_p.l}} ELSE h_p END"
    days = "lambda h_p: CASE WHEN h_p.d < 0 THEN"
    days += " {'m': h_p.m - 1, 'd': h_p.d + h_p.l, 't': h_p.t, 'l': h_p.l} ELSE h_p END"
    total = "lambda h_p: to_months(CAST(h_p.m AS INTEGER)) + to_days(CAST(h_p.d AS INTEGER)) + to_microseconds(h_p.t)"

    def one(a: str, b: str) -> str:
        return f"list_transform(list_transform(list_transform([{borrowed(a, b)}], {time}), {days}), {total})[1]"

    return let(
        stamps,
        lambda a, b: f"CASE WHEN {a} >= {b} THEN {one(a, b)} WHEN {a} < {b} THEN -{one(b, a)} END",
    )


def _make_timestamp(args: Sequence[Operand]) -> str:
    bad = fail(RANGE, "date field value out of range")
    test = "$3 < 0 OR $3 > 24 OR $4 < 0 OR $4 > 59 OR $5 < 0 OR $5 > 60 OR isnan($5) OR $0 = 0"
    test += " OR ($3 = 24 AND ($4 > 0 OR $5 > 0))"
    clock = "to_microseconds(CAST($3 AS BIGINT) * 3600000000 + CAST($4 AS BIGINT) * 60000000 + CAST($5 * 1000000 AS BIGINT))"
    return using(f"CASE WHEN {test} THEN {bad} ELSE CAST(make_date($0, $1, $2) AS TIMESTAMP) + {clock} END")(args)


def _make_time(args: Sequence[Operand]) -> str:
    bad = fail(RANGE, "time field value out of range")
    micros = "CAST($0 AS BIGINT) * 3600000000 + CAST($1 AS BIGINT) * 60000000 + CAST($2 * 1000000 AS BIGINT)"
    test = f"$0 < 0 OR $1 < 0 OR $1 > 59 OR $2 < 0 OR $2 > 60 OR isnan($2) OR ({micros}) >= {DAY}"
    return using(f"CASE WHEN {test} THEN {bad} ELSE CAST(make_timestamp({micros}) AS TIME) END")(args)


def _make_date(args: Sequence[Operand]) -> str:
    bad = fail(RANGE, "date field value out of range")
    year = "CASE WHEN $0 < 0 THEN $0 + 1 ELSE $0 END"
    return using(f"CASE WHEN $0 = 0 THEN {bad} ELSE make_date({year}, $1, $2) END")(args)


def _make_interval(args: Sequence[Operand]) -> str:
    given = [arg.sql for arg in args] + ["0"] * (7 - len(args))
    years, months, weeks, days, hours, minutes, seconds = given
    parts = [f"to_months({years} * 12 + {months})", f"to_days({weeks} * 7 + {days})"]
    micros = f"CAST({hours} AS BIGINT) * 3600000000 + CAST({minutes} AS BIGINT) * 60000000"
    return f"({parts[0]} + {parts[1]} + to_microseconds({micros} + CAST({seconds} * 1000000 AS BIGINT)))"


def _parts(m: str, d: str, t: str) -> str:
    return f"to_months(CAST({m} AS INTEGER)) + to_days(CAST({d} AS INTEGER)) + to_microseconds({t})"


def _justified(x: str, *, hours: bool, days: bool) -> str:
    """The pieces carried over, and then made to agree in sign (interval_justify_* in timestamp.c)."""
    start = f"{{'m': {months_of(x)}, 'd': datepart('day', {x}), 't': {micros_of(x)}}}"
    carry_t = f"lambda h_p: {{'m': h_p.m, 'd': h_p.d + h_p.t // {DAY}, 't': h_p.t % {DAY}}}"
    carry_d = "lambda h_p: {'m': h_p.m + h_p.d // 30, 'd': h_p.d % 30, 't': h_p.t}"
    steps = [carry_t] * hours + [carry_d] * days
    if hours and days:
        steps.append(
            "lambda h_p: CASE WHEN h_p.m > 0 AND (h_p.d < 0 OR (h_p.d = 0 AND h_p.t < 0)) THEN"
            " {'m': h_p.m - 1, 'd': h_p.d + 30, 't': h_p.t}"
            " WHEN h_p.m < 0 AND (h_p.d > 0 OR (h_p.d = 0 AND h_p.t > 0)) THEN"
            " {'m': h_p.m + 1, 'd': h_p.d - 30, 't': h_p.t} ELSE h_p END"
        )
    elif days:
        steps.append(
            "lambda h_p: CASE WHEN h_p.m > 0 AND h_p.d < 0 THEN"
            " {'m': h_p.m - 1, 'd': h_p.d + 30, 't': h_p.t}"
            " WHEN h_p.m < 0 AND h_p.d > 0 THEN"
            " {'m': h_p.m + 1, 'd': h_p.d - 30, 't': h_p.t} ELSE h_p END"
        )
    if hours:
        steps.append(
            f"lambda h_p: CASE WHEN h_p.d > 0 AND h_p.t < 0 THEN {{'m': h_p.m, 'd': h_p.d - 1, 't': h_p.t + {DAY}}}"
            f" WHEN h_p.d < 0 AND h_p.t > 0 THEN {{'m': h_p.m, 'd': h_p.d + 1, 't': h_p.t - {DAY}}} ELSE h_p END"
        )
    chain = f"[{start}]"
    for step in steps:
        chain = f"list_transform({chain}, {step})"
    return f"CASE WHEN {x} IS NOT NULL THEN list_transform({chain}, lambda h_p: {_parts('h_p.m', 'h_p.d', 'h_p.t')})[1] END"


def _justify(*, hours: bool, days: bool) -> Spell:
    return lambda args: let(args, lambda x: _justified(x, hours=hours, days=days))


def _epoch_to_instant(args: Sequence[Operand]) -> str:
    bad = fail(RANGE, "timestamp out of range")
    return using(
        f"CASE WHEN isnan($0) THEN {bad} WHEN isinf($0) THEN CASE WHEN $0 > 0 THEN CAST('infinity' AS TIMESTAMPTZ)"
        " ELSE CAST('-infinity' AS TIMESTAMPTZ) END"
        " ELSE make_timestamptz(CAST(($0 - 946684800) * 1000000 AS BIGINT) + 946684800000000) END"
    )(args)


def _by_offset(body: str) -> Spell:
    """A zone given as an interval of hours, down to the second."""
    seconds = f"to_microseconds({micros_of('$0')} // 1000000 * 1000000)"
    bad = fail("22023", "interval time zone must not include months or days")
    return using(
        f"CASE WHEN $1 IS NOT NULL AND ({months_of('$0')} <> 0 OR datepart('day', $0) <> 0) THEN {bad}"
        f" ELSE {body.format(zone=seconds)} END"
    )


def _zoned(args: Sequence[Operand]) -> str:
    return f"timezone({args[0].sql}, {args[1].sql})"


DATES: Rules = {
    "+": rules(
        Rule("{0} + {1}", (DATE, frozenset({Kind.INT32}))),
        Rule("{0} + {1}", (DATE, TIME)),
        Rule(_shifted(""), (INSTANT, INTERVAL)),
        Rule("{0} + {1}", (TIMESTAMP | TIME | INTERVAL, INTERVAL)),
    ),
    "-": rules(
        Rule("CAST({0} - {1} AS INTEGER)", (DATE, DATE)),
        Rule("{0} - {1}", (DATE, frozenset({Kind.INT32}))),
        Rule(_instants, (STAMPS, STAMPS)),
        Rule("to_microseconds(epoch_us({0}) - epoch_us({1}))", (TIME, TIME)),
        Rule(_shifted("-"), (INSTANT, INTERVAL)),
        Rule("{0} - {1}", (TIMESTAMP | TIME | INTERVAL, INTERVAL)),
    ),
    "*": rules(Rule(_scaled("*"), (INTERVAL, frozenset({Kind.FLOAT64})))),
    "/": rules(Rule(_scaled("/"), (INTERVAL, frozenset({Kind.FLOAT64})))),
    "extract": rules(Rule(_extract, when=_has_field)),
    "date_part": rules(Rule(_part, when=_has_field)),
    "date_trunc": rules(Rule(_trunc, when=_can_trunc)),
    "date_bin": rules(_bin),
    "timezone": rules(
        Rule(_by_offset("timezone('UTC', $1 - {zone})"), (INTERVAL, TIMESTAMP)),
        Rule(_by_offset("timezone('UTC', $1) + {zone}"), (INTERVAL, INSTANT)),
        Rule(_zoned, when=lambda args: _known_zone(args[0])),
    ),
    "age": rules(_age),
    "make_date": rules(_make_date),
    "make_time": rules(_make_time),
    "make_timestamp": rules(_make_timestamp),
    "make_timestamptz": rules(lambda args: f"CAST({_make_timestamp(args)} AS TIMESTAMPTZ)"),
    "make_interval": rules(_make_interval),
    "justify_days": rules(_justify(hours=False, days=True)),
    "justify_hours": rules(_justify(hours=True, days=False)),
    "justify_interval": rules(_justify(hours=True, days=True)),
    "isfinite": rules(Rule("CASE WHEN {0} IS NOT NULL THEN TRUE END", (INTERVAL,)), Rule("isfinite({0})")),
}
"""The sums and products join those of ``numbers``; ``to_char`` and ``to_timestamp`` stand in ``formats``."""
FROM_EPOCH = Rule(_epoch_to_instant, (frozenset({Kind.FLOAT64}),))
