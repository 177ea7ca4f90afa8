"""Operators and functions that MySQL and MariaDB compute as PostgreSQL does, each proven in ``tests/contract/mysql``.

The exact form of a text is its value in utf8mb4 under a collation that compares bytes and pads nothing. A comparison in
that form can use no index, so a plain one, which under any collation lets at least the same rows through, stands beside
it wherever both sides compare under one character set (traps R1 to R7).

Not here, because they differ: comparisons of float (R9), arithmetic of float and of unsigned numbers, division by
anything but a constant, lower, upper and regular expressions (which depend on the collation), greatest and least (NULL),
string_agg (GROUP_CONCAT cuts its answer), conversions from and to text, pad and repeat (which end at a packet's size).
"""

from collections.abc import Callable, Sequence

from hanse.connectors.mysql.literals import SMALLEST
from hanse.ir.expr import Interval
from hanse.ir.types import FLOATS, INTEGERS, SIGNED, TEXTS, Decimal, Kind
from hanse.spi.dialect import Operand, Rule, Rules, Spelling

FLOAT32 = frozenset({Kind.FLOAT32})
DECIMAL = frozenset({Kind.DECIMAL})
TEMPORAL = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
PLAIN = INTEGERS | DECIMAL | TEMPORAL | {Kind.FLOAT64, Kind.BOOLEAN, Kind.BYTES}
"""Kinds without a collation whose order is ours."""
EQUAL = PLAIN | {Kind.UUID}
"""UUIDs of MariaDB sort by their time, not by their text."""
ANY_VALUE = frozenset(Kind) - {Kind.INTERVAL, Kind.ARRAY}
TEXT = frozenset(TEXTS)
BOOLEAN = frozenset({Kind.BOOLEAN})
SIGNED_SPAN = {Kind.INT8: 2**56, Kind.INT16: 2**48, Kind.INT32: 2**32, Kind.INT64: 1}
"""By how much a number must be multiplied to leave 64 bits exactly when it leaves its own type."""
CHARSETS = ("utf8mb4_", "utf8mb3_", "utf8_", "latin1_", "ascii_")
ORDERS = ("<", "<=", ">", ">=")
DIGITS_MAX, SCALE_MAX = 38, 30


def is_bytewise(arg: Operand) -> bool:
    """Whether the plain text compares bytewise: a column whose own collation says so (constants have the session's)."""
    return arg.collation.equal_is_bytewise and arg.collation.name not in ("", "bytewise")


def _is_indexable(left: Operand, right: Operand) -> bool:
    """Whether the plain comparison is a superset of the exact one and can use an index. The session's constants are
    utf8mb4, and so are the values that are told apart by their bytes."""
    name = left.collation.name
    if right.literal is None and right.collation.name == "bytewise":
        return name.startswith("utf8mb4_")
    return name.startswith(CHARSETS) and (right.literal is not None or right.collation.name == name)


def is_indexable(arg: Operand) -> bool:
    """Whether a plain comparison of the text with constants is a superset of the exact one, and can use an index."""
    return arg.collation.name.startswith(CHARSETS)


