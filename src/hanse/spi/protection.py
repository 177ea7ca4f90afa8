"""How a source that is asked over a network is spared when it fails: options that every such source has."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, Field

from hanse.guardrails import Bytes
from hanse.spi.deadlines import DeadlineOptions


class BreakerOptions(BaseModel):
    """When a source that fails is left alone. Times are in seconds."""

    model_config = {"extra": "forbid", "frozen": True}
    failures: int = Field(default=5, ge=0)
    """After how many calls one after another that failed because the source was down, or refused more, it is not asked for a
    while; 0: never."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Also where others succeed in between: after as many failures that are that share of all calls."""
    within: float = Field(default=10, gt=0)
    """The time in which these are counted."""
    wait: float = Field(default=1, gt=0)
    """How long it is left alone at first. Then one query tries it, and each time that this fails the time doubles."""
    wait_max: float = Field(default=5, gt=0)
    """How long it is left alone at most."""


class RetryOptions(BaseModel):
    """How queries of the profile ``batch`` ask again. Times are in seconds."""

    model_config = {"extra": "forbid", "frozen": True}
    attempts: int = Field(default=5, ge=1)
    """How often a request is sent, at most."""
    wait: float = Field(default=0.2, ge=0)
    """At most how long it waits before the second time; the limit doubles with every further one."""
    wait_max: float = Field(default=5, ge=0)
    """At most how long it waits between two."""
    patience: float = Field(default=30, ge=0)
    """At most how long it waits in all, also for a source that is left alone."""
    budget: float = Field(default=0.1, ge=0, le=1)
    """How many calls may be repetitions, as a share of those that succeed, beyond the first ten: so repetitions never add up
    to a load of their own."""


class SourceLimits(BaseModel):
    """What all queries together may ask of a source, whichever of its servers answers. What is over it waits."""

    model_config = {"extra": "forbid", "frozen": True}
    statements: int | None = Field(default=None, ge=1)
    """How many statements run at a time. Fewer than ``connections``, of which each server has so many."""
    statements_per_second: float | None = Field(default=None, gt=0)
    """How many begin within a second."""
    rows_per_minute: int | None = Field(default=None, ge=1)
    """How many rows are read within a minute."""
    bytes_per_minute: Bytes | None = None
    """How many bytes are read within a minute: ``1 GB``."""

    @property
    def is_any(self) -> bool:
        """Whether there is any limit."""
        return any(value is not None for _, value in self)


@dataclass(frozen=True, slots=True)
class Protection:
    """What a source's configuration says of it."""

    breaker: BreakerOptions = BreakerOptions()
    retry: RetryOptions = RetryOptions()
    limits: SourceLimits = SourceLimits()
    deadlines: DeadlineOptions = DeadlineOptions()


@runtime_checkable
class Protected(Protocol):
    """A connector whose source's configuration says how it is spared: optional, else it is spared by the defaults."""

    @property
    def protection(self) -> Protection:
        """As configured."""
