"""Options of a source of kind ``sqlite``."""

from typing import Literal

from hanse.spi.connector import ServerOptions


class SQLiteOptions(ServerOptions):
    """Options of a source of kind ``sqlite``."""

    path: str
    """The database file, relative to the configuration's folder."""
    dates: Literal["iso", "text"] = "iso"
    """Columns declared DATE, DATETIME, TIMESTAMP or TIME: ISO text as dates (anything else is an error), or plain text."""
    as_text: list[str] = []
    """Columns to read as exact text whatever they hold, as shell patterns of ``table.column``."""
    numeric: str = "numeric(38,18)"
    """What a column declared NUMERIC or DECIMAL without digits is: ``numeric(p,s)`` or ``text``."""
    verify: bool = True
    """Look through the tables for values that are not of their column's type, when the catalog is read and whenever the
    file has changed. Without it such values are found row by row, and nothing but whole columns is asked of SQLite."""
    busy_timeout_s: float = 5.0
    """How long to wait for a writer's lock."""
