"""Constructs with a syntax of their own, brought to the normal form of a function: EXTRACT, SUBSTRING FROM, AT TIME ZONE,
casts, subscripts, JSON arrows, CASE, the current moment ..."""

import datetime as dt
from zoneinfo import ZoneInfo

from sqlglot import exp

from hanse.bind import coercion, functions
from hanse.bind.coercion import Untyped
from hanse.bind.literals import string
from hanse.bind.place import BindContext, Moment, Place, typed
from hanse.bind.syntax import position, unsupported
from hanse.bind.types import Target, parse_target
from hanse.errors import Unsupported
from hanse.ir import arithmetic
from hanse.ir import types as t
from hanse.ir.expr import Case, Cast, Expr, Literal


def case(node: exp.Case, place: Place) -> Expr:
    """Both forms of CASE; the simple one compares its operand with ``=``."""
    operand = node.args.get("this")
    subject = place.bind(operand) if operand is not None else None
    conditions, results = [], []
    for branch in node.args["ifs"]:
        where = position(branch.this)
        if subject is None:
            conditions.append(place.condition(branch.this))
        else:
            conditions.append(functions.resolve("=", (subject, place.bind(branch.this)), where))
        results.append(place.bind(branch.args["true"]))
    default = node.args.get("default")
    otherwise = place.bind(default) if default is not None else Literal(t.NULL, None)
    values, type = coercion.unify((otherwise, *results), position(node), "CASE")
    rest = values[0] if default is not None else None
    return Case(type, tuple(zip(conditions, values[1:], strict=True)), rest)


def cast(node: exp.Cast, place: Place) -> Expr:
    """CAST, ``::`` and TRY_CAST."""
    if node.args.get("format") or node.args.get("default"):
        raise unsupported(node)
    target = parse_target(node.args["to"])
    value = place.bind(node.this)
    return convert(value, target, position(node), safe=isinstance(node, exp.TryCast))


def convert(value: Expr, target: Target, where: int | None, *, safe: bool = False) -> Expr:
    """The explicit conversion to a written type, with the length of char(n) and varchar(n)."""
    type = target.type
    if target.free:
        type = _numeric_for(value)
    if safe and not (isinstance(value, Untyped) and isinstance(value.literal, Literal) and value.literal.value is None):
        plain = typed(value)
        coercion.coerce(Literal(plain.type, None), type, where, "explicit")
        return Cast(type, plain, safe=True)
    done = coercion.coerce(value, type, where, "explicit")
    if target.length is None:
        return done
    done = functions.resolve("left", (done, Literal(t.INT32, target.length)), where)
    return functions.resolve("rtrim", (done, Literal(t.TEXT, " ")), where) if target.padded else done


def _numeric_for(value: Expr) -> t.Type:
    """``x::numeric`` keeps the digits that x has, as far as they are known."""
    if value.type.kind in t.INTEGERS or isinstance(value.type, t.Decimal):
        return arithmetic.as_decimal(value.type)
    if isinstance(value, Untyped) and isinstance(value.literal, Literal) and value.literal.value is not None:
        text = value.literal.value.strip().lstrip("+-")
        whole, _, fraction = text.partition(".")
        if (
            whole.isdigit()
            and (fraction.isdigit() or not fraction)
            and len(whole) + len(fraction) <= t.DECIMAL_DIGITS_MAX
        ):
            return t.decimal(max(len(whole) + len(fraction), 1), len(fraction))
    return t.decimal(38, 18)


def parse_json(node: exp.ParseJSON, place: Place) -> Expr:
    """``JSON 'text'``."""
    return coercion.coerce(place.bind(node.this), t.JSON, position(node), "explicit")


def extract(node: exp.Extract, place: Place) -> Expr:
    """``EXTRACT(field FROM x)``."""
    field = Literal(t.TEXT, node.this.name.lower())
    return functions.resolve("extract", (field, place.bind(node.args["expression"])), position(node.args["expression"]))


def _given(node: exp.Expr, place: Place, *keys: str) -> tuple[Expr, ...]:
    return tuple(place.bind(node.args[key]) for key in keys if node.args.get(key) is not None)


def substring(node: exp.Substring, place: Place) -> Expr:
    """``SUBSTRING(s FROM n FOR m)``, and with a regular expression after FROM."""
    args = _given(node, place, "this", "start", "length")
    if len(args) == 2 and args[1].type.kind is t.Kind.TEXT:
        match = functions.resolve("regexp_match", args, position(node))
        return functions.resolve("array_get", (match, Literal(t.INT32, 1)), position(node))
    return functions.resolve("substr", args, position(node))


def position_in(node: exp.StrPosition, place: Place) -> Expr:
    """``POSITION(part IN s)``."""
    return functions.resolve("strpos", _given(node, place, "this", "substr"), position(node))


def trim(node: exp.Trim, place: Place) -> Expr:
    """``TRIM([LEADING|TRAILING|BOTH] [chars] FROM s)``."""
    side = str(node.args.get("position") or "BOTH").upper()
    name = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "btrim"}[side]
    return functions.resolve(name, _given(node, place, "this", "expression"), position(node))


def overlay(node: exp.Overlay, place: Place) -> Expr:
    """``OVERLAY(s PLACING r FROM n FOR m)``."""
    return functions.resolve("overlay", _given(node, place, "this", "expression", "from_", "for_"), position(node))


