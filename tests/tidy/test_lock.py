"""The lock file says where every package comes from: the public index; and it is the lock of this project file."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement

from tests.tidy.source import ROOT

HOSTS = {"pypi.org", "files.pythonhosted.org"}


def test_lock_names_public_hosts_only() -> None:
    text = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"https?://([^/\"]+)", text)) <= HOSTS
    assert "registry = { path" not in text


def test_lock_fits_the_project_file() -> None:
    """`make lock` was run after the dependencies changed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    ours: dict[str, Any] = next(one for one in lock["package"] if one["name"] == project["project"]["name"])["metadata"]
    extras = [one for some in project["project"]["optional-dependencies"].values() for one in some]
    assert _locked(ours["requires-dist"]) == _asked([*project["project"]["dependencies"], *extras])
    assert _locked(ours["requires-dev"]["dev"]) == _asked(project["dependency-groups"]["dev"])


def _asked(requirements: list[str]) -> set[tuple[str, str]]:
    parsed = [Requirement(text) for text in requirements]
    return {(re.sub(r"[-_.]+", "-", one.name).lower(), str(one.specifier)) for one in parsed}


def _locked(entries: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(one["name"], str(Requirement(f"x{one.get('specifier', '')}").specifier)) for one in entries}
