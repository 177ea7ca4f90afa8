"""How long one source may take for what: options that every source has, and what a query has in its settings."""

from dataclasses import dataclass

from pydantic import BaseModel, Field


@dataclass(frozen=True, slots=True)
class Patience:
    """What a query allows each of its sources, in seconds; 0 is no limit."""

    connect: float = 0.0
    first_row: float = 0.0
    idle: float = 0.0


class DeadlineOptions(BaseModel):
    """How long the source may take, in seconds; 0 is no limit. A query's own settings may be narrower."""

    model_config = {"extra": "forbid", "frozen": True}
    connect: float | None = Field(default=None, ge=0)
    """Until it has answered anything: a greeting, the begin of a transaction. By default the option connect_timeout;
    no limit for sources that do not say when that is."""
    first_row: float = Field(default=0, ge=0)
    """From then on until the first rows of a request."""
    idle: float = Field(default=0, ge=0)
    """Between rows, while somebody waits for them."""
    total: float = Field(default=0, ge=0)
    """For a request in all, from when it is asked."""
    catalog: float = Field(default=60, gt=0)
    """For reading its catalog."""
