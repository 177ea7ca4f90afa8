"""No test is switched off quietly: a known failure is strict, so that it breaks the build the day it is repaired."""

from __future__ import annotations

import ast

from tests.tidy.exceptions import SKIPS
from tests.tidy.source import modules

SKIPPING = {"skip", "skipif", "importorskip", "skipTest"}


def test_nothing_is_skipped() -> None:
    found = {one.path for one in modules() if not one.in_package and any(_skips(node) for node in ast.walk(one.tree))}
    assert found - set(SKIPS) == set()
    assert set(SKIPS) - found == set(), "exceptions that are not needed any more"


def test_expected_failures_are_strict() -> None:
    loose = [f"{one.path}: {ast.unparse(node)}" for one in modules() for node in ast.walk(one.tree) if _loose(node)]
    assert loose == []


def _skips(node: ast.AST) -> bool:
    """Tell `pytest.skip` and `pytest.mark.skipif` from a string's or cursor's method of that name."""
    if not isinstance(node, ast.Attribute) or node.attr not in SKIPPING:
        return False
    return ast.unparse(node.value) in ("pytest", "pytest.mark", "self", "unittest")


def _loose(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("mark.xfail"):
        return False
    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
    return given.get("strict", "True") != "True" or "reason" not in given
