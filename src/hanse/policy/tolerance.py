"""What a query does when a source fails that it needs: fail, or go on without its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.settings import OnFailure, PartialResults, SourceFailures


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What the configuration says of sources and tables (``on_failure``)."""

    sources: Mapping[str, SourceFailures] = field(default_factory=dict)
    others: OnFailure = "fail"
    """What holds where a source does not say."""

    def concerns(self, source: str, setting: PartialResults) -> bool:
        """Whether a query may perhaps do without a table of the source (or of what it is a shard of)."""
        if setting == "off":
            return False
        block = self.sources.get(owner(source))
        said = [] if block is None else [block.default, *block.tables.values()]
        return any((choice or self._unsaid(setting)) != "fail" for choice in said or [None])

    def _unsaid(self, setting: PartialResults) -> OnFailure:
        return "skip" if setting == "on" and self.others == "fail" else self.others

    def of(self, table: Table, setting: PartialResults) -> OnFailure:
        """What is done without one table. What the configuration says of it goes before ``partial_results = on``, and that
        of a table before that of its source."""
        if setting == "off":
            return "fail"
        block = self.sources.get(owner(table.source))
        said = None if block is None else _said(table, block)
        return said or self._unsaid(setting)


def _said(table: Table, block: SourceFailures) -> OnFailure | None:
    names = (table.name.casefold(), f"{table.schema}.{table.name}".casefold())
    for pattern, choice in block.tables.items():
        if any(fnmatchcase(name, pattern.casefold()) for name in names):
            return choice
    return block.default
