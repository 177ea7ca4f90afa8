"""SHOW: sources, tables, columns, settings, as rows.

``SHOW SOURCES``, ``SHOW GUARDRAILS``, ``SHOW RESOURCE GROUPS``, ``SHOW TABLES [FROM source]``, ``SHOW COLUMNS FROM table``,
``SHOW ALL`` and ``SHOW <setting>``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from hanse.admission.group import GroupState
from hanse.errors import HanseError, SourceUnreachable, UnknownName
from hanse.guardrails import GroupGuardrails
from hanse.ir.expr import Column
from hanse.ir.tables import Table
from hanse.ir.types import BOOLEAN, FLOAT64, INT64, TEXT, Type
from hanse.policy import Rules
from hanse.settings import QuerySettings, nearest
from hanse.spi.snapshot import Snapshot

CLOSED = "closed"
Rows = tuple[tuple[Column, ...], list[tuple[Any, ...]]]


def _columns(*named: tuple[str, Type]) -> tuple[Column, ...]:
    return tuple(Column(place, name, type) for place, (name, type) in enumerate(named))


def sources(snapshot: Snapshot, kinds: dict[str, str], states: Mapping[str, str]) -> Rows:
    """Every source: kind, server, number of tables, why its catalog (or that of a shard) cannot be read, if so, and how its
    breaker stands (of a sharded source, those of its shards that are not closed)."""
    columns = _columns(
        ("source", TEXT), ("kind", TEXT), ("server", TEXT), ("tables", INT64), ("problem", TEXT), ("breaker", TEXT)
    )
    rows: list[tuple[Any, ...]] = []
    for name, kind in kinds.items():
        catalog = snapshot.sources.get(name)
        known = (catalog.server, len(catalog.tables)) if catalog else (None, None)
        rows.append((name, kind, *known, snapshot.problem(name), _breaker(name, states)))
    return columns, rows


def _breaker(source: str, states: Mapping[str, str]) -> str | None:
    if source in states:
        return states[source]
    shards = {name: state for name, state in states.items() if name.startswith(f"{source}/")}
    open_ = [f"{name} {state}" for name, state in shards.items() if state != CLOSED]
    return "; ".join(open_) or (CLOSED if shards else None)


def tables(snapshot: Snapshot, source: str | None = None) -> Rows:
    """Every table, or those of one source; rows are the source's own estimate."""
    columns = _columns(
        ("source", TEXT), ("schema", TEXT), ("table", TEXT), ("rows", INT64), ("is_view", BOOLEAN), ("comment", TEXT)
    )
    if source is not None and source not in snapshot.sources:
        raise unknown_source(source, snapshot)
    rows: list[tuple[Any, ...]] = [
        (table.source, table.schema, table.name, table.row_count, table.is_view, table.comment or None)
        for catalog in (snapshot.listed().values() if source is None else [snapshot.sources[source]])
        for table in catalog.tables
    ]
    return columns, rows


def resource_groups(states: Sequence[GroupState]) -> Rows:
    """Every resource group as it is: what runs and waits, of how much, and what was let in and refused so far."""
    columns = _columns(
        ("group", TEXT),
        ("running", INT64),
        ("concurrency", INT64),
        ("queued", INT64),
        ("queue", INT64),
        ("memory", INT64),
        ("memory_max", INT64),
        ("weight", FLOAT64),
        ("priority", INT64),
        ("quota", TEXT),
        ("admitted", INT64),
        ("refused", INT64),
        ("waited_seconds", FLOAT64),
    )
    return columns, [tuple(getattr(state, column.name) for column in columns) for state in states]


