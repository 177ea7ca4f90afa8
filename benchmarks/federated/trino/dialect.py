"""TPC-H's queries as Trino takes them: tables by their whole names, quotients and averages of doubles.

Trino rounds quotients and averages of decimals to their operands' digits, which the reference, and every other engine
here, does not: as doubles they are the same numbers everywhere.
"""

from collections.abc import Mapping

import sqlglot
from sqlglot import exp

Names = Mapping[str, tuple[str, str]]
"""Catalog and schema of each table."""


def translated(sql: str, names: Names) -> str:
    """The query in Trino's dialect."""
    tree = sqlglot.parse_one(sql, read="postgres")
    for table in tree.find_all(exp.Table):
        place = names.get(table.name)
        if place and not table.db:
            table.set("catalog", exp.to_identifier(place[0]))
            table.set("db", exp.to_identifier(place[1]))
    for node in list(tree.find_all(exp.Div, exp.Avg)):
        node.set("this", exp.cast(node.this, "double"))
    return tree.sql(dialect="trino")
