"""The pool of coordinator engines: which come back, and which do not."""

from __future__ import annotations

import contextlib

from hanse.execute.instances import InstancePool
from hanse.settings import EngineSettings


def test_an_engine_that_ended_is_not_given_out_again() -> None:
    """After an internal error, DuckDB refuses every further statement on the instance, as on one that is closed."""
    with contextlib.closing(InstancePool(EngineSettings(instances=1))) as pool:
        broken = pool.acquire(lambda: False)
        broken.root.close()
        broken.has_failed = True
        pool.release(broken)
        fresh = pool.acquire(lambda: False)
        assert fresh is not broken
        assert fresh.works()
        pool.release(fresh)


def test_an_engine_that_works_is_kept() -> None:
    with contextlib.closing(InstancePool(EngineSettings(instances=1))) as pool:
        first = pool.acquire(lambda: False)
        pool.release(first)
        second = pool.acquire(lambda: False)
        assert second is first
        pool.release(second)


def test_every_query_has_its_settings() -> None:
    with contextlib.closing(InstancePool(EngineSettings(instances=1))) as pool:
        instance = pool.acquire(lambda: False)
        for zone in ("UTC", "Europe/Berlin", "Europe/Berlin", "UTC"):
            for disabled in ("join_order", ""):
                with instance.cursor({"TimeZone": zone, "disabled_optimizers": disabled}) as cursor:
                    names = "current_setting('TimeZone'), current_setting('disabled_optimizers')"
                    assert cursor.execute(f"SELECT {names}").fetchall() == [(zone, disabled)]
        pool.release(instance)
