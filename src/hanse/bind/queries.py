"""Any query to a plan: WITH, set operations, VALUES, parentheses, SELECT."""

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from hanse.bind import coercion, ctes
from hanse.bind.outputs import MODIFIERS, modify, project
from hanse.bind.place import Bound, Place, Session
from hanse.bind.scope import Scope, Source
from hanse.bind.select import select
from hanse.bind.syntax import malformed, only, position, unsupported
from hanse.errors import Unsupported
from hanse.ir.expr import Expr
from hanse.ir.plan import Plan, Project, SetKind, SetOperation, Values
from hanse.ir.types import NULL, TEXT, Type

_SET_PARTS = frozenset({"this", "expression", "distinct", "with_"}) | MODIFIERS
_KINDS: dict[type[exp.Expr], SetKind] = {
    exp.Union: SetKind.UNION,
    exp.Intersect: SetKind.INTERSECT,
    exp.Except: SetKind.EXCEPT,
}


def query(node: exp.Expr, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Bound:
    """The bound query. ``outer`` is the enclosing query's scope where this one may see it, ``names`` the WITH names."""
    while isinstance(node, exp.Paren):
        node = node.this
    clause = ctes.declare(node, outer, names, session)
    bound = _body(node, outer, clause.known, session)
    return Bound(clause.around(bound.plan), bound.untyped) if clause.own else bound


def _body(node: exp.Expr, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Bound:
    match node:
        case exp.Select():
            return select(node, outer, names, session)
        case exp.SetOperation():
            return modify(_set_operation(node, outer, names, session), node, session)
        case exp.Values():
            only(node, frozenset({"expressions", "alias", "with_"}) | MODIFIERS, "VALUES")
            return modify(_values(node, outer, names, session), node, session)
        case exp.Subquery() if isinstance(node.this, exp.Query | exp.Values):
            only(node, frozenset({"this", "alias", "with_", "joins"}) | MODIFIERS, "a query in parentheses")
            return modify(query(node.this, outer, names, session), node, session)
        case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            raise Unsupported("Hanse only reads", sqlstate="42601", position=position(node))
    raise unsupported(node)


def _values(node: exp.Values, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Bound:
    place = Place(session, Scope(Source(Values((), ((),))), outer, names), "VALUES")
    rows = []
    for row in node.expressions:
        parts = row.expressions if isinstance(row, exp.Tuple) else [row.this if isinstance(row, exp.Paren) else row]
        rows.append([place.bind(part) for part in parts])
    if any(len(row) != len(rows[0]) for row in rows):
        raise malformed(node, "VALUES lists must all be the same length")
    done = [coercion.unify(column, position(node), "VALUES") for column in zip(*rows, strict=True)]
    columns = tuple(session.column(f"column{place + 1}", _known(type)) for place, (_, type) in enumerate(done))
    cast = [tuple(coercion.coerce(x, c.type, None) for x in items) for (items, _), c in zip(done, columns, strict=True)]
    return Bound(Values(columns, tuple(zip(*cast, strict=True))))


def _known(type: Type) -> Type:
    return TEXT if type == NULL else type


def _set_operation(node: exp.SetOperation, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Bound:
    """A chain of the same operation at once: its parts get their common types together."""
    kind, every = _KINDS[type(node)], not node.args.get("distinct")
    parts: list[exp.Expr] = []
    left: exp.Expr = node
    while _continues(left, node):
        only(left, _SET_PARTS, "a set operation")
        parts.append(left.args["expression"])
        left = left.this
    parts.append(left)
    for part in parts[1:]:
        if isinstance(part, exp.Select) and any(part.args.get(key) for key in MODIFIERS):
            raise malformed(part, "ORDER BY and LIMIT before a set operation need parentheses around their query")
    sides = [query(part, outer, names, session) for part in reversed(parts)]
    for side in sides:
        if len(side.columns) != len(sides[0].columns):
            raise malformed(node, f"each {kind.name} query must have the same number of columns")
    return Bound(_combined(kind, every, _unified(sides, kind, node, session), session))


def _continues(left: exp.Expr, top: exp.SetOperation) -> bool:
    """Whether the left side belongs to the chain: the same associative operation, with nothing of its own."""
    if left is top:
        return True
    same = type(left) is type(top) is exp.Union and bool(left.args.get("distinct")) == bool(top.args.get("distinct"))
    return same and not any(left.args.get(key) for key in ("order", "limit", "offset", "with_"))


def _unified(sides: list[Bound], kind: SetKind, node: exp.Expr, session: Session) -> list[Plan]:
    """Every side cast to the types that all share, column by column."""
    width = len(sides[0].columns)
    values: list[list[Expr]] = [[] for _ in sides]
    columns = [side.columns for side in sides]
    for place in range(width):
        given = [side.untyped.get(place, columns[i][place].ref()) for i, side in enumerate(sides)]
        cast, type = coercion.unify(given, position(node), kind.name)
        for mine, value in zip(values, cast, strict=True):
            mine.append(coercion.coerce(value, _known(type), None))
    return [_recast(side, mine, session) for side, mine in zip(sides, values, strict=True)]


def _recast(side: Bound, values: list[Expr], session: Session) -> Plan:
    columns = side.columns
    if all(value == column.ref() for value, column in zip(values, columns, strict=True)):
        return side.plan
    if all(v.type == c.type for v, c in zip(values, columns, strict=True)):
        return side.plan
    items, _ = project(side.plan, [(c.name, v) for c, v in zip(columns, values, strict=True)], session)
    return Project(side.plan, tuple(items))


def _combined(kind: SetKind, every: bool, plans: list[Plan], session: Session) -> Plan:
    """The sides under one operation; a long chain becomes a balanced tree, so that no walk goes deep."""
    if len(plans) == 1:
        return plans[0]
    middle = (len(plans) + 1) // 2
    left, right = (_combined(kind, every, half, session) for half in (plans[:middle], plans[middle:]))
    lefts, rights = left.columns, right.columns
    outputs = tuple(
        session.column(l.name, l.type, l.nullable or r.nullable) for l, r in zip(lefts, rights, strict=True)
    )
    return SetOperation(kind, every, left, right, outputs)
