"""Fragments to SQL text: the only place that writes SQL, from the dialects' tables of proven spellings.

``render`` turns a FragmentGraph into a RequestGraph; ``write`` turns any one plan into a statement of one dialect. In:

    Filter: placed >= date '2026-01-01'
    └─ Scan: shop.orders

out: ``SELECT "customer_id", "total" FROM "public"."orders" WHERE "placed" >= DATE '2026-01-01'``.
"""

from hanse.render.renderer import render
from hanse.render.writer import write

__all__ = ["render", "write"]
