"""Text to ``Statement``: what kind it is, its syntax tree with positions, and its parameters. Nothing is resolved here.

    "SELECT name FROM crm.customers WHERE id = :id"
        => Statement(kind="query", syntax=Select(name; customers; id = $1), parameters=("id",))
    "EXPLAIN (FORMAT JSON) SELECT 1"
        => Statement(kind="explain", syntax=Select(1), options={"analyze": False, "format": "json", "stage": None})
    "DELETE FROM customers"
        => SyntaxFailure: Hanse only reads: DELETE is not possible

The tree is sqlglot's, under PostgreSQL's grammar; ``tokens`` prepares the text so that sqlglot neither drops nor rewrites
what a user wrote (every plain call stays a call of its own name, an interval keeps its text).
"""
