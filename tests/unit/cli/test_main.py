"""The group of commands: its help costs nothing, and names each command once."""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from hanse.cli.main import COMMANDS, SHORT_HELP, main

PROBE = "import sys, hanse.cli.main; print([m for m in ('hanse.engine', 'pyarrow', 'sqlglot') if m in sys.modules])"


def test_help_imports_no_engine() -> None:
    found = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


QUERY = """
import sys
from click.testing import CliRunner
from hanse.cli.main import main
found = CliRunner().invoke(main, ["query", "-c", sys.argv[1], "--format", "csv", "SELECT count(*) FROM one"])
heavy = "rich.console pyarrow.parquet psycopg pymysql hanse.connectors.postgres hanse.cli.shell asyncio".split()
print(found.output.split(), [module for module in heavy if module in sys.modules])
"""


def test_a_query_imports_no_more_than_its_sources_need(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a\n1\n")
    (tmp_path / "hanse.yaml").write_text("sources: {here: {kind: files, path: .}}\n")
    command = [sys.executable, "-c", QUERY, str(tmp_path / "hanse.yaml")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['count', '1'] []"


def test_every_command_has_its_line() -> None:
    assert list(SHORT_HELP) == list(COMMANDS)
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(line in shown for line in SHORT_HELP.values())
