"""Arrays: DuckDB's lists, one-based as in PostgreSQL. Negative places and NULL arrays are where they differ."""

from collections.abc import Sequence

from hanse.ir.types import Array, Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import texts
from hanse.spi.duckdb.spelling import fail, is_constant, let, rules, using, value
from hanse.spi.duckdb.types import type_name

ARRAY = frozenset({Kind.ARRAY})


def _constructor(args: Sequence[Operand]) -> str:
    return f"[{', '.join(arg.sql for arg in args)}]" if args else "CAST([] AS VARCHAR[])"


def _get(args: Sequence[Operand]) -> str:
    """Places below one hold nothing."""
    place = value(args[1])
    if place is not None:
        return f"{args[0].sql}[{place}]" if place > 0 else f"{args[0].sql}[0]"
    return let(args[1:], lambda n: f"{args[0].sql}[CASE WHEN {n} < 1 THEN 0 ELSE {n} END]")


def _slice(args: Sequence[Operand]) -> str:
    empty = f"CAST([] AS {type_name(args[0].type)})"
    return using(
        f"CASE WHEN $0 IS NULL OR $1 IS NULL OR $2 IS NULL THEN NULL WHEN $2 < greatest($1, 1) THEN {empty}"
        " ELSE array_slice($0, greatest($1, 1), $2) END"
    )(args)


def _length(args: Sequence[Operand]) -> str:
    """The length of a dimension; NULL for an empty array or a dimension that it does not have."""
    depth = _depth(args[0])
    if is_constant(args[1]):
        dimension = int(value(args[1]))
        if not 1 <= dimension <= depth:
            return "CAST(NULL AS INTEGER)"
        return using(f"CAST(nullif(len($0{'[1]' * (dimension - 1)}), 0) AS INTEGER)")(args[:1])
    branches = " ".join(f"WHEN {n + 1} THEN len($0{'[1]' * n})" for n in range(depth))
    return using(f"CAST(nullif(CASE $1 {branches} END, 0) AS INTEGER)")(args)


def _lower(args: Sequence[Operand]) -> str:
    return f"CASE WHEN {_length(args)} IS NOT NULL THEN 1 END"


def _depth(arg: Operand) -> int:
    depth, type = 0, arg.type
    while isinstance(type, Array):
        depth, type = depth + 1, type.item
    return depth


def _flat(arg: Operand) -> str:
    sql = arg.sql
    for _ in range(_depth(arg) - 1):
        sql = f"flatten({sql})"
    return sql


def _position(args: Sequence[Operand]) -> str:
    """Also of NULL; the search starts at a place."""
    start = args[2].sql if len(args) > 2 else "1"

    def body(a: str, x: str, n: str) -> str:
        places = f"list_filter(generate_series(1, len({a})), lambda i: i >= {n} AND {a}[i] IS NOT DISTINCT FROM {x})"
        return f"CAST({places}[1] AS INTEGER)"

    return let([args[0], args[1], start], body)


def _join(args: Sequence[Operand]) -> str:
    """Items as text; NULLs are left out or shown as the third argument."""
    item_type = args[0].type
    while isinstance(item_type, Array):
        item_type = item_type.item
    shown = texts.displayed(Operand("i", item_type))
    null = args[2] if len(args) > 2 else None

    def body(a: str, s: str, n: str | None = None) -> str:
        items = (
            f"list_transform({a}, lambda i: coalesce({shown}, {n}))" if n else f"list_transform({a}, lambda i: {shown})"
        )
        kept = f"list_filter({items}, lambda i: i IS NOT NULL)"
        whole = f"array_to_string({kept}, {s})" if is_constant(args[1]) else _reduced(kept, s)
        return f"CASE WHEN {a} IS NOT NULL AND {s} IS NOT NULL THEN coalesce({whole}, '') END"

    return let([_flat(args[0]), args[1], *([null] if null else [])], body)


def _reduced(items: str, separator: str) -> str:
    """Items joined by what only the run knows; DuckDB's array_to_string wants a constant."""
    return f"CASE WHEN len({items}) > 0 THEN list_reduce({items}, lambda l, r: l || {separator} || r) END"


def _cat(args: Sequence[Operand]) -> str:
    return using("CASE WHEN $0 IS NULL THEN $1 WHEN $1 IS NULL THEN $0 ELSE list_concat($0, $1) END")(args)


def _append(args: Sequence[Operand]) -> str:
    return using("CASE WHEN $0 IS NULL THEN [$1] ELSE list_append($0, $1) END")(args)


def _prepend(args: Sequence[Operand]) -> str:
    return using("CASE WHEN $1 IS NULL THEN [$0] ELSE list_prepend($0, $1) END")(args)


TOO_MANY = fail("2202E", "number of elements to trim must be between 0 and the length of the array")
ARRAYS: Rules = {
    "array": rules(_constructor),
    "array_get": rules(_get),
    "array_slice": rules(_slice),
    "array_length": rules(_length),
    "array_upper": rules(_length),
    "array_lower": rules(_lower),
    "array_ndims": rules(lambda args: f"CASE WHEN len({args[0].sql}) > 0 THEN {_depth(args[0])} END"),
    "cardinality": rules(lambda args: f"CAST(len({_flat(args[0])}) AS INTEGER)"),
    "array_position": rules(_position),
    "array_positions": rules(
        using(
            "CASE WHEN $0 IS NOT NULL THEN list_transform(list_filter(generate_series(1, len($0)),"
            " lambda i: $0[i] IS NOT DISTINCT FROM $1), lambda i: CAST(i AS INTEGER)) END"
        )
    ),
    "array_append": rules(_append),
    "array_prepend": rules(_prepend),
    "array_cat": rules(_cat),
    "array_remove": rules(using("list_filter($0, lambda i: i IS DISTINCT FROM $1)")),
    "array_replace": rules(
        using("list_transform($0, lambda i: CASE WHEN i IS NOT DISTINCT FROM $1 THEN $2 ELSE i END)")
    ),
    "array_to_string": rules(_join),
    "trim_array": rules(
        using(
            "CASE WHEN $0 IS NULL OR $1 IS NULL THEN NULL"
            f" WHEN $1 < 0 OR $1 > len($0) THEN {TOO_MANY} WHEN $1 = len($0) THEN list_filter($0, lambda i: FALSE)"
            " WHEN $1 IS NOT NULL THEN array_slice($0, 1, len($0) - $1) END"
        )
    ),
    "array_fill": rules(
        Rule(
            lambda args: let(args, lambda x, d: f"list_transform(range({d}[1]), lambda i: {x})"),
            when=lambda args: is_constant(args[1]) and len(value(args[1])) == 1,
        )
    ),
    "@>": rules(
        Rule(
            using(
                "CASE WHEN len(list_filter($1, lambda i: i IS NULL)) > 0 AND $0 IS NOT NULL THEN FALSE"
                " ELSE list_has_all($0, $1) END"
            ),
            (ARRAY,),
        )
    ),
    "<@": rules(
        Rule(
            using(
                "CASE WHEN len(list_filter($0, lambda i: i IS NULL)) > 0 AND $1 IS NOT NULL THEN FALSE"
                " ELSE list_has_all($1, $0) END"
            ),
            (ARRAY,),
        )
    ),
    "&&": rules(
        Rule(
            using("list_has_any(list_filter($0, lambda i: i IS NOT NULL), list_filter($1, lambda i: i IS NOT NULL))"),
            (ARRAY,),
        )
    ),
    "||": rules(Rule(_cat, (ARRAY,))),
}
