"""Statement to ``BoundQuery``: names to columns, syntax to a typed plan, every coercion explicit. No I/O.

    SELECT region, count(*) AS n FROM crm.customers WHERE born >= '1990-01-01' GROUP BY 1 ORDER BY n DESC

    => Sort: c7 n descending, nulls first
       └─ Project: c3 region, c6 as n
          └─ Aggregate: by c3; c6 = count()
             └─ Filter: >=(c4 born, Literal date 1990-01-01)
                └─ Guard: open
                   └─ Scan: crm.public.customers (c1 id, c2 name, c3 region, c4 born)
       columns region text, n bigint

What may be written is PostgreSQL's SQL, and so are the answers' names, types and errors. Later stages never guess: an
operator's operands have its types, NULL order is explicit, a name is a column's number, ``now()`` is a constant.

``binder`` is the entry; ``queries`` -> ``select`` -> ``relations``, ``grouping``, ``outputs`` follow the clauses;
``expressions`` is the table of syntax nodes. ``functions``, ``aggregates`` and ``coercion`` know what PostgreSQL's
functions and types do, and nothing of syntax.
"""
