"""A module is named after what it holds; these words hold anything."""

from __future__ import annotations

from pathlib import PurePath

from tests.tidy.source import modules

BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base2", "stuff"}


def test_no_module_is_called_anything() -> None:
    assert [one.path for one in modules() if _words(one.path) & BANNED] == []


def _words(path: str) -> set[str]:
    return {word for part in PurePath(path).with_suffix("").parts for word in part.split("_")}