class Texts:
    """The rules for text, under the collation that the server has for exact comparisons."""

    def __init__(self, collation: str) -> None:
        """``collation`` is one of utf8mb4 that compares bytes and pads nothing."""
        self.collation = collation

    def exact(self, arg: Operand) -> str:
        """The exact form."""
        if arg.collation.name.startswith("utf8mb4_"):
            return f"({arg.sql} COLLATE {self.collation})"
        return f"(CONVERT({arg.sql} USING utf8mb4) COLLATE {self.collation})"

    @staticmethod
    def key(arg: Operand) -> str:
        """The bytes of the text in UTF-8, which group and sort as the text does. The exact form will not do: sorting pads
        it with NUL characters, so that 'a' and 'a' with a NUL at its end mix. They are read as the text that they are,
        and every rule for text takes its arguments in the exact form, which makes them text again."""
        if arg.collation.name.startswith("utf8mb4_"):
            return f"CAST({arg.sql} AS BINARY)"
        return f"CAST(CONVERT({arg.sql} USING utf8mb4) AS BINARY)"

    def equal(self, args: Sequence[Operand]) -> str:
        """``=``: the plain comparison beside the exact one."""
        left, right = args if args[0].literal is None else args[::-1]
        if is_bytewise(left) and (right.literal is not None or is_bytewise(right)):
            return f"{left.sql} = {right.sql}"
        exact = f"{self.exact(left)} = {right.sql if right.literal is not None else self.exact(right)}"
        if self._is_shipped(left) and not self._is_shipped(right):
            left, right = right, left
        if self._is_shipped(right) and left.literal is None and left.collation.name.startswith("utf8mb4_"):
            return f"{left.sql} = ({right.sql} COLLATE {left.collation.name}) AND {exact}"
        return f"{left.sql} = {right.sql} AND {exact}" if _is_indexable(left, right) else exact

    def _is_shipped(self, arg: Operand) -> bool:
        """Whether the text is a column of constants of ours (``MysqlDialect.row_collation``), or compares as such a one: under
        the collation of the other side, an index of that finds all that it equals."""
        return arg.literal is None and arg.collation.name == self.collation

    def compare(self, operator: str) -> Callable[[Sequence[Operand]], str]:
        """Any other comparison, in the exact form."""
        return lambda args: f"{self.exact(args[0])} {operator} {self.exact(args[1])}"

    def member(self, args: Sequence[Operand]) -> str:
        """``in``: as ``=``."""
        value, items = args[0], args[1:]
        texts = ", ".join(item.sql for item in items)
        if all(item.collation.name == "bytewise" or item.literal is not None for item in items):
            if is_bytewise(value) and all(item.literal is not None for item in items):
                return f"{value.sql} IN ({texts})"
            exact = f"{self.exact(value)} IN ({texts})"
            indexable = value.literal is None and all(_is_indexable(value, item) for item in items)
            return f"{value.sql} IN ({texts}) AND {exact}" if indexable else exact
        return f"{self.exact(value)} IN ({', '.join(self.exact(item) for item in items)})"

    def like(self, args: Sequence[Operand]) -> str:
        """``like`` with a constant pattern. No plain LIKE beside it: under PAD SPACE an index lookup of 'a%' misses what
        goes on with a character below the space."""
        value, pattern = args[0], args[1]
        assert pattern.literal is not None
        return f"{self.exact(value)} LIKE {pattern.sql} ESCAPE '|'"

    def call(self, template: str) -> Callable[[Sequence[Operand]], str]:
        """A function over exact forms: ``{0}`` ... in the template, ``{*}`` for all of them."""

        def spell(args: Sequence[Operand]) -> str:
            forms = [self.exact(arg) if arg.type.kind in TEXTS else arg.sql for arg in args]
            return template.format(*forms) if "{*}" not in template else template.replace("{*}", ", ".join(forms))

        return spell

    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """By name."""
        pair = (TEXT, TEXT)
        return {
            "=": (Rule(self.equal, pair),),
            "<>": (Rule(self.compare("<>"), pair),),
            **{name: (Rule(self.compare(name), pair),) for name in ORDERS},
            "is_not_distinct": (Rule(self.compare("<=>"), pair),),
            "is_distinct": (Rule(self.call("NOT ({0} <=> {1})"), pair),),
            "in": (Rule(self.member, pair),),
            "like": (Rule(self.like, pair, when=_plain_pattern),),
            "coalesce": (Rule(self.call("COALESCE({*})"), pair),),
            "nullif": (Rule(self.call("NULLIF({0}, {1})"), pair, when=_is_pair),),
            "||": (Rule(self.call("CONCAT({0}, {1})"), pair),),
            "length": (Rule(self.call("CHAR_LENGTH({0})"), (TEXT,)),),
            "strpos": (Rule(self.call("LOCATE({1}, {0})"), pair),),
            "substr": (Rule(self.call("SUBSTRING({*})"), (TEXT, INTEGERS), when=_from_the_start),),
            "left": (Rule(self.call("LEFT({0}, {1})"), (TEXT, INTEGERS), when=_counted),),
            "right": (Rule(self.call("RIGHT({0}, {1})"), (TEXT, INTEGERS), when=_counted),),
            "starts_with": (Rule(self.call("LEFT({0}, CHAR_LENGTH({1})) = {1}"), pair),),
            "replace": (Rule(self.call("REPLACE({0}, {1}, {2})"), pair, when=_finds_something),),
            "btrim": (Rule(self.call("TRIM({0})"), (TEXT,), when=_alone),),
            "ltrim": (Rule(self.call("LTRIM({0})"), (TEXT,), when=_alone),),
            "rtrim": (Rule(self.call("RTRIM({0})"), (TEXT,), when=_alone),),
        }


def _alone(args: Sequence[Operand]) -> bool:
    return len(args) == 1


def _finds_something(args: Sequence[Operand]) -> bool:
    """To replace the empty text is a question of taste."""
    return args[1].literal is not None and bool(args[1].literal.value)


