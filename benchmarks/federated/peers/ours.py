"""Hanse."""

from collections.abc import Sequence
from typing import Any

import hanse
from benchmarks.federated.loading import Source
from benchmarks.federated.peers.base import Rows
from hanse.engine import Engine


class Hanse:
    """An engine with default settings."""

    version = hanse.__version__

    def __init__(self, sources: Sequence[Source]) -> None:
        blocks: dict[str, dict[str, Any]] = {}
        for source in sources:
            if source.kind == "files":
                blocks[source.name] = {"kind": "files", "path": source.url}
            else:
                blocks[source.name] = {"kind": source.kind, "url": source.url, "tls": {"mode": "disable"}}
        self.engine = Engine({"sources": blocks})
        self.bytes_reported = 0

    def ask(self, sql: str, timeout: float, parameters: Sequence[Any] = ()) -> Rows:
        """The whole answer."""
        rows: Rows = []
        with self.engine.query(sql, parameters, {"statement_timeout": timeout}) as result:
            for batch in result:
                rows.extend(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        self.bytes_reported = result.report.bytes_moved
        return rows

    def close(self) -> None:
        """Close connections."""
        self.engine.close()
