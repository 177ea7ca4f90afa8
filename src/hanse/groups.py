"""Resource groups as hanse.yaml says them: who may run how much at a time, and whose turn it is. ``admission`` acts on them.

resource_groups:
  concurrency: 50
  groups:
    dashboards: {concurrency: 20, weight: 3}
    people:
      concurrency: 10
      groups:
        "${user}": {concurrency: 2, queue: 20, quota: {bytes: 100 GB, per: 1 day}}
  selectors:
    - {client: "bi-*", group: dashboards}
    - {group: "people.${user}"}
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from hanse.guardrails import FROZEN, Bytes, GroupGuardrails, Rows, size, span, span_text

TEMPLATES = ("user", "client")
"""What a group's name may stand for, as ``${user}``: each user has a group of his own, with the same limits."""
NAMELESS = "nobody"
"""In the place of a user, or a client, without a name."""
Kind = Literal["interactive", "batch", "explain", "analyze"]
"""A query by its profile, EXPLAIN ANALYZE, and the samples of ``hanse analyze``."""
_TEMPLATE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as whoever runs the engine says: no statement can change it."""

    user: str = ""
    groups: tuple[str, ...] = ()
    """Those that the user belongs to."""
    client: str = ""
    """The program that asks."""


def _time(value: Any) -> Any:
    found = span(value)
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return dt.timedelta(seconds=found)
    return found


def _many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_ONE_OR_MANY = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TIME = {"anyOf": [{"type": "string"}, {"type": "number"}]}
Memory = Annotated[int, BeforeValidator(size), Field(ge=32_000_000), WithJsonSchema(_TIME)]
Time = Annotated[dt.timedelta, BeforeValidator(_time), Field(gt=dt.timedelta(0)), WithJsonSchema(_TIME)]
Words = Annotated[tuple[str, ...], BeforeValidator(_many), WithJsonSchema(_ONE_OR_MANY)]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(_many), WithJsonSchema(_ONE_OR_MANY)]


class Quota(BaseModel):
    """What the queries of a group may use up within each period."""

    model_config = FROZEN
    per: Time = Field(description="The period: `1 hour`, `1 day`. Periods of a day start at midnight, UTC.")
    rows: Rows | None = Field(None, description="Rows that are read from sources.")
    bytes: Bytes | None = Field(None, description="Bytes that are read from sources: `100 GB`.")
    result_rows: Rows | None = Field(None, description="Rows of answers.")
    result_bytes: Bytes | None = Field(None, description="Bytes of answers.")
    cpu: Time | None = Field(None, description="Time of this machine's processors: `10 minutes`, an estimate.")

    def limits(self) -> Mapping[str, float]:
        """What is limited, and to how much; processor time in seconds."""
        counts = {name: getattr(self, name) for name in ("rows", "bytes", "result_rows", "result_bytes")}
        cpu = {} if self.cpu is None else {"cpu": self.cpu.total_seconds()}
        return {name: float(most) for name, most in counts.items() if most is not None} | cpu

    def __str__(self) -> str:
        per = span_text(self.per)
        return f"per {per.removeprefix('1 ')}"


class Limits(BaseModel):
    """What holds for a group together with those below it."""

    model_config = FROZEN
    concurrency: int | None = Field(None, ge=1, description="As many of its queries run at a time; the others wait.")
    queue: int = Field(1000, ge=0, description="As many wait; further ones are refused.")
    queue_timeout: Time | None = Field(
        None, description="How long one waits at most: `30 seconds`; by default as the group above it, 60 seconds."
    )
    memory: Memory | None = Field(
        None, description="Memory of all its running queries together, at least 32 MB: `8 GB`; the others wait."
    )
    query_memory: Memory | None = Field(
        None,
        description="Memory of one of its queries, at least 32 MB; beyond it, operators spill, and the rest is refused.",
    )
    quota: Quota | None = Field(None, description="What its queries may use up within a period.")
    guardrails: GroupGuardrails | None = Field(None, description="What holds for each of its queries.")
    groups: "dict[str, ResourceGroup]" = Field(
        {}, description="The groups below it, by name; `${user}` and `${client}` stand for one of each name."
    )


class ResourceGroup(Limits):
    """A group of queries below another."""

    weight: float = Field(
        1, gt=0, description="Of what is scarce, it gets so much relative to the other groups below the same one."
    )
    priority: int = Field(
        0,
        description="As long as queries of a group with a higher one wait, groups beside it with a lower get nothing.",
    )


class Selector(BaseModel):
    """Which queries belong to a group: those for which everything fits that is given."""

    model_config = FROZEN
    user: Words = Field((), description="Shell patterns, one of which fits the user's name.")
    user_group: Words = Field((), description="Shell patterns, one of which fits a group that the user belongs to.")
    client: Words = Field((), description="Shell patterns, one of which fits the program that asks.")
    tags: Words = Field((), description="Shell patterns, each of which fits one of the query's tags (`SET tags`).")
    kind: Kinds = Field(
        (),
        description="`interactive`, `batch` (the query's profile), `explain` (EXPLAIN ANALYZE), `analyze` (samples).",
    )
    group: str = Field(description="The group, by the names on the way to it: `people.${user}`.")


class ResourceGroups(Limits):
    """All groups, the root of which holds for all queries; the first selector that fits says which group a query is of."""

    selectors: tuple[Selector, ...] = Field(
        (), description="Looked at one after another; a query that none fits belongs to the root."
    )

    @cached_property
    def any_guardrails(self) -> bool:
        """Whether any group says what its queries may do."""
        return any(True for _ in said(self))


def above(path: str) -> tuple[str, ...]:
    """A group and all that it is in, by their names in the configuration, the root (``all``) first."""
    words = names(path) if path else ()
    return ("all", *(".".join(words[: count + 1]) for count in range(len(words))))


def said(level: Limits, path: str = "") -> Iterator[tuple[str, GroupGuardrails]]:
    """All guardrails of a group and of those below it, each with the group's name in the configuration."""
    if level.guardrails is not None:
        yield path or "all", level.guardrails
    for name, group in level.groups.items():
        yield from said(group, f"{path}.{name}" if path else name)


