"""The group of commands: its help costs nothing, and names each command once."""

import subprocess
import sys

from click.testing import CliRunner

from hanse.cli.main import COMMANDS, SHORT_HELP, main

PROBE = "import sys, hanse.cli.main; print([m for m in ('hanse.engine', 'pyarrow', 'sqlglot') if m in sys.modules])"


def test_help_imports_no_engine() -> None:
    found = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_command_has_its_line() -> None:
    assert list(SHORT_HELP) == list(COMMANDS)
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(line in shown for line in SHORT_HELP.values())
