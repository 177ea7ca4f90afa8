"""Columns of a table or view in a database file: DuckDB's types, keys and comments as planning sees them."""

from dataclasses import replace
from typing import Any

from hanse.connectors.shared.embedded.carriers import Place, column
from hanse.ir.tables import HiddenColumn, TableColumn
from hanse.ir.types import Kind

BYTES_COMPARED = '({0} COLLATE "C")'
"""A column declared COLLATE NOCASE would compare by that wherever it is used; text of ours compares by bytes."""


def columns(
    names: list[str], ducks: list[Any], place: Place, collated: bool
) -> tuple[tuple[TableColumn, ...], tuple[HiddenColumn, ...]]:
    """The columns that can be read and those that cannot; ``collated``: the definition names a collation."""
    shown: list[TableColumn] = []
    hidden: list[HiddenColumn] = []
    for name, duck in zip(names, ducks, strict=True):
        found = column(name, duck, replace(place, column=name))
        if isinstance(found, HiddenColumn):
            hidden.append(found)
        elif collated and found.type.kind is Kind.TEXT and found.read_as is None:
            shown.append(replace(found, read_as=BYTES_COMPARED))
        else:
            shown.append(found)
    return tuple(shown), tuple(hidden)
