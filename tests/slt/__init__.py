"""SQL logic tests: statements with the rows or the SQLSTATE that they must give, wherever the tables live.

A file is a list of blocks, separated by empty lines::

    # a comment
    configs all-local mixed            (once, at the top; without it, every configuration)

    query                              rows in any order; `query ordered` keeps the order
    SELECT id, name FROM dept WHERE city = $1
    params ["Bremen"]
    ----
    1 | sales
    2 | NULL

    error 22012                        (or a class of errors: 22)
    SELECT 1 / 0

Values stand as ``cells.shown`` writes them. ``core`` holds what is Hanse's own; ``pg_compat`` is also asked of a real
PostgreSQL that holds the same tables, which is where its expected rows come from (``HANSE_SLT=write``).
"""
