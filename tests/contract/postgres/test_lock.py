"""The lock by which others know that a process lives ends with the connector, whether or not somebody closed it."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest

from hanse.connectors.postgres import plugin
from hanse.connectors.postgres.connector import PostgresConnector
from tests.contract.postgres.conftest import QUICK
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'forgotten lock'"


def locks(database: Database, wanted: int) -> int:
    """How many there are; waits for some seconds until they are as many as wanted."""
    latest = time.monotonic() + 5
    while (found := int(database.rows(LOCKS)[0][0])) != wanted and time.monotonic() < latest:
        time.sleep(0.02)
    return found


def test_a_connector_that_nobody_closed_gives_its_lock_free(database: Database) -> None:
    connector = plugin.connect("shop", plugin.options(url=database.url, application_name="forgotten", **QUICK), Path())
    assert isinstance(connector, PostgresConnector)
    assert connector._owner.suffix()
    assert locks(database, 1) == 1
    del connector
    gc.collect()
    assert locks(database, 0) == 0
