"""What render yields: text with holes for every source and for the coordinator. Execution fills holes, never writes SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hanse.errors import InternalError
from hanse.ir.expr import Column, Literal, Parameter
from hanse.ir.fragment import Hole, SmallSide
from hanse.ir.sharding import Home, Route
from hanse.ir.tables import Collation, Table
from hanse.ir.types import Type


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The least and the greatest of keys that are too many to be sent one by one."""

    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class KeyOperand:
    """What is compared with one part of keys, as its source writes it."""

    sql: str
    type: Type
    collation: Collation


@dataclass(frozen=True, slots=True)
class KeyHole:
    """A whole condition, ``operands IN keys``, that execution fills as the source's dialect spells it (``Dialect.keys``,
    ``Dialect.key_rows``)."""

    hole: int
    operands: tuple[KeyOperand, ...]


@dataclass(frozen=True, slots=True)
class RowsHole:
    """The rows of another fragment as a table, which execution fills as the source's dialect spells it (``Dialect.rows``)."""

    fragment: int
    names: tuple[str, ...]
    types: tuple[Type, ...]


Part = str | Parameter | KeyHole | RowsHole


@dataclass(frozen=True, slots=True)
class SqlText:
    """SQL in which ``parts`` alternate between text and holes: a user's parameter, a condition on shipped keys, or rows."""

    parts: tuple[Part, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The holes, in order of appearance."""
        return tuple(part for part in self.parts if isinstance(part, Parameter))

    def spelled(self, spell: Callable[[Parameter], str]) -> str:
        """The whole text, with every parameter spelt; conditions on keys must have been filled."""
        if any(isinstance(part, KeyHole | RowsHole) for part in self.parts):
            raise InternalError("a condition on keys, or a table of rows, was not filled before its statement was sent")
        return "".join(spell(part) if isinstance(part, Parameter) else str(part) for part in self.parts)

    def filled(self, spell: Callable[[KeyHole], str]) -> "SqlText":
        """The text with every condition on keys spelt."""
        return SqlText(tuple(spell(part) if isinstance(part, KeyHole) else part for part in self.parts))

    def with_rows(self, texts: Mapping[int, str]) -> "SqlText":
        """The text with the rows of other fragments, by fragment."""
        return SqlText(tuple(texts[part.fragment] if isinstance(part, RowsHole) else part for part in self.parts))

    def __str__(self) -> str:
        return "".join(map(_shown, self.parts))


def _shown(part: Part) -> str:
    match part:
        case str():
            return part
        case Parameter():
            return f"${part.index + 1}"
        case KeyHole():
            operands = ", ".join(operand.sql for operand in part.operands)
            return f"{operands if len(part.operands) == 1 else f'({operands})'} IN (:k{part.hole})"
        case RowsHole():
            return f":f{part.fragment}({', '.join(part.names)})"


@dataclass(frozen=True, slots=True)
class Destination:
    """What a request is at one of several shards."""

    source: str
    sql: SqlText
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One statement for one source. Its result has exactly the ``columns``, by position, in their Arrow carriers."""

    fragment: int
    source: str
    sql: SqlText
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]
    """The tables that the statement reads."""
    embedded: bool = False
    """The coordinator's own engine runs it: the text stands inside the coordinator's SQL, nothing is shipped."""
    route: Route | None = None
    """How run time chooses among ``destinations``, one for each shard; None: the request is for ``source``."""
    destinations: tuple[Destination, ...] = ()
    homes: tuple[Home, ...] = ()
    """Parts of sharded tables without whose rows it yields nothing; only such of which run time may know that."""
    idle: bool = False
    """Run time has found that it would yield nothing: it is not sent."""
    more: tuple[SqlText, ...] = ()
    """Further statements of the same shape, under the same snapshot, whose rows are part of the answer, in any order: keys in
    several batches, ranges of a large table. Only for sources whose dialect says ``KeyCosts.batches``, or whose tables
    have ranges."""

    divided: tuple[SqlText, ...] = ()
    """Statements, each for a range of a large table, that together are ``sql``: sent in its place where it turns out that no
    keys narrow it. Empty: there is no such thing."""

    @property
    def statements(self) -> tuple[SqlText, ...]:
        """All of its statements."""
        return (self.sql, *self.more)


@dataclass(frozen=True, slots=True)
class RequestGraph:
    """Everything that execution needs for one query.

    ``direct`` is the fragment whose rows are the answer as they come, so that no coordinator is needed; else ``sql`` is
    the coordinator's statement, which reads fragment N as the relation ``fN``.
    """

    requests: tuple[Request, ...]
    columns: tuple[Column, ...]
    sql: SqlText | None
    direct: int | None = None
    holes: tuple[Hole, ...] = ()
    small_sides: tuple[SmallSide, ...] = ()
    as_written: bool = False
    """Whether the coordinator takes joins as its statement has them, the right side into a hash table."""
    constant: tuple[Literal, ...] | None = None
    """The one row of the answer, where the statement says it without anything to read or to compute."""

    @property
    def asked(self) -> frozenset[str]:
        """The sources that the query will ask, as far as that is known before it runs: of shards that the values of
        parameters decide about it is not."""
        return frozenset(one.source for one in self.requests if not (one.embedded or one.idle or one.homes))

    def size(self) -> int:
        """About how many bytes the graph takes, without the tables that it shares with its snapshot."""
        texts = [sql for request in self.requests for sql in (*request.statements, *request.divided)]
        texts += [] if self.sql is None else [self.sql]
        columns = len(self.columns) + sum(len(request.columns) for request in self.requests)
        pieces = sum(len(text.parts) for text in texts)
        return 2_000 + sum(len(str(text)) for text in texts) + 200 * columns + 300 * pieces
