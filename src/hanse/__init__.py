"""Hanse: one SQL query over databases that cannot be merged.

A first use::

    import hanse

    with hanse.connect("hanse.yaml") as engine:
        result = engine.query("SELECT * FROM crm.customers WHERE region = $1", ["north"])
        table = result.to_arrow()
        print(result.report.to_dict())
"""

from typing import TYPE_CHECKING

from hanse.lazily import imported

if TYPE_CHECKING:
    from hanse.engine import Engine, connect
    from hanse.errors import HanseError
    from hanse.execute.result import ResultStream

__version__ = "0.1.0"
__all__ = ["Engine", "HanseError", "ResultStream", "__version__", "connect"]
__getattr__ = imported(
    "hanse",
    {
        "Engine": "hanse.engine",
        "HanseError": "hanse.errors",
        "ResultStream": "hanse.execute.result",
        "connect": "hanse.engine",
    },
)
