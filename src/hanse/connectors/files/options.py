"""Options of a source of kind ``files``."""

from typing import Literal

from pydantic import BaseModel

from hanse.spi.connector import TableFilter


class CsvOptions(BaseModel):
    """How CSV files of the source are written; what is not given is found out from the file."""

    model_config = {"extra": "forbid"}
    delimiter: str | None = None
    """One character; found from the first line by default."""
    quote: str = '"'
    """The character around text that holds the delimiter."""
    header: bool | None = None
    """Whether the first line holds names; found out by default."""
    null_strings: list[str] = [""]
    """Unquoted text that means NULL; quoted text never does, as in PostgreSQL's COPY."""
    encoding: str = "utf-8"
    """The files' character encoding."""


class FilesOptions(TableFilter):
    """Options of a source of kind ``files``."""

    path: str
    """A file, a folder or a glob, relative to the configuration's folder."""
    format: Literal["parquet", "csv", "json"] | None = None
    """``parquet``, ``csv`` or ``json``; by default the file's extension says."""
    csv: CsvOptions = CsvOptions()
    """How CSV files are written."""
    columns: dict[str, dict[str, str]] = {}
    """Types that replace the inferred ones of CSV and JSON: ``{table: {column: type}}``, as in a CAST."""
    hive_partitioning: bool | None = None
    """Whether ``key=value`` folders are columns; by default, where there are such folders."""
    nanoseconds: Literal["error", "text", "truncate"] = "error"
    """What becomes of digits beyond the microsecond: ``error``, ``text`` for the whole column, or ``truncate``."""
