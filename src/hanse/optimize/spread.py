"""Which parts of a plan every shard can answer for itself: what it yields there is its part of the whole, no more, no less.

``Spread`` says where the rows of such a plan are and which of its columns hold the key by which they are spread. Rows
with equal keys are on one shard; those without a key (NULL) may be on any.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.properties import is_volatile_operator, rejects_null
from hanse.ir.routing import column, concerned, family, literal, parameter
from hanse.ir.sharding import Scheme, Shards
from hanse.ir.walk import nested, walk_expr

J = p.JoinKind


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the rows of a plan are."""

    source: str
    shards: Shards
    """Those that can have rows."""
    scheme: Scheme | None = None
    ids: Shards = frozenset()
    """Ids of the columns that hold the key."""
    nulls: bool = True
    """Rows without a key may be on several shards."""
    copies: bool = False
    """Every shard has all of the rows."""
    tests: tuple[e.Expr, ...] = ()
    """Conditions on the key that all rows pass, and that only run time understands."""

    @property
    def route(self) -> e.Expr | None:
        """The one key that all rows have, which only run time knows."""
        for test in () if self.scheme and self.scheme.strays else self.tests:
            match test:
                case e.Call(name="=", args=(left, right)):
                    value = right if column(left) in self.ids else left
                    if self.scheme and parameter(value) and family(value.type) is self.scheme.kind:
                        return value
        return None


Look = Callable[[p.Plan], Spread | None]


def spread(node: p.Plan, below: Look) -> Spread | None:
    """Where the plan's rows are, if every shard can answer it for itself; ``below`` says so of the inputs."""
    if nested(node) or is_volatile_operator(node):
        return None
    match node:
        case p.Scan():
            return _of_scan(node)
        case p.Guard():
            return below(node.input)
        case p.Filter():
            return _filtered(node, below(node.input))
        case p.Project():
            return _projected(node, below(node.input))
        case p.Join():
            return None if node.lateral else _joined(node, below(node.left), below(node.right))
        case p.Aggregate() | p.Distinct() | p.Window():
            return _grouped(node, below(node.input))
    return None


def _of_scan(node: p.Scan) -> Spread | None:
    facts = node.table.sharding
    if facts is None:
        return None
    shards = frozenset(range(len(facts.tables))) - facts.lost
    if facts.copies:
        return Spread(node.table.source, shards - facts.unread or shards, copies=True)
    key = next((known for known, name in node.outputs if name == facts.key), None)
    ids = frozenset((key.id,)) if key else frozenset[int]()
    return Spread(node.table.source, shards, facts.scheme, ids, key is None or key.nullable)


def _filtered(node: p.Filter, below: Spread | None) -> Spread | None:
    if below is None or below.copies:
        return below  # a whole table: count(*) over none of its rows is still a row
    tests = list(e.conjuncts(node.predicate))
    if any(isinstance(test, e.Literal) for test in tests):  # false or NULL: nothing passes
        return replace(below, shards=frozenset())
    if below.scheme is None or not below.ids:
        return below
    shards, later, is_later = below.shards, list[e.Expr](), below.scheme.directory is not None
    for test in tests:
        if not is_later:
            shards &= concerned(test, below.ids, below.scheme, literal)
        is_open = is_later or any(isinstance(part, e.Parameter) for part in walk_expr(test))
        if is_open and _reads(test) & below.ids:
            later.append(test)
    nulls = below.nulls and not any(rejects_null(test, {id}) for test in tests for id in below.ids)
    return replace(below, shards=shards, nulls=nulls, tests=(*below.tests, *later))


def _reads(test: e.Expr) -> Shards:
    return frozenset(part.id for part in walk_expr(test) if isinstance(part, e.Ref))


def _projected(node: p.Project, below: Spread | None) -> Spread | None:
    if below is None:
        return None
    ids = frozenset(made.id for made, value in node.items if column(value) in below.ids)
    return replace(below, ids=ids | below.ids)


def _grouped(node: p.Aggregate | p.Distinct | p.Window, below: Spread | None) -> Spread | None:
    """Whole groups are on one shard if the key is among what they are told apart by."""
    if below is None or below.copies:
        return below
    if below.nulls or _strays(below) or (isinstance(node, p.Aggregate) and node.sets is not None):
        return None
    apart: frozenset[int] | set[int]
    match node:
        case p.Aggregate():
            apart = {key.id for key in node.keys} & below.ids
        case p.Distinct(on=()):
            apart = {made.id for made in node.columns} & below.ids
        case p.Distinct():
            return None  # which row is first is for the Sort below to say
        case _:
            apart = below.ids
            for _, call in node.calls:
                apart = apart & {column(value) for value in call.partition_by}
    return below if apart else None


def _strays(one: Spread) -> bool:
    """Whether rows with equal keys may be on several shards."""
    return one.scheme is not None and one.scheme.strays


def _joined(node: p.Join, left: Spread | None, right: Spread | None) -> Spread | None:
    if left is None or right is None or left.source != right.source:
        return None
    pairs = list(equated(node))
    if left.copies or right.copies:
        return _with_copies(node, left, right) if pairs or left.copies == right.copies else None
    if left.scheme is None or left.scheme != right.scheme or _strays(left):
        return None
    if not any(one in left.ids and other in right.ids for one, other in pairs):
        return None
    match node.kind:
        case J.INNER | J.SEMI:
            ids = left.ids | right.ids if node.kind is J.INNER else left.ids
            tests = (*left.tests, *right.tests) if node.kind is J.INNER else left.tests
            return replace(left, shards=left.shards & right.shards, ids=ids, nulls=False, tests=tests)
        case J.LEFT | J.ANTI:
            return left
        case J.RIGHT:
            return right
    return None


def _with_copies(node: p.Join, left: Spread, right: Spread) -> Spread | None:
    """A table that is whole on every shard joins there, unless its rows without partner would count on each."""
    if left.copies and right.copies:
        return left
    if right.copies:
        return left if node.kind in p.FILTER_INTO_LEFT else None
    return right if node.kind in p.FILTER_INTO_RIGHT else None


def equated(node: p.Join) -> Iterable[tuple[int, int]]:
    """Pairs of a left and a right column that the join demands to be equal."""
    left = {made.id for made in node.left.columns}
    right = {made.id for made in node.right.columns}
    for test in e.conjuncts(node.condition):
        if isinstance(test, e.Call) and test.name == "=":
            one, other = map(column, test.args)
            if one in left and other in right:
                yield one, other
            elif other in left and one in right:
                yield other, one
