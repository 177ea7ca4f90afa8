"""Arithmetic and mathematics. PostgreSQL raises an error where DuckDB gives NULL, infinity or NaN; types are ours."""

from collections.abc import Callable, Sequence

from hanse.ir import arithmetic
from hanse.ir.types import FLOATS, INT32, INTEGERS, Decimal, Kind, decimal
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb.spelling import fail, has_null, is_constant, let, rules, using, value
from hanse.spi.duckdb.types import type_name

BY_ZERO = fail("22012", "division by zero")
OVERFLOW = fail("22003", "value out of range: overflow")
EXACT = frozenset({Kind.DECIMAL})
FAST_DIGITS = 18
"""DuckDB calculates decimals of at most so many digits in 64 bits, and then the result has no more either."""

Spell = Callable[[Sequence[Operand]], str]


def _typed(operator: str, args: Sequence[Operand]) -> Decimal:
    result = arithmetic.result(operator, args[0].type, args[1].type)
    assert isinstance(result, Decimal)
    return result


def _sum(operator: str) -> Spell:
    """Exact sums: where the result needs more than 18 digits an operand is widened first, so that nothing overflows."""

    def spell(args: Sequence[Operand]) -> str:
        type = _typed(operator, args)
        name = type_name(type)
        if has_null(args):
            return f"CAST(NULL AS {name})"
        if type.precision <= FAST_DIGITS:
            return f"({args[0].sql} {operator} {args[1].sql})"
        return f"CAST(CAST({args[0].sql} AS {name}) {operator} {args[1].sql} AS {name})"

    return spell


def _product(args: Sequence[Operand]) -> str:
    type = _typed("*", args)
    if has_null(args):
        return f"CAST(NULL AS {type_name(type)})"
    if type.precision <= FAST_DIGITS:
        return f"({args[0].sql} * {args[1].sql})"
    left = arithmetic.as_decimal(args[0].type)
    wide = decimal(max(FAST_DIGITS + 1, left.precision), left.scale)
    return f"CAST(CAST({args[0].sql} AS {type_name(wide)}) * {args[1].sql} AS {type_name(type)})"


def _finite(operator: str) -> Spell:
    """Sums and products of floats: an infinite result of finite operands is an overflow."""

    def spell(args: Sequence[Operand]) -> str:
        if _cannot_overflow(operator, args):
            return f"({args[0].sql} {operator} {args[1].sql})"
        test = f"isinf($0 {operator} $1) AND isfinite($0) AND isfinite($1)"
        return using(f"CASE WHEN {test} THEN {OVERFLOW} ELSE $0 {operator} $1 END")(args)

    return spell


def _cannot_overflow(operator: str, args: Sequence[Operand]) -> bool:
    if any(arg.type.kind == Kind.FLOAT32 for arg in args):
        return False
    sizes = [abs(value(arg)) for arg in args if is_constant(arg)]
    return any(size <= (1 if operator == "*" else 1e290) for size in sizes)


def _divide_floats(args: Sequence[Operand]) -> str:
    divisor = value(args[1])
    if divisor is not None and abs(divisor) >= 1:
        return f"({args[0].sql} / {args[1].sql})"
    return using(
        f"CASE WHEN $1 = 0 AND NOT isnan($0) THEN {BY_ZERO}"
        f" WHEN isinf($0 / $1) AND isfinite($0) THEN {OVERFLOW} ELSE $0 / $1 END"
    )(args)


def _divide_integers(operator: str) -> Spell:
    """Division truncates in both; by zero DuckDB gives NULL, and by -1 it mistakes the smallest number."""

    def spell(args: Sequence[Operand]) -> str:
        divisor = value(args[1])
        if divisor not in (None, 0, -1):
            return f"({args[0].sql} {operator} {args[1].sql})"
        by_minus_one = "- $0" if operator == "//" else f"CAST($0 * 0 AS {type_name(args[0].type)})"
        return using(
            f"CASE WHEN $1 = 0 AND $0 IS NOT NULL THEN {BY_ZERO} WHEN $1 = -1 THEN {by_minus_one} ELSE $0 {operator} $1 END"
        )(args)

    return spell


def _remainder(args: Sequence[Operand]) -> str:
    name = type_name(_typed("%", args))
    body = f"CAST(CAST($0 AS {name}) % CAST($1 AS {name}) AS {name})"
    if value(args[1]):
        return using(body)(args)
    return using(f"CASE WHEN $1 = 0 AND $0 IS NOT NULL THEN {BY_ZERO} ELSE {body} END")(args)


