"""Imports go one way, and stand at the top where a reader sees them."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.tidy.exceptions import LOCAL_IMPORTS
from tests.tidy.source import ROOT, modules


def test_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_hides_in_a_function() -> None:
    found = {
        f"{one.path}:{name}"
        for one in modules()
        for _, function in one.functions()
        for node in ast.walk(function)
        for name in _imported(node)
    }
    assert found - set(LOCAL_IMPORTS) == set()
    assert set(LOCAL_IMPORTS) - found == set(), "exceptions that are not needed any more"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
