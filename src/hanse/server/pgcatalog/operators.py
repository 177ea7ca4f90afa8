"""Operators and comparisons that PostgreSQL and the catalog database spell or mean differently."""

import re
from collections.abc import Callable

from sqlglot import exp

from hanse.errors import UnknownName
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.resolver import TYPE, UNKNOWN
from hanse.server.pgcatalog.sets import call, is_vector
from hanse.server.pgcatalog.syntax import called

_ITEMS = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')
_INTEGERS = frozenset({t.INT2, t.INT4, t.INT8, t.OID})
Maker = Callable[[exp.Expr, exp.Expr], exp.Expr]


def _like(is_not: bool, kind: type[exp.Expr]) -> Maker:
    def make(left: exp.Expr, right: exp.Expr) -> exp.Expr:
        made = kind(this=left, expression=right)
        return exp.Not(this=made) if is_not else made

    return make


def _plain(kind: type[exp.Expr]) -> Maker:
    return lambda left, right: kind(this=left, expression=right)


_SPELLED: dict[str, Maker] = {
    "~": _like(False, exp.RegexpLike),
    "!~": _like(True, exp.RegexpLike),
    "~*": _like(False, exp.RegexpILike),
    "!~*": _like(True, exp.RegexpILike),
    "~~": _like(False, exp.Like),
    "!~~": _like(True, exp.Like),
    "~~*": _like(False, exp.ILike),
    "!~~*": _like(True, exp.ILike),
    "=": _plain(exp.EQ),
    "<>": _plain(exp.NEQ),
    "<": _plain(exp.LT),
    "<=": _plain(exp.LTE),
    ">": _plain(exp.GT),
    ">=": _plain(exp.GTE),
    "||": _plain(exp.DPipe),
    "+": _plain(exp.Add),
    "-": _plain(exp.Sub),
}


def translated(node: exp.Expr) -> exp.Expr:
    """The node for the catalog database; itself, if nothing about it differs."""
    match node:
        case exp.Operator():
            name = str(node.args["operator"]).rpartition(".")[2].strip()
            if name not in _SPELLED:
                raise UnknownName(f"operator does not exist: {name}", sqlstate="42883")
            return translated(_SPELLED[name](node.this, node.expression))
        case exp.Collate():
            inner: exp.Expr = node.this
            return inner
        case exp.EQ() | exp.NEQ() if _listed(node.expression) is not None:
            return _among(node)
        case exp.EQ() | exp.NEQ() | exp.ArrayContainsAll() | exp.ArrayOverlaps():
            for one, other in ((node.this, node.expression), (node.expression, node.this)):
                if _is_text(one) and one.name.startswith("{") and _is_list(other.meta.get(TYPE)):
                    one.replace(items(one.name, t.ELEMENTS[other.meta[TYPE]]))
        case exp.Bracket():
            return _subscript(node)
        case exp.Array() if not node.expressions:
            return exp.cast(exp.Array(expressions=[]), "VARCHAR[]", dialect="duckdb")
        case exp.Div() if node.this.meta.get(TYPE) in _INTEGERS and node.expression.meta.get(TYPE) in _INTEGERS:
            return exp.IntDiv(this=node.this, expression=node.expression)
        case exp.DPipe():
            return _joined(node)
    return node


def _joined(node: exp.DPipe) -> exp.Expr:
    """Of two lists NULL is one without items; anything with a text that is NULL is NULL."""
    if _is_list(node.this.meta.get(TYPE)) and _is_list(node.expression.meta.get(TYPE)):
        return call("list_concat", node.this, node.expression)
    node.set("safe", None)
    return node


def _subscript(node: exp.Bracket) -> exp.Expr:
    """One item, or those between two places."""
    index = node.expressions[0]
    if len(node.expressions) > 1:
        raise UnknownName("arrays of the catalog have one dimension", sqlstate="0A000")
    if isinstance(index, exp.Slice):
        return call("list_slice", node.this, *[one or exp.Null() for one in (index.this, index.expression)])
    if is_vector(node.this.meta.get(TYPE)):
        index = exp.Add(this=exp.Paren(this=index), expression=exp.Literal.number(1))
    return call("pg.item", node.this, index)


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _is_list(type: int | None) -> bool:
    return bool(type and type != t.NAME and t.ELEMENTS.get(type))


def _listed(node: exp.Expr) -> exp.Expr | None:
    """The list in ``ANY (list)`` and ``ALL (list)``; None: it is something else, or a query."""
    inner: exp.Expr | None = None
    if isinstance(node, exp.Any | exp.All):
        inner = node.this
    elif called_all(node):
        inner = node.expressions[0]
    while isinstance(inner, exp.Paren):
        inner = inner.this
    return None if inner is None or isinstance(inner, exp.Query) else inner


def called_all(node: exp.Expr) -> bool:
    """Whether it is ``ALL (list)`` as the parser leaves it: a call."""
    return isinstance(node, exp.Anonymous) and called(node)[0] == "all"


def _among(node: exp.Expr) -> exp.Expr:
    """``= ANY (list)`` and ``<> ALL (list)``; the others are ``<> ANY`` and ``= ALL``."""
    listed = _listed(node.expression)
    assert listed is not None
    is_all = called_all(node.expression) or isinstance(node.expression, exp.All)
    if isinstance(node, exp.EQ) == is_all:
        raise UnknownName("<> ANY and = ALL are not possible in a query about the catalog", sqlstate="0A000")
    if _is_text(listed):
        element = node.this.meta.get(TYPE)
        listed = items(listed.name, t.TEXT if element in (None, UNKNOWN) else element)
    found = call("list_contains", listed, node.this)
    return exp.Not(this=found) if is_all else found


def items(text: str, element: int) -> exp.Expr:
    """The array that a text such as ``{1,2}`` is."""
    found = [quoted or bare.strip() for quoted, bare in _ITEMS.findall(text)]
    values = [exp.Null() if one.upper() == "NULL" else exp.Literal.string(one) for one in found]
    return exp.cast(exp.Array(expressions=values), f"{t.carrier(element)}[]", dialect="duckdb")
