"""The snapshot while sources change, are silent, or go away: nobody waits for a source whose catalog he has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hanse.catalog.store import CatalogStore
from hanse.errors import Fault, HanseError, SourceRefused, SourceUnreachable
from hanse.spi.capabilities import Capabilities
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.snapshot import SourceCatalog
from tests.unit.admission.wheel import Wheel

TTL = 300


@dataclass
class Scripted:
    """A connector whose catalogs say in ``server`` the how many-th they are."""

    source: str
    before: Callable[[], object] = lambda: None
    reads: int = 0
    failure: HanseError | None = None

    def load_catalog(self) -> SourceCatalog:
        self.before()
        if self.failure is not None:
            raise self.failure
        self.reads += 1
        return SourceCatalog(self.source, "scripted", (), DuckDBDialect(), Capabilities(), str(self.reads))


@pytest.fixture
def sources() -> tuple[Scripted, Scripted]:
    return Scripted("shop"), Scripted("crm")


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def store(sources: tuple[Scripted, Scripted], wheel: Wheel) -> CatalogStore:
    connectors: dict[str, Any] = {source.source: source for source in sources}
    return CatalogStore(connectors, wheel, TTL)


def servers(store: CatalogStore) -> dict[str, str]:
    return {name: catalog.server for name, catalog in store.snapshot().sources.items()}


def test_old_catalogs_are_read_again(store: CatalogStore, wheel: Wheel) -> None:
    assert servers(store) == {"shop": "1", "crm": "1"}
    version = store.snapshot().version
    wheel.time += TTL + 1
    assert servers(store) == {"shop": "2", "crm": "2"}
    assert store.snapshot().version == version + 1


def test_nobody_waits_for_a_silent_source(
    store: CatalogStore, sources: tuple[Scripted, Scripted], wheel: Wheel
) -> None:
    store.snapshot()
    answered = threading.Event()
    sources[0].before = lambda: answered.wait(10)
    wheel.time += TTL + 1
    for most in (2.0, 0.5):
        before = time.monotonic()
        assert servers(store)["shop"] == "1"
        assert time.monotonic() - before < most
        wheel.time += 1  # those who come later do not wait at all
    answered.set()
    deadline = time.monotonic() + 5
    while servers(store) != {"shop": "2", "crm": "2"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sources[0].reads == 2


def test_a_catalog_outlives_an_outage(store: CatalogStore, sources: tuple[Scripted, Scripted], wheel: Wheel) -> None:
    before = store.snapshot()
    sources[0].failure = SourceUnreachable("connection refused", source="shop")
    wheel.time += TTL + 1
    after = store.snapshot()
    assert {name: one.server for name, one in after.sources.items()} == {"shop": "1", "crm": "2"}
    assert after.unavailable == {}
    assert store.failure("shop") is None
    store.refresh("shop")
    assert store.snapshot().version == after.version == before.version + 1  # plans are kept
    sources[0].failure = None
    wheel.time += TTL + 1
    assert servers(store)["shop"] == "2"


@pytest.mark.parametrize("fault", [Fault.CALLER, Fault.STALE])
def test_one_that_refuses_us_is_not_known_any_more(
    store: CatalogStore, sources: tuple[Scripted, Scripted], fault: Fault
) -> None:
    store.snapshot()
    sources[0].failure = SourceRefused("no rights", source="shop").with_fault(fault)
    assert store.refresh("shop").unavailable == {"shop": "no rights"}
    assert servers(store) == {"crm": "1"}
    assert store.failure("shop") is sources[0].failure


def test_one_that_was_never_read_is_tried_when_it_is_named(
    store: CatalogStore, sources: tuple[Scripted, Scripted], wheel: Wheel
) -> None:
    sources[0].failure = SourceUnreachable("connection refused", source="shop")
    assert servers(store) == {"crm": "1"}
    wheel.time += TTL + 1
    assert servers(store) == {"crm": "2"}
    sources[0].failure = None
    assert store.refresh_older(1.0, "shop")
    assert not store.refresh_older(1.0, "shop")
    assert servers(store) == {"shop": "1", "crm": "2"}
