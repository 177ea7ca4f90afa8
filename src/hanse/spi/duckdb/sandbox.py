"""What a DuckDB that runs queries may open: the files of its sources, and nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def restrict(connection: Any, paths: Iterable[Path]) -> None:
    """Let DuckDB open these files and folders and nothing else: a view in a database file cannot read other files.

    The order matters: once external access is off, neither it nor the lists can be changed any more; ATTACH and reads
    within the lists go on working. (``lock_configuration`` would add nothing, and forbids ``SET TimeZone``.)
    """
    folders = [str(path) for path in paths if path.is_dir()]
    files = [str(path) for path in paths if not path.is_dir()]
    connection.execute("SET allowed_directories = $1", [folders])
    connection.execute("SET allowed_paths = $1", [[*files, *(f"{file}.wal" for file in files)]])
    connection.execute("SET enable_external_access = false")
