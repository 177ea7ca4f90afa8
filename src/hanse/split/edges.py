"""Between which columns keys may flow: found on the plan as it was cut, whatever that would cost.

An equality of two columns under a join says: of the one side only rows with a partner on the other side matter. Several
equalities between the same two fragments say it of rows of values, too, which narrow more than each column by itself.

When     the join drops rows of the side without partners: both sides of an inner or semi join, the right of a left or anti
         join, the left of a right join; and every operator between the join and the fragment passes such a test down.
         Where a subquery stays one, a filter in it that equates its rows' column with one of the row outside drops them as
         well; and so does IN in a filter, be it below OR: that no row matches, or that this is unknown, is the same there.
Not      below a Limit or a window that is not partitioned by the column: SELECT * FROM a JOIN (SELECT * FROM b ORDER BY x
         LIMIT 3) AS t ON a.k = t.k has another three rows if b is narrowed first. Into a fragment as a whole it is allowed:
         its rows are final.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import INTEGER_DIGITS, INTEGERS, Decimal, Type
from hanse.ir.walk import nested, plans


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of a fragment: the parts of one key."""

    fragment: int
    columns: tuple[int, ...]

    @property
    def column(self) -> int:
        """The first of them."""
        return self.columns[0]

    def reordered(self, parts: Sequence[int]) -> "Place":
        """The same place with its columns in another order."""
        return Place(self.fragment, tuple(self.columns[part] for part in parts))


@dataclass(frozen=True, slots=True)
class Edge:
    """Keys from one place, or from several that have them together, to another, part by part."""

    origins: tuple[Place, ...]
    target: Place

    @property
    def fragments(self) -> tuple[int, ...]:
        """Those that the keys come from."""
        return tuple(origin.fragment for origin in self.origins)

    @property
    def is_composite(self) -> bool:
        """Whether a key has several parts."""
        return len(self.target.columns) > 1

    def reordered(self, parts: Sequence[int]) -> "Edge":
        """The same edge with its parts in another order."""
        origins = tuple(origin.reordered(parts) for origin in self.origins)
        return Edge(origins, self.target.reordered(parts))


def edges(plan: p.Plan) -> Iterator[Edge]:
    """One for each equality of each join and each direction, and one for all equalities between the same two fragments."""
    for node in plans(plan):
        if isinstance(node, p.Join):
            pairs = list(_equalities(node))
            if node.kind in p.CONDITION_INTO_RIGHT:
                yield from _directed(node.left, node.right, pairs)
            if node.kind in p.CONDITION_INTO_LEFT:
                yield from _directed(node.right, node.left, [pair[::-1] for pair in pairs])
            if node.lateral:
                yield from _correlated(node.left, node.right)
        elif isinstance(node, p.Filter):
            for test in _alternatives(node.predicate):
                yield from _directed(node.input, test.plan, list(_matched(test)))
        for inner in nested(node):
            for outer in node.inputs:
                yield from _correlated(outer, inner)


def _correlated(outer: p.Plan, inner: p.Plan) -> Iterator[Edge]:
    """The edges from a plan into filters of one that is evaluated for each of its rows."""
    for node in plans(inner):
        if isinstance(node, p.Filter):
            yield from _directed(outer, node.input, list(_pairs(node.predicate, outer, node.input)))


def _alternatives(predicate: e.Expr) -> Iterator[e.Quantified]:
    """The INs of a filter whose being false or unknown makes no difference."""
    match predicate:
        case e.Call(name="and" | "or", args=args):
            for arg in args:
                yield from _alternatives(arg)
        case e.Quantified(operator="=", every=False):
            yield predicate


def _matched(test: e.Quantified) -> Iterator[tuple[int, int]]:
    """Pairs of a column and the subquery's column that has to equal it."""
    for arg, column in zip(test.args, test.plan.columns, strict=True):
        yield _column(arg), column.id


def _directed(keyed: p.Plan, narrowed: p.Plan, pairs: Sequence[tuple[int, int]]) -> Iterator[Edge]:
    """The edges for one direction. A union's keys come from all of its sides, each of which must be another fragment."""
    together: dict[tuple[tuple[int, ...], int], dict[int, Edge]] = defaultdict(dict)
    for key, column in pairs:
        origins = _origins(keyed, key)
        if len({origin.fragment for origin in origins}) < max(1, len(origins)):
            continue
        for target in _targets(narrowed, column):
            edge = Edge(origins, target)
            yield edge
            together[edge.fragments, target.fragment].setdefault(target.column, edge)
    for parts in together.values():
        if len(parts) > 1:
            yield _composite(list(parts.values()))


