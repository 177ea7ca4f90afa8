"""Connectors by kind: every one, ours too, is an entry point of the group ``hanse.connectors``."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hanse.errors import ConfigError
from hanse.settings import GUARDRAILS, ON_FAILURE, nearest, validated
from hanse.spi.connector import Connector, Plugin

GROUP = "hanse.connectors"
SHARDED = EntryPoint("sharded", "hanse.catalog.sharded:plugin", GROUP)
"""A source that is made of others is no connector of its own: it opens these through here."""


@cache
def kinds() -> Mapping[str, EntryPoint]:
    """The installed kinds of source; nothing is imported before it is used."""
    return {point.name: point for point in (*entry_points(group=GROUP), SHARDED)}


def plugin(kind: str, where: str) -> Plugin:
    """The plugin of a kind; raises ConfigError with the nearest name, or saying what its driver lacks."""
    point = kinds().get(kind)
    if point is None:
        guess = nearest(kind, kinds())
        hint = f"did you mean {guess}?" if guess else f"known kinds: {', '.join(sorted(kinds()))}"
        raise ConfigError(f"{where}: unknown kind {kind}", hint=hint)
    try:
        loaded = point.load()
    except ImportError as failure:
        raise ConfigError(f"{where}: kind {kind} needs {failure.name}", hint=f"pip install 'hanse[{kind}]'") from None
    if not isinstance(loaded, Plugin):
        raise ConfigError(f"{where}: the entry point {point.value} is not a connector plugin")
    return loaded


def connect(name: str, block: Mapping[str, Any], folder: Path) -> Connector:
    """The connector that a source's block of the configuration describes; opens nothing yet."""
    where = f"sources.{name}"
    found = plugin(str(block["kind"]), where)
    for key in (GUARDRAILS, ON_FAILURE):
        if key in block and "/" in name:
            raise ConfigError(f"{where}: the key {key} of a sharded source stands in its own block, not in a shard's")
    ours = ("kind", GUARDRAILS, ON_FAILURE)
    options = validated(found.options, {key: value for key, value in block.items() if key not in ours}, where)
    return found.connect(name, options, folder)