def _quotient(args: Sequence[Operand]) -> str:
    """div: both scaled to whole numbers, then divided as such."""
    scale = max(arithmetic.as_decimal(arg.type).scale for arg in args)
    left, right = (f"CAST({name} * 1{'0' * scale} AS HUGEINT)" for name in ("$0", "$1"))
    wide = [Operand(f"CAST({arg.sql} AS DECIMAL(38,{scale}))", arg.type) for arg in args]
    number = [arithmetic.as_decimal(arg.type) for arg in args]
    digits = min(38, number[0].precision - number[0].scale + number[1].scale + 1)
    return using(
        f"CASE WHEN $1 = 0 AND $0 IS NOT NULL THEN {BY_ZERO} ELSE CAST({left} // {right} AS DECIMAL({digits},0)) END"
    )(wide)


def _places(function: str) -> Spell:
    """Round and trunc to a number of places, in the type that ``bind.results.rounded`` states."""

    def spell(args: Sequence[Operand]) -> str:
        number = arithmetic.as_decimal(args[0].type)
        places = value(args[1])
        scale = number.scale if places is None else max(0, min(number.scale, places))
        type = decimal(min(38, number.precision - number.scale + 1 + scale), scale)
        if places is None:
            return using(_stepwise(function, number, type_name(type)))(args)
        if function == "round" and places >= 0:
            return f"CAST({args[0].sql} AS {type_name(type)})"
        return f"CAST({_at(function, args[0].sql, number, places)} AS {type_name(type)})"

    return spell


def _round_float(args: Sequence[Operand]) -> str:
    """A float rounded as the exact number that PostgreSQL makes of it, of 15 digits: a quotient such as 201 / 200 is
    1.005 and rounds to 1.01, though the float below it is a little less."""
    places = value(args[1])
    if places is None or not 0 <= places <= FAST_DIGITS:
        return f"round({args[0].sql}, {args[1].sql})"
    exact = f"CAST(CAST(printf('%.14e', $0) AS DECIMAL(38,{places})) AS DOUBLE)"
    return using(f"CASE WHEN abs($0) < 1e15 THEN {exact} ELSE $0 END")(args)


def _at(function: str, sql: str, number: Decimal, places: int) -> str:
    """Exact rounding at a constant place, with room for one digit more: 99.9 rounds to 100."""
    if places >= number.scale:
        return sql
    if places < number.scale - number.precision:
        return f"CASE WHEN {sql} IS NOT NULL THEN 0 END"
    wide = decimal(min(38, number.precision + 1), number.scale)
    return f"{function}(CAST({sql} AS {type_name(wide)}), {places})"


def _stepwise(function: str, number: Decimal, name: str) -> str:
    """A place known only at run time: a branch for each place that matters."""
    branches = []
    for places in range(number.scale - number.precision, number.scale):
        rounded = f"CAST($0 AS {type_name(decimal(38, places))})" if function == "round" and places >= 0 else ""
        branches.append(f"WHEN {places} THEN CAST({rounded or _at(function, '$0', number, places)} AS {name})")
    return (
        f"CASE WHEN $1 >= {number.scale} THEN CAST($0 AS {name}) WHEN $1 < {number.scale - number.precision} AND $0 IS NOT NULL"
        f" THEN CAST(0 AS {name}) ELSE CASE $1 {' '.join(branches)} END END"
    )


def _to_whole(function: str) -> Spell:
    """ceil, floor, round, trunc of an exact number, with the digits that ``bind.results`` states."""

    def spell(args: Sequence[Operand]) -> str:
        number = arithmetic.as_decimal(args[0].type)
        extra = 0 if function == "trunc" else 1
        digits = max(1, min(38, number.precision - number.scale + extra))
        return f"CAST({function}({args[0].sql}) AS DECIMAL({digits},0))"

    return spell


def _shift(operator: str) -> Spell:
    """Shifts as C does them: by the distance modulo the width, bits that leave are lost."""

    def spell(args: Sequence[Operand]) -> str:
        if args[0].type.kind == Kind.INT16:
            wide = spell([Operand(f"CAST({args[0].sql} AS INTEGER)", INT32), args[1]])
            return f"CAST(xor({wide} & 65535, 32768) - 32768 AS SMALLINT)"
        width = 64 if args[0].type.kind == Kind.INT64 else 32
        if operator == ">>":
            return f"({args[0].sql} >> ({args[1].sql} & {width - 1}))"
        name = type_name(args[0].type)
        half, full = f"CAST('{2 ** (width - 1)}' AS HUGEINT)", f"CAST('{2**width}' AS HUGEINT)"
        one = "CAST(1 AS HUGEINT)"
        power = f"({one} << ($1 & {width - 1}))"
        low = f"((CAST($0 AS HUGEINT) & (({one} << ({width - 1} - ($1 & {width - 1}))) - 1)) * {power})"
        bit = f"CASE WHEN ($0 >> ({width - 1} - ($1 & {width - 1}))) & 1 = 1 THEN {half} ELSE 0 END"
        sign = f"CASE WHEN {bit} > 0 THEN {low} - {full} + {half} ELSE {low} END"
        return using(f"CAST({sign} AS {name})")(args)

    return spell


