"""Nobody's history is of nobody: not of who runs the process, nor of a user of that name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hanse.clock import SystemClock
from hanse.observe.recorder import Recorder
from hanse.server.http.failures import Refused
from hanse.server.http.history import found


@pytest.fixture
def recorder() -> Any:
    made = Recorder(None, SystemClock(), lambda sql: (sql, ""))
    yield made
    made.close(False)


def place(recorder: Recorder, *users: str) -> Any:
    logins = SimpleNamespace(is_user=lambda name: name in users)
    return SimpleNamespace(engine=SimpleNamespace(queries=recorder), logins=logins)


def test_a_users_query_is_the_users(recorder: Recorder) -> None:
    noted = recorder.begin("SELECT 1")
    noted.user = "ann"
    assert found(place(recorder, "ann"), noted.id, "ann").id == noted.id
    for other in ("bob", ""):
        with pytest.raises(Refused):
            found(place(recorder, "ann"), noted.id, other)


def test_nobodys_query_is_nobodys_unless_a_user_has_the_name(recorder: Recorder) -> None:
    noted = recorder.begin("SELECT 1")
    assert found(place(recorder), noted.id, "").id == noted.id
    with pytest.raises(Refused):
        found(place(recorder, recorder.user), noted.id, "")


def test_what_another_process_of_the_same_user_runs_is_not_nobodys(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = recorder.begin("SELECT 1")
    monkeypatch.setattr(Recorder, "name", property(lambda _: "elsewhere:1"))
    with pytest.raises(Refused):
        found(place(recorder), noted.id, "")
