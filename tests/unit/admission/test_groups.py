"""Resource groups: whose turn it is, what is refused and with which words, under a clock that the test turns."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from hanse.admission.gate import Gate
from hanse.admission.scheduler import Place, Scheduler
from hanse.errors import AdmissionRefused, Cancelled, ConfigError, ResourceLimit
from hanse.groups import Caller, Kind, ResourceGroups
from hanse.settings import load
from tests.unit.admission.wheel import Wheel

MB = 1_000_000
ANN, BOB = Caller("ann"), Caller("bob")


def scheduler(wheel: Wheel, **groups: Any) -> Scheduler:
    return Scheduler(ResourceGroups.model_validate(groups), wheel)


def over(place: Place) -> None:
    place.end()
    place.free()


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


def test_as_many_run_as_may_and_the_others_in_the_order_of_arrival(wheel: Wheel) -> None:
    groups = scheduler(wheel, concurrency=2)
    places = [groups.submit("", ANN) for _ in range(5)]
    assert [one.is_running for one in places] == [True, True, False, False, False]
    over(places[1])
    assert [one.is_running for one in places] == [True, False, True, False, False]
    over(places[0])
    over(places[0])
    assert [one.is_running for one in places] == [False, False, True, True, False]
    (root,) = groups.states()
    assert (root.running, root.queued, root.admitted) == (2, 1, 4)


def test_a_group_counts_for_those_that_it_is_in(wheel: Wheel) -> None:
    groups = scheduler(wheel, concurrency=3, groups={"a": {"concurrency": 2}, "b": {}})
    first = [groups.submit("a", ANN) for _ in range(3)]
    second = [groups.submit("b", ANN) for _ in range(3)]
    assert [one.is_running for one in first + second] == [True, True, False, True, False, False]
    over(second[0])
    assert second[1].is_running  # a may not have more
    over(first[0])
    assert first[2].is_running  # 1 of a and 1 of b run, and a has waited longer
    assert {state.group: state.running for state in groups.states()} == {"all": 3, "a": 2, "b": 1}


@pytest.mark.parametrize("seed", range(20))
def test_groups_get_what_their_weights_say(seed: int) -> None:
    """Both always have more to do than may run: in whatever order queries end, 7 of 10 are of the heavier group."""
    wheel, chance = Wheel(seed), random.Random(seed)
    groups = scheduler(wheel, concurrency=10, groups={"heavy": {"weight": 350}, "light": {"weight": 150}})
    waiting: list[Place] = []
    running: list[Place] = []
    done: Counter[str] = Counter()
    for _ in range(3000):
        for name in ("heavy", "light"):
            while sum(one.group == name for one in waiting) < 5:
                waiting.append(groups.submit(name, ANN))
        running += [one for one in waiting if one.is_running]
        waiting = [one for one in waiting if not one.is_running]
        assert len(running) == 10
        wheel.time += chance.random()
        ended = running.pop(chance.randrange(len(running)))
        done[ended.group] += 1
        over(ended)
    assert 0.66 < done["heavy"] / 3000 < 0.74


@pytest.mark.parametrize("seed", range(6))
def test_a_noisy_group_does_not_keep_a_quiet_one_waiting(seed: int) -> None:
    """Sixty times as much comes as can be done, and the quiet group loses nothing and waits for less than a query takes."""
    wheel, chance = Wheel(seed), random.Random(seed)
    groups = scheduler(wheel, concurrency=4, groups={"noisy": {"queue": 50}, "quiet": {}})
    running: list[tuple[float, Place]] = []
    waiting: list[tuple[float, Place]] = []
    waits: list[float] = []
    refused = 0
    for _ in range(60_000):
        wheel.time += 1 / 240
        for name, often in (("noisy", 1.0), ("quiet", 1 / 960)):
            if chance.random() < often:
                try:
                    waiting.append((wheel.time, groups.submit(name, ANN)))
                except AdmissionRefused:
                    assert name == "noisy"
                    refused += 1
        for one in [one for one in running if one[0] <= wheel.time]:
            running.remove(one)
            over(one[1])
        for one in [one for one in waiting if one[1].is_running]:
            waiting.remove(one)
            running.append((wheel.time + chance.uniform(0.5, 1.5), one[1]))
            if one[1].group == "quiet":
                waits.append(wheel.time - one[0])
    assert refused > 50_000
    assert len(waits) > 30
    assert sorted(waits)[int(len(waits) * 0.95)] < 1.0


@pytest.mark.parametrize("seed", range(30))
def test_nobody_starves_and_all_is_given_back(seed: int) -> None:
    """Whatever comes, waits, is given up, and ends in whatever order: everything else runs at last, within every limit."""
    wheel, chance = Wheel(seed), random.Random(seed)
    tree: dict[str, Any] = {
        "concurrency": 6,
        "memory": 1000 * MB,
        "groups": {
            "a": {"concurrency": 4, "weight": 3, "groups": {"x": {"memory": 300 * MB}, "${user}": {"concurrency": 1}}},
            "b": {"priority": 1, "concurrency": 3, "query_memory": 100 * MB},
            "c": {"memory": 500 * MB},
        },
    }
    groups = scheduler(wheel, **tree)
    waiting: list[Place] = []
    running: list[Place] = []
    for turn in range(1200):
        if turn < 600:
            path = chance.choice(["", "a", "a.x", "a.${user}", "b", "c"])
            waiting.append(groups.submit(path, chance.choice([ANN, BOB]), chance.choice([None, 50 * MB, 400 * MB])))
        wheel.time += chance.random()
        if waiting and chance.random() < 0.1:
            over(waiting.pop(chance.randrange(len(waiting))))
        running += [one for one in waiting if one.is_running]
        waiting = [one for one in waiting if not one.is_running]
        assert running or not waiting
        if running and chance.random() < 0.6:
            over(running.pop(chance.randrange(len(running))))
        for state in groups.states():
            assert state.running <= (state.concurrency or 99)
            assert state.memory <= (state.memory_max or 10**10)
    while running or waiting:
        over(running.pop() if running else waiting.pop())
        running += [one for one in waiting if one.is_running]
        waiting = [one for one in waiting if not one.is_running]
    assert {(state.running, state.queued, state.memory) for state in groups.states()} == {(0, 0, 0)}
    assert [state.group for state in groups.states()] == ["all", "a", "a.x", "b", "c"]  # ann's and bob's are forgotten


def test_priority_comes_first(wheel: Wheel) -> None:
    groups = scheduler(wheel, concurrency=1, groups={"low": {"weight": 100}, "high": {"priority": 5}})
    running = groups.submit("low", ANN)
    low, high, higher = groups.submit("low", ANN), groups.submit("high", ANN), groups.submit("high", ANN)
    for one in (high, higher, low):
        over(running)
        assert one.is_running
        running = one


def test_who_waits_for_memory_is_not_passed(wheel: Wheel) -> None:
    groups = scheduler(wheel, memory=100 * MB)
    first, large, small = (
        groups.submit("", ANN, 60 * MB),
        groups.submit("", ANN, 80 * MB),
        groups.submit("", ANN, 10 * MB),
    )
    assert [one.is_running for one in (first, large, small)] == [True, False, False]
    first.end()
    assert not large.is_running  # the query is over, but not what it has in memory
    first.free()
    assert [one.is_running for one in (large, small)] == [True, True]
    assert groups.submit("", ANN, 5000 * MB).memory == 100 * MB


def test_a_full_queue_names_the_group_and_when_to_come_again(wheel: Wheel) -> None:
    groups = scheduler(wheel, groups={"people": {"groups": {"${user}": {"concurrency": 1, "queue": 2}}}})
    first = groups.submit("people.${user}", ANN)
    wheel.time += 4
    over(first)
    for _ in range(3):
        groups.submit("people.${user}", ANN)
    with pytest.raises(AdmissionRefused) as caught:
        groups.submit("people.${user}", ANN)
    assert (caught.value.code, caught.value.kind, caught.value.retryable) == ("53300", "resources", True)
    assert caught.value.seconds == pytest.approx(12, rel=0.3)
    assert "people.ann is full: 1 of its queries run and 2 wait" in str(caught.value)
    assert "concurrency or queue" in (caught.value.hint or "")
    assert groups.submit("people.${user}", BOB).is_running
    assert {state.group: state.refused for state in groups.states()}["people.ann"] == 1


def test_who_waits_too_long_is_told(wheel: Wheel) -> None:
    groups = scheduler(wheel, concurrency=1, queue_timeout="5 seconds", groups={"a": {}, "b": {"queue_timeout": 1}})
    groups.submit("a", ANN)
    second, third = groups.submit("a", ANN), groups.submit("b", ANN)
    assert (groups.patience(second), groups.patience(third)) == (5, 1)
    wheel.time += 5
    groups.expire(second)
    groups.expire(second)
    assert isinstance(second.failure, AdmissionRefused)
    assert "waited 5.0 s in resource group a while 1 queries of all ran" in str(second.failure)
    assert {state.group: state.queued for state in groups.states()} == {"all": 1, "a": 0, "b": 1}


def test_a_quota_ends_what_uses_more_and_opens_with_the_next_period(wheel: Wheel) -> None:
    """The clock starts at 08:53:20 UTC."""
    groups = scheduler(wheel, groups={"a": {"quota": {"rows": 100, "bytes": "1 kB", "per": "1 hour"}}, "b": {}})
    place = groups.submit("a", ANN)
    place.used(rows=60)
    place.used(rows=40, bytes=999)
    with pytest.raises(AdmissionRefused, match=r"100 rows read per hour; it opens again at .* 09:00:00 UTC") as caught:
        groups.submit("a", ANN)
    assert (caught.value.code, caught.value.seconds) == ("53400", 400)
    with pytest.raises(ResourceLimit, match="the query was ended, without an answer") as ended:
        place.used(rows=1)
    assert not ended.value.retryable
    assert groups.submit("b", ANN).is_running
    wheel.time += 400
    assert groups.submit("a", ANN).is_running


def test_processor_time_counts_when_a_query_ends(wheel: Wheel) -> None:
    groups = scheduler(wheel, concurrency=1, quota={"cpu": "10 seconds", "per": "1 day"})
    first, second = groups.submit("", ANN), groups.submit("", ANN)
    first.end(9.0)
    third = groups.submit("", ANN)
    second.end(1.25)
    assert isinstance(third.failure, AdmissionRefused)  # it waited already when that was used up
    assert "10 seconds of processor time per day" in str(third.failure)
    assert groups.states()[0].quota == "cpu 10 of 10 per day"


SELECTORS = [
    {"user": ["root", "adm*"], "group": "a"},
    {"user_group": "finance", "kind": "batch", "group": "b"},
    {"tags": ["night*", "etl"], "group": "c"},
    {"client": "bi-*", "group": "d.${user}"},
    {"kind": ["explain", "analyze"], "group": "e"},
]


@pytest.mark.parametrize(
    ("caller", "tags", "kind", "expected"),
    [
        (Caller("admin"), "", "interactive", "a"),
        (Caller("ann"), "", "interactive", ""),
        (Caller("ann", ("sales", "finance")), "", "batch", "b"),
        (Caller("ann", ("sales", "finance")), "", "interactive", ""),
        (ANN, "etl, nightly", "batch", "c"),
        (ANN, "etl", "batch", ""),
        (Caller("ann", client="bi-tool"), "x", "interactive", "d.${user}"),
        (Caller("", client="bi-tool"), "", "interactive", "d.${user}"),
        (ANN, "", "explain", "e"),
    ],
)
def test_the_first_selector_that_fits_decides(caller: Caller, tags: str, kind: Kind, expected: str) -> None:
    tree = {"a": {}, "b": {}, "c": {}, "d": {"groups": {"${user}": {}}}, "e": {}}
    gate = Gate(ResourceGroups.model_validate({"groups": tree, "selectors": SELECTORS}), Wheel())
    assert gate.path(caller, tags, kind) == expected
    place = gate.enter(expected, caller, None, lambda: False)
    assert place.group == {"": "all", "d.${user}": f"d.{caller.user or 'nobody'}"}.get(expected, expected)


def test_waiting_ends_with_the_query(wheel: Wheel) -> None:
    gate = Gate(ResourceGroups(concurrency=1, queue_timeout="1 second"), wheel)  # type: ignore[arg-type]
    gate.enter("", ANN, None, lambda: False)
    with pytest.raises(Cancelled, match="waiting in resource group all"):
        gate.enter("", ANN, None, lambda: True)

    def later() -> bool:
        wheel.time += 0.6
        return False

    with pytest.raises(AdmissionRefused, match=r"waited 1\.2 s"):
        gate.enter("", ANN, None, later)
    assert (gate.states()[0].running, gate.states()[0].queued) == (1, 0)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"selectors": [{"group": "a"}]}, "there is no such group"),
        ({"groups": {"a": {}}, "selectors": [{"group": "a.${user}"}]}, "there is no such group"),
        ({"groups": {"${role}": {}}}, "cannot name a group"),
        ({"groups": {"a.b": {}}}, "cannot name a group"),
        ({"groups": {"a": {"concurency": 1}}}, "did you mean concurrency"),
        ({"selectors": [{"usr": "a", "group": "b"}]}, "did you mean user"),
        ({"groups": {"a": {"quota": {"rows": 5}}}}, "per: Field required"),
        ({"weight": 2}, "unknown key resource_groups.weight"),
    ],
)
def test_a_wrong_configuration_is_told(block: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        load({"resource_groups": block})


def test_the_name_of_a_template_is_no_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("user", "somebody")
    config, _ = load({"resource_groups": {"groups": {"${user}": {}}, "selectors": [{"group": "${user}"}]}})
    assert config.resource_groups is not None
    assert config.resource_groups.selectors[0].group == "${user}"
