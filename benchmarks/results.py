"""Writes what was measured, as Markdown for people and JSON for programs, with versions and machine."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import pyarrow as pa

import hanse

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Series:
    """The seconds of one contender, one per round."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.seconds)


def interleaved(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Series]:
    """Run the contenders in turn, ``rounds`` times after one warm-up, so that noise hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            started = perf_counter()
            work()
            if number:
                seconds[name].append(perf_counter() - started)
    return {name: Series(name, tuple(values)) for name, values in seconds.items()}


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "hanse": hanse.__version__,
        "duckdb": duckdb.__version__,
        "pyarrow": pa.__version__,
    }


def write(
    name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], notes: Sequence[str] = ()
) -> None:
    """Write ``results/<name>.md`` and ``.json``, and print the table."""
    FOLDER.mkdir(exist_ok=True)
    facts = machine()
    lines = [f"# {title}", "", *notes, "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    lines += ["", ", ".join(f"{key} {value}" for key, value in facts.items())]
    (FOLDER / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    measured = [dict(zip(header, row, strict=True)) for row in rows]
    document = {"title": title, "notes": list(notes), "machine": facts, "rows": measured}
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print("\n".join(lines), flush=True)
