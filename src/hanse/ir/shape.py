"""What a cut plan is, apart from the constants in it: a text for people to compare, and a fingerprint of that text.

    here:
      Aggregate: by region; count(*) as n
      └─ Scan f1 ...
    f1 @crm:
      Filter: segment = ?
      └─ Scan: crm.customers (id, region)

Two plans with one shape read the same tables at the same sources, joined in the same order, with the same conditions sent.
No value that a user wrote stands in it: it may be kept.
"""

import hashlib

from hanse.ir.fragment import FragmentGraph, Hole
from hanse.ir.text import tree


def shape(graph: FragmentGraph) -> str:
    """The coordinator's plan, every fragment, and which keys go where."""
    lines = ["here:", _indented(tree(graph.coordinator, masked=True))]
    for fragment in graph.fragments:
        lines += [f"f{fragment.id} @{fragment.source}:", _indented(tree(fragment.plan, masked=True))]
        lines += [f"  keys k{hole.id} <- {_origins(hole)}" for hole in graph.holes if hole.target == fragment.id]
        lines += [
            f"  rows <- {' '.join(f'f{id}' for id in side.origins)}"
            for side in graph.small_sides
            if side.target == fragment.id
        ]
    return "\n".join(lines)


def _origins(hole: Hole) -> str:
    return ", ".join(f"f{origin.fragment}" for origin in hole.origins)


def fingerprint(text: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _indented(block: str) -> str:
    return "\n".join("  " + line for line in block.splitlines())
