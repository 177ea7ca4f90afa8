"""Carry what is known of a column by comparison with constants over to the columns that a join equates with it.

    Join: inner on a.x = b.x                Join: inner on a.x = b.x
    ├─ Filter: a.x = 5               =>     ├─ Filter: a.x = 5
    │  └─ a                                 │  └─ a
    └─ b                                    └─ Filter: b.x = 5
                                               └─ b

When     a conjunct compares one column with constants (=, <, <=, >, >=, IN), and a join equates that column, as it is,
         with one of the other side. Both ways through inner and semi joins; from the side that is kept to the other one
         through left, right and anti joins.
Safe     a row of the other side that fails has no partner that passes; only as a partner did it count.
Not      from the side that may be missing: SELECT * FROM a LEFT JOIN (SELECT * FROM b WHERE x = 5) b ON a.x = b.x
         shows every row of a. Not through a cast: a.x::text = b.t says nothing of b.t = 5.
Order    after filters were pushed; filters are pushed once more afterwards.
"""

from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.properties import COMPARISONS, is_constant
from hanse.ir.walk import substitute, with_inputs
from hanse.optimize.rule import Context, filtered, parts

Facts = list[tuple[int, e.Expr]]
"""A column's id and a comparison of it with constants."""
J = p.JoinKind
_RANGES = COMPARISONS - {"<>"}


class InferConstants:
    """See the module."""

    name = "infer_constants"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Walk the whole plan, top down."""
        return _Inference(context).visit(node, [])


def compared(test: e.Expr) -> int | None:
    """The column that a conjunct compares with constants, if that is all it does."""
    if isinstance(test, e.InList):
        arg, others = test.arg, test.items
    elif isinstance(test, e.Call) and test.name in _RANGES:
        arg, other = test.args
        if not isinstance(arg, e.Ref):
            arg, other = other, arg
        others = (other,)
    else:
        return None
    return arg.id if isinstance(arg, e.Ref) and all(map(is_constant, others)) else None


class _Inference:
    """One walk; what holds below is remembered per operator."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.known: dict[int, tuple[p.Plan, Facts]] = {}

    def visit(self, node: p.Plan, above: Facts) -> p.Plan:
        """The plan with inferred filters; ``above`` holds of all of its rows that matter."""
        match node:
            case p.Filter():
                below = self.visit(node.input, above + self.of(parts(node.predicate)))
                return with_inputs(node, (below,))
            case p.Join():
                return self.join(node, above)
            case p.Project() | p.Guard() | p.Sort():
                return with_inputs(node, (self.visit(node.input, above),))
        return with_inputs(node, tuple(self.visit(child, []) for child in node.inputs))

    def join(self, node: p.Join, above: Facts) -> p.Plan:
        left_ids, right_ids = self.context.ids(node.left), self.context.ids(node.right)
        left = above + self.facts(node.left)
        right = self.facts(node.right) + (above if node.kind in p.FILTER_INTO_RIGHT else [])
        pairs = self.pairs(node, left_ids)
        to_right = _inferred(left, pairs, right) if node.kind in p.CONDITION_INTO_RIGHT else []
        to_left = _inferred(right, [(b, a) for a, b in pairs], left) if node.kind in p.CONDITION_INTO_LEFT else []
        keeps_left = node.kind in p.FILTER_INTO_LEFT
        down_left = [fact for fact in above if fact[0] in left_ids] if keeps_left else []
        down_right = [fact for fact in above if fact[0] in right_ids] if node.kind in p.FILTER_INTO_RIGHT else []
        if to_left or to_right:
            new_left = filtered(node.left, [test for _, test in to_left])
            new_right = filtered(node.right, [test for _, test in to_right])
            node = replace(node, left=new_left, right=new_right)
        return with_inputs(node, (self.visit(node.left, down_left), self.visit(node.right, down_right)))

    def pairs(self, node: p.Join, left_ids: frozenset[int]) -> list[tuple[e.Ref, e.Ref]]:
        """Columns of left and right that the join equates."""
        found = []
        for test in parts(node.condition):
            match test:
                case e.Call(name="=", args=(e.Ref() as a, e.Ref() as b)) if (a.id in left_ids) != (b.id in left_ids):
                    found.append((a, b) if a.id in left_ids else (b, a))
        return found

    def of(self, tests: list[e.Expr]) -> Facts:
        return [(id, test) for test in tests if (id := compared(test)) is not None]

    def facts(self, node: p.Plan) -> Facts:
        """What holds of all rows that a plan yields."""
        if id(node) not in self.known:
            self.known[id(node)] = node, self.compute(node)
        return self.known[id(node)][1]

    def compute(self, node: p.Plan) -> Facts:
        match node:
            case p.Filter():
                return self.of(parts(node.predicate)) + self.facts(node.input)
            case p.Join(kind=kind):
                left = self.facts(node.left) if kind in p.FILTER_INTO_LEFT else []
                return left + (self.facts(node.right) if kind in p.FILTER_INTO_RIGHT else [])
            case p.Guard() | p.Sort() | p.Limit() | p.Distinct() | p.Window():
                return self.facts(node.input)
            case p.Project():
                ids = self.context.ids(node)
                return [fact for fact in self.facts(node.input) if fact[0] in ids]
            case p.Aggregate(sets=None):
                keys = {key.id for key in node.keys}
                return [fact for fact in self.facts(node.input) if fact[0] in keys]
        return []


def _inferred(known: Facts, pairs: list[tuple[e.Ref, e.Ref]], have: Facts) -> Facts:
    """What the pairs carry from the first column of each over to the second, as far as it is new."""
    found: Facts = []
    for one, other in pairs:
        for id, test in known:
            if id == one.id:
                new = substitute(test, {id: other})
                if not any(new == old for _, old in have + found):
                    found.append((other.id, new))
    return found
