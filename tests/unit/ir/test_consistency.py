"""What follows from what sources say: labels, distances, and what is refused."""

import random

import pytest

from hanse.errors import NotConsistent
from hanse.ir.consistency import NOTHING, UNKNOWN, Consistency, Label, Level, Picture, Terms, consistency_of, merged


def shot(earliest: float | None = 0.0, latest: float | None = 1.0, token: str | None = None) -> Picture:
    return Picture(Level.SNAPSHOT, token, earliest, latest)


LOOSE = Picture(Level.NONE, why="it is of the engine MyISAM")
FILE = Picture(Level.SNAPSHOT, "1 file ab", 0.0, 1.0, False)


def known(**sources: Picture) -> Consistency:
    found = consistency_of(sources)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pictures", "label"),
    [
        ([shot()], Label.ONE),
        ([shot(), shot()], Label.PER_SOURCE),
        ([shot(), LOOSE], Label.MIXED),
        ([LOOSE], Label.NONE),
        ([LOOSE, UNKNOWN], Label.NONE),
        ([FILE], Label.NONE),
        ([FILE.seen_again(FILE)], Label.ONE),
        ([shot(), Picture(Level.STATEMENT)], Label.MIXED),
    ],
)
def test_labels(pictures: list[Picture], label: Label) -> None:
    assert known(**{f"s{place}": one for place, one in enumerate(pictures)}).label is label


def test_nothing_read_is_no_picture() -> None:
    assert consistency_of({}) is None
    Terms(True, 0.0, True).check(None, is_over=True)


def test_the_skew_is_the_most_that_two_moments_can_be_apart() -> None:
    chance = random.Random(19)
    for _ in range(300):
        spans = [sorted((chance.random(), chance.random())) for _ in range(chance.randint(1, 5))]
        found = known(**{f"s{place}": shot(*span) for place, span in enumerate(spans)})
        pairs = [(a, b) for i, a in enumerate(spans) for j, b in enumerate(spans) if i != j]
        expected = max((a[1] - b[0] for a, b in pairs), default=0.0)
        assert found.skew == pytest.approx(max(0.0, expected))


def test_what_is_not_known_has_no_bound() -> None:
    assert known(a=shot(), b=shot(None)).skew is None
    assert known(a=shot(), b=UNKNOWN).skew is None
    assert known(a=shot(None, None)).skew == 0.0
    assert known(a=Picture(Level.STATEMENT, None, 2.0, 5.0)).skew == 3.0


def test_requests_are_one_picture_only_if_all_of_them_say_so() -> None:
    assert merged([shot(token="x"), shot(token="x")]) == shot(token="x")
    for others in ([shot(token="y")], [shot(0.5, 1.0, "x")], [None], [LOOSE], [shot(token="x"), None]):
        assert not merged([shot(token="x"), *others]).is_snapshot
    apart = merged([shot(0.0, 1.0, "x"), shot(2.0, 3.0, "y")])
    assert (apart.level, apart.token, apart.earliest, apart.latest) == (Level.STATEMENT, None, 0.0, 3.0)
    mixed = merged([shot(), shot().unlike("MyISAM")])
    assert (mixed.level, mixed.why) == (Level.NONE, "MyISAM")


def test_a_second_look() -> None:
    assert FILE.seen_again(FILE).verified
    changed = FILE.seen_again(Picture(Level.SNAPSHOT, "1 file cd", verified=False))
    assert (changed.level, changed.verified, changed.is_snapshot) == (Level.NONE, False, False)
    assert changed.why == "it has changed while it was read"
    assert not FILE.seen_again(Picture(Level.NONE, why="gone")).is_snapshot
    assert LOOSE.seen_again(FILE) == LOOSE


def test_copies_may_be_behind() -> None:
    copy = shot().of_copy()
    assert (copy.earliest, copy.is_copy, copy.is_snapshot) == (None, True, True)
    assert copy.of_copy() == copy
    with pytest.raises(NotConsistent, match="is not known") as caught:
        Terms(skew=10.0).check(known(a=shot(), b=copy), is_over=True)
    assert caught.value.source == "b"


def refusal(terms: Terms, found: Consistency, is_over: bool = True) -> NotConsistent:
    with pytest.raises(NotConsistent) as caught:
        terms.check(found, is_over)
    return caught.value


@pytest.mark.parametrize("terms", [Terms(snapshot=True), Terms(skew=9.0), Terms(strict=True)])
def test_every_demand_requires_snapshots(terms: Terms) -> None:
    failure = refusal(terms, known(a=shot(), b=LOOSE))
    assert (failure.code, failure.source, failure.retryable) == ("HC001", "b", False)
    assert "MyISAM" in failure.message
    refusal(terms, known(a=FILE))
    terms.check(known(a=FILE), is_over=False)
    terms.check(known(a=FILE.seen_again(FILE)), is_over=True)
    NOTHING.check(known(a=LOOSE), is_over=True)


def test_a_bound() -> None:
    found = known(a=shot(0.0, 0.1), b=shot(0.4, 0.5))
    Terms(skew=0.5).check(found, is_over=True)
    failure = refusal(Terms(skew=0.4), found)
    assert (failure.code, failure.source, failure.retryable) == ("HC002", "b", True)
    assert "MAX SKEW 400 ms" in failure.message
    assert "at most 500 ms apart" in failure.message
    Terms(skew=0.0).check(known(a=shot()), is_over=True)


def test_strict_is_about_how_many_are_read() -> None:
    Terms(strict=True).check_sources(["a", "a"])
    Terms(skew=1.0, snapshot=True).check_sources(["a", "b"])
    with pytest.raises(NotConsistent, match=r"7 sources \(a, b, c, d, e and 2 more\)") as caught:
        Terms(strict=True).check_sources("gfedcba")
    assert caught.value.code == "HC003"


def test_what_people_and_programs_are_shown() -> None:
    found = known(shop=shot(10.0, 10.5, "790:790:"), lake=FILE.seen_again(FILE), crm=LOOSE)
    assert str(found).splitlines() == [
        "consistency: mixed, nobody knows how far apart",
        "  shop: snapshot of 1970-01-01 00:00:10.500, 790:790:",
        "  lake: snapshot of 1970-01-01 00:00:01.000, 1 file ab, verified",
        "  crm: none (it is of the engine MyISAM)",
    ]
    assert "\n" not in found.line
    shown = found.as_dict()
    assert (shown["label"], shown["skew_ms"]) == ("mixed", None)
    assert shown["sources"][0]["taken_at"] == [10.0, 10.5]
    assert shown["sources"][2]["why"] == LOOSE.why
