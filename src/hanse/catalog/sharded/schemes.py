"""A table's ``Scheme`` from its options and the type of its key, whose values are converted to that type."""

import datetime as dt
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hanse.catalog.sharded.options import LookupOptions, Places, TableOptions, assignment
from hanse.ir.hashes import FUNCTIONS
from hanse.ir.routing import family
from hanse.ir.sharding import Directory, Scheme
from hanse.ir.tables import TableColumn
from hanse.ir.types import INTEGERS, Kind

ORDERED = INTEGERS | {Kind.TEXT, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
LISTED = ORDERED | {Kind.UUID}
LOOKED_UP = INTEGERS | {Kind.TEXT, Kind.DATE, Kind.UUID}
Look = Callable[[LookupOptions, Kind, Places], Directory]
"""Who opens a lookup table, the same one for the same options."""


def scheme(options: TableOptions, places: Places, column: TableColumn, look: Look) -> Scheme:
    """Where the rows of each key live; raises ConfigError where the options do not fit the key's type."""
    kind, count = family(column.type), len(places.names)
    accepted = {"range": ORDERED, "list": LISTED, "lookup": LOOKED_UP}.get(str(options.method)) or FUNCTIONS[
        str(options.function)
    ][1]
    if column.type.kind not in accepted:
        raise places.refuse(f"{options.function or options.method} takes no key of type {column.type}")
    if options.lookup is not None:
        directory = look(options.lookup, kind, places)
        return Scheme("lookup", kind, count, directory=directory, strays=options.lookup.unknown == "all")
    match options.method:
        case "hash":
            if options.function == "postgres_hash" and kind is Kind.TEXT and not column.collation.equal_is_bytewise:
                raise places.refuse(f"the hash of {column.name} depends on its collation {column.collation.name}")
            shards = assignment(options, places)
            return Scheme("hash", kind, count, function=str(options.function), assignment=shards)
        case "range":
            return Scheme("range", kind, count, ranges=_ranges(options, places, column))
        case _:
            other = None if options.other is None else places.place(options.other)
            return Scheme("list", kind, count, values=_values(options, places, column), other=other)


def _ranges(options: TableOptions, places: Places, column: TableColumn) -> tuple[tuple[Any, Any, int], ...]:
    found = [
        (_carried(one.start, column, places), _carried(one.end, column, places), places.place(one.shard))
        for one in options.ranges
    ]
    for low, high, _ in found:
        if low is not None and high is not None and not low < high:
            raise places.refuse(f"the range from {low} to {high} is empty")
    # one without a start comes before all others, whatever these start with
    found.sort(key=lambda one: (one[0] is not None, one[0]) if one[0] is not None else (False, 0))
    for (_, high, _), (low, _, _) in pairwise(found):
        if high is None or low is None or low < high:
            raise places.refuse(f"ranges overlap at {low if low is not None else high}")
    return tuple(found)


def _values(options: TableOptions, places: Places, column: TableColumn) -> tuple[tuple[Any, int], ...]:
    found: dict[Any, int] = {}
    for shard, values in options.values.items():
        for value in values:
            key = _carried(value, column, places)
            if key is None:
                raise places.refuse("NULL cannot be listed: rows without a key are looked for on every shard")
            if key in found:
                raise places.refuse(f"the value {key} is listed twice")
            found[key] = places.place(shard)
    return tuple(found.items())


def _carried(value: Any, column: TableColumn, places: Places) -> Any:
    """The value as a Literal of the key's type holds it (``ir.types``)."""
    try:
        return None if value is None else _converted(value, column.type.kind)
    except (ValueError, TypeError):
        raise places.refuse(f"{value!r} is no {column.type}, the type of {column.name}") from None


def _converted(value: Any, kind: Kind) -> Any:
    if kind in INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        return value
    if kind is Kind.UUID:
        return str(uuid.UUID(str(value)))
    if kind is Kind.DATE:
        if isinstance(value, dt.datetime):
            raise TypeError
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return _instant(value, kind)
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(value: Any, kind: Kind) -> dt.datetime:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    if kind is Kind.TIMESTAMP:
        if moment.tzinfo is not None:
            raise TypeError
        return moment
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
