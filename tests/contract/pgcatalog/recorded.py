"""Statements that clients send about the catalog, by client, as their published sources and their logs have them.

A block of a file is ``-- name``, maybe ``-- parameters: [...]`` in JSON, and the statement. ``{customers}`` stands for the
oid of that table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "statements"
_PARAMETERS = "-- parameters: "


@dataclass(frozen=True)
class Recorded:
    """One statement."""

    name: str
    sql: str
    parameters: list[Any]


def recorded() -> Iterator[Recorded]:
    """All of them."""
    for file in sorted(FOLDER.glob("*.sql")):
        for block in file.read_text(encoding="utf-8").removeprefix("-- ").split("\n\n-- "):
            name, _, sql = block.partition("\n")
            parameters: list[Any] = []
            if sql.startswith(_PARAMETERS):
                line, _, sql = sql.partition("\n")
                parameters = json.loads(line.removeprefix(_PARAMETERS))
            yield Recorded(f"{file.stem}: {name}", sql.strip(), parameters)
