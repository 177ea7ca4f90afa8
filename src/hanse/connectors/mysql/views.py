"""Which engines a view reads, from the text that the server keeps of it. In doubt nobody knows: then it has no snapshots.

The server writes a view's text anew, always in the same form: names in backticks, tables with their database after FROM or
JOIN, columns with their table. Whatever does not look like that makes the view unknown, and so does a stored function.
"""

import re
from collections.abc import Iterator, Mapping

from hanse.connectors.mysql.shots import ENGINES

Place = tuple[str, str]
"""A table: its database and its name."""
NAME = r"`(?:[^`]|``)+`"
CHAIN = re.compile(rf"{NAME}(?:\.{NAME})*")
TEXT = re.compile(r"'(?:[^']|'')*'")
CALL = re.compile(rf"{NAME}\(")
SOURCE = re.compile(rf"\b(?:from|join|straight_join)\b[\s(]*({NAME}(?:\.{NAME})*|select\b|with\b|values\b)?")


class Unknown(Exception):
    """The text is not as expected."""


def engines(definitions: Mapping[Place, str], tables: Mapping[Place, str]) -> dict[Place, str]:
    """The engine of each view all of whose tables are known, by name, directly or through views: one that has no snapshots, if
    any of them is of such. ``tables``: the engine of every table that is no view."""
    known = dict(tables)
    left = {place: text for place, text in definitions.items() if place not in known}
    while left:
        found: dict[Place, str] = {}
        for place, text in left.items():
            read = _read(text, {schema for schema, _ in (*tables, *definitions)})
            if read is not None and read <= known.keys():
                found[place] = _worst({known[one] for one in read})
        if not found:
            break
        known |= found
        left = {place: text for place, text in left.items() if place not in found}
    return {place: known[place] for place in definitions if place in known}


def _worst(engines: set[str]) -> str:
    return min(engines, key=lambda one: (one.lower() in ENGINES, one), default="InnoDB")


def _read(text: str, schemas: set[str]) -> frozenset[Place] | None:
    """The tables that a view's text names; None where one cannot be sure."""
    if not text or "\\" in text:
        return None
    text = TEXT.sub("''", text)
    if '"' in text or CALL.search(text):
        return None
    try:
        return frozenset((*_after_from(text), *_in_chains(text, schemas)))
    except Unknown:
        return None


def _after_from(text: str) -> Iterator[Place]:
    """What stands after FROM and JOIN."""
    for match in SOURCE.finditer(text):
        if match[1] is None:
            raise Unknown
        names = _names(match[1])
        if len(names) == 2:
            yield names[0], names[1]
        elif len(names) == 1:
            if re.search(rf"\b{re.escape(names[0])}(?:\([^()]*\))? as \(", text) is None:
                raise Unknown  # and no common table expression
        elif names:
            raise Unknown


def _in_chains(text: str, schemas: set[str]) -> Iterator[Place]:
    """What columns and other names say of tables."""
    for match in CHAIN.finditer(text):
        names = _names(match[0])
        if len(names) > 2 or (len(names) == 2 and names[0] in schemas):
            yield names[0], names[1]


def _names(chain: str) -> list[str]:
    return [one[1:-1].replace("``", "`") for one in re.findall(NAME, chain)]
