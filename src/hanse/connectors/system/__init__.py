"""What Hanse knows of itself, as tables like any others: ``system.queries`` and its neighbours."""

from hanse.connectors.system.connector import SystemConnector, SystemTable

__all__ = ["SystemConnector", "SystemTable"]
