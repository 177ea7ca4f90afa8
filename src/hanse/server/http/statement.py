"""What is said at the end of an answer: that it is one, how much of it there is, and what it is a picture of."""

from dataclasses import asdict
from typing import Any

from hanse.execute.report import Report
from hanse.ir.completeness import Completeness

WAITING, READING, DONE = "waiting", "reading", "done"


def statement_of(report: Report) -> dict[str, Any]:
    """Of an answer that was read to its end."""
    found = report.consistency
    return {
        "row_count": report.rows,
        "complete": report.completeness is None,
        "completeness": None if report.completeness is None else completeness_of(report.completeness),
        "consistency": None if found is None else found.as_dict(),
        "notices": list(report.notices),
        "elapsed_ms": round(report.elapsed_ms, 3),
    }


def progress_of(report: Report) -> list[dict[str, Any]]:
    """How far each request to a source is; times are milliseconds from the query's start."""
    return [
        {
            "source": one.source,
            "kind": one.kind,
            "fragment": one.fragment,
            "state": DONE if one.finished else WAITING if one.started_ms is None else READING,
            "rows": one.rows,
            "bytes": one.bytes,
            "retries": len(one.retried_after),
            "first_row_ms": one.first_row_ms,
            "last_row_ms": one.last_row_ms,
        }
        for one in list(report.sources)
    ]


def completeness_of(found: Completeness) -> dict[str, Any]:
    """The completeness statement: as text for people, and what is true of rows and columns."""
    return {
        "text": str(found),
        "rows": str(found.claim.rows),
        "columns": [{"name": name, "standing": str(standing)} for name, standing in found.claim.columns],
        "lost": [asdict(part) for part in found.lost],
        "read": [asdict(part) for part in found.read],
    }
