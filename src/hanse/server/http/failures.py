"""Failures as HTTP tells them: a status by their class, and one shape of JSON for all."""

from typing import Any

from hanse.errors import (
    AdmissionRefused,
    Cancelled,
    ConfigError,
    DeadlineMissed,
    Denied,
    HanseError,
    NotConsistent,
    ResourceLimit,
    SourceError,
    SourceResting,
    StaleSnapshot,
    UserError,
)

LOGIN_FAILED, STOPPED, TOO_MANY, TOO_COMPLEX = "28P01", "57P01", "53300", "54"
CHALLENGE = 'Basic realm="hanse", charset="UTF-8"'


class Refused(UserError):
    """A request that is none of ours: its own status."""

    def __init__(self, status: int, message: str, *, sqlstate: str = "08P01", hint: str | None = None) -> None:
        """``status`` is that of HTTP."""
        super().__init__(message, sqlstate=sqlstate, hint=hint)
        self.status = status
        self.headers: dict[str, str] = {}

    def saying(self, **headers: str) -> "Refused":
        """The same, with headers: ``www_authenticate`` is WWW-Authenticate."""
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self


_BY_CLASS: tuple[tuple[type[HanseError], int], ...] = (
    (DeadlineMissed, 504),
    (Cancelled, 409),
    (AdmissionRefused, 429),
    (ResourceLimit, 507),
    (SourceResting, 503),
    (StaleSnapshot, 503),
    (SourceError, 502),
    (Denied, 403),
    (ConfigError, 500),
    (UserError, 400),
)
_BY_CODE = {LOGIN_FAILED: 401, STOPPED: 503, TOO_MANY: 429}


def status_of(error: HanseError) -> int:
    """The status: 4xx where another request may do, 5xx where the same one may do another time."""
    if isinstance(error, Refused):
        return error.status
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.code.startswith(TOO_COMPLEX) or (isinstance(error, NotConsistent) and not error.retryable):
        return 400
    if isinstance(error, NotConsistent):
        return 409
    return next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)


def headers_of(error: HanseError) -> dict[str, str]:
    """Headers that belong to it."""
    if isinstance(error, Refused):
        return error.headers
    if isinstance(error, AdmissionRefused | SourceResting) and error.seconds > 0:
        return {"retry-after": str(max(1, round(error.seconds)))}
    return {"www-authenticate": CHALLENGE} if error.code == LOGIN_FAILED else {}


def as_dict(error: HanseError) -> dict[str, Any]:
    """The failure for programs; ``position`` counts characters of the statement from 0."""
    return {
        "code": error.code,
        "kind": error.kind,
        "message": error.message,
        "source": error.source,
        "position": error.position,
        "hint": error.hint,
        "retryable": error.retryable,
    }