def names(path: str) -> tuple[str, ...]:
    """The names on the way to a group."""
    return tuple(path.split("."))


def lacking(groups: ResourceGroups) -> Iterator[str]:
    """Groups that selectors name and that do not exist, and names that stand for nothing."""
    for selector in groups.selectors:
        level: Limits | None = groups
        for name in names(selector.group):
            level = level.groups.get(name) if level is not None else None
        if level is None:
            yield f"selector of {selector.group}: there is no such group"
    yield from _strange(groups, "resource_groups")


def _strange(level: Limits, path: str) -> Iterator[str]:
    for name, group in level.groups.items():
        unknown = [word for word in _TEMPLATE.findall(name) if word not in TEMPLATES]
        if unknown or not name or "." in name:
            yield f"{path}.groups: {name!r} cannot name a group: no point, and of templates ${{user}} and ${{client}}"
        yield from _strange(group, f"{path}.groups.{name}")


def guarded(groups: ResourceGroups, path: str, caller: Caller) -> list[tuple[str, GroupGuardrails]]:
    """The guardrails of a group and of those that it is in, each with the group's name for people."""
    level: Limits = groups
    found = [("all", level.guardrails)]
    shown: list[str] = []
    for name in names(path) if path else ():
        level = level.groups[name]
        shown.append(resolved(name, caller))
        found.append((".".join(shown), level.guardrails))
    return [(name, block) for name, block in found if block is not None]


def resolved(name: str, caller: Caller) -> str:
    """A group's name with what its templates stand for."""
    values = {"user": caller.user, "client": caller.client}
    return _TEMPLATE.sub(lambda match: values[match[1]] or NAMELESS, name)
