"""One syntax node to one typed expression: the table of handlers, and names of columns."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from hanse.bind import calls, comparisons, functions, literals, periods, special, subqueries
from hanse.bind.place import Place
from hanse.bind.syntax import name, position, unsupported
from hanse.bind.tables import Name
from hanse.errors import UnknownName, Unsupported
from hanse.ir.expr import Expr, Literal
from hanse.ir.types import NUMBERS

Handler = Callable[[Any, Place], Expr]


def expression(node: exp.Expr, place: Place) -> Expr:
    """The typed expression; a literal or parameter whose type nothing decided yet is ``Untyped``."""
    handler = HANDLERS.get(type(node))
    if handler is None:
        raise unsupported(node)
    return handler(node, place)


def parts_of(node: exp.Column) -> tuple[Name, ...]:
    """The dotted name that a column reference spells."""
    return tuple((name(part), bool(part.args.get("quoted"))) for part in node.parts)


def column(node: exp.Column, place: Place) -> Expr:
    """A column by its name."""
    if isinstance(node.this, exp.Star):
        raise Unsupported(
            "* is only possible in the select list and in count(*)", sqlstate="42601", position=position(node)
        )
    parts, where = parts_of(node), position(node)
    try:
        return place.scope.resolve(parts, where)
    except UnknownName as error:
        relations = place.scope.relations(parts) if len(parts) == 1 and error.code == "42703" else []
        if relations and relations[0].is_scalar:
            only = relations[0].columns[0]
            place.scope.reads.setdefault(only.id, where)
            return only.ref()
        if relations:
            hint = f"name the columns: {parts[0][0]}.a, {parts[0][0]}.b"
            raise Unsupported("a whole row as a value is not supported", position=where, hint=hint) from None
        raise


def paren(node: exp.Paren, place: Place) -> Expr:
    """Parentheses."""
    return place.bind(node.this)


BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.Pow: "^",
    exp.DPipe: "||",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "#",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.ArrayContainsAll: "@>",
    exp.ArrayContainedBy: "<@",
    exp.ArrayOverlaps: "&&",
}
UNARY: dict[type[exp.Expr], str] = {exp.BitwiseNot: "bit_not", exp.Sqrt: "sqrt", exp.Cbrt: "cbrt"}


def binary(node: exp.Expr, place: Place) -> Expr:
    """Operators between two operands; a chain to the left is walked, not recursed into."""
    chain: list[exp.Expr] = []
    left = node
    while type(left) in BINARY:
        chain.append(left)
        left = left.this
    value, where = place.bind(left), position(left)
    for operator in reversed(chain):
        value = functions.resolve(BINARY[type(operator)], (value, place.bind(operator.args["expression"])), where)
    return value


def unary(node: exp.Expr, place: Place) -> Expr:
    """An operator before its operand."""
    return functions.resolve(UNARY[type(node)], (place.bind(node.this),), position(node))


def minus(node: exp.Neg, place: Place) -> Expr:
    """Unary minus; before a number it is part of the constant."""
    arg = place.bind(node.this)
    if (
        isinstance(arg, Literal)
        and arg.type.kind in NUMBERS
        and arg.value is not None
        and isinstance(node.this, exp.Literal)
    ):
        return Literal(arg.type, -arg.value)
    return functions.resolve("neg", (arg,), position(node))


def starts_with(node: exp.StartsWith, place: Place) -> Expr:
    """``text ^@ prefix``."""
    return functions.resolve(
        "starts_with", (place.bind(node.this), place.bind(node.args["expression"])), position(node)
    )


def adjacent(node: exp.Concat, _: Place) -> Expr:
    """``'a' 'b'``: one literal."""
    if not all(isinstance(part, exp.Literal) for part in node.expressions):
        raise unsupported(node)
    return literals.string("".join(part.this for part in node.expressions))


def tuple_value(node: exp.Tuple, _: Place) -> Expr:
    """A row outside a comparison."""
    hint = "rows can only be compared: (a, b) = (c, d), (a, b) IN (...)"
    raise Unsupported("values of a row type are not supported", position=position(node), hint=hint)


def dot(node: exp.Dot, place: Place) -> Expr:
    """``schema.function(...)``; fields of composite values do not exist here."""
    if isinstance(node.args["expression"], exp.Anonymous):
        return calls.call(node, place)
    raise Unsupported("fields of composite values are not supported", position=position(node))


def star(node: exp.Star, _: Place) -> Expr:
    """``*`` where it cannot stand."""
    raise Unsupported(
        "* is only possible in the select list and in count(*)", sqlstate="42601", position=position(node)
    )


HANDLERS: dict[type[exp.Expr], Handler] = {
    exp.Column: column,
    exp.Paren: paren,
    exp.Literal: literals.literal,
    exp.Null: literals.null,
    exp.Boolean: literals.boolean,
    exp.Parameter: literals.parameter,
    exp.Placeholder: literals.placeholder,
    exp.RawString: literals.raw,
    exp.National: literals.national,
    exp.ByteString: literals.escaped,
    exp.UnicodeString: literals.unicode,
    exp.HexString: literals.hexadecimal,
    exp.BitString: literals.bits,
    exp.Interval: literals.interval_node,
    exp.Concat: adjacent,
    **dict.fromkeys(BINARY, binary),
    **dict.fromkeys(UNARY, unary),
    exp.Neg: minus,
    exp.StartsWith: starts_with,
    exp.And: comparisons.chain,
    exp.Or: comparisons.chain,
    exp.Not: comparisons.negation,
    **dict.fromkeys(comparisons.COMPARISONS, comparisons.comparison),
    **dict.fromkeys(comparisons.PATTERNS, comparisons.pattern),
    exp.Escape: comparisons.escape,
    exp.Between: comparisons.between,
    exp.Is: comparisons.is_test,
    exp.In: comparisons.inside,
    exp.Overlaps: periods.overlaps,
    exp.Case: special.case,
    exp.Cast: special.cast,
    exp.TryCast: special.cast,
    exp.ParseJSON: special.parse_json,
    exp.Extract: special.extract,
    exp.Substring: special.substring,
    exp.StrPosition: special.position_in,
    exp.Trim: special.trim,
    exp.Overlay: special.overlay,
    exp.AtTimeZone: special.at_time_zone,
    exp.Collate: special.collate,
    exp.Bracket: special.bracket,
    exp.Array: special.array,
    **dict.fromkeys(special.ARROWS, special.arrow),
    **dict.fromkeys(special.MOMENTS, special.moment_node),
    exp.Subquery: subqueries.scalar,
    exp.Select: subqueries.scalar,
    exp.Union: subqueries.scalar,
    exp.Exists: subqueries.exists,
    exp.Anonymous: calls.call,
    exp.Filter: calls.call,
    exp.WithinGroup: calls.call,
    exp.IgnoreNulls: calls.call,
    exp.Window: calls.window,
    exp.Dot: dot,
    exp.Tuple: tuple_value,
    exp.Star: star,
}