def guardrails(rules: Rules, groups: Iterable[tuple[str, GroupGuardrails]] = ()) -> Rows:
    """Every guardrail of the configuration: whose it is (a source, a table or a pattern of tables, or else the engine's, and
    those of resource groups, by name)."""
    columns = _columns(("source", TEXT), ("table", TEXT), ("guardrail", TEXT), ("value", TEXT))
    rows: list[tuple[Any, ...]] = [(None, None, *one) for one in _said(rules.engine)]
    for name, block in rules.sources.items():
        rows += [(name, None, *one) for one in _said(block)]
        for table, protected in block.tables.items():
            rows += [(name, table, *one) for one in _said(protected)]
    for name, group in groups:
        whose = f"of resource group {name}"
        rows += [(None, None, f"{rule} {whose}", value) for rule, value in _said(group)]
        for table, protected in group.tables.items():
            source, _, rest = table.partition(".")
            rows += [(source, rest, f"{rule} {whose}", value) for rule, value in _said(protected)]
    return columns, rows


def _said(block: BaseModel) -> list[tuple[str, str]]:
    given = [(name, value) for name, value in block if name != "tables" and value not in (None, ())]
    return [(name, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)) for name, value in given]


def unknown_source(source: str, snapshot: Snapshot) -> HanseError:
    """The error for a source that is not configured or cannot be read."""
    problem = snapshot.unavailable.get(source)
    if problem:
        return SourceUnreachable(problem, source=source)
    guess = nearest(source, snapshot.sources)
    return UnknownName(f"there is no source {source}", hint=f"did you mean {guess}?" if guess else None)


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    type: str
    nullable: bool | None
    remote: str
    key: str | None
    comment: str | None


def describe(table: Table) -> Rows:
    """The columns of one table, those that cannot be read too, with the reason."""
    columns = _columns(
        ("column", TEXT), ("type", TEXT), ("nullable", BOOLEAN), ("remote_type", TEXT), ("key", TEXT), ("comment", TEXT)
    )
    readable = [
        _Row(c.name, str(c.type), c.nullable, c.remote_type, _key(table, c.name), _comment(c.comment, c.no_pushdown))
        for c in table.columns
    ]
    hidden = [_Row(h.name, "cannot be read", None, h.remote_type, None, h.reason) for h in table.hidden]
    return columns, [(r.name, r.type, r.nullable, r.remote, r.key, r.comment) for r in readable + hidden]


def known_of(table: Table, now: float) -> list[tuple[str, str]]:
    """What planning knows of the table's rows, from where, and how old that is; ``now`` in seconds since 1970."""
    known = table.statistics
    if known is None:
        return [("statistics", "none; hanse analyze samples the table")]
    rows = "an unknown number of" if known.row_count is None else f"{known.row_count:,.0f}"
    told = f", values of {len(known.columns)} of {len(table.columns)} columns" if known.columns else ""
    age = "" if known.taken_at is None else f", {_age(now - known.taken_at)} ago"
    return [("statistics", f"{rows} rows{told}, from {known.origin or 'the catalog'}{age}")]


def _age(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _key(table: Table, column: str) -> str | None:
    if column in table.primary_key:
        return "primary"
    return "unique" if any(column in key for key in table.unique_keys) else None


def _comment(comment: str, no_pushdown: str | None) -> str | None:
    parts = [comment] if comment else []
    if no_pushdown:
        parts.append(f"never decided at the source: {no_pushdown}")
    return "; ".join(parts) or None


def setting(name: str, settings: QuerySettings) -> Rows:
    """One setting by name, or ``all`` of them."""
    values = settings.model_dump()
    aliases = {"time zone": "timezone"}
    name = aliases.get(name.lower(), name.lower()).removeprefix("hanse.")
    if name == "all":
        rows: Sequence[tuple[Any, ...]] = [(key, _text(value)) for key, value in values.items()]
        return _columns(("name", TEXT), ("setting", TEXT)), list(rows)
    if name not in values:
        guess = nearest(name, values)
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(values)}"
        raise UnknownName(f"there is no setting {name}", sqlstate="42704", hint=hint)
    return _columns((name, TEXT)), [(_text(values[name]),)]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
