"""Set-returning functions side by side: ROWS FROM, WITH ORDINALITY, and several of them in one select list.

Each becomes the array of its rows (one array for each of its columns), and ``unnest`` over all arrays puts them side by
side, padded with NULL, as PostgreSQL does (manual, sections 7.2.1.4 and 38.5.9). Only the coordinator has these arrays.
"""

from hanse.bind import functions
from hanse.errors import Unsupported
from hanse.ir.expr import Call, Expr
from hanse.ir.types import Array, array

ROWS_OF = "rows of "
"""Before a function's name: the array of its rows; a number after it says which of several columns."""


def arrays(name: str, args: tuple[Expr, ...], columns: functions.Columns, where: int | None) -> tuple[Expr, ...]:
    """The rows of a bound call, one array for each column; Unsupported if a row is an array itself."""
    if name == "unnest":
        return args
    if any(isinstance(type, Array) for _, type in columns):
        hint = "put it in FROM on its own"
        raise Unsupported(f"{name} beside other set-returning functions is not supported", position=where, hint=hint)
    if len(columns) == 1:
        return (Call(array(columns[0][1]), ROWS_OF + name, args),)
    return tuple(Call(array(type), f"{ROWS_OF}{name} {place}", args) for place, (_, type) in enumerate(columns, 1))
