"""Statements that are not queries: EXPLAIN, SHOW, SET. One file per family; they see collaborators and values, no I/O."""
