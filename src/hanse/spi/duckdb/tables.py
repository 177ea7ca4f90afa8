"""Functions in FROM, each as a subquery whose columns stand in the order that ``bind`` states, and the same as lists of
their rows, one for each column (``bind.rowlists``)."""

from collections.abc import Callable, Sequence

from hanse.ir.types import Array, Decimal, Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import json, patterns
from hanse.spi.duckdb.spelling import fail, let, rules, value
from hanse.spi.duckdb.strings import STRINGS
from hanse.spi.duckdb.types import type_name

INTEGERS = frozenset({Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64})
EXACT = frozenset({Kind.DECIMAL})
MOMENTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
NO_STEP = fail("22023", "step size cannot equal zero")
Lists = Callable[[Sequence[Operand]], tuple[str, ...]]
"""The rows of a call: a list for each column."""


def _rows(*lists: str) -> str:
    return f"(SELECT {', '.join(f'unnest({one})' for one in lists)})"


def _integers(args: Sequence[Operand]) -> str:
    """Constant bounds run as a table function, which holds no list; others as a list per row."""
    step = args[2].sql if len(args) > 2 else "1"
    name = type_name(args[0].type)
    bounds = f"{args[0].sql}, {args[1].sql}, {step}"
    if all(arg.literal is not None and value(arg) is not None for arg in args) and (len(args) < 3 or value(args[2])):
        return f"(SELECT CAST(generate_series AS {name}) FROM generate_series({bounds}))"
    return _rows(*_integer_list(args))


def _integer_list(args: Sequence[Operand]) -> tuple[str, ...]:
    step = args[2].sql if len(args) > 2 else "1"
    series = let(
        [args[0], args[1], step],
        lambda a, b, s: f"CASE WHEN {s} = 0 THEN {NO_STEP} ELSE generate_series({a}, {b}, {s}) END",
    )
    return (f"list_transform({series}, lambda i: CAST(i AS {type_name(args[0].type)}))",)


def _exact(args: Sequence[Operand]) -> tuple[str, ...]:
    type = args[0].type
    step = args[2].sql if len(args) > 2 else "1"
    scale = type.scale if isinstance(type, Decimal) else 0
    unit = "1" + "0" * scale

    def body(a: str, b: str, s: str) -> str:
        low, high, gap = (f"CAST({x} * {unit} AS HUGEINT)" for x in (a, b, s))
        count = f"CAST(({high} - {low}) // {gap} AS BIGINT)"
        within = f"({s} > 0 AND {a} <= {b}) OR ({s} < 0 AND {a} >= {b})"
        items = f"list_transform(generate_series(0, {count}), lambda i: CAST({a} + i * {s} AS {type_name(type)}))"
        return f"CASE WHEN {s} = 0 THEN {NO_STEP} WHEN {within} THEN {items} END"

    return (let([args[0], args[1], step], body),)


def _moments(args: Sequence[Operand]) -> tuple[str, ...]:
    return (
        let(
            args,
            lambda a, b, s: (
                f"CASE WHEN {s} = to_microseconds(0) THEN {NO_STEP} ELSE generate_series({a}, {b}, {s}) END"
            ),
        ),
    )


def _unnest(args: Sequence[Operand]) -> str:
    return _rows(*map(_flat, args))


def _unnest_counted(args: Sequence[Operand]) -> str:
    """With the rows' numbers: there are as many as the longest array has items; ``greatest`` skips the NULL ones."""
    lists = [_flat(arg) for arg in args]
    lengths = ", ".join(f"len({one})" for one in lists)
    return _rows(*lists, f"generate_series(1, {f'greatest({lengths})' if len(lists) > 1 else lengths})")


def _flat(arg: Operand) -> str:
    sql, type = arg.sql, arg.type
    while isinstance(type, Array) and isinstance(type.item, Array):
        sql, type = f"flatten({sql})", type.item
    return sql


def _elements(j: str) -> str:
    """The elements of an array, each in its exact text."""
    plain = f"CAST(json_extract({j}, '$[*]') AS VARCHAR[])"
    exact = f"list_transform(CAST(json_extract({json.tagged(j)}, '$[*]') AS VARCHAR[]), lambda e: {json.untagged('e')})"
    bad = fail("22023", "cannot extract elements from a JSON value that is no array")
    return f"CASE WHEN json_type({j}) <> 'ARRAY' THEN {bad} WHEN {json.odd(j)} THEN {exact} ELSE {plain} END"


def _array_elements(args: Sequence[Operand]) -> tuple[str, ...]:
    return (let(args, _elements),)


def _array_texts(args: Sequence[Operand]) -> tuple[str, ...]:
    return (f"list_transform({let(args, _elements)}, lambda e: {json.as_text('e')})",)


def _keys(j: str) -> str:
    bad = fail("22023", "cannot deconstruct a JSON value that is no object")
    return f"CASE WHEN json_type({j}) <> 'OBJECT' THEN {bad} ELSE json_keys({j}) END"


