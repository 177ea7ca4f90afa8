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
    return [*lines, "", *races(cells)]


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


def races(cells: Sequence[Cell]) -> list[str]:
    """On how many queries ours was under each peer, and under all of them, of those that the peer could try.

    A peer that failed or ran out of time has lost; where ours failed, ours has.
    """
    peers = [name for name in dict.fromkeys(cell.engine for cell in cells) if name != OURS]
    lines = ["| network | split | under every peer | " + " | ".join(f"under {name}" for name in peers) + " |"]
    lines.append("|---" * (3 + len(peers)) + "|")
    by_place: dict[tuple[str, str], dict[int, dict[str, Cell]]] = {}
    for cell in cells:
        by_place.setdefault((cell.network, cell.split), {}).setdefault(cell.query, {})[cell.engine] = cell
    for (network, split), queries in by_place.items():
        against = [_won(queries.values(), [name]) for name in peers]
        lines.append(f"| {network} | {split} | {' | '.join([_won(queries.values(), peers), *against])} |")
    return lines


def _won(queries: Iterable[Mapping[str, Cell]], peers: Sequence[str]) -> str:
    """As `8 of 10`."""
    won = tried = 0
    for cells in queries:
        others = [cells[name] for name in peers if name in cells and cells[name].raced]
        if OURS in cells and others:
            tried += 1
            won += all(_time(cells[OURS]) < _time(other) for other in others)
    return f"{won} of {tried}" if tried else ""


def _time(cell: Cell) -> float:
    return float("inf") if cell.failure else cell.median
