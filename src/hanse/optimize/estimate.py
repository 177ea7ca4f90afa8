"""How many rows a plan yields, how wide they are, how many values a column has: from statistics, else from constraints.

An estimator is made for one run of planning and remembers what it found by the identity of operators. It asks nobody,
and never fails: what is not known gets a sane default, and the answer is marked as a guess.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.choices import FORGETFUL, Choices
from hanse.ir.fragment import Estimate, FragmentGraph
from hanse.ir.signature import signature
from hanse.ir.tables import ColumnStatistics
from hanse.ir.types import Kind, Type
from hanse.ir.walk import unkeyed, used
from hanse.optimize.observed import NOTHING_SEEN, Observed
from hanse.optimize.selectivity import EQUAL, UNKNOWN, Origin, Share, both, damped, distinct_of, is_within, plain
from hanse.optimize.totals import Total, moments_of, total_of
from hanse.spi.pace import Pace

ROWS = 10_000.0
"""Of a table of which nothing is known."""
FUNCTION_ROWS = 100.0
"""Of a set-returning function, and of a LIMIT that is not known yet."""
RECURSION = 10.0
"""Rows of a recursive query per row of its base."""
OVERLAP = 0.5
"""The part of a side's rows that INTERSECT keeps and EXCEPT drops."""
ANTI_LEAST = 0.05
WRONG = 100.0
"""So many times more rows than a guess says there may be, where being wrong costs much."""
SAMPLED = 2.0
"""So many times too many values a source may say that a column has: InnoDB and others look at a few pages of an index."""
J = p.JoinKind
SEEN = (p.Scan, p.Filter, p.Join, p.Aggregate, p.Distinct, p.SetOperation)
"""Operators whose rows may have been observed: the others keep those below, or cut them off."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of an operator's rows."""

    rows: float
    guess: bool = False
    at_most: Mapping[int, float] = field(default_factory=dict)
    """How many values a column can still have, where conditions have narrowed it."""
    same: Mapping[int, int] = field(default_factory=dict)
    """Columns that conditions have made equal to others: a stand-in for each."""


