"""The exception tree. Every error says what happened (SQLSTATE), whose fault it is, where, and what to do.

    HanseError
    ├─ UserError            the statement or the configuration is wrong            kind = user
    │  ├─ SyntaxFailure       42601  does not parse, or is a statement we refuse
    │  ├─ Unsupported         0A000  valid SQL that Hanse does not have; the hint says what to write instead
    │  ├─ UnknownName         42P01, 42703, 42883 ...  table, column, function
    │  ├─ TypeMismatch        42804 ...  operands that do not fit
    │  ├─ InvalidValue        22xxx  a value that cannot be converted, computed or represented
    │  ├─ ConfigError         F0000  hanse.yaml or an option
    │  └─ NotConsistent        HC0xx  an answer that is not as consistent as the query demands
    ├─ Denied               42501                                                   kind = denied
    │  └─ GuardrailRefused    HG0xx  a query that a source is protected from
    ├─ ResourceLimit        53xxx  memory, spill space, a limit                     kind = resources
    │  └─ AdmissionRefused    53300  a resource group's queue, time or quota; later may do
    ├─ SourceError          the source failed                                       kind = source
    │  ├─ SourceUnreachable   08001  cannot connect, connection lost
    │  │  └─ SourceResting    57P03  failed too often, and is not asked for a while
    │  ├─ SourceRefused       28000  bad credentials, no rights
    │  └─ StaleSnapshot       72000  the source's schema changed since it was read
    ├─ Cancelled            57014  by the user or a deadline                        kind = user
    │  └─ DeadlineMissed      57014  something took longer than it may
    │     └─ SourceTooSlow      57014  one source did
    └─ InternalError        XX000  a bug of ours                                    kind = internal

Codes follow PostgreSQL's appendix A. Drivers' exceptions are translated in one function per connector, by code, never by
message text. That function also says what the failure tells of its source (``Fault``): breakers, retries and limits go by it.
"""

from enum import StrEnum
from typing import ClassVar, Self


class Fault(StrEnum):
    """What a failure says of the source that it comes from, and so whether asking again may help."""

    CALLER = "caller"
    """Nothing: the same again would end in the same way."""
    TRANSIENT = "transient"
    """It works, and this one statement was in the way of others: a deadlock, a lock, a conflict of snapshots."""
    DOWN = "down"
    """It cannot be reached, is starting or stopping, or went away."""
    THROTTLED = "throttled"
    """It has too much to do, or too many connections, and refuses more."""
    STALE = "stale"
    """Its tables are no longer those of the catalog that was read."""
    CANCELLED = "cancelled"
    """Nothing: somebody on this side wanted no more."""


AWAY = frozenset({Fault.DOWN, Fault.THROTTLED})
"""Those of a server: another one that holds the same may have the answer at once."""
AGAIN = AWAY | {Fault.TRANSIENT}
"""Those after which the same may be sent again, since the source's tables are what they were."""
PASSING = AGAIN | {Fault.STALE}
"""Those that may be over when the same is asked again, be it after another look at the catalog."""


