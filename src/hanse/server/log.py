"""What the server says of itself: one line of JSON per event, on standard error.

It names who came from where, and with which SQLSTATE a statement failed; never a statement, a value, a password or an error's
text, in which there may be values. What ran is in ``system.queries``.
"""

import datetime as dt
import json
import logging
import sys
import traceback
from typing import Any

LOGGER = logging.getLogger("hanse.server")


class _Lines(logging.Formatter):
    """Each record as an object with its time (UTC) and its level."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", {"event": record.getMessage()})
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {"time": at.replace("+00:00", "Z"), "level": record.levelname.lower(), **facts},
            ensure_ascii=False,
            default=str,
        )


def to_stderr() -> None:
    """Write the lines there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def tell(event: str, **facts: Any) -> None:
    """Something happened as it should."""
    LOGGER.info(event, extra={"facts": {"event": event, **facts}})


def warn(event: str, **facts: Any) -> None:
    """Something happened that somebody may want to look at."""
    LOGGER.warning(event, extra={"facts": {"event": event, **facts}})


def bug(error: BaseException, **facts: Any) -> None:
    """Something happened that must not: where, and of what kind, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rpartition('hanse')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    LOGGER.error("bug", extra={"facts": {"event": "bug", "type": type(error).__name__, "at": places, **facts}})
