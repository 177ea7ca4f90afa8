"""Random expressions, typed: every group of types has its leaves and its operations, the simplest first.

All text is fully parenthesised. Arithmetic is done on tame operands, so that errors are rare; wild values are compared,
sorted, grouped and shown. Only functions whose result PostgreSQL fixes to the last bit stand here.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.scope import COMPARABLE, Context, Piece, Scope

Make = Callable[[Context, Scope], str]
PATTERNS = (
    "a%",
    "%a%",
    "_",
    "",
    "%",
    "A%",
    "%\\%",
    "a\\_b",
    "%''%",
    "á%",
    "a ",
    "%b",
    "__",
    "%\\\\%",
    "\\_%",
    "😀%",
    "%ß%",
)
WORDS = ("a", "A", "á", "a ", "", "b", "zz", "ab", "''", "ß", "😀", "%", "10", "a%b", "back\\slash")
NUMBERS = ("0", "1", "2", "3", "-1", "5", "7", "10", "42")
DECIMALS = ("1.5", "0.5", "2.50", "-0.25", "10.0", "0.01", "3.0", "99.99")
"""With a point: PostgreSQL's floor(3) is a float, whose sums depend on the order of rows."""
FLOATS = ("0.5", "1.0", "-2.5", "1e3", "0.1", "100")
DATES = ("2024-02-29", "2024-03-31", "1999-12-31", "1970-01-01", "2024-12-31")
STAMPS = ("2024-02-29 12:30:00", "1999-12-31 23:59:59.999999", "2024-03-31 02:30:00", "1970-01-01 00:00:00")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
STEPS = ("1 day", "1 month", "-1 month", "1 year", "2 hours", "90 minutes", "1 month 1 day", "-1 day", "0.5 seconds")
FIELDS = ("year", "month", "day", "quarter", "week", "dow", "isodow", "doy", "isoyear", "decade", "century")
CUTS = ("month", "year", "day", "quarter", "week", "hour", "minute", "second", "decade", "century")
FORMATS = (
    "YYYY-MM-DD",
    "DD.MM.YY",
    "YYYY",
    "MM",
    "HH24:MI:SS",
    "Q",
    "YYYYMMDD HH12 AM",
    "Day",
    "Mon",
    "D",
    "DDD",
    "FMMonth DD",
)
TYPES = {
    "int": "bigint", "text": "text", "dec": "numeric(30,6)", "float": "double precision", "bool": "boolean", "date": "date",
    "ts": "timestamp", "tstz": "timestamptz", "time": "time", "bytes": "bytea", "uuid": "uuid", "interval": "interval",
    "uint": "numeric(20,0)", "real": "real", "array": "integer[]", "json": "json", "enum": "text",
}  # fmt: skip


def expression(ctx: Context, scope: Scope, group: str, tame: bool = False) -> str:
    """An expression of that group; tame if its value must be safe for arithmetic."""
    choices, makers = ctx.choices, OPERATIONS[group] + (() if tame else WILD.get(group, ()))
    if ctx.depth <= 0 or not makers or not choices.chance(60):
        return leaf(ctx, scope, group, tame)
    general: tuple[Make, ...] = (
        _coalesce(group, tame),
        _case(group, tame),
        _nullif(group, tame),
        _subquery(group, tame),
    )
    if choices.chance(25):
        return choices.pick(general)(ctx.deeper(), scope)
    return choices.pick(makers)(ctx.deeper(), scope)


def leaf(ctx: Context, scope: Scope, group: str, tame: bool = False) -> str:
    """A column, or else a literal."""
    columns = scope.of(group, tame)
    if columns and not ctx.choices.chance(15):
        return ctx.choices.pick(columns).sql
    return literal(ctx, group)


