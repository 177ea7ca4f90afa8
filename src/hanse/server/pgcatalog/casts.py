"""CAST in a statement about the catalog.

What is an oid and shows a name (regclass and its like) is an oid here, until it becomes text, in an answer
or by a cast.
"""

from collections.abc import Sequence

from sqlglot import exp

from hanse.errors import UnknownName
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.lookup import Lookup
from hanse.server.pgcatalog.operators import items
from hanse.server.pgcatalog.resolver import TYPE, UNKNOWN
from hanse.server.pgcatalog.sets import call, is_vector
from hanse.server.pgcatalog.syntax import spelled

_STRINGS = frozenset({t.TEXT, t.NAME, t.VARCHAR, t.CHAR, 1042, UNKNOWN})
_NAMED = {
    t.REGCLASS: "pg.class_named",
    t.REGTYPE: "pg.type_named",
    t.REGNAMESPACE: "pg.namespace_named",
    t.REGROLE: "pg.role_named",
}
_TEXTS = {
    t.REGCLASS: "pg.class_text",
    t.REGTYPE: "pg.type_text",
    t.REGNAMESPACE: "pg.namespace_text",
    t.REGROLE: "pg.role_text",
}


def texts(paths: Sequence[str]) -> exp.Expr:
    """A list of texts as an expression."""
    listed = exp.Array(expressions=[exp.Literal.string(one) for one in paths])
    return exp.cast(listed, "VARCHAR[]", dialect="duckdb")


def cast(node: exp.Cast, lookup: Lookup, path: Sequence[str]) -> exp.Expr:
    """The cast for the catalog database; raises UnknownName for types and names that do not exist."""
    name = spelled(node.to)
    target = t.named(name)
    if target is None:
        raise UnknownName(f'type "{name}" does not exist', sqlstate="42704")
    inner = node.this
    while isinstance(inner, exp.Paren) and not isinstance(inner.this, exp.Query):
        inner = inner.this
    given = inner.meta.get(TYPE)
    if target in t.REG:
        return _registered(inner, given, target, lookup, path)
    if target in _STRINGS or t.carrier(target) == "VARCHAR":
        return _text(inner, given, path)
    if isinstance(inner, exp.Literal) and inner.is_string and t.ELEMENTS.get(target) and inner.name.startswith("{"):
        return items(inner.name, t.ELEMENTS[target])
    if isinstance(inner, exp.Literal) and inner.is_string and is_vector(target):
        return items(",".join(inner.name.split()), t.ELEMENTS[target])
    return _carried(inner, target)


def _registered(inner: exp.Expr, given: int | None, target: int, lookup: Lookup, path: Sequence[str]) -> exp.Expr:
    if isinstance(inner, exp.Literal) and inner.is_string:
        return _carried(exp.Literal.number(lookup.require(target, inner.name, path)), target)
    return named(inner, target, path) if given in _STRINGS - {UNKNOWN} else _carried(inner, target)


def named(inner: exp.Expr, target: int, path: Sequence[str]) -> exp.Expr:
    """The oid of what a text names, computed; NULL where there is no such."""
    macro = _NAMED.get(target, "pg.proc_named")
    return call(macro, inner, texts(path)) if target == t.REGCLASS else call(macro, inner)


def _text(inner: exp.Expr, given: int | None, path: Sequence[str]) -> exp.Expr:
    if given == t.REGCLASS:
        return call("pg.class_text", inner, texts(path))
    if given in t.REG:
        return call(_TEXTS.get(given, "pg.proc_text"), inner)
    if is_vector(given):
        return call("array_to_string", inner, exp.Literal.string(" "))
    if given and given != t.NAME and t.ELEMENTS.get(given):
        return call("pg.array_text", inner)
    return _carried(inner, t.TEXT)


def _carried(inner: exp.Expr, target: int) -> exp.Expr:
    return exp.Cast(this=inner, to=exp.DataType.build(t.carrier(target), dialect="duckdb"))
