"""The search for the order of joins: as good as trying every tree, and quick for many relations."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from hanse.optimize import ordering
from hanse.optimize.ordering import HERE, Attached, Graph, Key, Tree, as_written, bits, joined, moved, order


def graph(seed: int, size: int, extra: float) -> Graph:
    """A random connected graph of relations at three sources and here."""
    chance = random.Random(seed)
    rows = [float(10 ** chance.randrange(1, 7)) for _ in range(size)]
    found = Graph(
        rows, [float(chance.randrange(4, 40)) for _ in rows], [chance.randrange(-1, 2) for _ in rows], [0] * size
    )
    for one, other in combinations(range(size), 2):
        if other == one + 1 or chance.random() < extra:
            found.neighbours[one] |= 1 << other
            found.neighbours[other] |= 1 << one
            found.factors.append((1 << one | 1 << other, 1 / max(rows[one], rows[other])))
    return found


def attach(known: Graph, seed: int) -> Graph:
    """Some relations of the graph are right sides of outer, semi and anti joins; the first never is."""
    chance = random.Random(seed)
    for place in range(1, len(known.rows)):
        if chance.random() < 0.4:
            bit, below = 1 << place, known.neighbours[place] & ((1 << place) - 1)
            needs = below
            for other in bits(below):
                needs |= known.attached[1 << other].needs if 1 << other in known.attached else 0
            known.attached[bit] = Attached(needs, chance.choice([0.1, 1.0, 3.0]), chance.random() < 0.5)
            known.factors = [(mask, share) for mask, share in known.factors if not mask & bit]
    return known


def total(known: Graph, tree: Tree) -> float:
    """What a whole query costs whose joins are the tree."""
    return tree.cost + moved(known, tree)


def every_tree(known: Graph, subset: int, done: dict[int, Tree | None]) -> Tree | None:
    """The best tree of a connected set, by trying each way to cut it in two connected sets that may be joined."""
    if subset in done:
        return done[subset]
    place = subset.bit_length() - 1
    if subset == 1 << place:
        return Tree(subset, 0.0, known.homes[place])
    found: list[Tree] = []
    part = (subset - 1) & subset
    while part:
        rest = subset ^ part
        if (
            part < rest
            and known.may_join(part, rest)
            and is_connected(known, part)
            and is_connected(known, rest)
            and known.around(part) & rest
        ):
            sides = every_tree(known, part, done), every_tree(known, rest, done)
            if sides[0] and sides[1]:
                found.append(joined(known, *sides))
        part = (part - 1) & subset
    done[subset] = min(found, key=lambda tree: tree.cost) if found else None
    return done[subset]


def is_connected(known: Graph, subset: int) -> bool:
    found = subset & -subset
    while more := known.around(found) & subset:
        found |= more
    return found == subset


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_cheaper(seed: int) -> None:
    known = graph(seed, 2 + seed % 5, seed % 3 / 2)
    best = every_tree(known, (1 << len(known.rows)) - 1, {})
    assert best is not None
    assert order(known).cost == pytest.approx(best.cost)


@pytest.mark.parametrize("seed", range(100))
def test_what_is_attached_comes_after_what_it_needs(seed: int) -> None:
    known = attach(graph(seed, 2 + seed % 5, seed % 3 / 2), seed)
    found = order(known)
    best = every_tree(known, (1 << len(known.rows)) - 1, {})
    assert best is not None
    assert found.cost == pytest.approx(best.cost)
    assert_allowed(known, found)
    assert_allowed(known, as_written(known))


def test_what_is_attached_waits_in_a_large_graph_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "DYNAMIC_MAX", 1)
    for seed in range(40):
        known = attach(graph(seed, 8, 0.3), seed)
        assert_allowed(known, order(known))


def test_a_product_below_what_needs_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two relations that nothing connects but a third, which is attached to both."""
    monkeypatch.setattr(ordering, "PAIRS_MAX", 500)
    known = Graph([10.0, 20.0, 1000.0], [4.0] * 3, [0, 1, 2], [4, 4, 3])
    known.attached[4] = Attached(3, 1.0, False)
    for tree in (order(known), as_written(known)):
        assert_allowed(known, tree)
        assert tree.subset == 7


def assert_allowed(known: Graph, tree: Tree) -> None:
    """Every join of the tree has what the relations need that it attaches, on its right side."""
    if tree.left is None or tree.right is None:
        return
    assert tree.left.subset not in known.attached
    if attached := known.attached.get(tree.right.subset):
        assert not attached.needs & ~tree.left.subset
    assert_allowed(known, tree.left)
    assert_allowed(known, tree.right)


def test_the_greedy_order_is_not_far_off(monkeypatch: pytest.MonkeyPatch) -> None:
    worse: list[float] = []
    for seed in range(60):
        known = graph(seed, 6, 0.2)
        best = total(known, order(known))
        monkeypatch.setattr(ordering, "DYNAMIC_MAX", 1)
        worse.append(total(known, order(known)) / best)
        monkeypatch.undo()
    assert sorted(worse)[30] < 1.05
    assert sum(factor > 10 for factor in worse) <= 6


@pytest.mark.parametrize(("size", "extra"), [(10, 1.0), (14, 0.1), (30, 0.05)])
def test_many_relations_take_a_bounded_search(monkeypatch: pytest.MonkeyPatch, size: int, extra: float) -> None:
    tried: list[int] = []
    monkeypatch.setattr(ordering, "joined", lambda *args: tried.append(1) or joined(*args))
    for seed in range(5):
        tried.clear()
        assert order(graph(seed, size, extra)).subset == (1 << size) - 1
        assert len(tried) <= ordering.PAIRS_MAX + 3 * size * size


def test_what_nothing_connects_comes_last() -> None:
    known = graph(3, 4, 0.0)
    known.neighbours[2] = 1 << 3
    known.neighbours[1] = 1 << 0
    tree = order(known)
    assert tree.left is not None
    assert tree.right is not None
    assert {tree.left.subset, tree.right.subset} == {0b0011, 0b1100}


def test_rows_do_not_move_within_their_source() -> None:
    known = Graph([1e6, 10.0], [8.0, 8.0], [0, 0], [2, 1], factors=[(3, 1e-6)])
    assert order(known).home == 0
    assert order(known).cost < 100
    known.homes[1] = 1
    assert order(known).home == HERE


def test_a_small_side_sends_its_keys_first() -> None:
    known = Graph([1e6, 1e6], [8.0, 8.0], [0, 1], [2, 1], factors=[(3, 1e-6)])
    assert order(known).cost > 1.6e7
    known = Graph([1e6, 10.0], [8.0, 8.0], [0, 1], [2, 1], factors=[(3, 1e-6)])
    assert order(known).cost < 4e6


def test_tens_of_thousands_of_keys_narrow_what_one_source_joins() -> None:
    """Customers of one source, orders and items of another: by their customers' keys few of the joined rows move."""

    def best(customers: float) -> Tree:
        rows, widths, keys = [customers, 700_000.0, 3_000_000.0], [0.0, 16.0, 32.0], [Key(0, 3, 8.0)]
        return order(
            Graph(rows, widths, [0, 1, 1], [2, 5, 2], factors=[(3, 1 / 150_000), (6, 1 / 1_500_000)], keys=keys)
        )

    found = best(30_000)
    assert {side.subset for side in (found.left, found.right) if side} == {1, 6}
    assert found.cost < 0.5 * best(60_000).cost


def test_bits() -> None:
    assert list(bits(0b1011)) == [0, 1, 3]
