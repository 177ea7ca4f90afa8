"""Every module says what comes in, what goes out and what it never does; whatever is public says what it is for."""

from __future__ import annotations

import ast

from tests.tidy.source import Function, Module, modules


def test_every_module_has_a_docstring() -> None:
    assert [one.path for one in modules() if not ast.get_docstring(one.tree)] == []


def test_everything_public_has_a_docstring() -> None:
    missing = [
        f"{one.path}:{node.name}"
        for one in modules()
        if one.in_package
        for node in one.tree.body
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert missing == []


def test_package_files_only_export() -> None:
    """What stands in an `__init__.py` runs on every import and is looked for by nobody."""
    packages = [one for one in modules() if one.in_package and one.path.endswith("/__init__.py")]
    assert [one.path for one in packages if not _only_exports(one)] == []


def _only_exports(module: Module) -> bool:
    return all(map(_is_export, module.tree.body[1:]))


def _is_export(node: ast.stmt) -> bool:
    """Imports, names for them, and imports that only a type checker makes."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and all(map(_is_export, node.body))
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
