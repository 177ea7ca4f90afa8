"""What is kept from one query for the next: in come keys and finished values, out goes a value or nothing.

Nothing here plans or executes; ``engine`` decides what may be kept and asks before it works.
"""

from hanse.cache.catalogs import KnownCatalogs as KnownCatalogs
from hanse.cache.history import Pin as Pin
from hanse.cache.history import PlanHistory as PlanHistory
from hanse.cache.history import Used as Used
from hanse.cache.observed import Fragment as Fragment
from hanse.cache.observed import ObservedRuns as ObservedRuns
from hanse.cache.observed import Seen as Seen
from hanse.cache.observed import known_by as known_by
from hanse.cache.plans import PlanCache as PlanCache
from hanse.cache.plans import PlanKey as PlanKey
from hanse.cache.samples import Samples as Samples
