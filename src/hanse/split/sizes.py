"""What the split asks about sizes."""

from collections.abc import Sequence
from typing import Protocol

from hanse.ir import plan as p
from hanse.ir.choices import Choices
from hanse.spi.pace import Pace


class Sizes(Protocol):
    """Whoever estimates sizes of plans: the optimizer, from statistics where there are any."""

    @property
    def choices(self) -> Choices:
        """Where it is noted, and may be prescribed, what sizes decide."""

    def rows(self, plan: p.Plan) -> float:
        """Rows that the plan yields."""

    def distinct(self, plan: p.Plan, column: int) -> float:
        """Different values of one of its columns."""

    def is_counted(self, plan: p.Plan, column: int) -> bool:
        """Whether anything is known of how many values one of its columns has."""

    def combinations(self, plan: p.Plan, columns: Sequence[int]) -> float:
        """Different rows of values of several of its columns."""

    def width(self, plan: p.Plan) -> float:
        """Bytes of one row."""

    def at_most(self, plan: p.Plan) -> float:
        """As many rows as there may be if what is guessed is far too low."""

    def is_guess(self, plan: p.Plan) -> bool:
        """Whether the number of rows rests on nothing that is known, in part."""

    def kept(self, keyed: tuple[p.Plan, int], narrowed: tuple[p.Plan, int]) -> float:
        """The part of one plan's rows whose column has a value that another plan's column has; 0 if nothing is known."""

    def pace(self, source: str) -> Pace:
        """How fast a source answers."""