def literal(ctx: Context, group: str) -> str:
    """A constant of the group; now and then NULL, now and then a parameter."""
    if ctx.choices.chance(5):
        return f"CAST(NULL AS {TYPES[group]})"
    pick = ctx.choices.pick
    match group:
        case "int" | "uint":
            return _given(ctx, int(pick(NUMBERS))) if ctx.choices.chance(10) else pick(NUMBERS)
        case "dec":
            return pick(DECIMALS)
        case "float" | "real":
            return f"CAST({pick(FLOATS)} AS {TYPES[group]})"
        case "text":
            return f"'{pick(WORDS)}'"
        case "enum":
            # text, said explicitly: a quoted constant beside an enum must be one of its labels
            return f"CAST('{pick(WORDS)}' AS text)"
        case "bool":
            return pick(("true", "false"))
        case "date":
            return f"DATE '{pick(DATES)}'"
        case "ts":
            return f"TIMESTAMP '{pick(STAMPS)}'"
        case "tstz":
            return f"TIMESTAMPTZ '{pick(STAMPS)}+00'"
        case "time":
            return f"TIME '{pick(('12:30:00', '00:00:00', '23:59:59.999999'))}'"
        case "interval":
            return f"INTERVAL '{pick(STEPS)}'"
        case "bytes":
            return pick(("'\\x61'::bytea", "'\\x'::bytea", "'\\xfffe'::bytea"))
        case "uuid":
            return "CAST('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' AS uuid)"
        case "array":
            return pick(("ARRAY[1, 2]", "CAST(ARRAY[] AS integer[])", "ARRAY[1, NULL, 3]"))
        case _:
            return """CAST('{"a": 1}' AS json)"""


def _given(ctx: Context, value: object) -> str:
    ctx.parameters.append(value)
    return f"CAST(${len(ctx.parameters)} AS integer)"


def of(template: str, *groups: str) -> Make:
    """An operation: the template with an operand of each group put in; a group with ``+`` must be tame."""

    def make(ctx: Context, scope: Scope) -> str:
        operands = [expression(ctx, scope, one.rstrip("+"), one.endswith("+")) for one in groups]
        return template.format(*operands)

    return make


def choose(template: str, words: tuple[str, ...], *groups: str) -> Make:
    """An operation whose last place is one of the words."""

    def make(ctx: Context, scope: Scope) -> str:
        operands = [expression(ctx, scope, one.rstrip("+"), one.endswith("+")) for one in groups]
        return template.format(*operands, ctx.choices.pick(words))

    return make


def _coalesce(group: str, tame: bool) -> Make:
    mark = group + "+" * tame
    return of("coalesce({}, {})", mark, mark)


def _nullif(group: str, tame: bool) -> Make:
    mark = group + "+" * tame
    return of("nullif({}, {})", mark, mark) if group not in ("json", "array") else _coalesce(group, tame)


def _case(group: str, tame: bool) -> Make:
    mark = group + "+" * tame
    return (
        of("CASE WHEN {} THEN {} WHEN {} THEN {} END", "bool", mark, "bool", mark)
        if tame
        else of("CASE WHEN {} THEN {} ELSE {} END", "bool", mark, mark)
    )


def _subquery(group: str, tame: bool) -> Make:
    def make(ctx: Context, scope: Scope) -> str:
        return ctx.subquery(ctx, scope, group) if ctx.subquery and not tame else leaf(ctx, scope, group, tame)

    return make


def comparison(ctx: Context, scope: Scope) -> str:
    """Two values of one group (or of two that compare) and an operator."""
    present = [group for group in COMPARABLE if scope.of(group)] or ["int"]
    group = ctx.choices.pick(present)
    other = ctx.choices.pick({"int": ("int", "int", "dec", "float", "uint"), "dec": ("dec", "int", "float"),
                              "date": ("date", "date", "ts"), "ts": ("ts", "date"), "uint": ("uint", "int", "dec"),
                              "float": ("float", "int", "real"), "real": ("real", "float")}.get(group, (group,)))  # fmt: skip
    operators = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
    left, right = expression(ctx, scope, group), expression(ctx, scope, other)
    return f"({left} {ctx.choices.pick(operators)} {right})"


def _membership(ctx: Context, scope: Scope) -> str:
    group = ctx.choices.pick([one for one in COMPARABLE if scope.of(one)] or ["int"])
    items = ", ".join(literal(ctx, group) for _ in range(ctx.choices.between(1, 4)))
    return f"({expression(ctx, scope, group)} {ctx.choices.pick(('IN', 'NOT IN'))} ({items}))"


