"""The project's files work wherever the project is put: none of them knows a machine."""

from __future__ import annotations

import re

from tests.tidy.source import texts

HOMES = ("home", "root", "Users", "work")
MACHINE_PATH = re.compile(r"(?<![\w.~*)\]}/])/(?:" + "|".join(HOMES) + r")/[\w.]")
CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


def test_no_file_names_a_place_on_a_machine() -> None:
    found = [
        f"{path}: {line.strip()}" for path, text in texts() for line in text.splitlines() if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_no_file_holds_a_conflict() -> None:
    assert [path for path, text in texts() if CONFLICT.search(text)] == []
