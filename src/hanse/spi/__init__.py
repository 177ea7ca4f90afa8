"""What a connector sees, and all that it sees: one folder per source is written against this package and ``ir``.

A connector describes itself with values (``SourceCatalog``: tables, dialect, capabilities), which planning captures and
never asks for again, and answers requests with Arrow batches (``Connector``, ``Session``).
"""

SPI_VERSION = 1
