"""Random aggregates and windows, each with whether its last digits depend on the order of rows."""

from __future__ import annotations

from tests.differential.expressions import expression, predicate
from tests.differential.scope import Context, Piece, Scope

MIN_MAX = ("int", "text", "dec", "date", "ts", "tstz", "float", "uint", "enum", "time", "real")
COUNTED = (*MIN_MAX, "interval", "bool", "bytes", "uuid")
FRAMES = (
    "",
    " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    " ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING",
    " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
    " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
)


def _present(ctx: Context, scope: Scope, groups: tuple[str, ...]) -> str:
    return ctx.choices.pick([group for group in groups if scope.of(group)] or ["int"])


def aggregate(ctx: Context, scope: Scope, exact: bool) -> tuple[Piece, bool]:
    """An aggregate call, perhaps with DISTINCT and FILTER; ``exact`` leaves out those that are not."""
    inner = ctx.plain()
    call, group, approximate = _call(inner, scope, exact)
    filtered = f" FILTER (WHERE {predicate(inner.deeper(), scope)})" if ctx.choices.chance(15) else ""
    return Piece(call + filtered, group, tame=False), approximate


def _call(ctx: Context, scope: Scope, exact: bool) -> tuple[str, str, bool]:
    choices = ctx.choices
    distinct = "DISTINCT " if choices.chance(20) else ""
    match choices.below(7 if exact else 10):
        case 0:
            return "count(*)", "int", False
        case 1:
            group = _present(ctx, scope, COUNTED)
            return f"count({distinct}{expression(ctx, scope, group)})", "int", False
        case 2:
            value = expression(ctx, scope, "int", True)
            return f"sum({distinct}{value})", "dec", False
        case 3 | 4:
            group = _present(ctx, scope, MIN_MAX)
            return f"{choices.pick(('min', 'max'))}({expression(ctx, scope, group)})", group, False
        case 5:
            return f"sum({distinct}{expression(ctx, scope, 'dec', True)})", "dec", False
        case 6:
            return _collected(ctx, scope, distinct)
        case 7:
            return f"avg({expression(ctx, scope, choices.pick(('int', 'dec', 'float')), True)})", "float", True
        case 8:
            return f"sum({expression(ctx, scope, 'float', True)})", "float", True
        case _:
            name = choices.pick(("stddev_samp", "var_pop", "stddev", "var_samp", "stddev_pop"))
            return f"{name}({expression(ctx, scope, 'int', True)})", "float", True


def _collected(ctx: Context, scope: Scope, distinct: str) -> tuple[str, str, bool]:
    choices = ctx.choices
    match choices.below(4):
        case 0:
            value = expression(ctx, scope, "bool")
            return f"{choices.pick(('bool_and', 'bool_or', 'every'))}({value})", "bool", False
        case 1:
            value = expression(ctx, scope, "text")
            return f"string_agg({distinct}{value}, ',' ORDER BY {value})", "text", False
        case 2:
            value = expression(ctx, scope, "int", True)
            return f"array_agg({distinct}CAST({value} AS integer) ORDER BY CAST({value} AS integer))", "array", False
        case _:
            value = expression(ctx, scope, "int", True)
            return f"{choices.pick(('bit_or', 'bit_and'))}({value})", "int", False


def window(ctx: Context, scope: Scope, exact: bool) -> tuple[Piece, bool]:
    """A window call: by peers where the rows cannot be told apart, by position where they can."""
    choices = ctx.choices
    by = _present(ctx, scope, ("int", "text", "bool", "date", "dec", "enum"))
    parts = f"PARTITION BY {expression(ctx, scope, by)} " if choices.chance(60) else ""
    sort = _present(ctx, scope, ("int", "text", "dec", "date", "ts", "float"))
    order = f"{expression(ctx, scope, sort)}{choices.pick(('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'))}"
    if not scope.keys:
        return _by_peers(ctx, scope, f"{parts}ORDER BY {order}", exact)
    return _by_position(ctx, scope, f"{parts}ORDER BY {', '.join((order, *scope.keys))}", exact)


def _by_peers(ctx: Context, scope: Scope, over: str, exact: bool) -> tuple[Piece, bool]:
    if ctx.choices.chance(50):
        call, group, approximate = _plain_aggregate(ctx, scope, exact)
        return Piece(f"{call} OVER ({over})", group, tame=False), approximate
    return Piece(f"{ctx.choices.pick(('rank()', 'dense_rank()'))} OVER ({over})", "int"), False


def _by_position(ctx: Context, scope: Scope, over: str, exact: bool) -> tuple[Piece, bool]:
    choices = ctx.choices
    frame = choices.pick(FRAMES)
    group = _present(ctx, scope, ("int", "text", "dec", "date", "bool"))
    value = expression(ctx, scope, group)
    match choices.below(6):
        case 0:
            return Piece(f"row_number() OVER ({over})", "int"), False
        case 1:
            call, group, approximate = _plain_aggregate(ctx, scope, exact)
            return Piece(f"{call} OVER ({over}{frame})", group, tame=False), approximate
        case 2:
            name = choices.pick(("lag", "lead"))
            more = choices.pick(("", ", 2", ", 0"))
            return Piece(f"{name}({value}{more}) OVER ({over})", group, tame=False), False
        case 3:
            name = choices.pick(("first_value", "last_value"))
            return Piece(f"{name}({value}) OVER ({over}{frame})", group, tame=False), False
        case 4:
            return Piece(f"ntile({choices.pick(('2', '3', '7'))}) OVER ({over})", "int"), False
        case _:
            return Piece(f"nth_value({value}, 2) OVER ({over}{frame})", group, tame=False), False


def _plain_aggregate(ctx: Context, scope: Scope, exact: bool) -> tuple[str, str, bool]:
    match ctx.choices.below(4 if exact else 5):
        case 0:
            return "count(*)", "int", False
        case 1:
            return f"sum({expression(ctx, scope, 'int', True)})", "dec", False
        case 2 | 3:
            group = _present(ctx, scope, ("int", "text", "dec", "date", "float"))
            return f"{ctx.choices.pick(('min', 'max'))}({expression(ctx, scope, group)})", group, False
        case _:
            return f"avg({expression(ctx, scope, 'int', True)})", "float", True
