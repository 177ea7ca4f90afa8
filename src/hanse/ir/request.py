"""What render yields: text with holes for every source and for the coordinator. Execution fills holes, never writes SQL."""

from dataclasses import dataclass

from hanse.ir.expr import Column, Parameter
from hanse.ir.tables import Table


@dataclass(frozen=True, slots=True)
class SqlText:
    """SQL in which ``parts`` alternate between text and holes; a hole is a user's parameter, bound or spelt by its source."""

    parts: tuple[str | Parameter, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The holes, in order of appearance."""
        return tuple(part for part in self.parts if isinstance(part, Parameter))

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else f"${part.index + 1}" for part in self.parts)


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