class Estimator:
    """Estimates for the operators of one statement."""

    def __init__(
        self,
        observed: Observed = NOTHING_SEEN,
        fragments: Mapping[int, p.Plan] | None = None,
        choices: Choices = FORGETFUL,
    ) -> None:
        """Know nothing yet, but what ``observed`` has of plans that ran, and the plans of fragments, by number, whose rows
        other plans read. ``choices`` is where those who ask note what estimates have decided."""
        self.choices = choices
        self.observed = observed
        self._looks = observed.any
        self._paces: dict[str, Pace] = {}
        self._tables: dict[int, frozenset[str]] = {}
        self._fragments = fragments or {}
        self._kept: list[p.Plan] = []
        """Keeps every operator alive whose identity is a key below."""
        self._profiles: dict[int, Profile] = {}
        self._origins: dict[int, Origin] = {}
        self._unread: dict[int, Callable[[], Origin]] = {}
        """Finds the origin of a table's column that nobody has asked for: of most, nobody does."""
        self._ctes: dict[str, tuple[Profile, tuple[e.Column, ...]]] = {}

    def rows(self, plan: p.Plan) -> float:
        """Rows that the plan yields."""
        return self.profile(plan).rows

    def at_most(self, plan: p.Plan) -> float:
        """As many rows as there may be if what is guessed is far too low: no more than a filter or the like has below."""
        profile = self.profile(plan)
        if not profile.guess:
            return profile.rows
        most = profile.rows * WRONG
        if isinstance(plan, p.Limit) and isinstance(plan.count, e.Literal) and plan.count.value is not None:
            most = min(most, float(plan.count.value))
        if isinstance(plan, _NO_MORE) or (isinstance(plan, p.Join) and plan.kind in (J.SEMI, J.ANTI)):
            return min(most, self.at_most(plan.inputs[0]))
        return most

    def is_guess(self, plan: p.Plan) -> bool:
        """Whether a part of the estimate rests on nothing that is known."""
        return self.profile(plan).guess

    def width(self, plan: p.Plan) -> float:
        """Bytes of one row as it travels."""
        self.profile(plan)
        return sum(self.width_of(column) for column in plan.columns)

    def bytes(self, plan: p.Plan) -> float:
        """Bytes of all rows as they travel."""
        return self.rows(plan) * self.width(plan)

    def distinct(self, plan: p.Plan, column: int) -> float:
        """Different values (not NULL) of a column of the plan."""
        profile = self.profile(plan)
        found = _distinct(self.origin(column), profile.rows, profile.at_most.get(column))
        return max(1.0, min(found, self._fewest(plan, column)))

    def is_counted(self, plan: p.Plan, column: int) -> bool:
        """Whether anything is known of how many values a column of the plan has."""
        self.profile(plan)
        return distinct_of(self.origin(column)) is not None

    def combinations(self, plan: p.Plan, columns: Sequence[int]) -> float:
        """Different rows of values (none of them NULL) of columns of the plan."""
        groups = self.groups(plan, [column for column in plan.columns if column.id in columns])
        return max(1.0, min(groups.rows, math.prod(self.distinct(plan, column) for column in columns)))

    def _fewest(self, plan: p.Plan, column: int) -> float:
        """The least rows that any operator has on the way of a column's values: a join repeats them, and makes no new."""
        least = self.rows(plan)
        while below := [child for child in plan.inputs if any(c.id == column for c in child.columns)]:
            plan = below[0]
            least = min(least, self.rows(plan))
        return least

    def kept(self, keyed: tuple[p.Plan, int], narrowed: tuple[p.Plan, int]) -> float:
        """The part of one plan's rows whose column has a value that another plan's column has; 0 if nothing is known.

        Whichever column has fewer values at its table has but such as the other has, unless the ends of both say otherwise;
        and conditions that left fewer keys did not choose them by what the other has.
        """
        keys, rows = self.distinct(*keyed), self.rows(narrowed[0])
        here, there = self.origin(keyed[1]), self.origin(narrowed[1])
        first, second = distinct_of(here), distinct_of(there)
        if first is None or second is None or rows < 1 or not is_within(there.statistics, here.statistics):
            return 0.0
        return min(1.0, keys / max(first, second, 1.0)) * (1 - (there.statistics.null_fraction or 0.0))

    def pace(self, source: str) -> Pace:
        """How fast a source answers, as far as it was observed."""
        found = self._paces.get(source)
        if found is None:
            found = self._paces[source] = self.observed.pace(source)
        return found

    def width_of(self, column: e.Column) -> float:
        """Bytes of one value of a column in Arrow's layout."""
        return width(column.type, self.origin(column.id).statistics)

    def origin(self, column: int) -> Origin:
        """Where a column's values are from; its operator must have been looked at."""
        found = self._origins.get(column)
        if found is None:
            read = self._unread.pop(column, None)
            if read is None:
                return UNKNOWN
            found = self._origins[column] = read()
        return found

    def share(self, tests: list[e.Expr]) -> Share:
        """The share of rows that pass tests of columns which have been met."""
        return both(tests, self.origin)

    def profile(self, plan: p.Plan) -> Profile:
        """What is known of the plan's rows."""
        found = self._profiles.get(id(plan))
        if found is None:
            found = _OPERATORS.get(type(plan), Estimator._passed)(self, plan)
            if self._looks and isinstance(plan, SEEN):
                seen = self.seen(plan)
                found = found if seen is None else replace(found, rows=max(seen, min(1.0, found.rows)), guess=False)
            self._kept.append(plan)
            self._profiles[id(plan)] = found
        return found

    def seen(self, plan: p.Plan) -> float | None:
        """Rows that a plan of the same signature yielded when it ran."""
        if not self.observed.knows(self.tables(plan)):
            return None
        key = signature(plan)
        return None if key is None else self.observed.rows(key)

    def tables(self, plan: p.Plan) -> frozenset[str]:
        """The tables that a plan reads."""
        found = self._tables.get(id(plan))
        if found is None:
            if isinstance(plan, p.Scan):
                found = frozenset((str(plan.table),))
            else:
                found = frozenset().union(*map(self.tables, plan.inputs))
            self._kept.append(plan)
            self._tables[id(plan)] = found
        return found

    # -- leaves

    def _scan(self, plan: p.Scan) -> Profile:
        table = plan.table
        known = table.statistics
        counted = known.row_count if known and known.row_count is not None else table.row_count
        rows = ROWS if counted is None else float(max(counted, 1))
        columns = known.columns if known else {}
        keys = {key[0] for key in (table.primary_key, *table.unique_keys) if len(key) == 1}
        place = plan.columns[0].id if plan.outputs else 0

        def origin(column: e.Column, name: str) -> Origin:
            found = columns.get(name, UNKNOWN.statistics)
            distinct = _values_within(found, rows) if found.distinct is None else found.distinct
            return Origin(found, rows, distinct, name in keys, column.nullable, table, name, place)

        for column, name in plan.outputs:
            self._unread[column.id] = partial(origin, column, name)
            self._origins.pop(column.id, None)  # of a scan of other columns, which is another place
        return Profile(rows, counted is None)

    def _values(self, plan: p.Values) -> Profile:
        rows = float(len(plan.rows))
        for place, column in enumerate(plan.outputs):
            count = len({row[place] for row in plan.rows})
            self._origins[column.id] = Origin(rows=rows, distinct=float(count))
        return Profile(rows)

    def _function(self, plan: p.TableFunction) -> Profile:
        rows = FUNCTION_ROWS
        match plan:
            case p.TableFunction("generate_series", (e.Literal(value=int(low)), e.Literal(value=int(high)))):
                rows = float(max(high - low + 1, 0))
        for column in plan.outputs:
            self._origins[column.id] = Origin(rows=rows, distinct=rows)
        return Profile(rows, True)

    def _cte(self, plan: p.Cte) -> Profile:
        if plan.recursive and isinstance(plan.definition, p.SetOperation):
            base = self.profile(plan.definition.left)
            self._ctes[plan.name] = Profile(base.rows * RECURSION, True), plan.definition.columns
        self._ctes[plan.name] = self.profile(plan.definition), plan.definition.columns
        return self.profile(plan.body)

    def _cte_scan(self, plan: p.CteScan) -> Profile:
        if plan.name not in self._ctes:
            return Profile(ROWS, True)
        profile, columns = self._ctes[plan.name]
        for output, column in zip(plan.outputs, columns, strict=True):
            self._origins[output.id] = replace(self.origin(column.id), place=plan.outputs[0].id)
        ids = {column.id: output.id for output, column in zip(plan.outputs, columns, strict=True)}
        at_most = {ids[id]: count for id, count in profile.at_most.items() if id in ids}
        return Profile(profile.rows, profile.guess, at_most)

    # -- one input

    def _passed(self, plan: p.Plan) -> Profile:
        """Operators that keep their rows."""
        if isinstance(plan, p.FragmentScan) and plan.fragment in self._fragments:
            return self.profile(self._fragments[plan.fragment])
        return self.profile(plan.inputs[0]) if plan.inputs else Profile(ROWS, True)

    def _filter(self, plan: p.Filter) -> Profile:
        below = self.profile(plan.input)
        tests = list(e.conjuncts(plan.predicate))
        found = self.share(tests)
        rows = max(below.rows * found.value, min(1.0, below.rows))
        return Profile(rows, below.guess or found.guess, self._narrowed(below, tests), below.same)

    def _narrowed(self, below: Profile, tests: list[e.Expr]) -> Mapping[int, float]:
        """How many values conditions leave to the columns that they compare with constants."""
        left = dict(below.at_most)
        for test in tests:
            match test:
                case e.Call(name="=", args=(e.Ref(id=id), e.Literal() | e.Parameter())):
                    left[id] = 1.0
                case e.InList(arg=e.Ref(id=id), items=items):
                    left[id] = min(left.get(id, len(items)), float(len(items)))
                case e.Call(args=(e.Ref(id=id), e.Literal())):
                    count = distinct_of(self.origin(id))
                    if count is not None:
                        left[id] = max(1.0, min(left.get(id, count), count * self.share([test]).value))
        return left

    def _project(self, plan: p.Project) -> Profile:
        below = self.profile(plan.input)
        for column, value in plan.items:
            if not (isinstance(value, e.Ref) and value.id == column.id):
                self._origins[column.id] = self._computed(value, below.rows)
        return below

    def _computed(self, value: e.Expr, rows: float) -> Origin:
        """A computed column has no more values than those that it is computed from, together."""
        value = plain(value)
        if isinstance(value, e.Ref):
            return self.origin(value.id)
        counts = [distinct_of(self.origin(id)) for id in used((value,))]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            return Origin(rows=rows)
        product = 1.0
        for count in known:
            product *= max(1.0, count)
        return Origin(rows=rows, distinct=min(product, rows))

    def _aggregate(self, plan: p.Aggregate) -> Profile:
        below = self.profile(plan.input)
        groups = self.groups(plan.input, plan.keys)
        rows = groups.rows if plan.sets is None else groups.rows * max(1, len(plan.sets)) * OVERLAP
        rows = 1.0 if not plan.keys and plan.sets is None else max(1.0, rows)
        for column, call in plan.calls:
            self._origins[column.id] = Origin(rows=rows, total=self._total(call, below.rows / max(1.0, groups.rows)))
        return Profile(rows, groups.guess, below.at_most, below.same)

    def _total(self, call: e.Aggregate, size: float) -> Total | None:
        """What groups of ``size`` rows come to, as far as their column's values are known."""
        if call.distinct or call.filter is not None:
            return None
        if call.name == "count":
            known = self.origin(call.args[0].id) if call.args and isinstance(call.args[0], e.Ref) else UNKNOWN
            return total_of(call.name, size * (1 - (known.statistics.null_fraction or 0.0)), (0.0, 0.0))
        arg = plain(call.args[0]) if call.args else None
        moments = moments_of(self.origin(arg.id).statistics) if isinstance(arg, e.Ref) else None
        return None if moments is None else total_of(call.name, size, moments)

    def groups(self, plan: p.Plan, keys: Iterable[e.Column]) -> Profile:
        """How many groups the plan's rows make by these columns. Columns of a table beside its key add none."""
        below = self.profile(plan)
        chosen = {below.same.get(key.id, key.id): key.id for key in keys}.values()
        keyed = {x.place for x in map(self.origin, chosen) if x.unique}
        product, guess = 1.0, below.guess
        for id in chosen:
            origin = self.origin(id)
            if origin.place in keyed and not origin.unique:
                continue
            guess = guess or distinct_of(origin) is None
            product *= max(1.0, _distinct(origin, below.rows, below.at_most.get(id)))
        return Profile(min(product, below.rows), guess)

    def _distinct(self, plan: p.Distinct) -> Profile:
        below = self.profile(plan.input)
        keys = plan.columns if not plan.on else tuple(_columns(plan.on, plan.columns))
        groups = self.groups(plan.input, keys)
        return Profile(groups.rows, groups.guess, below.at_most, below.same)

    def _limit(self, plan: p.Limit) -> Profile:
        below = self.profile(plan.input)
        rows = below.rows
        if isinstance(plan.offset, e.Literal) and plan.offset.value is not None:
            rows = max(0.0, rows - float(plan.offset.value))
        if plan.count is None or (isinstance(plan.count, e.Literal) and plan.count.value is None):
            return replace(below, rows=rows)
        if isinstance(plan.count, e.Literal):
            # enough rows for the limit are enough, however roughly they were counted
            return replace(below, rows=min(rows, float(plan.count.value)))
        return replace(below, rows=min(rows, FUNCTION_ROWS), guess=True)

    # -- two inputs

    def _set_operation(self, plan: p.SetOperation) -> Profile:
        left, right = self.profile(plan.left), self.profile(plan.right)
        for output, one, other in zip(plan.outputs, plan.left.columns, plan.right.columns, strict=True):
            counts = [distinct_of(self.origin(one.id)), distinct_of(self.origin(other.id))]
            total = None if None in counts else sum(count or 0.0 for count in counts)
            self._origins[output.id] = Origin(rows=left.rows + right.rows, distinct=total)
        match plan.kind:
            case p.SetKind.UNION:
                rows, guess = left.rows + right.rows, not plan.all
            case p.SetKind.INTERSECT:
                rows, guess = min(left.rows, right.rows) * OVERLAP, True
            case _:
                rows, guess = left.rows * OVERLAP, True
        return Profile(max(rows, 1.0), guess or left.guess or right.guess)

    def _join(self, plan: p.Join) -> Profile:
        left, right = self.profile(plan.left), self.profile(plan.right)
        if plan.kind in (J.SEMI, J.ANTI):
            return self._semi(plan, left, right)
        matched = self.matched(plan, left, right)
        rows = matched.rows
        if plan.kind in (J.LEFT, J.FULL):
            rows = max(rows, left.rows)
        if plan.kind in (J.RIGHT, J.FULL):
            rows = max(rows, right.rows)
        at_most = {**left.at_most, **right.at_most, **matched.at_most} if plan.kind is J.INNER else {}
        same = {**left.same, **right.same, **matched.same} if plan.kind is J.INNER else {}
        return Profile(max(rows, 1.0), matched.guess, at_most, same)

    def matched(self, plan: p.Join, left: Profile, right: Profile) -> Profile:
        """The pairs that meet the condition, and what that says of their columns."""
        pairs, others = self._equations(plan)
        same = {**left.same, **right.same}
        at_most: dict[int, float] = {}
        shares: list[Share] = []
        for one, other in pairs:
            first, second = same.get(one, one), same.get(other, other)
            if first == second:
                continue  # follows from conditions that were counted
            same |= {id: first for id, stand_in in same.items() if stand_in == second} | {one: first, other: first}
            here, there = self._count(one, left), self._count(other, right)
            shares.append(self.meeting(one, other, (left, right)))
            if here is not None and there is not None:
                at_most[one] = at_most[other] = min(here, there)
        guess = left.guess or right.guess or any(one.guess for one in shares)
        product = math.prod(one_share.value for one_share in shares)
        if len(shares) > 1:
            product = max(product, self.together(pairs) or 0.0)
        rest = self.share(others) if others else Share(1.0)
        rows = left.rows * right.rows * product * rest.value
        return Profile(rows, guess or rest.guess, at_most, same)

    def _count(self, id: int, profile: Profile) -> float | None:
        known = distinct_of(self.origin(id))
        return None if known is None else _distinct(self.origin(id), profile.rows, profile.at_most.get(id))

    def meeting(self, one: int, other: int, sides: tuple[Profile, Profile]) -> Share:
        """The share of all pairs of rows of two sides in which two columns are equal."""
        here, there = self._count(one, sides[0]), self._count(other, sides[1])
        if here is None and there is None:
            # somebody's key, most probably: of the smaller table
            rows = [self.origin(id).rows or side.rows for id, side in zip((one, other), sides, strict=True)]
            return Share(1 / max(1.0, min(rows)), True)
        for key, values, side in ((one, there, sides[0]), (other, here, sides[1])):
            origin = self.origin(key)
            if origin.unique and values is not None and side.rows >= origin.rows >= values / SAMPLED:
                return Share(1 / max(1.0, origin.rows))  # all keys are there: a reference, most probably
        return Share(1 / max(1.0, here or 0.0, there or 0.0), here is None or there is None)

    def together(self, pairs: list[tuple[int, int]]) -> float | None:
        """The share of pairs of rows that several equations between two tables leave, if they hold a whole key of one
        side, or have as many values together as one side has rows: one partner for each row of the other."""
        found: list[float] = []
        for ids in zip(*pairs, strict=True):
            origins = [self.origin(id) for id in ids]
            for place in {origin.place for origin in origins}:
                here = [origin for origin in origins if origin.place == place and origin.table is not None]
                if len(here) > 1 and _is_key(here):
                    found.append(here[0].rows)
        return 1 / max(1.0, min(found)) if found else None

    def _equations(self, plan: p.Join) -> tuple[list[tuple[int, int]], list[e.Expr]]:
        """Pairs of columns of left and right that the condition equates, and its other tests."""
        on_left = {column.id for column in plan.left.columns}
        pairs: list[tuple[int, int]] = []
        others: list[e.Expr] = []
        for test in e.conjuncts(plan.condition):
            pair = equation(test)
            if pair is None or (pair[0] in on_left) == (pair[1] in on_left):
                others.append(test)
            else:
                pairs.append(pair if pair[0] in on_left else (pair[1], pair[0]))
        return pairs, others

    def _semi(self, plan: p.Join, left: Profile, right: Profile) -> Profile:
        pairs, others = self._equations(plan)
        shares: list[Share] = []
        for one, other in pairs:
            here, there = self._count(one, left), self._count(other, right)
            known = here is not None and there is not None
            shares.append(Share(min(1.0, (there or 1.0) / max(here or 1.0, 1.0)) if known else OVERLAP, not known))
        shares += [Share(1 - EQUAL, True) for _ in others]
        found = damped(shares)
        value = found.value if plan.kind is J.SEMI else max(ANTI_LEAST, 1 - found.value)
        guess = left.guess or right.guess or found.guess or plan.kind is J.ANTI
        return Profile(max(left.rows * value, min(1.0, left.rows)), guess, left.at_most, left.same)


