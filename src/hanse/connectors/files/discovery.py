"""Which tables a path holds: one per file, one per folder of files, one per glob. Looks at names only, never into files."""

import glob
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
}
PACKED = (".gz", ".zst")
WILD = frozenset("*?[")
DEFAULT_SCHEMA = "main"


@dataclass(frozen=True, slots=True)
class Found:
    """One table: where its files are. ``problem`` says why it cannot be read."""

    schema: str
    name: str
    format: str
    files: tuple[Path, ...]
    base: Path
    """The folder (or file) to which the table belongs; folders named ``key=value`` below it are partitions."""
    problem: str = ""

    @property
    def is_partitioned(self) -> bool:
        """Whether every file lies in folders named ``key=value``."""
        return all(any("=" in part for part in file.relative_to(self.base).parts[:-1]) for file in self.files)


def split_name(file: Path, forced: str | None = None) -> tuple[str, str] | None:
    """Table name and format that a file's name says; None for a file of another kind."""
    stem, lower = file.name, file.name.lower()
    for ending in PACKED:
        if lower.endswith(ending):
            stem, lower = stem[: -len(ending)], lower[: -len(ending)]
    for ending, kind in FORMATS.items():
        if lower.endswith(ending) and len(stem) > len(ending):
            return stem[: -len(ending)], forced or kind
    return (file.stem, forced) if forced else None


def discover(root: Path, forced: str | None = None) -> list[Found]:
    """The tables at a path, a folder or a glob, in the order of their names; empty where there are no files."""
    if not root.exists() and WILD & set(str(root)):
        found = _globbed(root, forced)
    elif root.is_dir():
        found = _in_root(root, forced)
    else:
        found = [_single(root, DEFAULT_SCHEMA, forced or _format(root))]
    return _merged(found)


def present(found: Found) -> list[Path]:
    """The files that reading a table may read now: those that it had, and all that have come beside them with such endings,
    for a table of several may be read by a pattern. Raises OSError for a folder that is gone."""
    if len(found.files) < 2:
        return list(found.files)
    endings = tuple({"".join(file.suffixes[-2:]) if file.suffix in PACKED else file.suffix for file in found.files})

    def fail(failure: OSError) -> None:
        raise failure

    beside = [
        Path(parent, name)
        for parent, _, names in os.walk(found.base, onerror=fail, followlinks=True)
        for name in names
        if name.endswith(endings)
    ]
    return sorted({*found.files, *beside})


def _format(file: Path) -> str:
    named = split_name(file)
    return named[1] if named else ""


def _single(file: Path, schema: str, kind: str) -> Found:
    named = split_name(file, kind or None)
    name = named[0] if named else file.stem
    problem = "" if kind else f"{file} has no known extension: give the option format"
    return Found(schema, name, kind, (file,), file.parent, problem)


def _globbed(pattern: Path, forced: str | None) -> list[Found]:
    files = tuple(Path(file) for file in sorted(glob.glob(str(pattern), recursive=True)) if Path(file).is_file())  # noqa: PTH207  # Path.glob needs its folder apart
    files = tuple(file for file in files if split_name(file, forced))
    parts = pattern.parts
    first = next(place for place, part in enumerate(parts) if WILD & set(part))
    base = Path(*parts[:first])
    prefix = parts[first][: min(parts[first].index(char) for char in WILD if char in parts[first])]
    name = prefix.rstrip("-_.") if first == len(parts) - 1 else ""
    return [_several(files, base, DEFAULT_SCHEMA, name or base.name, forced)] if files else []


def _several(files: tuple[Path, ...], base: Path, schema: str, name: str, forced: str | None) -> Found:
    kinds = sorted({named[1] for file in files if (named := split_name(file, forced))})
    problem = "" if len(kinds) == 1 else f"{base} holds files of several formats ({', '.join(kinds)})"
    return Found(schema, name, kinds[0], files, base, problem)


def _visible(folder: Path) -> list[Path]:
    """Entries by name, without those that writers hide (``.tmp``, ``_SUCCESS``, ``_delta_log``)."""
    return [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith((".", "_"))]


def _below(folder: Path, forced: str | None) -> tuple[Path, ...]:
    files: list[Path] = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        files += [Path(parent, name) for name in sorted(names) if not name.startswith((".", "_"))]
    return tuple(file for file in files if split_name(file, forced))


def _is_table(folder: Path, forced: str | None) -> bool:
    return any("=" in entry.name if entry.is_dir() else split_name(entry, forced) for entry in _visible(folder))


def _in_root(root: Path, forced: str | None) -> list[Found]:
    if any(entry.is_dir() and "=" in entry.name for entry in _visible(root)):
        files = _below(root, forced)
        return [_several(files, root, DEFAULT_SCHEMA, root.name, forced)] if files else []
    return _in_folder(root, DEFAULT_SCHEMA, forced)


def _in_folder(folder: Path, schema: str, forced: str | None) -> list[Found]:
    found: list[Found] = []
    for entry in _visible(folder):
        if entry.is_dir() and _is_table(entry, forced):
            if files := _below(entry, forced):
                found.append(_several(files, entry, schema, entry.name, forced))
        elif entry.is_dir():
            below = entry.name if schema == DEFAULT_SCHEMA else f"{schema}/{entry.name}"
            found += _in_folder(entry, below, forced)
        elif named := split_name(entry, forced):
            found.append(_single(entry, schema, named[1]))
    return found


def _merged(found: list[Found]) -> list[Found]:
    """One table per name; where several claim one, none is taken and the problem names them all."""
    by_name: defaultdict[tuple[str, str], list[Found]] = defaultdict(list)
    for table in found:
        by_name[table.schema, table.name].append(table)
    merged: list[Found] = []
    for claims in by_name.values():
        first = claims[0]
        if len(claims) > 1:
            names = ", ".join(str(c.files[0] if len(c.files) == 1 else c.base) for c in claims)
            first = replace(first, problem=f"several files claim the name {first.name}: {names}")
        merged.append(first)
    return merged
