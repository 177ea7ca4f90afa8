"""Locks of processes that were never needed."""

from __future__ import annotations

import threading
from typing import Any

from hanse.connectors.shared.ownership import Ownership


def test_thousands_of_sources_that_nobody_used_are_closed() -> None:
    server: Any = None  # is asked nothing

    def close() -> None:
        for _ in range(3000):
            Ownership("shop", server, is_wanted=True).close()

    thread = threading.Thread(target=close, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
