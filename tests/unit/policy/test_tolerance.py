"""Who decides whether a query goes on without a table, and how the configuration says it."""

from __future__ import annotations

import pytest
import yaml

from hanse.catalog.plugins import connect
from hanse.errors import ConfigError
from hanse.ir.tables import Table
from hanse.policy import Tolerance
from hanse.settings import load

WRITTEN = """
sources:
  bare: {kind: sqlite, path: a.db}
  shop: {kind: sqlite, path: a.db, on_failure: skip}
  pay: {kind: sqlite, path: a.db, on_failure: null}
  crm:
    kind: sqlite
    path: a.db
    on_failure: {default: fail, tables: {Log_*: skip, main.people: null, "*": fail}}
  some: {kind: sqlite, path: a.db, on_failure: {tables: {log: skip}}}
"""


def tolerance(text: str = WRITTEN) -> Tolerance:
    config, _ = load(yaml.safe_load(text))
    return Tolerance(config.failures(), config.engine.on_failure)


@pytest.mark.parametrize(
    ("table", "configured", "on"),
    [
        ("bare.t", "fail", "skip"),
        ("shop.t", "skip", "skip"),
        ("shop/3.t", "skip", "skip"),
        ("pay.t", "null", "null"),
        ("crm.log_2026", "skip", "skip"),
        ("crm.people", "null", "null"),
        ("crm.other", "fail", "fail"),
        ("some.log", "skip", "skip"),
        ("some.other", "fail", "skip"),
    ],
)
def test_the_narrowest_word_goes_first(table: str, configured: str, on: str) -> None:
    source, _, name = table.partition(".")
    found = Table(source, "main", name, (), name)
    said = tolerance()
    assert [said.of(found, setting) for setting in ("configured", "on", "off")] == [configured, on, "fail"]
    for setting, choice in (("configured", configured), ("on", on), ("off", "fail")):
        assert said.concerns(source, setting) or choice == "fail"


def test_where_nothing_is_said_nothing_is_looked_for() -> None:
    said = tolerance("sources: {a: {kind: sqlite, path: a.db}, b: {kind: sqlite, path: b.db, on_failure: fail}}")
    assert [said.concerns(source, "configured") for source in "ab"] == [False, False]
    assert [said.concerns(source, "on") for source in "ab"] == [True, False]
    everywhere = tolerance("{sources: {a: {kind: sqlite, path: a.db}}, engine: {on_failure: null}}")
    assert everywhere.of(Table("a", "", "t", (), "t"), "configured") == "null"
    assert everywhere.of(Table("a", "", "t", (), "t"), "on") == "null"


@pytest.mark.parametrize("said", ["sometimes", {"default": "never"}, {"tables": {"t": "no"}}, {"table": {}}])
def test_other_words_are_refused(said: object) -> None:
    config, _ = load({"sources": {"a": {"kind": "sqlite", "path": "a.db", "on_failure": said}}})
    with pytest.raises(ConfigError, match=r"sources\.a\.on_failure"):
        config.failures()


def test_it_is_no_matter_of_one_shard(tmp_path: object) -> None:
    block = {"kind": "sharded", "shards": [{"kind": "sqlite", "path": "a.db", "on_failure": "skip"}], "tables": {}}
    with pytest.raises(ConfigError, match="on_failure of a sharded source stands in its own block"):
        connect("sales", block, tmp_path)  # type: ignore[arg-type]
