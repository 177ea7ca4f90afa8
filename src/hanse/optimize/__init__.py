"""Plan to plan: the same columns, the same rows, the same obligations, less work.

In comes a bound plan as its author wrote it; out goes one whose filters stand at the scans, whose scans read what is
needed, and whose joins of one source stand together, so that ``split`` can cut there. Nothing here knows what a source
can do. Every rule is an improvement wherever it applies; only ``order_joins`` weighs costs, by what ``estimate`` makes of
the tables' statistics.

    Project: o.total                                     Project: o.total
    └─ Filter: c.id = o.customer and c.region = 'EU'  => └─ Join: inner on c.id = o.customer
       └─ Join: cross                                       ├─ Filter: c.region = 'EU'
          ├─ Scan: crm.customers as c                       │  └─ Scan: crm.customers as c (id, region)
          └─ Scan: shop.orders as o                         └─ Scan: shop.orders as o (customer, total)
"""

from hanse.optimize.driver import Recording as Recording
from hanse.optimize.driver import optimize as optimize
