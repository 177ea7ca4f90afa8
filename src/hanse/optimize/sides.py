"""Who orders the coordinator's joins: this package, unless the coordinator's own engine is better placed to.

DuckDB counts rows that arrive as one, whatever they are, so that the side of a join which it makes a hash table of is a
matter of luck. What the rules have put on the right is the smaller side, as far as anybody knows. Three things they cannot
do: a semi or anti join has but one way to be written, though DuckDB can make its hash table of the left side; where
everything is read in place, DuckDB knows all the counts itself, and more of each column; and a join within one source was
left to that source to order, though it may have come here.
"""

from collections.abc import Collection, Mapping
from typing import TypeGuard

from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph
from hanse.ir.walk import plans
from hanse.optimize.estimate import Estimator
from hanse.optimize.ordering import SWAP

SMALL = 100_000.0
"""Rows of which a hash table may be made whatever it is joined with: a few megabytes."""


def are_ordered(graph: FragmentGraph, in_place: Collection[int], sizes: Estimator | None = None) -> bool:
    """Whether the coordinator's joins stand as they should be made; ``in_place`` are the fragments that it reads itself,
    ``sizes`` is what estimates rest on, and where earlier choices are."""
    if all(fragment.id in in_place for fragment in graph.fragments):
        return False
    sources = {fragment.id: fragment.source for fragment in graph.fragments}
    if any(isinstance(node, p.Join) and _is_of_one(node, sources) for node in plans(graph.coordinator)):
        return False
    joins = [node for node in plans(graph.coordinator) if _filters(node)]
    if not joins:
        return True
    sizes = sizes or Estimator()
    estimator = Estimator(sizes.observed, {fragment.id: fragment.plan for fragment in graph.fragments})
    estimator.profile(graph.coordinator)
    narrowed = {hole.target for hole in graph.holes}
    return sizes.choices.decided("as written", not any(_is_larger(join, narrowed, estimator) for join in joins))


def _is_of_one(join: p.Join, sources: Mapping[int, str]) -> bool:
    """Whether all rows are one source's."""
    read = [node.fragment for node in plans(join) if isinstance(node, p.FragmentScan)]
    return len(read) > 1 and len({sources[fragment] for fragment in read}) == 1


def _filters(node: p.Plan) -> TypeGuard[p.Join]:
    return isinstance(node, p.Join) and node.kind in (p.JoinKind.SEMI, p.JoinKind.ANTI)


def _is_larger(join: p.Join, narrowed: Collection[int], estimator: Estimator) -> bool:
    """Whether the right side has many rows and the left one fewer; a side that keys have narrowed has few."""
    right = {node.fragment for node in plans(join.right) if isinstance(node, p.FragmentScan)}
    if right and right.issubset(narrowed):
        return False
    rows = estimator.at_most(join.right)
    return rows > SMALL and estimator.at_most(join.left) * SWAP < rows
