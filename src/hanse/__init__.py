"""Hanse: one SQL query over databases that cannot be merged."""
