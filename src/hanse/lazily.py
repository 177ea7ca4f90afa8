"""Public names that are imported when they are first asked for: in come names and modules, out goes a module's
``__getattr__``. It imports nothing by itself, so that the help of a command does not wait for a database engine."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def imported(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose public names are defined in the modules ``homes``."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return get
