"""What plans may not do: guardrails, tested on what would be sent, before anything is. And what is true of an answer that
is made without some of the sources."""

from hanse.policy.completeness import Refused, claimed
from hanse.policy.constants import Case
from hanse.policy.demands import Checked, Demand, applying, checked, enforce
from hanse.policy.guardrails import Rules, Sizes, demanded, refuse_whole, require_explaining, with_required_keys
from hanse.policy.losing import loss, tables_of, within, without
from hanse.policy.tolerance import Tolerance

__all__ = [
    "Case",
    "Checked",
    "Demand",
    "Refused",
    "Rules",
    "Sizes",
    "Tolerance",
    "applying",
    "checked",
    "claimed",
    "demanded",
    "enforce",
    "loss",
    "refuse_whole",
    "require_explaining",
    "tables_of",
    "with_required_keys",
    "within",
    "without",
]
