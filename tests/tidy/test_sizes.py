"""A file fits in a head, a function on a screen, a call in a line."""

from __future__ import annotations

import warnings

from tests.tidy.exceptions import DATA_TABLES, LONG_FILES, LONG_FUNCTIONS, MANY_PARAMETERS
from tests.tidy.source import Function, modules

FILE_WARN, FILE_MAX = 400, 600
FUNCTION_MAX = 70
PARAMETERS_MAX = 5
# A command's parameters are its options, which nobody passes by hand.
COMMAND_DECORATORS = {"command", "option", "argument", "group"}


def test_files_are_short() -> None:
    lines = {one.path: one.text.count("\n") for one in modules() if one.path not in DATA_TABLES}
    for path, count in lines.items():
        if FILE_WARN < count <= FILE_MAX:
            warnings.warn(f"{path} has {count} lines; think of splitting it before {FILE_MAX}", stacklevel=1)
    _within_limits(lines, FILE_MAX, LONG_FILES)


def test_data_tables_exist_and_are_data() -> None:
    known = {one.path: one for one in modules()}
    assert set(known) >= DATA_TABLES
    assert [path for path in DATA_TABLES if list(known[path].functions())] == []


def test_functions_are_short() -> None:
    lines = {f"{one.path}:{name}": _length(node) for one in modules() for name, node in one.functions()}
    _within_limits(lines, FUNCTION_MAX, LONG_FUNCTIONS)


def test_functions_take_few_parameters() -> None:
    ours = [one for one in modules() if not one.path.startswith("tests/")]
    counts = {f"{one.path}:{name}": _parameters(node) for one in ours for name, node in one.functions()}
    _within_limits(counts, PARAMETERS_MAX, MANY_PARAMETERS)


def _within_limits(found: dict[str, int], limit: int, exceptions: dict[str, int]) -> None:
    """Nothing exceeds its limit, and nobody has an exception that he does not need."""
    assert {key: count for key, count in found.items() if count > exceptions.get(key, limit)} == {}
    assert {key for key in exceptions if found.get(key, 0) <= limit} == set(), "exceptions that are not needed any more"


def _length(function: Function) -> int:
    """Count a function's lines; its docstring is free."""
    first = function.body[0]
    documented = hasattr(first, "value") and isinstance(getattr(first.value, "value", None), str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def _parameters(function: Function) -> int:
    if any(_name(decorator) in COMMAND_DECORATORS for decorator in function.decorator_list):
        return 0
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _name(decorator: object) -> str:
    called = getattr(decorator, "func", decorator)
    return str(getattr(called, "attr", getattr(called, "id", "")))
