"""What was chosen while a plan was made, where estimates or costs decided: enough to make a plan of the same shape again.

A choice is filed under the place where it was made: its name, and a fingerprint of the part of the plan that it is about,
without constants. So it is found again in a plan for other values, over other numbers of rows, and not in another plan.
What it says are places and yes or no, nothing that a user wrote. A choice is always one among plans with the same answer.
"""

import json
from collections.abc import Mapping
from typing import Any

from hanse.ir.plan import Plan
from hanse.ir.shape import fingerprint
from hanse.ir.text import tree

Choice = bool | int | list[Any]


class Choices:
    """Remembers what is chosen; what was chosen for a pinned plan is chosen again."""

    def __init__(self, pinned: Mapping[str, Choice] | None = None, *, remembers: bool = True) -> None:
        """``pinned`` are the choices of an earlier plan; one that does not remember costs nothing."""
        self._pinned = pinned or {}
        self._remembers = remembers
        self._made: dict[str, Choice] = {}

    def pinned(self, what: str, plan: Plan | None = None) -> Choice | None:
        """What was chosen there for the pinned plan; None if nothing was. The caller sees to it that it is possible now."""
        return self._pinned.get(_place(what, plan)) if self._pinned else None

    def made(self, what: str, choice: Choice, plan: Plan | None = None) -> None:
        """Note what has been chosen."""
        if self._remembers:
            self._made[_place(what, plan)] = choice

    def decided(self, what: str, choice: bool, plan: Plan | None = None) -> bool:
        """Yes or no, as for the pinned plan, else as given."""
        found = self.pinned(what, plan)
        choice = found if isinstance(found, bool) else choice
        self.made(what, choice, plan)
        return choice

    def as_text(self) -> str:
        """All that was chosen, as JSON."""
        return json.dumps(self._made, separators=(",", ":"), sort_keys=True)

    @classmethod
    def of_text(cls, text: str) -> "Choices":
        """A plan's choices, to be made again; none, if the text is none of ``as_text``."""
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        return cls(found if isinstance(found, dict) else {})


FORGETFUL = Choices(remembers=False)
"""Where no plan is kept for later."""


def _place(what: str, plan: Plan | None) -> str:
    return what if plan is None else f"{what} {fingerprint(tree(plan, masked=True))}"