def _plain_pattern(args: Sequence[Operand]) -> bool:
    """A constant pattern without escapes: then any other escape character that is not in it will do."""
    pattern = args[1].literal
    return len(args) == 2 and pattern is not None and pattern.value is not None and not set(pattern.value) & {"\\", "|"}


def _counted(args: Sequence[Operand]) -> bool:
    """Negative counts mean something else."""
    count = args[1].literal
    return count is not None and count.value is not None and count.value >= 0


def _from_the_start(args: Sequence[Operand]) -> bool:
    """From 1 on; a place before the text, and a negative length, mean something else."""
    first = args[1].literal
    known = first is not None and first.value is not None and first.value >= 1
    return known and (len(args) == 2 or _counted((args[0], args[2])))


# numbers


def _fits(result: Callable[[Decimal, Decimal], tuple[int, int]]) -> Callable[[Sequence[Operand]], bool]:
    """Whether no result can need more digits than our type has, nor more places than the server's."""

    def test(args: Sequence[Operand]) -> bool:
        left, right = args[0].type, args[1].type
        if not isinstance(left, Decimal) or not isinstance(right, Decimal):
            return False
        digits, scale = result(left, right)
        return digits <= DIGITS_MAX and scale <= SCALE_MAX

    return test


def _of_sum(left: Decimal, right: Decimal) -> tuple[int, int]:
    scale = max(left.scale, right.scale)
    return max(left.precision - left.scale, right.precision - right.scale) + scale + 1, scale


def _of_product(left: Decimal, right: Decimal) -> tuple[int, int]:
    return left.precision + right.precision, left.scale + right.scale


def _narrow(template: str) -> Callable[[Sequence[Operand]], str]:
    """An integer computed in 64 bits that must leave them when it leaves its type: multiply by what is left of them, and
    divide again. 2147483647 + 1 times 2^32 is an error; 2147483647 times 2^32 is not."""

    def spell(args: Sequence[Operand]) -> str:
        span = SIGNED_SPAN[args[0].type.kind]
        plain = template.format(*(arg.sql for arg in args))
        return plain if span == 1 else f"({plain}) * {span} DIV {span}"

    return spell


def _difference(args: Sequence[Operand]) -> str:
    """MariaDB takes 0 - (-9223372036854775808) for -9223372036854775808; times -1 it is the error that it should be."""
    left, right = args
    known = right.literal is not None and right.literal.value != SMALLEST
    if left.type.kind is not Kind.INT64 or known:
        return _narrow("{0} - {1}")(args)
    return f"IF({left.sql} = 0, {right.sql} * -1, {left.sql} - {right.sql})"


def _same_signed(args: Sequence[Operand]) -> bool:
    return all(arg.type == args[0].type for arg in args)


def _divisor(args: Sequence[Operand]) -> bool:
    """A constant that is neither zero, which would be NULL, nor minus one, by which the smallest number overflows."""
    by = args[1].literal
    return by is not None and by.value not in (None, 0, -1)


SIGNED_PAIR = (SIGNED, SIGNED)
DECIMAL_PAIR = (DECIMAL, DECIMAL)
ARITHMETIC: Rules = {
    "+": (
        Rule(_narrow("{0} + {1}"), SIGNED_PAIR, when=_same_signed),
        Rule("{0} + {1}", DECIMAL_PAIR, when=_fits(_of_sum)),
    ),
    "-": (
        Rule(_difference, SIGNED_PAIR, when=_same_signed),
        Rule("{0} - {1}", DECIMAL_PAIR, when=_fits(_of_sum)),
    ),
    "*": (
        Rule(_narrow("{0} * {1}"), SIGNED_PAIR, when=_same_signed),
        Rule("{0} * {1}", DECIMAL_PAIR, when=_fits(_of_product)),
    ),
    "/": (Rule("{0} DIV {1}", SIGNED_PAIR, when=_divisor),),
    "%": (Rule("{0} % {1}", SIGNED_PAIR, when=_divisor),),
    "neg": (Rule(_narrow("{0} * -1"), (SIGNED,)), Rule("-{0}", (DECIMAL,))),
    "abs": (Rule("ABS({0})", (DECIMAL,)),),
}


# dates and times


