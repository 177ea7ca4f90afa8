"""What of metrics and traces the configuration asks for. Their packages are imported here, and nowhere if nobody asks."""

import importlib
from typing import Any

from hanse.errors import ConfigError
from hanse.settings import ObserveSettings


def traces(settings: ObserveSettings) -> Any:
    """A listener that makes spans (``traces.Traces``), or None. Raises ConfigError where packages are missing."""
    match settings.traces:
        case "api":
            return _imported("hanse.observe.traces", "otel").Traces()
        case "otlp":
            return _imported("hanse.observe.otlp", "otel").sent(settings.otlp_endpoint)
    return None


def exposition() -> Any:
    """The module ``exposition``. Raises ConfigError where its package is missing."""
    return _imported("hanse.observe.exposition", "metrics")


def _imported(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as failure:
        if failure.name is None or failure.name.startswith("hanse"):
            raise
        raise ConfigError(f"{failure.name} is not installed", hint=f"pip install 'hanse[{extra}]'") from None