class HanseError(Exception):
    """Base of all errors. ``position`` is the 0-based offset in the statement's text, where one is known."""

    sqlstate: ClassVar[str] = "XX000"
    kind: ClassVar[str] = "internal"
    usual_fault: ClassVar[Fault] = Fault.CALLER
    """What errors of the class say of their source, unless one says otherwise."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        source: str | None = None,
        position: int | None = None,
        hint: str | None = None,
    ) -> None:
        """Describe one failure; ``sqlstate`` overrides that of the class, ``with_fault`` what the class says of the source."""
        super().__init__(message)
        self.message = message
        self.code = sqlstate or self.sqlstate
        self.source = source
        self.position = position
        self.hint = hint
        self.fault = self.usual_fault

    def with_fault(self, fault: Fault | None) -> Self:
        """The same error, which says that of its source; None: what its class says."""
        self.fault = fault or self.usual_fault
        return self

    @property
    def retryable(self) -> bool:
        """Whether the same may be answered when it is asked again."""
        return self.fault in PASSING

    def __str__(self) -> str:
        parts = [f"[{self.code}]"]
        if self.source:
            parts.append(f"source {self.source}:")
        parts.append(self.message)
        if self.hint:
            parts.append(f"(hint: {self.hint})")
        return " ".join(parts)


class UserError(HanseError):
    """The statement or the configuration is wrong."""

    sqlstate = "42000"
    kind = "user"


class SyntaxFailure(UserError):
    """The text does not parse, or is a kind of statement that is refused."""

    sqlstate = "42601"


class Unsupported(UserError):
    """Valid SQL that Hanse does not have; the hint says what to write instead."""

    sqlstate = "0A000"


class UnknownName(UserError):
    """A table (42P01), column (42703), function (42883) or other name that does not exist or is ambiguous."""

    sqlstate = "42P01"


class TypeMismatch(UserError):
    """Operands or arguments whose types do not fit."""

    sqlstate = "42804"


class InvalidValue(UserError):
    """A value that cannot be converted, computed or represented (class 22)."""

    sqlstate = "22000"


class ConfigError(UserError):
    """The configuration or an option is wrong."""

    sqlstate = "F0000"


class NotConsistent(UserError):
    """What the query demands of its answer's consistency cannot be had; the source that it is for, and what was found."""

    sqlstate = "HC000"

    @property
    def retryable(self) -> bool:
        """Snapshots may be closer together when they are taken again."""
        return self.code == SKEWED


NO_SNAPSHOT, SKEWED, NO_GLOBAL_SNAPSHOT = "HC001", "HC002", "HC003"
"""Which demand it was: ``REQUIRE SNAPSHOT``, ``MAX SKEW``, ``STRICT``."""


class Denied(HanseError):
    """The principal may not do this."""

    sqlstate = "42501"
    kind = "denied"


class GuardrailRefused(Denied):
    """A guardrail of the configuration forbids the query; it names the rule, and the hint says what would satisfy it.
    Nothing was sent."""

    sqlstate = "HG000"


NO_PREDICATE, CROSS_JOIN, UNBOUNDED_SORT, CLOSED, ABOVE_CEILING = "HG001", "HG002", "HG003", "HG004", "HG005"
"""Which guardrail it was: ``require``, ``cross_join_rows``, ``sort_rows``, ``hours``, ``explain_rows`` and ``explain_cost``."""


class ResourceLimit(HanseError):
    """A limit on memory, space, time or size was reached; the message names the limit."""

    sqlstate = "53000"
    kind = "resources"


class AdmissionRefused(ResourceLimit):
    """A resource group does not let the query run now: its queue is full, it waited for too long, or a quota is used up."""

    sqlstate = "53300"
    seconds = 0.0
    """When asking again may help."""

    def after(self, seconds: float) -> Self:
        """The same error, which says that asking again may help after so long."""
        self.seconds = seconds
        return self

    @property
    def retryable(self) -> bool:
        """It may run later."""
        return True


class SourceError(HanseError):
    """A source failed; ``source`` names it."""

    sqlstate = "58000"
    kind = "source"


class SourceUnreachable(SourceError):
    """No connection, or it was lost."""

    sqlstate = "08001"
    usual_fault = Fault.DOWN


class SourceResting(SourceUnreachable):
    """The source failed too often and is not asked for a while; the message says since when and until when."""

    sqlstate = "57P03"
    seconds = 0.0
    """When asking again may help."""

    def after(self, seconds: float) -> Self:
        """The same error, which says that asking again may help after so long."""
        self.seconds = seconds
        return self


class SourceRefused(SourceError):
    """The source refused our credentials or denied access."""

    sqlstate = "28000"


class StaleSnapshot(SourceError):
    """The source's schema is no longer what the snapshot says; refreshing and planning again may help."""

    sqlstate = "72000"
    usual_fault = Fault.STALE


class Cancelled(HanseError):
    """The user, a closed result or a deadline ended the query."""

    sqlstate = "57014"
    kind = "user"
    usual_fault = Fault.CANCELLED


class DeadlineMissed(Cancelled):
    """Something took longer than it may; the message names what, whose time it was, and the limit."""


class SourceTooSlow(DeadlineMissed):
    """One source took longer than it may, and was ended; the others were not."""


class InternalError(HanseError):
    """A bug of ours: an invariant does not hold."""
