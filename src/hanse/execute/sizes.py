"""Sizes as people write them, with the units of DuckDB: 1 MB is a million bytes, 1 MiB is 1024 * 1024."""

import re

UNITS = {"": 1, "B": 1} | {
    f"{letter}{infix}B": base**power
    for power, letter in enumerate("KMGT", 1)
    for infix, base in (("", 1000), ("I", 1024))
}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def size_in_bytes(text: str) -> int | None:
    """The bytes that ``10GB`` stands for; None for what is not an amount, such as a share of the disk."""
    match = SIZE.fullmatch(text)
    unit = UNITS.get(match[2].upper()) if match else None
    return None if match is None or unit is None else int(float(match[1]) * unit)
