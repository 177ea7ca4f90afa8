"""Connectors: one folder per kind of source; none knows another, all are written against ``spi`` alone."""
