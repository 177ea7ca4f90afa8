"""Plan to fragments: one subplan per stretch of plan that a single source answers, and what is left for the coordinator.

In comes an optimized plan and what each source can do; out goes a ``FragmentGraph``. The cut goes as high as the source
is proven to give Hanse's answer; where it may only be trusted to give too many rows, the condition is tested again here.

    Filter: c.name = 'Jo'                    f1 @crm   Filter: c.name = 'Jo'          SUPERSET: collation ignores case
    └─ Scan: crm.customers as c       =>               └─ Scan: crm.customers as c
                                             here      Filter: c.name = 'Jo'
                                                       └─ Fragment: f1
"""

from hanse.split.splitter import runs_there as runs_there
from hanse.split.splitter import split as split