def at_time_zone(node: exp.AtTimeZone, place: Place) -> Expr:
    """``x AT TIME ZONE zone``."""
    value = place.bind(node.this)
    if isinstance(value, Untyped) or value.type == t.DATE:
        value = coercion.coerce(value, t.TIMESTAMPTZ, position(node))
    return functions.resolve("timezone", (place.bind(node.args["zone"]), value), position(node))


def collate(node: exp.Collate, place: Place) -> Expr:
    """Text compares by code point everywhere, so only the collations that say so mean anything."""
    wanted = node.args["expression"].name.lower()
    if wanted not in ("c", "posix", "ucs_basic", "c.utf8", "c.utf-8", "default"):
        hint = 'text compares by code point; only COLLATE "C" is possible'
        raise Unsupported(f'collation "{wanted}" is not supported', position=position(node), hint=hint)
    return place.value(node.this)


def bracket(node: exp.Bracket, place: Place) -> Expr:
    """``a[i]`` and ``a[i:j]``."""
    value, where = place.bind(node.this), position(node)
    for subscript in node.expressions:
        if isinstance(subscript, exp.Slice):
            low, high = (subscript.args.get(key) for key in ("this", "expression"))
            first = place.bind(low) if low is not None else Literal(t.INT32, 1)
            length = (value, Literal(t.INT32, 1))
            last = place.bind(high) if high is not None else functions.resolve("array_length", length, where)
            value = functions.resolve("array_slice", (value, first, last), where)
        else:
            value = functions.resolve("array_get", (value, place.bind(subscript)), where)
    return value


def array(node: exp.Array, place: Place) -> Expr:
    """``ARRAY[...]``; inner brackets are arrays too."""
    return functions.resolve("array", tuple(place.bind(item) for item in node.expressions), position(node))


ARROWS: dict[type[exp.Expr], str] = {
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.JSONBContainsTopKey: "?",
    exp.JSONBContainsAnyTopKeys: "?|",
    exp.JSONBContainsAllTopKeys: "?&",
}


def arrow(node: exp.Expr, place: Place) -> Expr:
    """The operators of JSON."""
    path = node.args["expression"]
    step = _step(path) if isinstance(path, exp.JSONPath) else place.bind(path)
    return functions.resolve(ARROWS[type(node)], (place.bind(node.this), step), position(node))


def _step(path: exp.JSONPath) -> Expr:
    """The constant that sqlglot took for a path of one step."""
    step = path.expressions[-1]
    if isinstance(step, exp.JSONPathSubscript):
        return Literal(t.INT32, int(step.this))
    return string(str(step.this))


def moment(name: str, place: Place, where: int | None, digits: int | None = None) -> Expr:
    """``now()``, CURRENT_DATE and the like: constants of the statement's start, so that all sources see one instant."""
    if name == "current_time":
        hint = "use LOCALTIME or CURRENT_TIMESTAMP"
        raise Unsupported("time with time zone is not supported", position=where, hint=hint)
    found = moment_at((name, digits), place.session.context)
    place.session.moments[name, digits] = found
    return found


def moment_at(what: Moment, context: BindContext) -> Literal:
    """What a statement that starts then makes of ``now()``, CURRENT_DATE and the like."""
    name, digits = what
    now = context.now.astimezone(dt.UTC)
    if digits is not None and digits < 6:
        unit = 10 ** (6 - digits)
        now = now.replace(microsecond=0) + dt.timedelta(microseconds=round(now.microsecond / unit) * unit)
    local = now.astimezone(ZoneInfo(context.timezone)).replace(tzinfo=None)
    match name:
        case "current_date":
            return Literal(t.DATE, local.date())
        case "localtimestamp":
            return Literal(t.TIMESTAMP, local)
        case "localtime":
            return Literal(t.TIME, local.time())
    return Literal(t.TIMESTAMPTZ, now)


MOMENTS: dict[type[exp.Expr], str] = {
    exp.CurrentDate: "current_date",
    exp.CurrentTime: "current_time",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtime: "localtime",
    exp.Localtimestamp: "localtimestamp",
}
MOMENT_CALLS = frozenset({*MOMENTS.values(), "now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"})
"""``clock_timestamp()`` too is the statement's start: sources have clocks of their own."""


def moment_node(node: exp.Expr, place: Place) -> Expr:
    """CURRENT_DATE and the others without parentheses."""
    return moment(MOMENTS[type(node)], place, position(node))


TYPE_NAMES = {
    t.Kind.DECIMAL: "numeric",
    t.Kind.TIMESTAMP: "timestamp without time zone",
    t.Kind.TIMESTAMPTZ: "timestamp with time zone",
    t.Kind.TIME: "time without time zone",
    t.Kind.NULL: "unknown",
}


def type_name(value: Expr) -> Expr:
    """``pg_typeof(x)``, which needs no run."""
    return Literal(t.TEXT, "unknown" if isinstance(value, Untyped) else _called(value.type))


def _called(type: t.Type) -> str:
    if isinstance(type, t.Array):
        return f"{_called(type.item)}[]"
    return TYPE_NAMES.get(type.kind, "text" if type.kind is t.Kind.ENUM else str(type))
