"""How a source is asked for some rows of a table at a bounded cost: what stands in the table's place in FROM."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hanse.ir.tables import Table
from hanse.ir.types import INTEGERS

STRATA = 64
"""Into how many equal parts the range of a key is divided, of each of which some neighbouring rows are read."""
GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly: where in its part each reading starts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What to read, and what it is of the whole table."""

    relation: str
    """What stands in FROM, with a name of its own."""
    share: float | None
    """The part of the table's rows that it has, on average; None: that is not known."""
    rows: float | None = None
    """How many rows the table has, where the extent says."""


def strata(key: str, columns: Sequence[str], table: Table, extent: tuple[int, int], rows: int) -> Sample | None:
    """About ``rows`` rows of a table by its unique whole-numbered ``key``, whose least and greatest values ``extent`` has:
    from each of some equal parts of the key's range a few neighbours. ``key`` and ``columns`` are quoted.

    None where the range holds no more values than that, so that reading everything is as cheap.
    """
    low, high = extent
    span = high - low + 1
    if span <= rows:
        return None
    listed = ", ".join(columns)

    def part(place: int) -> str:
        start, end = low + span * place // STRATA, low + span * (place + 1) // STRATA
        first = start + int((end - start) * (place * GOLDEN % 1.0) / 2)
        test = f"{key} >= {first} AND {key} < {end}"
        some = f"SELECT {listed} FROM {table.relation} WHERE {test} ORDER BY {key} LIMIT {rows // STRATA}"
        return f"SELECT * FROM ({some}) AS s{place}"  # as a table, it has a LIMIT of its own in every dialect

    return Sample(f"({' UNION ALL '.join(map(part, range(STRATA)))}) AS sample", None)


def integer_key(table: Table) -> str | None:
    """The name of the one whole-numbered column that is the table's primary key, if it has such a key."""
    names: Iterator[str] = (name for name in table.primary_key if len(table.primary_key) == 1)
    return next((name for name in names if table.column(name).type.kind in INTEGERS), None)


def key_extent(table: Table, quote: Callable[[str], str]) -> str | None:
    """The statement that yields the least and the greatest value of that key; None without one."""
    key = integer_key(table)
    return None if key is None else f"SELECT min({quote(key)}), max({quote(key)}) FROM {table.relation}"


def key_sample(table: Table, extent: tuple[int, int], rows: int, quote: Callable[[str], str]) -> Sample | None:
    """``strata`` by that key."""
    key = integer_key(table)
    columns = [quote(column.name) for column in table.columns]
    return None if key is None else strata(quote(key), columns, table, extent, rows)