def _composite(parts: Sequence[Edge]) -> Edge:
    """The edge of which these are the parts, between the same fragments."""
    origins = zip(*(edge.origins for edge in parts), strict=True)
    joined = tuple(Place(of[0].fragment, tuple(place.column for place in of)) for of in origins)
    return Edge(joined, Place(parts[0].target.fragment, tuple(edge.target.column for edge in parts)))


def _equalities(join: p.Join) -> Iterator[tuple[int, int]]:
    """Pairs of a left and a right column that a join demands to be equal."""
    return _pairs(join.condition, join.left, join.right)


def _pairs(condition: e.Expr, one_side: p.Plan, other_side: p.Plan) -> Iterator[tuple[int, int]]:
    """Pairs of columns of the two plans that a condition demands to be equal. A widening of integers keeps equality, also one
    to decimals, in which signed and unsigned ones of 64 bits are compared."""
    left = {column.id for column in one_side.columns}
    right = {column.id for column in other_side.columns}
    for test in e.conjuncts(condition):
        if isinstance(test, e.Call) and test.name == "=":
            one, other = (_column(arg) for arg in test.args)
            if one in left and other in right:
                yield one, other
            elif other in left and one in right:
                yield other, one


def _column(node: e.Expr) -> int:
    if isinstance(node, e.Cast) and node.arg.type.kind in INTEGERS and _holds_integers(node.type, node.arg.type):
        node = node.arg
    return node.id if isinstance(node, e.Ref) else -1


def _holds_integers(type: Type, source: Type) -> bool:
    if isinstance(type, Decimal):
        return type.precision - type.scale >= INTEGER_DIGITS[source.kind]
    return type.kind in INTEGERS


def _origins(plan: p.Plan, column: int) -> tuple[Place, ...]:
    """The fragments' columns from which every value (but NULL) of a column comes: too many keys do no harm, so that
    operators which drop rows are passed. Empty if some may come from elsewhere. Values of one row come from one row, where
    each fragment is read once."""
    match plan:
        case p.FragmentScan():
            return (Place(plan.fragment, (column,)),)
        case p.Project() if (below := passed(plan, column)) is not None:
            return _origins(plan.input, below)
        case p.SetOperation():
            place = _position(plan.outputs, column)
            sides = plan.inputs if plan.kind is p.SetKind.UNION else (plan.left,)
            found = [_origins(side, side.columns[place].id) for side in sides]
            return sum(found, ()) if all(found) else ()
        case p.Join() | p.Filter() | p.Guard() | p.Aggregate() | p.Window() | p.Sort() | p.Limit() | p.Distinct():
            child = next((child for child in plan.inputs if any(c.id == column for c in child.columns)), None)
            return () if child is None else _origins(child, column)
    return ()


def _targets(plan: p.Plan, column: int) -> Iterator[Place]:
    """The fragments' columns that may be narrowed where a column's rows without partner are not wanted."""
    match plan:
        case p.FragmentScan():
            yield Place(plan.fragment, (column,))
        case p.Project():
            if (below := passed(plan, column)) is not None:
                yield from _targets(plan.input, below)
        case p.SetOperation():
            place = _position(plan.outputs, column)
            for side in plan.inputs:
                yield from _targets(side, side.columns[place].id)
        case p.Join():
            if plan.kind in p.FILTER_INTO_LEFT and any(c.id == column for c in plan.left.columns):
                yield from _targets(plan.left, column)
            elif plan.kind in p.FILTER_INTO_RIGHT and any(c.id == column for c in plan.right.columns):
                yield from _targets(plan.right, column)
        case p.Filter() | p.Guard() | p.Sort():
            yield from _targets(plan.input, column)
        case p.Distinct() | p.Aggregate() | p.Window() if keeps_groups(plan, column):
            yield from _targets(plan.input, column)


def keeps_groups(plan: p.Plan, column: int) -> bool:
    """Whether leaving out rows by ``column`` leaves out whole groups of the operator, and changes no other."""
    match plan:
        case p.Distinct():
            return not plan.on
        case p.Aggregate():
            return plan.sets is None and any(key.id == column for key in plan.keys)
        case p.Window():
            return all(_partitions(call, column) for _, call in plan.calls)
    return False


def _partitions(call: e.WindowCall, column: int) -> bool:
    return any(isinstance(node, e.Ref) and node.id == column for node in call.partition_by)


def passed(plan: p.Project, column: int) -> int | None:
    """The input's column that a projection passes on as ``column``."""
    value = next((x for c, x in plan.items if c.id == column), None)
    return value.id if isinstance(value, e.Ref) else None


def _position(columns: Sequence[e.Column], id: int) -> int:
    return next(place for place, column in enumerate(columns) if column.id == id)
