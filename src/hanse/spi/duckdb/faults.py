"""Faults of the pinned DuckDB that give wrong rows or none, and the setting that avoids them; each has a test with the case.

``join_filter_pushdown`` pushes the keys of a join's one side through ORDER BY ... LIMIT of the other side, before the limit
(duckdb/duckdb issue 22924, fixed after 1.5.5 by pull request 22963): of four first rows, some never were. It depends on
which thread is first, so a query may be right a thousand times.

``window_self_join`` turns an aggregate over a partition into a join of the input with itself: right for a table, but a
fragment's rows arrive once, and its second reader would find none.

``deliminator`` loses columns of the outer side where a LATERAL subquery is a UNION ALL of several correlated parts, each with a
limit: the query fails ("unordered_map::at"). Found by our own comparison with PostgreSQL. Without it, correlated subqueries
that our optimizer has left as they were are joined with the distinct values of what they read: a little time.

Not a setting: ``date_trunc('week', x) = constant`` becomes FALSE, and ``<>`` TRUE, where the constant begins no week, also for
NULL. The dialect writes ``greatest(date_trunc(...))``, which no rewriting looks into.
"""

DISABLED_OPTIMIZERS = "join_filter_pushdown,window_self_join,deliminator"
"""What every instance that computes answers is configured with (``disabled_optimizers``)."""