def _domain(body: str, *refusals: tuple[str, str, str]) -> Spell:
    """A function with the arguments that PostgreSQL refuses: condition, SQLSTATE, message."""
    cases = " ".join(f"WHEN {test} THEN {fail(code, message)}" for test, code, message in refusals)
    return using(f"CASE {cases} ELSE {body} END")


RANGE = ("22003", "input is out of range")
OUT = (RANGE[0], RANGE[1])
NEGATIVE_LOG = ("2201E", "cannot take logarithm of a negative number")
ZERO_LOG = ("2201E", "cannot take logarithm of zero")


def _log(name: str) -> Spell:
    return _domain(f"{name}($0)", ("$0 = 0", *ZERO_LOG), ("$0 < 0", *NEGATIVE_LOG))


POWER = _domain(
    "pow($0, $1)",
    ("$0 = 0 AND $1 < 0", "2201F", "zero raised to a negative power is undefined"),
    (
        "$0 < 0 AND isfinite($1) AND $1 <> floor($1)",
        "2201F",
        "a negative number raised to a non-integer power yields a complex result",
    ),
    ("isinf(pow($0, $1)) AND isfinite($0) AND isfinite($1)", "22003", "value out of range: overflow"),
)
WIDTH_BUCKET = (
    "CASE WHEN $0 IS NULL OR $1 IS NULL OR $2 IS NULL THEN NULL"
    f" WHEN isnan($0) OR isnan($1) OR isnan($2) OR isinf($1) OR isinf($2)"
    f" THEN {fail('2201G', 'lower and upper bounds must be finite')}"
    f" WHEN $3 <= 0 THEN {fail('2201G', 'count must be greater than zero')}"
    f" WHEN $1 = $2 THEN {fail('2201G', 'lower bound cannot equal upper bound')}"
    " WHEN $1 < $2 THEN CASE WHEN $0 < $1 THEN 0 WHEN $0 >= $2 THEN $3 + 1 ELSE"
    " CAST(floor(($0 - $1) / ($2 - $1) * $3) AS INTEGER) + 1 END"
    " WHEN $1 > $2 THEN CASE WHEN $0 > $1 THEN 0 WHEN $0 <= $2 THEN $3 + 1 ELSE"
    " CAST(floor(($1 - $0) / ($1 - $2) * $3) AS INTEGER) + 1 END END"
)
COT = (
    "CASE WHEN $0 <> 0 OR $0 IS NULL THEN cot($0) WHEN starts_with(CAST($0 AS VARCHAR), '-')"
    " THEN CAST('-inf' AS DOUBLE) ELSE CAST('inf' AS DOUBLE) END"
)
FLOATING = (FLOATS,)
WHOLE = (INTEGERS,)


def _decimal_first(exact: Spell, other: str | Spell) -> tuple[Rule, ...]:
    return rules(Rule(exact, (EXACT, frozenset(Kind))), Rule(other))


