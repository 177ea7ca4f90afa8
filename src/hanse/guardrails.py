"""Guardrails as hanse.yaml says them: what no query may do to a source, whatever it asks. ``policy`` tests plans against
them, ``execute`` counts what arrives.

    sources:
      payments:
        kind: postgres
        guardrails:
          max_bytes: 1 GB
          tables:
            payments: {require: [created_at]}
            audit_*: {require: [{column: at, within: 31 days}], hours: "20:00-06:00 Europe/Berlin"}
    engine:
      guardrails: {cross_join_rows: 10000000, result_rows: 1000000}
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
SPANS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
DURATIONS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "h": 3_600}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_TIMES = re.compile(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)(?:\s+(\S+))?\s*")


def size(value: Any) -> Any:
    """A number of bytes, as a number or as ``1 MB`` (a million) or ``1 MiB`` (2^20); raises ValueError."""
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value)
    unit = SIZES.get((match[2] or "B").lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"is no size such as 1 MB: {value}")
    return int(float(match[1]) * unit)


def span(value: Any) -> Any:
    """How far apart two values may be: a number, or a time such as ``31 days``; raises ValueError."""
    if isinstance(value, dt.timedelta) or not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value)
    if match and not match[2]:
        return float(match[1])
    seconds = SPANS.get(match[2].lower().removesuffix("s")) if match else None
    if match is None or seconds is None:
        raise ValueError(f"is no span such as 31 days: {value}")
    return dt.timedelta(seconds=float(match[1]) * seconds)


def duration(value: Any) -> Any:
    """A number of seconds, as a number or as ``500 ms``, ``2 s``, ``5 minutes``; raises ValueError."""
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value)
    unit = (match[2] or "s").lower() if match else ""
    factor = DURATIONS.get(unit) or SPANS.get(unit.removesuffix("s"))
    if match is None or factor is None:
        raise ValueError(f"is no duration such as 500 ms or 2 s: {value}")
    return float(match[1]) * factor


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day in a zone, without its end; past midnight where it ends before it starts."""

    start: dt.time
    end: dt.time
    zone: str | None
    """None: the engine's zone."""

    def hold(self, now: dt.datetime, zone: str) -> bool:
        """Whether ``now``, a moment with a zone, lies within; ``zone`` is the engine's."""
        time = now.astimezone(ZoneInfo(self.zone or zone)).time()
        if self.start < self.end:
            return self.start <= time < self.end
        return time >= self.start or time < self.end

    def __str__(self) -> str:
        zone = f" {self.zone}" if self.zone else ""
        return f"{self.start:%H:%M}-{self.end:%H:%M}{zone}"


def hours(value: Any) -> Any:
    """``20:00-06:00``, with a zone after it if it is not the engine's; raises ValueError."""
    if isinstance(value, Hours):
        return value
    match = _TIMES.fullmatch(value) if isinstance(value, str) else None
    try:
        start, end = (_time(match[1], match[2]), _time(match[3], match[4])) if match else (None, None)
    except ValueError:
        start = end = None
    if match is None or start is None or end is None:
        raise ValueError("is no part of the day such as 20:00-06:00 Europe/Berlin, in quotes")
    if start == end:
        raise ValueError("starts when it ends: leave hours out to allow the whole day")
    try:
        zone = match[5] and ZoneInfo(match[5]).key
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {match[5]}") from None
    return Hours(start, end, zone)


def _time(hour: str, minute: str) -> dt.time:
    return dt.time() if (hour, minute) == ("24", "00") else dt.time(int(hour), int(minute))


_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}]}
Bytes = Annotated[int, BeforeValidator(size), Field(ge=1), WithJsonSchema(_OR_NUMBER)]
Rows = Annotated[int, Field(ge=1)]
Within = Annotated[dt.timedelta | float, BeforeValidator(span), WithJsonSchema(_OR_NUMBER)]
Seconds = Annotated[float, BeforeValidator(duration), Field(ge=0), WithJsonSchema(_OR_NUMBER)]
Times = Annotated[Hours, BeforeValidator(hours), WithJsonSchema({"type": "string"})]
FROZEN = ConfigDict(extra="forbid", frozen=True)


class Requirement(BaseModel):
    """A column that every query must restrict."""

    model_config = FROZEN
    column: str = Field(description="The column's name.")
    within: Within | None = Field(
        None, description="Both ends of the range must be given, at most so far apart: `31 days`, or a number."
    )

    keys: bool = Field(
        False, description="Whether keys that a join sends from another source count, too, if all are sent."
    )

    def __str__(self) -> str:
        keys = " or keys of it" if self.keys else ""
        return f"{self.column}{'' if self.within is None else f' within {span_text(self.within)}'}{keys}"


