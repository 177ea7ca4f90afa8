"""Scalar and table functions: from a name and bound arguments to a typed call, as PostgreSQL resolves it.

``resolve`` is the entry. Arguments come back cast to what the chosen overload takes; names come back in their normal
form (``char_length`` is ``length``). What a function may do (volatility, leaks) is asked for by that name.
"""

import difflib
from dataclasses import replace

from hanse.bind import coercion, operators, overloads, results
from hanse.bind.signatures import ALIASES, LEAKPROOF, NOT_STRICT, SCALARS, STABLE, VOLATILE
from hanse.bind.signatures_more import MORE
from hanse.bind.signatures_tables import TABLES
from hanse.errors import TypeMismatch, UnknownName, Unsupported, UserError
from hanse.ir import types as t
from hanse.ir.expr import Call, Expr, Literal
from hanse.ir.types import Array, Kind, Type

POSTGRES = overloads.read(SCALARS)
SCALAR = {**overloads.read(MORE), **POSTGRES}
TABLE = overloads.read(TABLES)
QUANTIFIED = ("any_array_", "all_array_")
WITH_FIELD = frozenset({"extract", "date_part", "date_trunc"})


def is_function(name: str) -> bool:
    """Whether a scalar function or operator has that name."""
    name = ALIASES.get(name, name)
    return name in SCALAR or name in operators.TYPINGS or name.startswith(QUANTIFIED)


def is_table_function(name: str) -> bool:
    """Whether a function in FROM has that name."""
    return name in TABLE


def names() -> frozenset[str]:
    """Every scalar function and operator in its normal form."""
    return frozenset(SCALAR) | frozenset(operators.TYPINGS)


def volatility(name: str) -> str:
    """``immutable``, ``stable`` (fixed within a statement) or ``volatile``."""
    name = ALIASES.get(name, name)
    return "volatile" if name in VOLATILE else "stable" if name in STABLE else "immutable"


def is_leakproof(name: str) -> bool:
    """Whether it tells nothing about its arguments but its answer."""
    return name in LEAKPROOF


def resolve(name: str, args: tuple[Expr, ...], position: int | None) -> Expr:
    """The typed call; UnknownName (42883) for no such function, TypeMismatch for no such arguments."""
    name = ALIASES.get(name, name)
    if name.startswith(QUANTIFIED):
        return operators.quantified(name, args, position)
    typing = operators.TYPINGS.get(name)
    call = typing(name, args, position) if typing else None
    call = call if call is not None else _listed(name, args, position)
    return Literal(call.type, None) if is_strict(call.name) and _has_null(call.args) else call


def is_strict(name: str) -> bool:
    """Whether a NULL argument always makes the answer NULL."""
    return name not in NOT_STRICT and not name.startswith(QUANTIFIED)


def _has_null(args: tuple[Expr, ...]) -> bool:
    return any(isinstance(arg, Literal) and arg.value is None for arg in args)


def _listed(name: str, args: tuple[Expr, ...], position: int | None) -> Call:
    if name not in SCALAR:
        if name in operators.TYPINGS:
            raise operators.undefined(name, args, position)
        raise _unknown(name, position)
    args = operators.swapped(name, args)
    if name == "age" and len(args) == 1:
        raise _mismatch(name, args, position, "write age(current_date, x)")
    signature = overloads.choose(SCALAR[name], args)
    if signature is None:
        raise _mismatch(name, args, position)
    cast, type = overloads.apply(signature, args, position)
    if name in WITH_FIELD:
        if name == "extract" and args[1].type.kind == Kind.DATE:
            _refuse_time_field(cast[0], position)
        cast = (_field(cast[0], position), *cast[1:])
    return Call(type, name, cast)


def _refuse_time_field(arg: Expr, position: int | None) -> None:
    """A date has no hours; date_part, which sees it as a timestamp, gives 0."""
    field = results.field_name(arg, position)
    if field in ("hour", "minute", "second", "milliseconds", "microseconds") or field.startswith("timezone"):
        raise Unsupported(f'unit "{field}" not supported for type date', position=position)


def _field(arg: Expr, position: int | None) -> Expr:
    """A constant field in its canonical spelling."""
    assert arg.type == t.TEXT
    return Literal(t.TEXT, results.field_name(arg, position))


WHOLE_DOCUMENT = "name the parts that stay and the new one: jsonb_build_object('kept', j -> 'kept', 'new', x)"
INSTEAD = {
    "to_number": "take away what is no digit and cast: replace(x, ',', '')::numeric(12,2)",
    **dict.fromkeys(("jsonb_set", "jsonb_set_lax", "jsonb_insert"), WHOLE_DOCUMENT),
}
"""Functions of PostgreSQL that are left out, as an answer that is nearly the same is wrong: to_number takes almost any text
for a number, and the others write the whole document anew as jsonb, while JSON here is the exact text; and what to write."""


def _unknown(name: str, position: int | None) -> UserError:
    if name in INSTEAD:
        return Unsupported(f"function {name} is not supported", position=position, hint=INSTEAD[name])
    near = difflib.get_close_matches(name, [*SCALAR, *ALIASES, *TABLE], 1)
    hint = f"did you mean {near[0]}?" if near else None
    return UnknownName(f"function {name} does not exist", sqlstate="42883", position=position, hint=hint)


def _mismatch(name: str, args: tuple[Expr, ...], position: int | None, hint: str | None = None) -> TypeMismatch:
    if not name[0].isalpha():
        return operators.undefined(name, args, position)
    given = ", ".join("unknown" if coercion.is_untyped(arg) else str(arg.type) for arg in args)
    known = "; ".join(str(signature) for signature in (SCALAR.get(name) or TABLE[name])[:6])
    hint = hint or f"there is {known}; add explicit type casts"
    return TypeMismatch(f"function {name}({given}) does not exist", sqlstate="42883", position=position, hint=hint)


Columns = tuple[tuple[str, Type], ...]


def table_function(name: str, args: tuple[Expr, ...], position: int | None) -> tuple[tuple[Expr, ...], Columns]:
    """The arguments cast, and name and type of each column that the function yields."""
    if name not in TABLE:
        raise _unknown(name, position)
    if name == "unnest":
        return _unnest(args, position)
    signature = overloads.choose(TABLE[name], args)
    if signature is None:
        raise _mismatch(name, args, position)
    columns = _columns(signature.result)
    cast, type = overloads.apply(replace(signature, result=columns[0][1]), args, position)
    if columns[0][1] == "same":
        cast, type = coercion.unify(cast, position, name)
    return cast, tuple((label, overloads.type_of(word) or type) for label, word in columns)


def _columns(result: str) -> list[tuple[str, str]]:
    """``key text, value json`` taken apart."""
    pairs = [column.split(" ") for column in result.split("; ")]
    return [(label, word) for label, word in pairs]


def _unnest(args: tuple[Expr, ...], position: int | None) -> tuple[tuple[Expr, ...], Columns]:
    """Several arrays side by side, one column each."""
    items = []
    for arg in args:
        if not isinstance(arg.type, Array):
            raise _mismatch("unnest", args, position)
        item = arg.type.item
        while isinstance(item, Array):
            item = item.item
        items.append(("unnest", t.TEXT if item.kind == Kind.NULL else item))
    if not items:
        raise _mismatch("unnest", args, position)
    return args, tuple(items)
