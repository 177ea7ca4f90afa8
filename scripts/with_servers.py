"""Run a command with real servers: `with_servers.py COMMAND ...`, under HANSE_TEST_PG_URL and HANSE_TEST_MYSQL_URL.

Servers that these variables already name are used as they are; the others are started first and stopped afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.servers.running import servers


def main() -> int:
    """Return the command's own exit code; 2 when there is no server to be had."""
    if len(sys.argv) < 2:
        print("usage: with_servers.py COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    try:
        with servers("postgres", "mariadb") as variables:
            return subprocess.run(sys.argv[1:], env=os.environ | variables, check=False).returncode
    except (RuntimeError, OSError) as error:
        print(f"with_servers: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
