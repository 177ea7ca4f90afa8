"""JSON. A value is its exact text, so numbers keep every digit (trap R31).

DuckDB reads numbers as 64-bit integers or doubles. Before a text with other numbers is taken apart, every string is
tagged and every number is put into a string (``"abc"`` becomes ``"sabcn"``, ``1.50`` ``"sn1.50"``), and afterwards back.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal

from hanse.ir.types import FLOATS, NUMBERS, Array, Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import texts
from hanse.spi.duckdb.spelling import fail, is_constant, let, quoted, rules, using, value

JSON, ARRAY = frozenset({Kind.JSON}), frozenset({Kind.ARRAY})
STRING_OR_NUMBER = r"""'"((?:[^"\\]|\\.)*)"|(-?[0-9][-+0-9.eE]*)'"""
ODD_NUMBER = "'[0-9][.eE]|[0-9]{16}'"
NUMBER_TYPES = "'BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT'"


def tagged(j: str) -> str:
    """The text with numbers in strings."""
    return f"regexp_replace({j}, {STRING_OR_NUMBER}, '\"s\\1n\\2\"', 'g')"


def untagged(j: str) -> str:
    """Back again."""
    numbers = f"""regexp_replace({j}, '"sn(-?[0-9][-+0-9.eE]*)"', '\\1', 'g')"""
    return f"""regexp_replace({numbers}, '"s((?:[^"\\\\]|\\\\.)*)n"', '"\\1"', 'g')"""


def odd(j: str) -> str:
    """Whether the text may hold numbers that DuckDB would change."""
    return f"regexp_matches({j}, {ODD_NUMBER})"


def _pointer(key: str) -> str:
    return f"'/' || replace(replace({key}, '~', '~0'), '/', '~1')"


def _place(index: str) -> str:
    return f"CASE WHEN {index} < 0 THEN '$[#' || {index} || ']' ELSE '$[' || {index} || ']' END"


def member(j: str, key: str) -> str:
    """``j -> key``, both SQL texts that may be repeated. Of equal keys the last one counts; DuckDB takes the first."""
    mark = f"('\"' || {key} || '\"')"
    again = f"contains(substr({j}, instr({j}, {mark}) + 1), {mark})"
    last = f"CAST(json_extract({j}, '$.*') AS VARCHAR[])[-list_position(list_reverse(json_keys({j})), {key})]"
    plain = f"CASE WHEN {again} THEN {last} ELSE CAST(json_extract({j}, {_pointer(key)}) AS VARCHAR) END"
    tagged_key = f"('s' || {key} || 'n')"
    texts_of = f"CAST(json_extract({tagged(j)}, '$.*') AS VARCHAR[])"
    found = f"{texts_of}[-list_position(list_reverse(json_keys({tagged(j)})), {tagged_key})]"
    exact = untagged(found)
    return f"CASE WHEN json_type({j}) = 'OBJECT' THEN CASE WHEN {odd(j)} THEN {exact} ELSE {plain} END END"


def element(j: str, index: str) -> str:
    """``j -> index``."""
    plain = f"CAST(json_extract({j}, {_place(index)}) AS VARCHAR)"
    exact = untagged(f"CAST(json_extract({tagged(j)}, {_place(index)}) AS VARCHAR)")
    return f"CASE WHEN json_type({j}) = 'ARRAY' THEN CASE WHEN {odd(j)} THEN {exact} ELSE {plain} END END"


def as_text(j: str) -> str:
    """What ``->>`` shows of a JSON value: strings without quotes, NULL for null, else its text."""
    return f"CASE json_type({j}) WHEN 'VARCHAR' THEN json_extract_string({j}, '$') WHEN 'NULL' THEN NULL ELSE trim({j}) END"


def _get(args: Sequence[Operand]) -> str:
    step = member if args[1].type.kind == Kind.TEXT else element
    return let(args, step)


def _get_text(args: Sequence[Operand]) -> str:
    return let([_get(args)], as_text, "w")


def _step(j: str, key: str) -> str:
    """One step of a path: a key of an object, or a place of an array if the key is a number."""
    by_key = member(j, quoted(key))
    if not key.lstrip("-").isdigit():
        return by_key
    return f"CASE json_type({j}) WHEN 'ARRAY' THEN {element(j, str(int(key)))} ELSE {by_key} END"


def _walk(j: str, keys: Sequence[str]) -> str:
    for depth, key in enumerate(keys):
        j = let([j], lambda x, key=key: _step(x, key), f"p{depth}")
    return j


def _path(args: Sequence[Operand]) -> str:
    return _walk(args[0].sql, value(args[1]))


def _path_text(args: Sequence[Operand]) -> str:
    return let([_path(args)], as_text, "w")


def _has_path(args: Sequence[Operand]) -> bool:
    return is_constant(args[1]) and all(isinstance(key, str) for key in value(args[1]))


def _keys(args: Sequence[Operand]) -> str:
    return _walk(args[0].sql, [value(arg) for arg in args[1:]])


def _keys_text(args: Sequence[Operand]) -> str:
    return let([_keys(args)], as_text, "w")


def _has_keys(args: Sequence[Operand]) -> bool:
    return all(is_constant(arg) for arg in args[1:])


def _exists(j: str, key: str) -> str:
    strings = f"list_filter(CAST(json_extract({j}, '$[*]') AS VARCHAR[]), lambda e: e[1] = '\"')"
    texts_of = f"list_transform({strings}, lambda e: json_extract_string(e, '$'))"
    return (
        f"CASE json_type({j}) WHEN 'OBJECT' THEN list_contains(json_keys({j}), {key})"
        f" WHEN 'ARRAY' THEN coalesce(list_contains({texts_of}, {key}), FALSE)"
        f" WHEN 'VARCHAR' THEN json_extract_string({j}, '$') = {key} ELSE CASE WHEN {j} IS NOT NULL THEN FALSE END END"
    )


def _exists_of(test: str) -> Callable[[Sequence[Operand]], str]:
    """``?|`` and ``?&`` over a list of keys."""

    def body(j: str, keys: str) -> str:
        found = f"list_filter({keys}, lambda k: {_exists(j, 'k')})"
        wanted = f"list_filter({keys}, lambda k: k IS NOT NULL)"
        return f"CASE WHEN {j} IS NOT NULL THEN len({found}) {test.replace('all', f'len({wanted})')} END"

    return lambda args: let(args, body)


def _contains(j: str, needle: object, depth: int = 0, *, top: bool = True) -> str:
    """``j @> needle`` for a constant needle, spelt out part by part (JsonbDeepContains)."""
    kind = f"json_type({j})"
    if isinstance(needle, dict):
        tests = [f"{kind} = 'OBJECT'"]
        for key, part in needle.items():
            tests.append(
                let(
                    [member(j, quoted(key))],
                    lambda x, p=part: f"coalesce({_contains(x, p, depth + 1, top=False)}, FALSE)",
                    f"m{depth}",
                )
            )
        return "(" + " AND ".join(tests) + ")"
    if isinstance(needle, list):
        items = f"CAST(json_extract({tagged(j)}, '$[*]') AS VARCHAR[])"
        tests = [f"{kind} = 'ARRAY'"]
        for part in needle:
            name = f"e{depth}"
            inner = let([untagged(name)], lambda x, p=part: _contains(x, p, depth + 1, top=False), f"u{depth}")
            tests.append(f"len(list_filter({items}, lambda {name}: coalesce({inner}, FALSE))) > 0")
        return "(" + " AND ".join(tests) + ")"
    test = _equals(j, needle)
    if not top:
        return test
    return f"CASE WHEN {kind} = 'ARRAY' THEN {_contains(j, [needle], depth, top=False)} ELSE {test} END"


def _equals(j: str, scalar: object) -> str:
    kind = f"json_type({j})"
    if scalar is None:
        return f"{kind} = 'NULL'"
    if isinstance(scalar, bool):
        return f"({kind} = 'BOOLEAN' AND trim({j}) = '{str(scalar).lower()}')"
    if isinstance(scalar, str):
        return f"({kind} = 'VARCHAR' AND json_extract_string({j}, '$') = {quoted(scalar)})"
    number = f"TRY_CAST(trim({j}) AS DECIMAL(38,12)) = TRY_CAST('{scalar:f}' AS DECIMAL(38,12))"
    return f"({kind} IN ({NUMBER_TYPES}) AND {number})"


def needle(arg: Operand) -> object:
    """A constant JSON value read with exact numbers; raises ValueError."""
    return json.loads(str(value(arg)), parse_float=Decimal, parse_int=Decimal)


def _can_contain(place: int) -> Callable[[Sequence[Operand]], bool]:
    def accepts(args: Sequence[Operand]) -> bool:
        if args[0].type.kind != Kind.JSON or not is_constant(args[place]):
            return False
        try:
            return _fits(needle(args[place]))
        except ValueError:
            return False

    return accepts


def _fits(part: object) -> bool:
    """Numbers that are compared exactly, with at most 12 places after the point."""
    if isinstance(part, dict):
        return all(map(_fits, part.values()))
    if isinstance(part, list):
        return all(map(_fits, part))
    return not isinstance(part, Decimal) or (abs(part) < 10**25 and int(part.as_tuple().exponent) >= -12)


def to_json(arg: Operand) -> str:
    """A value as JSON text, as to_json writes it; NULL stays NULL."""
    kind = arg.type.kind
    if kind == Kind.JSON:
        return arg.sql
    if isinstance(arg.type, Array):
        item = to_json(Operand("x", arg.type.item))
        items = f"list_transform($0, lambda x: coalesce({item}, 'null'))"
        return using(f"'[' || array_to_string({items}, ',') || ']'")((arg,))
    if kind == Kind.BOOLEAN:
        return f"CAST({arg.sql} AS VARCHAR)"
    if kind in NUMBERS:
        text = texts.to_text(arg)
        return (
            let(
                [text],
                lambda t: f"CASE WHEN {t} IN ('NaN', 'Infinity', '-Infinity') THEN '\"' || {t} || '\"' ELSE {t} END",
                "w",
            )
            if kind in FLOATS
            else text
        )
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        text = f"replace({texts.to_text(arg)}, ' ', 'T')"
        if kind == Kind.TIMESTAMPTZ:
            text = f"regexp_replace({text}, '([+-][0-9]{{2}})$', '\\1:00')"
        return f"'\"' || {text} || '\"'"
    return f"CAST(to_json({texts.to_text(arg)}) AS VARCHAR)" if kind != Kind.NULL else "NULL"


def _value(arg: Operand) -> str:
    return f"coalesce({to_json(arg)}, 'null')"


def key(arg: Operand) -> str:
    """A key as JSON text; NULL is refused."""
    null = fail("22023", "null value not allowed for object key")
    return f"CAST(to_json(coalesce({texts.to_text(arg)}, {null})) AS VARCHAR)"


def _object(args: Sequence[Operand]) -> str:
    pairs = [f"{key(args[i])} || ' : ' || {_value(args[i + 1])}" for i in range(0, len(args), 2)]
    return " || ', ' || ".join(["'{' || " + pairs[0], *pairs[1:]]) + " || '}'" if pairs else "'{}'"


def _objectb(args: Sequence[Operand]) -> str:
    """Keys sorted by length and bytes, the last of equal ones."""
    last = {str(value(args[i])): args[i + 1] for i in range(0, len(args), 2)}
    keys = sorted(last, key=lambda key: (len(key.encode()), key.encode()))
    pairs = [f"{quoted(json.dumps(key, ensure_ascii=False))} || ': ' || {_value(last[key])}" for key in keys]
    return "'{' || " + " || ', ' || ".join(pairs) + " || '}'" if pairs else "'{}'"


def _list(args: Sequence[Operand]) -> str:
    return "'[' || " + " || ', ' || ".join(_value(arg) for arg in args) + " || ']'" if args else "'[]'"


def even(args: Sequence[Operand]) -> bool:
    """Keys and values in pairs."""
    return len(args) % 2 == 0


def _even_constant(args: Sequence[Operand]) -> bool:
    return even(args) and all(isinstance(value(args[i]), str) for i in range(0, len(args), 2))


def _typeof(args: Sequence[Operand]) -> str:
    return let(
        args,
        lambda j: (
            f"CASE WHEN json_type({j}) IN ({NUMBER_TYPES}) THEN 'number' WHEN json_type({j}) = 'VARCHAR' THEN 'string'"
            f" ELSE lower(json_type({j})) END"
        ),
    )


def _length(args: Sequence[Operand]) -> str:
    bad = fail("22023", "cannot get array length of a non-array")
    return let(
        args,
        lambda j: f"CASE WHEN json_type({j}) <> 'ARRAY' THEN {bad} ELSE CAST(json_array_length({j}) AS INTEGER) END",
    )


JSONS: Rules = {
    "->": rules(_get),
    "->>": rules(_get_text),
    "#>": rules(Rule(_path, when=_has_path)),
    "#>>": rules(Rule(_path_text, when=_has_path)),
    "@>": rules(
        Rule(
            lambda args: let(args[:1], lambda j: f"CASE WHEN {j} IS NOT NULL THEN {_contains(j, needle(args[1]))} END"),
            when=_can_contain(1),
        )
    ),
    "<@": rules(
        Rule(
            lambda args: let(args[1:], lambda j: f"CASE WHEN {j} IS NOT NULL THEN {_contains(j, needle(args[0]))} END"),
            when=_can_contain(0),
        )
    ),
    "?": rules(lambda args: let(args, _exists)),
    "?|": rules(_exists_of("> 0")),
    "?&": rules(_exists_of("= all")),
    "json_build_object": rules(Rule(_object, when=even)),
    "jsonb_build_object": rules(Rule(_objectb, when=_even_constant)),
    "json_build_array": rules(_list),
    "jsonb_build_array": rules(_list),
    "to_json": rules(lambda args: to_json(args[0])),
    "to_jsonb": rules(lambda args: to_json(args[0])),
    "array_to_json": rules(lambda args: to_json(args[0])),
    "json_typeof": rules(_typeof),
    "json_array_length": rules(_length),
    "json_extract_path": rules(Rule(_keys, when=_has_keys)),
    "json_extract_path_text": rules(Rule(_keys_text, when=_has_keys)),
}
