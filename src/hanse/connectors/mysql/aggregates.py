"""Aggregates and window functions of MySQL and MariaDB, each with the type that Hanse gives it (traps R12, R13).

A sum of decimals has the server's 65 digits; one that needs more than our 38 is an error when it is read. Not here:
statistics, which the servers compute in other ways, and GROUP_CONCAT, which cuts its answer.
"""

from hanse.connectors.mysql.functions import BOOLEAN, DECIMAL, PLAIN, TEXT
from hanse.ir.types import INTEGERS, TEXTS, Kind
from hanse.spi.dialect import ANY, Rule, Rules

WIDE = frozenset({Kind.INT64, Kind.UINT32, Kind.UINT64})
NARROW = INTEGERS - WIDE
FLOAT64 = frozenset({Kind.FLOAT64})
ORDERED = (PLAIN - BOOLEAN - {Kind.BYTES}) | TEXTS
AVERAGE = "(SUM({distinct}{0}{order}){over} + 0e0) / COUNT({distinct}{0}{order}){over}"
"""AVG rounds to four more digits than its argument has; the quotient of an exact sum is the nearest double."""

AGGREGATES: Rules = {
    "count": (Rule("COUNT(*)", ()), Rule("COUNT({0})", (ANY - {Kind.FLOAT32},))),
    "sum": (Rule("CAST(SUM({0}) AS SIGNED)", (NARROW,)), Rule("SUM({0})", (WIDE | DECIMAL | FLOAT64,))),
    "avg": (Rule(AVERAGE, (INTEGERS | DECIMAL,)), Rule("AVG({0})", (FLOAT64,))),
    "min": (Rule("MIN({0})", (ORDERED,)),),
    "max": (Rule("MAX({0})", (ORDERED,)),),
    "bool_and": (Rule("MIN({0})", (BOOLEAN,)),),
    "bool_or": (Rule("MAX({0})", (BOOLEAN,)),),
}
SHIFTED = PLAIN | TEXT
WINDOWS: Rules = {
    "row_number": (Rule("ROW_NUMBER()", ()),),
    "rank": (Rule("RANK()", ()),),
    "dense_rank": (Rule("DENSE_RANK()", ()),),
    "lag": (Rule("LAG({0})", (SHIFTED,), when=lambda args: len(args) == 1),),
    "lead": (Rule("LEAD({0})", (SHIFTED,), when=lambda args: len(args) == 1),),
    "first_value": (Rule("FIRST_VALUE({0})", (SHIFTED,)),),
    "last_value": (Rule("LAST_VALUE({0})", (SHIFTED,)),),
}
