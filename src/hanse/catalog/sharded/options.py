"""What ``hanse.yaml`` may say of a sharded source, and what is wrong with it where no shard need be asked."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from hanse.errors import ConfigError
from hanse.ir.hashes import FUNCTIONS
from hanse.settings import nearest

SCHEMES = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}
SUFFIXES = {"db": "sqlite", "sqlite": "sqlite", "sqlite3": "sqlite", "duckdb": "duckdb"}


class RangeOptions(BaseModel):
    """Keys from ``start`` on and below ``end``."""

    model_config = {"extra": "forbid"}
    shard: str | int
    """Where they live: a shard's name, or its place in the list, from 0 on."""
    start: Any = None
    """The least key; by default there is none."""
    end: Any = None
    """The key after the last; by default there is none."""


class LookupOptions(BaseModel):
    """A table that says of each key on which shard its rows are."""

    model_config = {"extra": "forbid", "frozen": True}
    source: str
    """The source that has it: another one of the configuration, or a shard, as ``sales/0``."""
    table: str
    """As ``table`` or ``schema.table``."""
    key: str
    """Its column of keys, of the same type as those that are spread."""
    shard: str
    """Its column of shards: their names, or their places from 0 on."""
    max_age: float = Field(default=60, ge=0)
    """Seconds after which it is read again by the next query that needs it. For so long, rows that moved are looked for
    where they were."""
    unknown: Literal["all", "error"] = "all"
    """Where a key is looked for that it does not have: on all shards, or nowhere, with an error. Only if every key is in it
    can groups and joins by the key be left to the shards."""
    rows_max: int = Field(default=1_000_000, ge=1)
    """How many rows it may have: all are kept."""


class TableOptions(BaseModel):
    """How one table is spread over the shards."""

    model_config = {"extra": "forbid"}
    method: Literal["hash", "range", "list", "lookup", "none"] | None = None
    """By a hash of the key, by ranges, by listed values, by a table that says where each key is, or in a way that is not
    known: then every shard is asked."""
    key: str | None = None
    """The column by whose value rows are spread."""
    function: str | None = None
    """The hash function: ``postgres_hash``, ``mod``, ``floor_mod``, ``crc32`` or ``md5``."""
    modulus: int | None = Field(default=None, ge=1)
    """What the hash is divided by; by default the number of shards."""
    assignment: list[str | int] = []
    """The shard of each remainder, from 0 on; by default the shards in their order."""
    ranges: list[RangeOptions] = []
    """For ``range``: which keys live where. A key in none of them is nowhere."""
    values: dict[str, list[Any]] = {}
    """For ``list``: the keys of each shard."""
    other: str | int | None = None
    """For ``list``: the shard of all keys that are not listed; by default there are none."""
    lookup: LookupOptions | None = None
    """For ``lookup``: the table that says where each key is."""
    reference: bool = False
    """Every shard has a copy of the whole table."""


class ShardedOptions(BaseModel):
    """The options of a sharded source."""

    model_config = {"extra": "forbid"}
    shards: list[dict[str, Any]] = Field(min_length=1)
    """Each shard as a source's block; ``kind`` may be left out where the URL or path tells it. ``name`` is what errors
    and EXPLAIN call it after the source's name; by default its place in the list, from 0 on."""
    fan_out_max: int | None = Field(default=None, ge=1)
    """As many shards as one query may ask; by default all."""
    tables: dict[str, TableOptions] = {}
    """Every table that is to be seen, as ``table`` or ``schema.table``, and how it is spread."""


def kind_of(block: Mapping[str, Any], where: str) -> str:
    """The kind of a shard, as it says or as its address tells."""
    if "kind" in block:
        return str(block["kind"])
    scheme = str(block.get("url", "")).partition("://")[0].lower()
    suffix = str(block.get("path", "")).rpartition(".")[2].lower()
    kind = SCHEMES.get(scheme) or SUFFIXES.get(suffix)
    if kind is None:
        raise ConfigError(f"{where} has no kind", hint="such as kind: postgres")
    return kind


def names_of(options: ShardedOptions, where: str) -> tuple[str, ...]:
    """What the shards are called; raises ConfigError if two are called the same."""
    names = tuple(str(block.get("name", place)) for place, block in enumerate(options.shards))
    if len(set(names)) < len(names) or any("/" in name or not name for name in names):
        raise ConfigError(f"{where}.shards: every shard needs a name of its own, without /")
    return names


class Places:
    """The shards by what the configuration calls them."""

    def __init__(self, names: tuple[str, ...], where: str) -> None:
        """``where`` is the table's place in the configuration."""
        self.names = names
        self.where = where

    def place(self, shard: str | int) -> int:
        """The shard's place; raises ConfigError."""
        if str(shard) in self.names:
            return self.names.index(str(shard))
        if str(shard).isdigit() and int(shard) < len(self.names):
            return int(shard)
        guess = nearest(str(shard), self.names)
        hint = f"did you mean {guess}?" if guess else f"shards are {', '.join(self.names)}"
        raise ConfigError(f"{self.where}: there is no shard {shard}", hint=hint)

    def refuse(self, message: str, hint: str | None = None) -> ConfigError:
        """What is wrong with the table's options."""
        return ConfigError(f"{self.where}: {message}", hint=hint)


NEEDED = {"hash": ("function",), "range": ("ranges",), "list": ("values",), "lookup": ("lookup",)}
KNOWN = {
    "hash": {"function", "modulus", "assignment"},
    "range": {"ranges"},
    "list": {"values", "other"},
    "lookup": {"lookup"},
}


def check(options: TableOptions, places: Places) -> None:
    """Refuse what contradicts itself; raises ConfigError naming the table."""
    if options.reference:
        if options.model_fields_set - {"reference"}:
            raise places.refuse("a reference table is whole on every shard: no key and no method")
        return
    method = options.method
    if method is None:
        raise places.refuse("says neither how it is spread nor that it is whole", "method: ... or reference: true")
    given = options.model_fields_set - {"method", "key", "reference"}
    foreign = sorted(given - KNOWN.get(method, set()))
    if foreign:
        raise places.refuse(f"{foreign[0]} means nothing for method {method}")
    if method == "none":
        return
    missing = [name for name in ("key", *NEEDED[method]) if not getattr(options, name)]
    if missing:
        raise places.refuse(f"method {method} needs {' and '.join(missing)}")
    if method == "hash":
        assignment(options, places)


def assignment(options: TableOptions, places: Places) -> tuple[int, ...]:
    """The shard of each remainder; raises ConfigError where some remainder or shard is left over."""
    if options.function not in FUNCTIONS:
        guess = nearest(str(options.function), FUNCTIONS)
        hint = f"did you mean {guess}?" if guess else f"functions are {', '.join(FUNCTIONS)}"
        raise places.refuse(f"unknown hash function {options.function}", hint)
    count = len(places.names)
    found = tuple(map(places.place, options.assignment)) or tuple(range(count))
    modulus = options.modulus or len(found)
    if len(found) != modulus:
        what = f"{len(found)} remainders are assigned" if options.assignment else f"there are {count} shards"
        raise places.refuse(f"modulus is {modulus}, but {what}", "assignment: the shard of each remainder, in order")
    unreached = sorted(set(range(count)) - set(found))
    if unreached:
        raise places.refuse(f"no remainder leads to shard {places.names[unreached[0]]}")
    return found
