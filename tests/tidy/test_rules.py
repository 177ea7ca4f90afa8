"""Every optimizer rule is argued in its docstring and has a golden file in which it fires, and once must not."""

from __future__ import annotations

import ast
from pathlib import PurePath

from tests.tidy.source import ROOT, Module, modules

RULES_FOLDER = "src/hanse/optimize/rules/"
HEADINGS = ("When", "Safe", "Not")


def test_rules_say_why_they_are_right() -> None:
    assert {one.path: _missing_headings(one) for one in _rules() if _missing_headings(one)} == {}


def test_rules_fire_and_refuse_in_a_golden_file() -> None:
    assert {one.path: _missing_golden(one) for one in _rules() if _missing_golden(one)} == {}


def _rules() -> list[Module]:
    found = [one for one in modules() if one.path.startswith(RULES_FOLDER)]
    return [one for one in found if not PurePath(one.path).name.startswith("_")]


def _missing_headings(rule: Module) -> list[str]:
    lines = (ast.get_docstring(rule.tree) or "").splitlines()
    return [word for word in HEADINGS if not any(line.startswith(word + " ") for line in lines)]


def _missing_golden(rule: Module) -> list[str]:
    name = PurePath(rule.path).stem
    golden = (ROOT / "tests" / "golden" / "rules" / name).with_suffix(".plan")
    if not golden.exists():
        return [f"tests/golden/rules/{name}.plan"]
    text = golden.read_text()
    return [mark for mark in (f"expect={name}", f"expect-not={name}") if mark not in text]