def _between(ctx: Context, scope: Scope) -> str:
    group = ctx.choices.pick([one for one in COMPARABLE if scope.of(one)] or ["int"])
    value, low, high = (expression(ctx, scope, group) for _ in range(3))
    return f"({value} {ctx.choices.pick(('BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC'))} {low} AND {high})"


def _null_test(ctx: Context, scope: Scope) -> str:
    if not scope.columns:
        return "true"
    return f"({ctx.choices.pick(scope.columns)} {ctx.choices.pick(('IS NULL', 'IS NOT NULL'))})"


def _exists(ctx: Context, scope: Scope) -> str:
    return ctx.subquery(ctx, scope, "exists") if ctx.subquery else comparison(ctx, scope)


def _row_comparison(ctx: Context, scope: Scope) -> str:
    pairs = [(expression(ctx, scope, group), expression(ctx, scope, group)) for group in ("int", "text")]
    left, right = (", ".join(pair[i] for pair in pairs) for i in (0, 1))
    return f"(({left}) {ctx.choices.pick(('=', '<>', '<', '>='))} ({right}))"


def predicate(ctx: Context, scope: Scope) -> str:
    """A condition."""
    return expression(ctx, scope, "bool") if ctx.choices.chance(90) else comparison(ctx, scope)


WILD: dict[str, tuple[Make, ...]] = {
    "int": (
        of("CAST({} AS bigint)", "int"),
        of("greatest({}, {})", "int", "int"),
        of("least({}, {}, 3)", "int", "int"),
    ),
    "dec": (
        of("abs({})", "dec"),
        choose("round({}, {})", ("0", "1", "2", "-1"), "dec"),
        of("round({})", "dec"),
        of("trunc({}, 1)", "dec"),
        of("(- {})", "dec"),
        of("greatest({}, {})", "dec", "dec"),
        of("sign({})", "dec"),
        of("least({}, {})", "dec", "int"),
    ),
    "float": (
        of("abs({})", "float"),
        of("CAST({} AS double precision)", "dec"),
        of("CAST({} AS double precision)", "int"),
        of("(- {})", "float"),
        of("greatest({}, {})", "float", "float"),
        of("CAST({} AS double precision)", "real"),
        of("least({}, {})", "float", "float"),
        of("sign({})", "float"),
    ),
    "date": (
        of("CAST({} AS date)", "ts"),
        of("greatest({}, {})", "date", "date"),
        of("CAST({} AS date)", "tstz"),
        of("least({}, {})", "date", "date"),
    ),
    "ts": (
        of("CAST({} AS timestamp)", "date"),
        of("greatest({}, {})", "ts", "ts"),
        of("CAST({} AS timestamp)", "tstz"),
    ),
    "tstz": (
        of("greatest({}, {})", "tstz", "tstz"),
    ),
}  # fmt: skip
"""What does not stand where the value must be tame."""

