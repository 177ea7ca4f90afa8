"""The rules in the order in which they run. A comment says why a line must stay where it is."""

from dataclasses import dataclass, field
from enum import Enum

from hanse.ir.plan import Plan
from hanse.optimize.rule import Rule
from hanse.optimize.rules.aggregate_below_join import AggregateBelowJoin
from hanse.optimize.rules.aggregate_below_union import AggregateBelowUnion
from hanse.optimize.rules.convert_outer_join import ConvertOuterJoin
from hanse.optimize.rules.decorrelate_aggregates import DecorrelateAggregates
from hanse.optimize.rules.derive_from_disjunctions import DeriveFromDisjunctions
from hanse.optimize.rules.divide_not_in import DivideNotIn
from hanse.optimize.rules.eliminate_joins import EliminateJoins
from hanse.optimize.rules.expand_shards import ExpandShards
from hanse.optimize.rules.factor_disjunctions import FactorDisjunctions
from hanse.optimize.rules.infer_constants import InferConstants
from hanse.optimize.rules.limit_constant_distinct import LimitConstantDistinct
from hanse.optimize.rules.merge_filters import MergeFilters
from hanse.optimize.rules.merge_projects import MergeProjects
from hanse.optimize.rules.order_joins import OrderJoins
from hanse.optimize.rules.project_sorted_distinct import ProjectSortedDistinct
from hanse.optimize.rules.prune_columns import PruneColumns
from hanse.optimize.rules.push_distinct_into_union import PushDistinctIntoUnion
from hanse.optimize.rules.push_filter_below_aggregate import PushFilterBelowAggregate
from hanse.optimize.rules.push_filter_through_distinct import PushFilterThroughDistinct
from hanse.optimize.rules.push_filter_through_guard import PushFilterThroughGuard
from hanse.optimize.rules.push_filter_through_join import PushFilterThroughJoin
from hanse.optimize.rules.push_filter_through_project import PushFilterThroughProject
from hanse.optimize.rules.push_filter_through_set_operation import PushFilterThroughSetOperation
from hanse.optimize.rules.push_filter_through_sort import PushFilterThroughSort
from hanse.optimize.rules.push_filter_through_window import PushFilterThroughWindow
from hanse.optimize.rules.push_join_condition import PushJoinCondition
from hanse.optimize.rules.push_limit_into_union import PushLimitIntoUnion
from hanse.optimize.rules.push_limit_through_join import PushLimitThroughJoin
from hanse.optimize.rules.push_limit_through_project import PushLimitThroughProject
from hanse.optimize.rules.push_semi_join_to_source import PushSemiJoinToSource
from hanse.optimize.rules.remove_unseen_sorts import RemoveUnseenSorts
from hanse.optimize.rules.simplify_predicates import SimplifyPredicates
from hanse.optimize.rules.swap_outer_join_sides import SwapOuterJoinSides
from hanse.optimize.rules.unnest_subqueries import UnnestSubqueries


class Walk(Enum):
    """How a phase meets the operators."""

    DOWN = "operators above first"
    UP = "operators below first"
    WHOLE = "the rule walks the whole plan itself"


@dataclass(frozen=True)
class Phase:
    """Rules that run in one walk."""

    name: str
    walk: Walk
    rules: tuple[Rule, ...]
    only_after: tuple[str, ...] = ()
    """Rules without whose firing there is nothing to do."""
    index: dict[type[Plan], list[Rule]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Index the rules by the operators that they look at."""
        kinds = {kind for rule in self.rules for kind in rule.matches}
        found = {kind: [rule for rule in self.rules if kind in rule.matches] for kind in kinds}
        object.__setattr__(self, "index", found)


PUSH_FILTERS: tuple[Rule, ...] = (
    MergeFilters(),
    ConvertOuterJoin(),  # before conditions leave the filter: they are its proof
    PushFilterThroughProject(),
    PushFilterThroughJoin(),
    PushJoinCondition(),
    PushFilterBelowAggregate(),
    PushFilterThroughWindow(),
    PushFilterThroughDistinct(),
    PushFilterThroughSort(),
    PushFilterThroughSetOperation(),
    PushFilterThroughGuard(),
)

PHASES: tuple[Phase, ...] = (
    Phase(
        "normalize",
        Walk.UP,
        (
            SimplifyPredicates(),
            FactorDisjunctions(),  # needs the flat ANDs and ORs of simplify_predicates
            DivideNotIn(),
            UnnestSubqueries(),
            DecorrelateAggregates(),
            ProjectSortedDistinct(),
            MergeProjects(),
            PushLimitThroughProject(),
        ),
    ),
    Phase("push filters", Walk.DOWN, PUSH_FILTERS),
    Phase("infer", Walk.WHOLE, (DeriveFromDisjunctions(), InferConstants())),  # see filters where they ended
    Phase("push inferred filters", Walk.DOWN, PUSH_FILTERS, only_after=("derive_from_disjunctions", "infer_constants")),
    Phase("limits through joins", Walk.DOWN, (MergeProjects(), PushLimitThroughProject(), PushLimitThroughJoin())),
    Phase("semi joins", Walk.DOWN, (PushSemiJoinToSource(),)),
    Phase("order joins", Walk.WHOLE, (OrderJoins(),)),  # all conditions have arrived at their joins
    Phase("aggregates", Walk.DOWN, (AggregateBelowUnion(), AggregateBelowJoin())),  # sees which joins one source does
    Phase("order sides", Walk.UP, (SwapOuterJoinSides(),)),
    # nothing moves between operators any more; what is read is known then
    Phase("prune", Walk.WHOLE, (RemoveUnseenSorts(), PruneColumns(), EliminateJoins())),
    Phase("prune again", Walk.WHOLE, (PruneColumns(),), only_after=("eliminate_joins",)),
    Phase("shards", Walk.WHOLE, (ExpandShards(),)),  # each shard gets what has been pushed to its table
    Phase("aggregates over shards", Walk.DOWN, (AggregateBelowUnion(),), only_after=("expand_shards",)),
    Phase(
        "limit",
        Walk.DOWN,
        (
            MergeProjects(),
            LimitConstantDistinct(),
            PushLimitThroughProject(),
            PushLimitIntoUnion(),
            PushDistinctIntoUnion(),
        ),
    ),
)