def _shift(sign: int) -> Callable[[Sequence[Operand]], str]:
    """PostgreSQL adds months, then days, then microseconds; a day that the month does not have becomes its last."""

    def spell(args: Sequence[Operand]) -> str:
        value = args[1].literal
        assert value is not None
        interval: Interval = value.value
        text = args[0].sql
        parts = (("MONTH", interval.months), ("DAY", interval.days), ("MICROSECOND", interval.microseconds))
        for unit, count in parts:
            if count:
                text = f"{text} + INTERVAL {sign * count} {unit}"
        return text if text != args[0].sql else f"({text})"

    return spell


def _known_interval(args: Sequence[Operand]) -> bool:
    return args[1].literal is not None and args[1].literal.value is not None


def _field(args: Sequence[Operand]) -> bool:
    field = args[0].literal
    return field is not None and field.value in FIELDS


def _extract(args: Sequence[Operand]) -> str:
    assert args[0].literal is not None
    return FIELDS[args[0].literal.value].format(args[1].sql)


FIELDS = {
    "year": "YEAR({})",
    "quarter": "QUARTER({})",
    "month": "MONTH({})",
    "day": "DAYOFMONTH({})",
    "doy": "DAYOFYEAR({})",
    "dow": "(DAYOFWEEK({}) - 1)",
    "isodow": "(WEEKDAY({}) + 1)",
    "week": "WEEK({}, 3)",
}
TIMESTAMP, DATE = frozenset({Kind.TIMESTAMP}), frozenset({Kind.DATE})
INTERVAL = frozenset({Kind.INTERVAL})
SMALL = frozenset({Kind.INT8, Kind.INT16, Kind.INT32})
TIMES: Rules = {
    "+": (
        Rule(_shift(1), (TIMESTAMP, INTERVAL), when=_known_interval),
        Rule("{0} + INTERVAL {1} DAY", (DATE, SMALL)),
    ),
    "-": (
        Rule(_shift(-1), (TIMESTAMP, INTERVAL), when=_known_interval),
        Rule("{0} - INTERVAL {1} DAY", (DATE, SMALL)),
        Rule("DATEDIFF({0}, {1})", (DATE, DATE)),
    ),
    "extract": (Rule(_extract, (TEXT, DATE | TIMESTAMP), when=_field),),
}


# comparisons and logic


def _pair(sql: Spelling, kinds: frozenset[Kind]) -> tuple[Rule, ...]:
    return (Rule(sql, (kinds, kinds), when=_comparable),)


def _is_pair(args: Sequence[Operand]) -> bool:
    """With three operands of NULLIF, the first is the value and the others what is compared: that stays here."""
    return len(args) == 2


def _comparable(args: Sequence[Operand]) -> bool:
    """Of one kind: the server would compare a text with a number as floats."""
    kinds = {arg.type.kind for arg in args}
    return len(kinds) == 1 and not kinds & FLOATS - {Kind.FLOAT64}


COMPARISONS: Rules = {
    "=": _pair("{0} = {1}", EQUAL),
    "<>": _pair("{0} <> {1}", EQUAL),
    **{name: _pair(f"{{0}} {name} {{1}}", PLAIN) for name in ORDERS},
    "is_not_distinct": _pair("{0} <=> {1}", EQUAL),
    "is_distinct": _pair("NOT ({0} <=> {1})", EQUAL),
    "in": (
        Rule(lambda args: f"{args[0].sql} IN ({', '.join(arg.sql for arg in args[1:])})", (EQUAL,), when=_comparable),
    ),
    "is_null": (Rule("{0} IS NULL", (ANY_VALUE,)),),
    "is_not_null": (Rule("{0} IS NOT NULL", (ANY_VALUE,)),),
    "is_true": (Rule("{0} IS TRUE", (BOOLEAN,)),),
    "is_not_true": (Rule("{0} IS NOT TRUE", (BOOLEAN,)),),
    "is_false": (Rule("{0} IS FALSE", (BOOLEAN,)),),
    "is_not_false": (Rule("{0} IS NOT FALSE", (BOOLEAN,)),),
    "not": (Rule("NOT {0}", (BOOLEAN,)),),
    "coalesce": (Rule("COALESCE({*})", (PLAIN,), when=lambda args: len({arg.type for arg in args}) == 1),),
    "nullif": (Rule("NULLIF({0}, {1})", (PLAIN, PLAIN), when=lambda args: _is_pair(args) and _comparable(args)),),
}


def functions(collation: str) -> Rules:
    """All of them, for a server that has this collation."""
    found: dict[str, tuple[Rule, ...]] = {}
    for table in (COMPARISONS, Texts(collation).rules(), ARITHMETIC, TIMES):
        for name, rules in table.items():
            found[name] = found.get(name, ()) + rules
    return found