NUMBERS: Rules = {
    "+": rules(Rule("{0} + {1}", WHOLE), Rule(_sum("+"), (EXACT,)), Rule(_finite("+"), FLOATING)),
    "-": rules(Rule("{0} - {1}", WHOLE), Rule(_sum("-"), (EXACT,)), Rule(_finite("-"), FLOATING)),
    "*": rules(Rule("{0} * {1}", WHOLE), Rule(_product, (EXACT,)), Rule(_finite("*"), FLOATING)),
    "/": rules(Rule(_divide_integers("//"), WHOLE), Rule(_divide_floats, FLOATING)),
    "%": rules(Rule(_divide_integers("%"), WHOLE), Rule(_remainder, (EXACT,))),
    "^": rules(POWER),
    "neg": rules("(- {0})"),
    "&": rules("{0} & {1}"),
    "|": rules("{0} | {1}"),
    "#": rules("xor({0}, {1})"),
    "bit_not": rules("(~ {0})"),
    "<<": rules(_shift("<<")),
    ">>": rules(_shift(">>")),
    "abs": rules("abs({0})"),
    "ceil": _decimal_first(_to_whole("ceil"), "ceil({0})"),
    "floor": _decimal_first(_to_whole("floor"), "floor({0})"),
    "round": rules(
        Rule(_places("round"), (EXACT, INTEGERS), when=lambda args: len(args) == 2),
        Rule(_round_float, when=lambda args: len(args) == 2),
        Rule(_to_whole("round"), (EXACT,)),
        Rule(
            using(
                "CASE WHEN $0 = 0 OR NOT abs($0) < 4503599627370496 THEN $0"
                " WHEN $0 < 0 AND $0 >= -0.5 THEN CAST('-0' AS DOUBLE) ELSE CAST(CAST($0 AS BIGINT) AS DOUBLE) END"
            )
        ),
    ),
    "trunc": rules(
        Rule(_places("trunc"), (EXACT, INTEGERS), when=lambda args: len(args) == 2),
        Rule(_to_whole("trunc"), (EXACT,)),
        Rule("trunc({0})"),
    ),
    "sign": rules(Rule("CAST(sign({0}) AS DECIMAL(1,0))", (EXACT,)), Rule("CAST(sign({0}) AS DOUBLE)")),
    "sqrt": rules(_domain("sqrt($0)", ("$0 < 0", "2201F", "cannot take square root of a negative number"))),
    "cbrt": rules("cbrt({0})"),
    "exp": rules(_domain("exp($0)", ("isinf(exp($0)) AND isfinite($0)", "22003", "value out of range: overflow"))),
    "ln": rules(_log("ln")),
    "log": rules(
        Rule(_log("log10"), when=lambda args: len(args) == 1),
        Rule(
            _domain(
                "ln($1) / ln($0)",
                ("$0 = 0 OR $1 = 0", *ZERO_LOG),
                ("$0 < 0 OR $1 < 0", *NEGATIVE_LOG),
                ("$0 = 1 AND $1 IS NOT NULL", "22012", "division by zero"),
            )
        ),
    ),
    "log10": rules(_log("log10")),
    "power": rules(POWER),
    "div": rules(_quotient),
    **{
        name: rules(lambda args, name=name: f"CAST({name}({args[0].sql}, {args[1].sql}) AS {type_name(args[0].type)})")
        for name in ("gcd", "lcm")
    },
    "degrees": rules("degrees({0})"),
    "radians": rules("radians({0})"),
    **{name: rules(_domain(f"{name}($0)", ("isinf($0)", *OUT))) for name in ("sin", "cos", "tan")},
    "cot": rules(_domain(COT, ("isinf($0)", *OUT))),
    **{
        name: rules(_domain(f"{name}($0)", ("($0 < -1 OR $0 > 1) AND NOT isnan($0)", *OUT)))
        for name in ("asin", "acos")
    },
    "atan": rules("atan({0})"),
    "atan2": rules("atan2({0}, {1})"),
    **{name: rules(f"{name}({{0}})") for name in ("sinh", "cosh", "tanh", "asinh")},
    "acosh": rules(_domain("acosh($0)", ("$0 < 1", *OUT))),
    "atanh": rules(
        _domain(
            "CASE $0 WHEN 1 THEN CAST('inf' AS DOUBLE) WHEN -1 THEN CAST('-inf' AS DOUBLE) ELSE atanh($0) END",
            ("($0 < -1 OR $0 > 1) AND NOT isnan($0)", *OUT),
        )
    ),
    "pi": rules("pi()"),
    "random": rules("random()"),
    "factorial": rules(
        _domain(
            "CAST(factorial(CAST($0 AS INTEGER)) AS DECIMAL(38,0))",
            ("$0 < 0", "22003", "factorial of a negative number is undefined"),
            ("$0 > 33", "22003", "value overflows numeric format"),
        )
    ),
    "width_bucket": rules(using(WIDTH_BUCKET)),
    "scale": rules(
        lambda args: f"CASE WHEN {args[0].sql} IS NOT NULL THEN {arithmetic.as_decimal(args[0].type).scale} END"
    ),
    "min_scale": rules(
        lambda args: (
            let(
                [f"rtrim(CAST({args[0].sql} AS VARCHAR), '0')"],
                lambda x: (
                    f"CASE WHEN contains({x}, '.') THEN CAST(len({x}) - instr({x}, '.') AS INTEGER)"
                    f" WHEN {x} IS NOT NULL THEN 0 END"
                ),
            )
            if arithmetic.as_decimal(args[0].type).scale
            else f"CASE WHEN {args[0].sql} IS NOT NULL THEN 0 END"
        )
    ),
    "trim_scale": rules("{0}"),
}