def _requirement(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


_OR_BLOCK = {"anyOf": [{"type": "string"}, {"type": "object"}]}
Required = Annotated[Requirement, BeforeValidator(_requirement), WithJsonSchema(_OR_BLOCK)]


class TableGuardrails(BaseModel):
    """What holds for one table, or for all whose names fit a pattern."""

    model_config = FROZEN
    require: tuple[Required, ...] = Field(
        (),
        description="Columns that a query must compare with constants, so that the source is asked for a part of the rows;"
        " each as a name or as `{column: created_at, within: 31 days}`.",
    )
    hours: Times | None = Field(None, description="When the table may be read: `20:00-06:00 Europe/Berlin`.")


class SourceGuardrails(BaseModel):
    """What holds for one source, of each query."""

    model_config = FROZEN
    max_rows: Rows | None = Field(None, description="As many rows as one query may read from the source.")
    max_bytes: Bytes | None = Field(None, description="As many bytes as one query may read from the source: `1 GB`.")
    explain_rows: Rows | None = Field(
        None, description="As many rows as the source's own EXPLAIN may expect at any step of its plan."
    )
    explain_cost: float | None = Field(
        None, gt=0, description="As much as the plan may cost, by the source's own EXPLAIN."
    )
    cross_join_rows: Rows | None = Field(
        None,
        description="As many pairs of rows as a join without an equality may make of the source's rows, as estimated.",
    )
    sort_rows: Rows | None = Field(
        None, description="As many of the source's rows as ORDER BY without LIMIT may sort, as estimated."
    )
    hours: Times | None = Field(None, description="When the source may be read: `20:00-06:00 Europe/Berlin`.")
    tables: dict[str, TableGuardrails] = Field(
        {}, description="Further ones by table, as `table` or `schema.table`, which may be shell patterns."
    )


class EngineGuardrails(BaseModel):
    """What holds for every query."""

    model_config = FROZEN
    max_rows: Rows | None = Field(None, description="As many rows as one query may read from all sources together.")
    max_bytes: Bytes | None = Field(None, description="As many bytes as one query may read from all sources together.")
    result_rows: Rows | None = Field(None, description="As many rows as an answer may have.")
    result_bytes: Bytes | None = Field(None, description="As many bytes as an answer may have.")
    cross_join_rows: Rows | None = Field(
        None, description="As many pairs of rows as a join without an equality may make, as estimated."
    )
    sort_rows: Rows | None = Field(None, description="As many rows as ORDER BY without LIMIT may sort, as estimated.")


class GroupGuardrails(BaseModel):
    """What holds for every query of a resource group."""

    model_config = FROZEN
    max_rows: Rows | None = Field(None, description="As many rows as one query may read from all sources together.")
    max_bytes: Bytes | None = Field(None, description="As many bytes as one query may read from all sources together.")
    result_rows: Rows | None = Field(None, description="As many rows as an answer may have.")
    result_bytes: Bytes | None = Field(None, description="As many bytes as an answer may have.")
    cross_join_rows: Rows | None = Field(
        None, description="As many pairs of rows as a join without an equality may make, as estimated."
    )
    sort_rows: Rows | None = Field(None, description="As many rows as ORDER BY without LIMIT may sort, as estimated.")
    hours: Times | None = Field(None, description="When its queries may run: `20:00-06:00 Europe/Berlin`.")
    tables: dict[str, TableGuardrails] = Field(
        {},
        description="Further ones by table, as `source.table` or `source.schema.table`, which may be shell patterns. Keys"
        " that a join sends do not count here.",
    )

    @field_validator("tables")
    @classmethod
    def _are_of_sources(cls, tables: dict[str, TableGuardrails]) -> dict[str, TableGuardrails]:
        for pattern, block in tables.items():
            if "." not in pattern:
                raise ValueError(f"{pattern} names no source: write source.table, or source.*")
            if any(requirement.keys for requirement in block.require):
                raise ValueError(
                    f"{pattern}: keys are for the guardrails of a source, whose plans are the same for everybody"
                )
        return tables

    @property
    def concerns_plans(self) -> bool:
        """Whether plans are to be looked at for it."""
        return bool(self.tables) or self.cross_join_rows is not None or self.sort_rows is not None


def span_text(value: dt.timedelta | float) -> str:
    """A span as people write it."""
    if not isinstance(value, dt.timedelta):
        return f"{value:g}"
    for unit in ("day", "hour", "minute"):
        count = value / dt.timedelta(seconds=SPANS[unit])
        if count >= 1 and count == int(count):
            return f"{int(count)} {unit}{'' if count == 1 else 's'}"
    return f"{value.total_seconds():g} seconds"
