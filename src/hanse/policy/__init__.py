"""What plans may not do: guardrails, tested on what would be sent, before anything is."""

from hanse.policy.constants import Case
from hanse.policy.demands import Checked, Demand, checked, enforce
from hanse.policy.guardrails import Rules, Sizes, demanded, refuse_sampling, require_explaining, with_required_keys

__all__ = [
    "Case",
    "Checked",
    "Demand",
    "Rules",
    "Sizes",
    "checked",
    "demanded",
    "enforce",
    "refuse_sampling",
    "require_explaining",
    "with_required_keys",
]
