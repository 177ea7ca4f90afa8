"""Shorten conditions: NOT moves inwards and disappears, constants fold, nested ANDs and ORs become one.

    Filter: not (a.x < 3 or a.y is null) and true    =>    Filter: a.x >= 3 and a.y is not null
    └─ a                                                   └─ a

When     in filters and join conditions, wherever one of the laws below applies.
Safe     each law holds in three-valued logic: De Morgan, not (a < b) = a >= b (NaN is an ordinary, greatest value),
         x and false = false, x or true = true.
Not      not (a.x = any (subquery)) to a.x <> any (subquery): with several rows the second is nearly always true.
         A filter on FALSE stays, since the guards below it must.
Order    first: later rules look for conjuncts.
"""

from dataclasses import replace

from hanse.ir.expr import TRUE, Call, Expr, Literal
from hanse.ir.plan import Filter, Join, Plan
from hanse.ir.properties import NEGATED
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import map_expr
from hanse.optimize.rule import Context

FALSE = Literal(BOOLEAN, False)
_OPPOSITE = {
    "is_null": "is_not_null",
    "is_true": "is_not_true",
    "is_false": "is_not_false",
    "is_distinct": "is_not_distinct",
} | NEGATED
_OPPOSITE |= {other: name for name, other in _OPPOSITE.items()}


class SimplifyPredicates:
    """See the module."""

    name = "simplify_predicates"
    matches = (Filter, Join)

    def apply(self, node: Plan, _context: Context) -> Plan | None:
        """Simplify the operator's condition."""
        if isinstance(node, Filter):
            new = map_expr(node.predicate, simplified)
            return None if new is node.predicate else replace(node, predicate=new)
        assert isinstance(node, Join)
        new = map_expr(node.condition, simplified)
        return None if new is node.condition else replace(node, condition=new)


def simplified(node: Expr) -> Expr:
    """One step, for an expression whose parts are simple already; the same object where there is nothing to do."""
    match node:
        case Call(name="not", args=(arg,)):
            return _negated(node, arg)
        case Call(name=("and" | "or")):
            return _flat(node)
        case _:
            return node


def _negated(node: Call, arg: Expr) -> Expr:
    match arg:
        case Call(name="not", args=(inner,)):
            return inner
        case Literal(value=bool(value)):
            return Literal(BOOLEAN, not value)
        case Call(name=("and" | "or") as name, args=args):
            other = "or" if name == "and" else "and"
            return _flat(Call(BOOLEAN, other, tuple(_negated(Call(BOOLEAN, "not", (x,)), x) for x in args)))
        case Call(name=name) if name in _OPPOSITE:
            return replace(arg, name=_OPPOSITE[name])
        case _:
            return node


def _flat(node: Call) -> Expr:
    neutral, final = (TRUE, FALSE) if node.name == "and" else (FALSE, TRUE)
    parts: list[Expr] = []
    for arg in node.args:
        parts.extend(arg.args if isinstance(arg, Call) and arg.name == node.name else (arg,))
    if final in parts:
        return final
    kept = tuple(part for part in parts if part != neutral)
    if len(kept) < 2:
        return kept[0] if kept else neutral
    return node if kept == node.args else replace(node, args=kept)
