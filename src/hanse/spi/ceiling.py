"""What a source's own EXPLAIN may say of a request: its session asks before it runs one, and runs none that is above."""

from collections.abc import Iterable
from dataclasses import dataclass

from hanse.errors import ABOVE_CEILING, GuardrailRefused


@dataclass(frozen=True, slots=True)
class Planned:
    """What a source's planner expects of one statement; None: it does not say."""

    rows: float | None
    """Of the step of its plan that has most."""
    cost: float | None
    """In the planner's own unit."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """As much as all statements of one request may come to, by the source's own planner."""

    owner: str
    """The source in the configuration."""
    rows: int | None
    cost: float | None

    def __str__(self) -> str:
        found = ((self.rows, "explain_rows", "rows"), (self.cost, "explain_cost", "of cost"))
        parts = [f"{name} of {self.owner}: {most:,.0f} {what}" for most, name, what in found if most is not None]
        return "guardrail " + ", ".join(parts)

    def check(self, plans: Iterable[Planned], source: str) -> None:
        """Raise GuardrailRefused where the plans come to more, or do not say to how much."""
        found = list(plans)
        self._check("explain_rows", self.rows, [plan.rows for plan in found], source)
        self._check("explain_cost", self.cost, [plan.cost for plan in found], source)

    def _check(self, name: str, most: float | None, amounts: list[float | None], source: str) -> None:
        if most is None:
            return
        known = [amount for amount in amounts if amount is not None]
        if len(known) == len(amounts) and sum(known) <= most:
            return
        says = f"says {sum(known):,.0f}" if len(known) == len(amounts) else "does not say how much"
        rule = f"guardrail {name} of {self.owner}"
        message = f"{rule}: the source's EXPLAIN {says} for what would be read, and {most:,.0f} is allowed"
        hint = "restrict the rows by conditions for which the source has an index"
        raise GuardrailRefused(message, sqlstate=ABOVE_CEILING, source=source, hint=hint)
