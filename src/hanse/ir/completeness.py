"""What is true of an answer that was made without some of its sources: the completeness statement.

The answer is what the query yields where the tables that were lost have no rows. A statement compares it with the answer
that there would have been, column by column; ``policy.completeness`` derives it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Rows(StrEnum):
    """How the rows of an answer stand to those that there would have been."""

    ALL = "all"
    """They are the same, as far as their columns are exact."""
    SOME = "rows may be missing"
    """Each is one of them."""
    ANY = "rows may not be the right ones"
    """A choice (the first ten, those of rank 1) was made among what could be read."""


class Loss(StrEnum):
    """What an answer lacks of a table."""

    NONE = "none"
    PART = "part"
    """Some of its shards."""
    WHOLE = "whole"


class Standing(StrEnum):
    """How the values of a column stand to those that the same rows would have had."""

    EXACT = "exact"
    LOWER = "lower bound"
    """At most too small; NULL where nothing could be counted; a condition that is true is true."""
    UNAVAILABLE = "unavailable"
    """Exact, or NULL since it could not be read."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """What a query reads of one source, or of one shard."""

    source: str
    tables: tuple[str, ...]
    """As the source has them."""
    lost: str | None = None
    """The failure for which it is left out; None: it was read."""
    fault: str | None = None
    """What the failure says of the source (``errors.Fault``)."""
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What is true of the rows and columns of an answer."""

    rows: Rows
    columns: tuple[tuple[str, Standing], ...]
    """By name, in the answer's order."""

    def named(self, names: Iterable[str]) -> "Claim":
        """The same of columns that users know by these names."""
        return Claim(self.rows, tuple((name, one) for name, (_, one) in zip(names, self.columns, strict=True)))


@dataclass(frozen=True, slots=True)
class Completeness:
    """The completeness statement of one answer from which something is missing."""

    claim: Claim
    lost: tuple[Part, ...]
    read: tuple[Part, ...] = field(default=())

    def __str__(self) -> str:
        lines = [f"partial answer: {self._summary()}"]
        lines += [f"  lost {_named(part.tables, [part.source])}: {part.fault}, {part.lost}" for part in self.lost]
        alike: dict[tuple[str, ...], list[str]] = {}
        for part in self.read:
            alike.setdefault(part.tables, []).append(part.source)
        lines += [f"  read {_named(tables, sources)}" for tables, sources in alike.items()]
        lines += [f"  column {name}: {standing}" for name, standing in self.claim.columns]
        return "\n".join(lines)

    def _summary(self) -> str:
        if self.claim.rows is not Rows.ALL:
            return str(self.claim.rows)
        is_exact = all(standing is Standing.EXACT for _, standing in self.claim.columns)
        return "all rows, and nothing in them depends on what was lost" if is_exact else "all rows, not all values"


def _named(tables: tuple[str, ...], sources: list[str]) -> str:
    return f"{', '.join(sources)} ({', '.join(tables)})"
