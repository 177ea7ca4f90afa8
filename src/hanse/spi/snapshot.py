"""What planning sees of the world: an immutable, versioned picture of every source, captured beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hanse.ir.fragment import KeyCaps
from hanse.ir.tables import Table
from hanse.spi.capabilities import Capabilities
from hanse.spi.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Assumed:
    """Why the tables of a shard are not those that were read of it, and whose they are: nothing is sent to it by them."""

    why: str
    """What reading them failed with."""
    sqlstate: str
    like: str
    """What they are taken to be."""

    def __str__(self) -> str:
        return f"{self.why}; {self.like}"


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """One source as it was at one moment."""

    source: str
    kind: str
    tables: tuple[Table, ...]
    dialect: Dialect
    capabilities: Capabilities
    server: str = ""
    """Product and version, for people."""
    default_schema: str = ""
    """The schema whose tables may be named ``source.table`` where several schemas hold that name."""
    shards: "tuple[SourceCatalog, ...]" = ()
    """Of a sharded source: its parts, each a source of its own that only plans name (``sales/0``)."""
    fan_out_max: int | None = None
    """As many shards as one query may ask; None: all."""
    key_caps: KeyCaps = KeyCaps()
    """What the configuration allows of shipped keys."""
    is_listed: bool = True
    """Whether its tables are found and listed without its name."""
    assumed: Assumed | None = None
    """Of a shard that was never read: the rest is for the meaning of queries that do not ask it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All sources, by name. ``version`` grows with every refresh and is part of every plan's identity."""

    version: int
    sources: Mapping[str, SourceCatalog]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Sources whose catalog could not be read, with the reason: naming one of their tables gives that as error."""
    recalled: tuple[str, ...] = ()
    """Sources whose tables are what another process has read of them: for queries that are answered without them."""

    def listed(self) -> "dict[str, SourceCatalog]":
        """The sources whose tables are listed where nobody names a source."""
        return {name: source for name, source in self.sources.items() if source.is_listed}

    def problem(self, source: str) -> str | None:
        """What is wrong with a source's catalog: it could not be read, or not that of these of its shards."""
        found = self.sources.get(source)
        lost = () if found is None else tuple(f"{one.source}: {one.assumed}" for one in found.shards if one.assumed)
        return self.unavailable.get(source) or ("; ".join(lost) or None)

    def physical(self) -> dict[str, SourceCatalog]:
        """Every source that requests may go to, by name: the shards in the place of what is sharded."""
        found: dict[str, SourceCatalog] = {}
        for name, source in self.sources.items():
            found |= {shard.source: shard for shard in source.shards} if source.shards else {name: source}
        return found
