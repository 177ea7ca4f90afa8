"""``python -m benchmarks [name ...]``: run benchmarks and write their results."""

import sys

from benchmarks import memory, planning, scans, spill

ALL = {"scans": scans.run, "memory": memory.run, "spill": spill.run, "planning": planning.run}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        ALL[name]()
