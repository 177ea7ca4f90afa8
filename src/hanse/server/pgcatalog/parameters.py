"""Parameters of a statement about the catalog: their types, as far as the statement tells, and their values in their places."""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from hanse.errors import InvalidValue
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.resolver import TYPE, UNKNOWN
from hanse.server.pgcatalog.syntax import called, spelled

_COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Like,
    exp.ILike,
    exp.RegexpLike,
    exp.Operator,
    exp.NullSafeEQ,
)


def types_of(tree: exp.Expr, count: int, given: dict[int, int]) -> tuple[int, ...]:
    """The oid of each parameter: what the client said, else what it is cast to or compared with, else text."""
    found = dict(given)
    for node in tree.find_all(exp.Parameter):
        place = int(node.this.name)
        if place not in found and (oid := _type(node)):
            found[place] = oid
    return tuple(found.get(place, t.TEXT) for place in range(1, count + 1))


def _type(node: exp.Expr) -> int | None:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        node, parent = parent, parent.parent
    match parent:
        case exp.Cast():
            return t.named(spelled(parent.to))
        case exp.Limit() | exp.Offset():
            return t.INT8
        case exp.In() | exp.Between():
            return _known(parent.this)
        case exp.Any() | exp.Anonymous() if isinstance(parent.parent, exp.EQ | exp.NEQ) and called(parent)[0] in (
            "",
            "all",
        ):
            other = parent.parent.expression if parent.parent.this is parent else parent.parent.this
            return t.ARRAYS.get(_known(other) or 0)
        case exp.Expr() if isinstance(parent, _COMPARISONS):
            return _known(parent.expression if parent.this is node else parent.this)
    return None


def _known(node: exp.Expr) -> int | None:
    found = node.meta.get(TYPE)
    return None if found == UNKNOWN else found


def bound(tree: exp.Expr, values: Sequence[Any], oids: Sequence[int]) -> exp.Expr:
    """The statement with literals in the place of parameters: a text is then what PostgreSQL calls an unknown literal, all else
    is of the type of ``oids``, as far as these are known."""
    tree = tree.copy()
    for node in list(tree.find_all(exp.Parameter)):
        place = int(node.this.name) - 1
        made = literal(values[place])
        if not isinstance(values[place], str) and place < len(oids):
            made = exp.Cast(this=made, to=exp.DataType.build(_spelled(oids[place]), dialect="postgres", udt=True))
        node.replace(made)
    return tree


def _spelled(oid: int) -> str:
    name = t.NAMES.get(oid, "text")
    element = t.ELEMENTS.get(oid, 0)
    return f"pg_catalog.{t.NAMES[element]}[]" if name.startswith("_") and element else f'pg_catalog."{name}"'


def literal(value: Any) -> exp.Expr:
    """A value as a literal; raises InvalidValue for what has none."""
    match value:
        case None:
            return exp.Null()
        case bool():
            return exp.Boolean(this=value)
        case int() | float():
            return exp.Neg(this=exp.Literal.number(-value)) if value < 0 else exp.Literal.number(value)
        case str():
            return exp.Literal.string(value)
        case list() | tuple():
            return exp.Array(expressions=[literal(item) for item in value])
    raise InvalidValue(
        f"{type(value).__name__} cannot be a parameter of a statement about the catalog", sqlstate="22P02"
    )
