"""Responses of JSON."""

from typing import Any

from starlette.responses import Response

from hanse.server.http.formats import dumped


class Plain(Response):
    """Values of reports and records as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """As text, with a line end for who reads it on a terminal."""
        return f"{dumped(content)}\n".encode()
