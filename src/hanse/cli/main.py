"""``hanse``: the group of all commands and what they share."""

import click

from hanse import __version__
from hanse.cli.browse import check, describe, sources, tables
from hanse.cli.query import explain, query
from hanse.cli.setup import demo, init
from hanse.cli.shell import shell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hanse")
def main() -> None:
    """One SQL query over databases that cannot be merged."""


for command in (query, explain, shell, sources, tables, describe, check, init, demo):
    main.add_command(command)