_NO_MORE = (p.Filter, p.Project, p.Guard, p.Sort, p.Limit, p.Distinct, p.Window)
"""Operators that yield no more rows than they read."""


def estimated(graph: FragmentGraph, observed: Observed = NOTHING_SEEN, whole: p.Plan | None = None) -> FragmentGraph:
    """The graph with what each of its fragments is expected to yield, and the ``whole`` plan that was cut."""
    tried = {hole.target for hole in graph.holes if hole.is_tried}
    read = {one.id: unkeyed(one.plan) if one.id in tried else one.plan for one in graph.fragments}
    estimator = Estimator(observed, read)
    fragments = []
    for fragment in graph.fragments:
        plan = read[fragment.id]
        estimate = Estimate(estimator.rows(plan), estimator.bytes(plan), estimator.is_guess(plan))
        fragments.append(replace(fragment, estimate=estimate))
    answer = (
        None if whole is None else Estimate(estimator.rows(whole), estimator.bytes(whole), estimator.is_guess(whole))
    )
    return replace(graph, fragments=tuple(fragments), estimate=answer)


def equation(test: e.Expr) -> tuple[int, int] | None:
    """The two columns that a condition equates, apart from conversions."""
    if isinstance(test, e.Call) and test.name in ("=", "is_not_distinct"):
        one, other = map(plain, test.args)
        if isinstance(one, e.Ref) and isinstance(other, e.Ref):
            return one.id, other.id
    return None


