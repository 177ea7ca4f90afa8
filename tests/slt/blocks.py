"""Read a file of SQL logic tests into its blocks, and write it back with other rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

CONFIGURATIONS = ("all-local", "all-remote", "all-mysql", "mixed", "pushdown-off")


@dataclass(frozen=True)
class Block:
    """One statement and what it must give."""

    line: int
    sql: str
    ordered: bool = False
    error: str | None = None
    parameters: list[Any] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)
    comment: str = ""

    def with_rows(self, rows: list[list[str]]) -> Block:
        """The same statement with other rows."""
        return replace(self, rows=rows)

    def __str__(self) -> str:
        head = f"error {self.error}" if self.error else "query ordered" if self.ordered else "query"
        lines = [*self.comment.splitlines(), head, self.sql]
        lines += [f"params {json.dumps(self.parameters, ensure_ascii=False)}"] if self.parameters else []
        lines += [f"settings {json.dumps(self.settings)}"] if self.settings else []
        lines += [] if self.error else ["----", *(" | ".join(row) for row in self.rows)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class File:
    """A whole file: where it must hold, and its statements."""

    path: Path
    header: str
    configurations: tuple[str, ...]
    blocks: list[Block]

    @property
    def on_postgres(self) -> bool:
        """Whether PostgreSQL itself must agree."""
        return self.path.parent.name == "pg_compat"

    def write(self) -> None:
        """Write the file back."""
        self.path.write_text("\n".join([self.header, *map(str, self.blocks)]), encoding="utf-8")


def read(path: Path) -> File:
    """Parse a file; raises ValueError naming the line that is wrong."""
    header: list[str] = []
    blocks: list[Block] = []
    configurations = CONFIGURATIONS
    for line, text in _paragraphs(path.read_text(encoding="utf-8")):
        lines = text.splitlines()
        body = [one for one in lines if not one.startswith("#")]
        if body and body[0].split()[0] in ("query", "error"):
            blocks.append(_block(line, lines))
            continue
        for one in body:
            word, *given = one.split()
            if word != "configs" or not set(given) <= set(CONFIGURATIONS):
                raise ValueError(f"{path}:{line}: not a block: {one}")
            configurations = tuple(given)
        header.append(text + "\n")
    return File(path, "\n".join(header), configurations, blocks)


def _paragraphs(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    start, lines = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            lines.append(line)
        else:
            found += [(start, "\n".join(lines))] if lines else []
            start, lines = number + 1, []
    return found


def _block(line: int, lines: list[str]) -> Block:
    comment = [one for one in lines if one.startswith("#")]
    head, *rest = [one for one in lines if not one.startswith("#")]
    words = head.split()
    given = {"params": "[]", "settings": "{}"}
    sql: list[str] = []
    rows: list[list[str]] = []
    for position, one in enumerate(rest):
        if one == "----":
            rows = [row.split(" | ") for row in rest[position + 1 :]]
            break
        word = one.split(" ", 1)[0]
        if word in given:
            given[word] = one.removeprefix(word)
        else:
            sql.append(one)
    return Block(
        line=line,
        sql="\n".join(sql),
        ordered=words[1:] == ["ordered"],
        error=words[1] if words[0] == "error" else None,
        parameters=json.loads(given["params"]),
        settings=json.loads(given["settings"]),
        rows=rows,
        comment="\n".join(comment),
    )
