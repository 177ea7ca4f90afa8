"""Spread tables over shards in ways drawn from a seed: every method, equal keys together, rows without a key anywhere, and
rows with a key that a lookup table does not have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hanse.ir.sharding import Scheme
from hanse.ir.types import Kind
from tests.differential.choices import Choices
from tests.differential.tables import Table

CUTS = ((None, 1), (1, 4), (4, None))
"""Ranges of ``k``; with fewer shards than three the last ones share one."""
LISTED = ((0, 1), (2, 3, -1))
"""Keys of the first two shards. The lookup table ``placed`` has these and no others."""
PLACED = [(value, str(shard)) for shard, values in enumerate(LISTED) for value in values]
LOOKUP = {"source": "places", "table": "placed", "key": "k", "shard": "s"}


@dataclass(frozen=True)
class Way:
    """What the configuration says of a table, and the scheme that it means (None: rows are anywhere, or everywhere)."""

    options: dict[str, Any]
    scheme: Scheme | None

    def parts(self, table: Table, count: int, choices: Choices) -> list[Table]:
        """The table's part on each shard."""
        if "reference" in self.options:
            return [table] * count
        names = [column.name for column in table.columns]
        rows: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
        for row in table.rows:
            key = row[names.index(self.options["key"])] if self.scheme else None
            known = self.scheme is not None and key is not None
            shards = self.scheme.shards_of(key) if self.scheme and known else frozenset[int]()
            rows[min(shards) if shards else choices.below(count)].append(row)
        return [replace(table, rows=part) for part in rows]


def ways(choices: Choices, count: int, tables: list[Table], bytewise: bool) -> dict[str, Way]:
    """How each of the tables of a source is spread over ``count`` shards, often like the one before."""
    found: dict[str, Way] = {}
    last: Way | None = None
    for table in tables:
        if last is None or not choices.chance(60):
            last = _way(choices, count, bytewise)
        found[table.name] = last
    return found


def _way(choices: Choices, count: int, bytewise: bool) -> Way:
    method = choices.pick(("hash", "hash", "range", "list", "none", "reference", "lookup"))
    key = choices.pick(("k", "id", "k", "s")) if method == "hash" else "k"
    match method:
        case "none":
            return Way({"method": "none"}, None)
        case "reference":
            return Way({"reference": True}, None)
        case "hash":
            return _hashed(choices, count, key, bytewise)
        case "range":
            cuts = tuple((low, high, min(shard, count - 1)) for shard, (low, high) in enumerate(CUTS))
            ranges = [{"shard": shard, "start": low, "end": high} for low, high, shard in cuts]
            options = {"method": method, "key": key, "ranges": ranges}
            return Way(options, Scheme("range", Kind.INT64, count, ranges=cuts))
        case _:
            pairs = tuple((value, shard) for shard, values in enumerate(LISTED) for value in values)
            if method == "lookup":
                options = {"method": method, "key": key, "lookup": LOOKUP | {"max_age": choices.pick((3600, 0))}}
                return Way(options, Scheme("list", Kind.INT64, count, values=pairs))
            listed = {str(shard): list(values) for shard, values in enumerate(LISTED)}
            options = {"method": method, "key": key, "values": listed, "other": count - 1}
            return Way(options, Scheme("list", Kind.INT64, count, values=pairs, other=count - 1))


def _hashed(choices: Choices, count: int, key: str, bytewise: bool) -> Way:
    functions = ["crc32", "md5", *(["postgres_hash"] if bytewise or key != "s" else [])]
    function = choices.pick(functions if key == "s" else [*functions, "mod", "floor_mod"])
    modulus = count * choices.pick((1, 2))
    shards = tuple(place % count for place in range(modulus))
    kind = Kind.TEXT if key == "s" else Kind.INT64
    options = {"method": "hash", "key": key, "function": function, "modulus": modulus, "assignment": list(shards)}
    return Way(options, Scheme("hash", kind, count, function=function, assignment=shards))
