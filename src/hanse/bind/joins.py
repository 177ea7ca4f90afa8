"""Joins: commas, the kinds of JOIN, ON, USING and NATURAL."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from hanse.bind import coercion, functions
from hanse.bind.place import Place, Session, pairs
from hanse.bind.scope import Scope, Source
from hanse.bind.syntax import malformed, name, only, position, unsupported
from hanse.errors import UnknownName, Unsupported
from hanse.ir.expr import TRUE, Call, Column, Expr, conjunction
from hanse.ir.plan import Join, JoinKind, Plan, Project
from hanse.ir.walk import free

_PARTS = frozenset({"this", "method", "side", "kind", "on", "using"})
_KINDS = {"": JoinKind.INNER, "LEFT": JoinKind.LEFT, "RIGHT": JoinKind.RIGHT, "FULL": JoinKind.FULL}


def cross(left: Source, right: Source, node: exp.Expr) -> Source:
    """Both sides under a comma; the right one may read the left one."""
    both = combine(left, right, node)
    both.plan = Join(JoinKind.INNER, left.plan, right.plan, TRUE, is_lateral(left, right))
    return both


def is_lateral(left: Source, right: Source) -> bool:
    """Whether the right side reads columns of the left one."""
    if not right.may_be_lateral:
        return False
    made = {column.id for column in left.plan.columns}
    return not made.isdisjoint(free(right.plan))


def combine(left: Source, right: Source, node: exp.Expr) -> Source:
    """The names of both sides; the plan is the left one's for now."""
    known = {relation.name: relation for relation in left.relations if relation.name}
    for relation in right.relations:
        other = known.get(relation.name)
        if other is not None and not (other.path and relation.path and other.path != relation.path):
            message = f'table name "{relation.name}" specified more than once'
            raise UnknownName(message, sqlstate="42712", position=position(node), hint="give one of them an alias")
    return Source(
        left.plan,
        left.relations + right.relations,
        left.merged + right.merged,
        left.hidden | right.hidden,
        left.may_be_lateral or right.may_be_lateral,
    )


def is_comma(join: exp.Join) -> bool:
    """Whether the node stands for a comma (``parse`` makes every JOIN say its kind)."""
    return not any(join.args.get(key) for key in ("method", "side", "kind", "on", "using"))


def join(node: exp.Join, left: Source, right: Source, session: Session, scope: Callable[[Source], Scope]) -> Source:
    """The two sides under an explicit join."""
    only(node, _PARTS, "JOIN")
    kind, both = _kind(node), combine(left, right, node)
    lateral = is_lateral(left, right)
    if lateral and kind not in (JoinKind.INNER, JoinKind.LEFT):
        hint = "only inner and left joins can have LATERAL references to their left side"
        raise Unsupported(f"LATERAL under a {kind} join", sqlstate="42P10", position=position(node.this), hint=hint)
    if str(node.args.get("kind") or "").upper() == "CROSS" and (node.args.get("on") or node.args.get("using")):
        raise malformed(node.this, "CROSS JOIN takes no ON and no USING")
    names = _merged_names(node, left, right)
    if names is not None:
        return _using(_Using(kind, left, right, both, lateral, session), names, node)
    on = node.args.get("on")
    if on is None:
        if str(node.args.get("kind") or "").upper() != "CROSS":
            raise malformed(node.this, "JOIN needs ON or USING")
        condition: Expr = TRUE
    else:
        condition = Place(session, scope(both), "JOIN conditions").condition(on)
    both.plan = Join(kind, left.plan, right.plan, condition, lateral)
    return both


def _kind(node: exp.Join) -> JoinKind:
    word = str(node.args.get("kind") or "").upper()
    if word not in ("", "INNER", "CROSS", "OUTER") or str(node.args.get("method") or "").upper() not in ("", "NATURAL"):
        raise unsupported(node, "write EXISTS for a semi join, NOT EXISTS for an anti join")
    return _KINDS[str(node.args.get("side") or "").upper()]


def _merged_names(node: exp.Join, left: Source, right: Source) -> list[exp.Identifier] | None:
    """The columns that USING names, or that NATURAL finds on both sides; None for ON."""
    using = node.args.get("using")
    if using:
        return [part.this if isinstance(part, exp.Column) else part for part in using]
    if str(node.args.get("method") or "").upper() != "NATURAL":
        return None
    others = {column.name for column in right.visible()}
    shared = dict.fromkeys(column.name for column in left.visible() if column.name in others)
    return [exp.Identifier(this=shared_name, quoted=True) for shared_name in shared]


@dataclass(frozen=True, slots=True)
class _Using:
    kind: JoinKind
    left: Source
    right: Source
    both: Source
    lateral: bool
    session: Session


def _using(work: _Using, names: list[exp.Identifier], node: exp.Join) -> Source:
    """Equality on each name; the two columns become one, first in ``SELECT *``."""
    conditions: list[Expr] = []
    merged: list[Column] = []
    made: list[tuple[Column, Expr]] = []
    for part in names:
        where = position(part) or position(node.this)
        one, other = (_side(side, part, where, word) for side, word in ((work.left, "left"), (work.right, "right")))
        call = functions.resolve("=", (one.ref(), other.ref()), where)
        assert isinstance(call, Call)
        conditions.append(call)
        column, value = _merge(work, one, other, call)
        merged.append(column)
        if value is not None:
            made.append((column, value))
        work.both.hidden |= {one.id, other.id}
        work.both.merged = [c for c in work.both.merged if c.id not in (one.id, other.id)]
    plan: Plan = Join(work.kind, work.left.plan, work.right.plan, conjunction(conditions), work.lateral)
    if made:
        plan = Project(plan, (*pairs(plan.columns), *made))
    work.both.merged = merged + work.both.merged
    work.both.plan = plan
    return work.both


def _side(side: Source, part: exp.Identifier, where: int | None, word: str) -> Column:
    found = side.find(name(part), bool(part.args.get("quoted")))
    if not found:
        message = f'column "{name(part)}" specified in USING clause does not exist in {word} table'
        raise UnknownName(message, sqlstate="42703", position=where)
    if len(found) > 1:
        message = f'common column name "{name(part)}" appears more than once in {word} table'
        raise UnknownName(message, sqlstate="42702", position=where)
    return found[0]


def _merge(work: _Using, one: Column, other: Column, call: Call) -> tuple[Column, Expr | None]:
    """The one column that stands for both, and how to compute it if it is not simply one of them."""
    left, right = call.args
    if work.kind is JoinKind.FULL:
        value = functions.resolve("coalesce", (left, right), None)
        return work.session.column(one.name, value.type), value
    kept, cast = (other, right) if work.kind is JoinKind.RIGHT else (one, left)
    if cast == kept.ref():
        return kept, None
    value = coercion.coerce(kept.ref(), cast.type, None, "explicit")
    return work.session.column(one.name, value.type, kept.nullable), value
