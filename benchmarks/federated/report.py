"""What a run of the federated benchmark found, as tables: sums beside one another first, then every cell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.federated.measure import Cell

HEADER = ("engine", "query", "split", "network", "seconds", "MB received", "MB sent", "statements", "rows", "answer")
OURS, RIVAL = "hanse", "duckdb"


def rows(cells: Iterable[Cell], expected: Mapping[int, str]) -> list[list[Any]]:
    """One row for each cell, in the order of the queries."""
    ordered = sorted(cells, key=lambda cell: (cell.network, cell.split, cell.query, cell.engine))
    return [_row(cell, expected.get(cell.query, "")) for cell in ordered]


def _row(cell: Cell, expected: str) -> list[Any]:
    place = [cell.engine, cell.query, cell.split, cell.network]
    if cell.failure:
        return [*place, "", "", "", "", "", cell.failure.replace("|", "/")]
    said = cell.digest if cell.digest == expected else f"{cell.digest} DIFFERS from {expected}"
    moved = [f"{cell.received / 1e6:.3f}", f"{cell.sent / 1e6:.3f}"]
    return [*place, f"{cell.median:.3f}", *moved, cell.statements, cell.rows, said]


def summary(cells: Sequence[Cell], expected: Mapping[int, str]) -> list[str]:
    """Sums over the queries that ours and the rival both answered, and how often ours was the fastest."""
    lines = [
        "| network | split | engine | queries | seconds | MB | statements | time / DuckDB | DuckDB's bytes / these |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for network, split in dict.fromkeys((cell.network, cell.split) for cell in cells):
        lines += _sums([cell for cell in cells if (cell.network, cell.split) == (network, split)], (network, split))
    everything = [cell for cell in cells if not cell.failure]
    for network in dict.fromkeys(cell.network for cell in cells):
        lines += _sums([cell for cell in everything if cell.network == network], (network, "all"))
    wrong = [cell for cell in everything if cell.digest != expected.get(cell.query)]
    lines += ["", f"Answers unlike the reference: {len(wrong)}" + "".join(f"; {_name(cell)}" for cell in wrong)]
    for network in dict.fromkeys(cell.network for cell in cells):
        lines.append(_wins([cell for cell in everything if cell.network == network], network))
    return lines


def _name(cell: Cell) -> str:
    return f"{cell.engine} Q{cell.query} {cell.split} {cell.network}"


def _sums(cells: Sequence[Cell], place: tuple[str, str]) -> list[str]:
    by_engine: dict[str, dict[tuple[str, int], Cell]] = {}
    for cell in cells:
        if not cell.failure:
            by_engine.setdefault(cell.engine, {})[cell.split, cell.query] = cell
    lines = []
    for engine, answered in by_engine.items():
        rival = by_engine.get(RIVAL, {})
        both = [(cell, rival[key]) for key, cell in answered.items() if key in rival]
        seconds = sum(cell.median for cell in answered.values())
        received = sum(cell.received for cell in answered.values())
        statements = sum(cell.statements for cell in answered.values())
        time = sum(cell.median for cell, _ in both) / max(1e-9, sum(other.median for _, other in both))
        share = sum(other.received for _, other in both) / max(1, sum(cell.received for cell, _ in both))
        ratios = f"{time:.2f} | {share:.1f}" if both else "| "
        lines.append(
            f"| {place[0]} | {place[1]} | {engine} | {len(answered)} | {seconds:.2f} | {received / 1e6:.2f} "
            f"| {statements} | {ratios} |"
        )
    return lines


def _wins(cells: Sequence[Cell], network: str) -> str:
    races: dict[tuple[str, int], dict[str, float]] = {}
    for cell in cells:
        races.setdefault((cell.split, cell.query), {})[cell.engine] = cell.median
    won = sum(min(race, key=lambda engine: race[engine]) == OURS for race in races.values() if OURS in race)
    return f"Fastest on {network}: {OURS} in {won} of {len(races)}."