def _values(j: str) -> str:
    plain = f"CAST(json_extract({j}, '$.*') AS VARCHAR[])"
    exact = f"list_transform(CAST(json_extract({json.tagged(j)}, '$.*') AS VARCHAR[]), lambda e: {json.untagged('e')})"
    return f"CASE WHEN {json.odd(j)} THEN {exact} ELSE {plain} END"


def _each(as_text: bool) -> Lists:
    def spell(args: Sequence[Operand]) -> tuple[str, ...]:
        values = let(args, _values)
        if as_text:
            values = f"list_transform({values}, lambda e: {json.as_text('e')})"
        return let(args, _keys), values

    return spell


def _object_keys(args: Sequence[Operand]) -> tuple[str, ...]:
    return (let(args, _keys),)


def _all_matches(args: Sequence[Operand]) -> str:
    """regexp_matches: one row of groups for the first match, or for each with the flag g."""
    pattern, flags = str(value(args[1])), str(value(args[2]) or "") if len(args) > 2 else ""
    source = patterns.regex(pattern, flags)
    count = patterns.groups(pattern)

    def body(x: str) -> str:
        groups = [f"regexp_extract_all({x}, {source}, {group})" for group in (range(1, count + 1) if count else [0])]
        row = ", ".join(f"{group}[i]" for group in groups)
        rows = f"list_transform(generate_series(1, len({groups[0]})), lambda i: [{row}])"
        return rows if "g" in flags else f"array_slice({rows}, 1, 1)"

    return _rows(let([args[0]], body))


def _subscripts(args: Sequence[Operand]) -> tuple[str, ...]:
    return (f"list_transform(generate_series(1, len({args[0].sql})), lambda i: CAST(i AS INTEGER))",)


def _listed(functions: Rules, name: str) -> tuple[tuple[Lists, Rule], ...]:
    """The rows of a function that makes an array, under the conditions of its rules."""

    def lists(rule: Rule) -> Lists:
        return lambda args: (rule.spell(args),)

    return tuple((lists(rule), rule) for rule in functions[name])


ANY = Rule("")
LISTS: dict[str, tuple[tuple[Lists, Rule], ...]] = {
    "generate_series": (
        (_integer_list, Rule("", (INTEGERS,))),
        (_exact, Rule("", (EXACT,))),
        (_moments, Rule("", (MOMENTS, MOMENTS, frozenset({Kind.INTERVAL})))),
    ),
    **dict.fromkeys(("json_each", "jsonb_each"), ((_each(as_text=False), ANY),)),
    **dict.fromkeys(("json_each_text", "jsonb_each_text"), ((_each(as_text=True), ANY),)),
    **dict.fromkeys(("json_array_elements", "jsonb_array_elements"), ((_array_elements, ANY),)),
    **dict.fromkeys(("json_array_elements_text", "jsonb_array_elements_text"), ((_array_texts, ANY),)),
    **dict.fromkeys(("json_object_keys", "jsonb_object_keys"), ((_object_keys, ANY),)),
    "regexp_split_to_table": _listed(patterns.PATTERNS, "regexp_split_to_array"),
    "string_to_table": _listed(STRINGS, "string_to_array"),
    "generate_subscripts": ((_subscripts, Rule("", when=lambda args: value(args[1]) == 1)),),
}
"""Each function as lists, with a rule that says for which arguments."""
COLUMNS = dict.fromkeys(("json_each", "jsonb_each", "json_each_text", "jsonb_each_text"), 2)


def _as_rows(lists: Lists, when: Rule) -> Rule:
    return Rule(lambda args: _rows(*lists(args)), when.kinds, when=when.when)


def _as_list(lists: Lists, when: Rule, place: int) -> Rule:
    return Rule(lambda args: lists(args)[place], when.kinds, when=when.when)


def _row_lists() -> Rules:
    """The lists as functions, by the names that ``bind.rowlists`` gives them."""
    found: dict[str, tuple[Rule, ...]] = {}
    for name, pairs in LISTS.items():
        count = COLUMNS.get(name, 1)
        for place in range(count):
            label = f"rows of {name}" if count == 1 else f"rows of {name} {place + 1}"
            found[label] = tuple(_as_list(lists, when, place) for lists, when in pairs)
    return found


ROW_LISTS: Rules = _row_lists()
TABLES: Rules = {
    **{name: tuple(_as_rows(*pair) for pair in pairs) for name, pairs in LISTS.items()},
    "generate_series": (
        Rule(_integers, (INTEGERS,)),
        *(_as_rows(*pair) for pair in LISTS["generate_series"][1:]),
    ),
    "unnest": rules(_unnest),
    "unnest with ordinality": rules(_unnest_counted),
    "regexp_matches": rules(Rule(_all_matches, when=patterns.PATTERNS["regexp_match"][0].when)),
}