def _values_within(known: ColumnStatistics, rows: float) -> float | None:
    """The most values that whole numbers or dates between two ends can have: keys are dense, most often."""
    match known.minimum, known.maximum:
        case int(low), int(high) if low <= high:
            return float(min(high - low + 1, rows))
        case dt.date() as first, dt.date() as last if not isinstance(first, dt.datetime) and first <= last:
            return float(min((last - first).days + 1, rows))
    return None


def _is_key(columns: list[Origin]) -> bool:
    """Whether these columns of one scan are, or by the number of their values could be, a key of it."""
    table, names = columns[0].table, {column.name for column in columns}
    if table is not None and any(names.issuperset(key) for key in (table.primary_key, *table.unique_keys) if key):
        return True
    return math.prod(distinct_of(column) or 1.0 for column in columns) >= columns[0].rows


def _distinct(origin: Origin, rows: float, at_most: float | None) -> float:
    """Values that are left where ``rows`` of a table's rows are: those of a random choice (Yao), or of a condition."""
    count = distinct_of(origin)
    total = max(origin.rows, 1.0)
    if count is None:
        count = EQUAL * max(total, rows if origin is UNKNOWN else 1.0)
    if at_most is not None:
        return max(1.0, min(count, at_most, rows))
    if rows < total and count > 1:
        per_value = total / count
        count *= 1 - (1 - rows / total) ** per_value
    return max(1.0, min(count, rows))


