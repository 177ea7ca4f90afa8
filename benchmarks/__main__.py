"""``python -m benchmarks [name ...]`` or ``python -m benchmarks federated|points [options]``: run, and write results."""

import sys
from collections.abc import Callable, Sequence

from benchmarks import keys, memory, planning, points, scans, spill
from benchmarks.federated import run as federated

ALL: dict[str, Callable[[], None]] = {
    "scans": scans.run,
    "memory": memory.run,
    "spill": spill.run,
    "planning": planning.run,
    "keys": keys.run,
}
WITH_OPTIONS: dict[str, Callable[[Sequence[str]], None]] = {"federated": federated.run, "points": points.run}

if __name__ == "__main__":
    asked = sys.argv[1:]
    if asked and asked[0] in WITH_OPTIONS:
        WITH_OPTIONS[asked[0]](asked[1:])
    else:
        for name in asked or ALL:
            ALL[name]()
