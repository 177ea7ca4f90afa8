"""``python -m benchmarks [name ...]`` or ``python -m benchmarks federated|points [options]``: run, and write results.

Servers come from HANSE_TEST_PG_URL and HANSE_TEST_MYSQL_URL: ``make bench`` starts them, as does ``scripts/with_servers.py``.
"""

import sys
from collections.abc import Callable, Sequence

from benchmarks import key_ways, keys, memory, overhead, parallel, planning, points, scans, spill
from benchmarks.federated import run as federated

ALL: dict[str, Callable[[], None]] = {
    "scans": scans.run,
    "memory": memory.run,
    "spill": spill.run,
    "planning": planning.run,
    "keys": keys.run,
    "key_ways": key_ways.run,
    "parallel": parallel.run,
    "overhead": overhead.run,
}
WITH_OPTIONS: dict[str, Callable[[Sequence[str]], None]] = {"federated": federated.run, "points": points.run}


def main(asked: Sequence[str]) -> int:
    """Run what is named, or all without options; 2 for a name that there is not."""
    if asked and asked[0] in WITH_OPTIONS:
        WITH_OPTIONS[asked[0]](asked[1:])
        return 0
    if unknown := set(asked) - set(ALL):
        print(
            f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join([*ALL, *WITH_OPTIONS])}", file=sys.stderr
        )
        return 2
    for name in asked or ALL:
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