OPERATIONS: dict[str, tuple[Make, ...]] = {
    "bool": (
        comparison, comparison, comparison, comparison, _membership, _between, _null_test, _exists, _exists,
        of("({} AND {})", "bool", "bool"), of("({} OR {})", "bool", "bool"), of("(NOT {})", "bool"),
        choose("({} {})", ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"), "bool"),
        choose("({} LIKE '{}')", PATTERNS, "text"), choose("({} NOT LIKE '{}')", PATTERNS, "text"),
        choose("({} ILIKE '{}')", PATTERNS, "text"), choose("({} ~ '{}')", ("^a", "b$", "[0-9]+", "^.$", "a|A"), "text"),
        choose("({} ~* '{}')", ("^A", "B$", "^.b"), "text"), of("starts_with({}, {})", "text", "text"),
        choose("({} LIKE '{}' ESCAPE '!')", ("a!_%", "%!%", "!%a", "a%"), "text"),
        of("({} = ANY (ARRAY[1, 2, NULL]))", "int"), of("({} = ANY (array_append({}::integer[], 7)))", "int+", "array"), _row_comparison,
    ),
    "int": (
        of("({} + {})", "int+", "int+"), of("({} - {})", "int+", "int+"), of("({} * {})", "int+", "int+"), of("(- {})", "int+"),
        choose("({} / {})", ("2", "3", "-2", "7"), "int+"), choose("({} % {})", ("2", "3", "-2", "7"), "int+"),
        of("abs({})", "int+"), of("length({})", "text"), of("strpos({}, {})", "text", "text"),
        choose("CAST(extract({1} FROM {0}) AS integer)", FIELDS, "date"), of("({} - {})", "date+", "date+"),
        choose("CAST(extract({1} FROM {0}) AS integer)", ("hour", "minute", *FIELDS), "ts"), of("CAST({} AS integer)", "bool"),
        of("CAST({} AS integer)", "dec+"), of("CAST({} AS bigint)", "float+"),
          of("ascii({})", "text"),
        of("octet_length({})", "text"), of("({} & {})", "int+", "int+"), of("({} | {})", "int+", "int+"), of("sign({})::integer", "int+"),
        of("bit_length({})", "text"), of("array_length({}, 1)", "array"), of("({})[1]", "array"), of("cardinality({})", "array"),
        of("mod({}, 3)", "int+"), of("({} # 5)", "int+"), of("position('a' in {})", "text"), of("CAST({} AS integer)", "uint+"),
    ),
    "dec": (
        of("({} + {})", "dec+", "dec+"), of("({} - {})", "dec+", "int+"), of("({} * 1.5)", "dec+"),
           of("ceil({})", "dec+"),
        of("floor({})", "dec+"), of("CAST({} AS numeric(20,3))", "int+"),
        of("CAST({} AS numeric(12,1))", "dec+"), of("mod({}, 0.7)", "dec+"), of("extract(epoch FROM {})", "ts+"),
        of("extract(second FROM {})", "ts"), of("CAST({} AS numeric(20,4))", "float+"), of("({} * {})", "int+", "dec+"),
         of("CAST('12.345' AS numeric(10,2)) + {}", "dec+"), of("extract(epoch FROM {})", "date+"),
    ),
    "float": (
        of("({} + {})", "float+", "float+"), of("({} - {})", "float+", "int+"), of("({} * {})", "float+", "float+"),
        choose("({} / {})", ("2", "CAST(0.1 AS double precision)", "3"), "float+"), of("sqrt(abs({}))", "float+"),
        of("floor({})", "float+"), of("ceil({})", "float+"), of("round({})", "float+"),
           of("trunc({})", "float+"),
         of("date_part('epoch', {})", "ts+"),
    ),
    "text": (
        of("({} || {})", "text", "text"), of("lower({})", "text"), of("upper(replace({}, 'ß', 'ss'))", "text"), of("substr({}, 2)", "text"),
        choose("substr({}, {})", ("1, 1", "2, 3", "0, 2", "-1, 3", "100"), "text"), of("replace({}, {}, {})", "text", "text", "text"),
        of("btrim({})", "text"), of("rtrim({})", "text"), of("ltrim({}, 'a ')", "text"), choose("left({}, {})", ("1", "2", "-1", "0"), "text"),
        choose("right({}, {})", ("1", "2", "-1"), "text"), choose("repeat({}, {})", ("2", "0", "-1"), "text"), of("reverse({})", "text"),
        choose("lpad({}, {})", ("3", "3, '*'", "5, 'ab'", "0"), "text"), choose("rpad({}, {})", ("3", "4, '-'"), "text"),
        choose("split_part({}, {})", ("'a', 1", "' ', 2", "',', 2", "'%', 1", "',', -1"), "text"), of("concat({}, {}, '!')", "text", "int"),
        of("concat_ws('-', {}, {})", "text", "text"), of("CAST({} AS text)", "int"), of("CAST({} AS text)", "date"), of("CAST({} AS text)", "bool"),
        of("CAST(CAST({} AS numeric(36,4)) AS text)", "dec"), of("translate({}, 'ab', 'x')", "text"), of("overlay({} placing 'XY' from 2 for 1)", "text"), of("md5({})", "text"),
        of("initcap(replace({}, 'ß', 'ss'))", "text"), of("CAST({} AS text)", "ts"), of("CAST({} AS text)", "uuid"), of("CAST({} AS text)", "time"),
        of("CAST({} AS varchar(2))", "text"), choose("to_char({}, '{}')", FORMATS, "ts"), of("greatest({}, {})", "text", "text"),
        of("regexp_replace({}, '[aA]', '<\\&>', 'g')", "text"), of("least({}, {})", "text", "text"), of("({} || {})", "text", "int"),
        of("({} ->> 'a')", "json"), of("quote_literal({})", "text"), of("CAST({} AS text)", "enum"), of("encode({}, 'hex')", "bytes"),
        of("CAST({} AS text)", "tstz"), of("CAST({} AS text)", "float"), of("array_to_string({}, ',')", "array"), of("CAST({} AS text)", "interval"),
        of("substring({} from 1 for 2)", "text"), of("({} ->> 0)", "json"), of("CAST({} AS text)", "uint"), of("chr(CAST(abs({}) % 90 AS integer) + 33)", "int+"),
        of("regexp_replace({}, '^(.)(.*)$', '\\2\\1')", "text"), of("trim(both 'a' from {})", "text"), of("to_hex({})", "int+"),
    ),
    "date": (
        of("({} + CAST({} AS integer))", "date+", "int+"), of("({} - CAST({} AS integer))", "date+", "int+"),
        choose("CAST(date_trunc('{1}', {0}) AS date)", CUTS[:5], "date+"),
        choose("CAST({} + INTERVAL '{}' AS date)", STEPS, "date+"), of("make_date(2024, CAST(abs({}) % 12 AS integer) + 1, 28)", "int+"),
    ),
    "ts": (
        choose("({} + INTERVAL '{}')", STEPS, "ts+"), choose("({} - INTERVAL '{}')", STEPS, "ts+"),
        choose("date_trunc('{1}', {0})", CUTS, "ts+"), choose("({} AT TIME ZONE '{}')", ZONES, "tstz+"),
         choose("({} + INTERVAL '{}')", STEPS, "date+"), of("({} + {})", "date+", "time"),
    ),
    "tstz": (
        choose("({} AT TIME ZONE '{}')", ZONES, "ts+"), choose("({} + INTERVAL '{}')", STEPS, "tstz+"),
        choose("date_trunc('{1}', {0})", CUTS, "tstz+"), of("CAST({} AS timestamptz)", "ts+"), choose("date_trunc('day', {}, '{}')", ZONES, "tstz+"),
    ),
    "time": (choose("({} + INTERVAL '{}')", ("1 hour", "-30 minutes", "1 day"), "time"), of("CAST({} AS time)", "ts"), of("greatest({}, {})", "time", "time")),
    "interval": (of("({} - {})", "ts+", "ts+"), choose("({} * {})", ("2", "-1", "3"), "interval"), of("({} + {})", "interval", "interval"), of("({} - {})", "time", "time")),
    "bytes": (of("({} || {})", "bytes", "bytes"), of("substr({}, 1, 1)", "bytes")),
    "json": (of("({} -> 'b')", "json"), of("({} -> 0)", "json")),
    "array": (of("ARRAY[{}, {}]", "int+", "int+"), of("array_append({}, 7)", "array")),
    "uint": (),
    "real": (of("abs({})", "real"), of("greatest({}, {})", "real", "real"), of("(- {})", "real")),
    "uuid": (of("greatest({}, {})", "uuid", "uuid"),),
    "enum": (),
}  # fmt: skip


def typed_null(group: str) -> str:
    """NULL of the group's usual type."""
    return f"CAST(NULL AS {TYPES[group]})"


def pieces(ctx: Context, scope: Scope, groups: tuple[str, ...], count: int) -> list[Piece]:
    """So many expressions of such groups, preferring those that the scope has columns of."""
    present = [group for group in groups if scope.of(group)] or ["int"]
    chosen = [ctx.choices.pick(present) for _ in range(count)]
    return [Piece(expression(ctx, scope, group), group, tame=False) for group in chosen]