def _columns(nodes: Iterable[e.Expr], columns: tuple[e.Column, ...]) -> Iterable[e.Column]:
    read = used(nodes)
    return (column for column in columns if column.id in read)


def width(type: Type, known: ColumnStatistics) -> float:
    """Bytes of a value in Arrow's layout."""
    fixed = _WIDTHS.get(type.kind)
    if fixed is not None:
        return fixed
    return OFFSET + (TEXT_BYTES if known.width is None else known.width)


OFFSET = 4.0
TEXT_BYTES = 20.0
_WIDTHS: dict[Kind, float] = {
    Kind.NULL: 0.0,
    Kind.BOOLEAN: 0.125,
    **dict.fromkeys((Kind.INT8, Kind.UINT8), 1.0),
    **dict.fromkeys((Kind.INT16, Kind.UINT16), 2.0),
    **dict.fromkeys((Kind.INT32, Kind.UINT32, Kind.FLOAT32, Kind.DATE), 4.0),
    **dict.fromkeys((Kind.INT64, Kind.UINT64, Kind.FLOAT64, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ), 8.0),
    **dict.fromkeys((Kind.DECIMAL, Kind.INTERVAL), 16.0),
    Kind.UUID: 40.0,
}

_OPERATORS: dict[type[p.Plan], Callable[[Estimator, Any], Profile]] = {
    p.Scan: Estimator._scan,
    p.Values: Estimator._values,
    p.TableFunction: Estimator._function,
    p.Cte: Estimator._cte,
    p.CteScan: Estimator._cte_scan,
    p.Filter: Estimator._filter,
    p.Project: Estimator._project,
    p.Aggregate: Estimator._aggregate,
    p.Distinct: Estimator._distinct,
    p.Limit: Estimator._limit,
    p.SetOperation: Estimator._set_operation,
    p.Join: Estimator._join,
}
