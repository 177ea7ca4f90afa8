"""How many rows the coordinator's own engine read of each embedded source, from DuckDB's profile of the statement."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb

from hanse.execute.report import OperatorReport
from hanse.ir.request import Request

FILE_READERS = frozenset({"READ_PARQUET", "PARQUET_SCAN", "READ_CSV", "READ_CSV_AUTO", "READ_JSON", "READ_JSON_AUTO"})

NAMES = {"arrow scan dumb": "fragment", "arrow scan": "fragment", "seq scan": "scan"}
"""What operators are called, of which DuckDB has names of its own."""
SILENT = frozenset({"PROJECTION", "RESULT_COLLECTOR", "EXPLAIN_ANALYZE"})
"""Operators of which nobody wants to know."""


def enable(cursor: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB count the rows of the statements to come; costs about 0.2 ms a statement."""
    cursor.execute("PRAGMA enable_profiling = 'no_output'")


def rows_read(cursor: duckdb.DuckDBPyConnection, requests: Iterable[Request]) -> dict[int, int]:
    """Rows that the scans of each embedded request gave on, by fragment, after the statement's end.

    DuckDB names the table of a scan, but not the files of a reader: where two requests could have made a scan, neither
    is given a number.
    """
    scans = list(_scans(json.loads(cursor.get_profiling_information(format="json"))))
    claims: dict[int, list[Mapping[str, Any]]] = {}
    contested: set[int] = set()
    embedded = [request for request in requests if request.embedded]
    for scan in scans:
        claimants = [request.fragment for request in embedded if _may_be(scan, request)]
        if len(claimants) > 1:
            contested.update(claimants)
        for fragment in claimants:
            claims.setdefault(fragment, []).append(scan)
    return {
        fragment: sum(int(scan.get("operator_cardinality") or 0) for scan in found)
        for fragment, found in claims.items()
        if fragment not in contested
    }


def operators(cursor: duckdb.DuckDBPyConnection) -> list[OperatorReport]:
    """The operators of the statement that has ended, each before those that it reads, without what only hands on."""
    return list(_operators(json.loads(cursor.get_profiling_information(format="json")), 0))


def _operators(node: Mapping[str, Any], depth: int) -> Iterator[OperatorReport]:
    name = str(node.get("operator_name", ""))
    is_told = bool(name) and name not in SILENT
    if is_told:
        words = name.lower().replace("_", " ").strip()
        yield OperatorReport(
            NAMES.get(words, words),
            float(node.get("operator_timing") or 0) * 1000,
            int(node.get("operator_cardinality") or 0),
            depth,
        )
    for child in node.get("children", ()):
        yield from _operators(child, depth + is_told)


def _scans(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node.get("operator_type") == "TABLE_SCAN":
        yield node
    for child in node.get("children", ()):
        yield from _scans(child)


def _may_be(scan: Mapping[str, Any], request: Request) -> bool:
    info = scan.get("extra_info", {})
    if name := info.get("Table"):
        return any(table.relation.replace('"', "") == name for table in request.tables)
    reads_files = str(info.get("Function", "")).upper() in FILE_READERS
    return reads_files and any(dict(table.details).get("files") is not None for table in request.tables)
