"""What the tidy tests look at: the project's own files, read and parsed once."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("src", "tests", "scripts", "benchmarks", "examples")
TEXT = (*CODE, "docs", ".ci")
TEXT_ENDINGS = {".py", ".md", ".toml", ".yaml", ".yml", ".sql", ".slt", ".plan", ".json", ".sh", ".txt", ".cfg", ""}
GENERATED = {"__pycache__", "node_modules"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the project's folder, its text, its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def in_package(self) -> bool:
        """Whether the file is part of what users install."""
        return self.path.startswith("src/")

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Yield every function with its name in this module, such as `Class.method`."""
        yield from _functions(self.tree, "")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Function):
            name = f"{prefix}{child.name}"
            if isinstance(child, Function):
                yield name, child
            yield from _functions(child, name + ".")
        else:
            yield from _functions(child, prefix)


@functools.cache
def modules() -> list[Module]:
    """Return every Python file of the project."""
    return [_parsed(path) for path in _files(CODE) if path.suffix == ".py"]


def texts() -> Iterator[tuple[str, str]]:
    """Yield path and content of every text file of the project, the ones in its own folder included."""
    top = [path for path in sorted(ROOT.iterdir()) if path.is_file() and path.name not in (".git", "uv.lock")]
    for path in [*top, *_files(TEXT)]:
        if path.suffix in TEXT_ENDINGS:
            yield relative(path), path.read_text(encoding="utf-8", errors="replace")


def relative(path: Path) -> str:
    """Return the path as the lists of exceptions write it."""
    return path.relative_to(ROOT).as_posix()


def _files(folders: tuple[str, ...]) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in found if path.is_file() and not GENERATED & set(path.parts))


def _parsed(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(relative(path), text, ast.parse(text))
