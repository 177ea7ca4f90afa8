"""``hanse``: the group of all commands. A command's module is imported when the command runs, so that all start quickly."""

import importlib
from typing import Any

import click

from hanse import __version__

COMMANDS = {
    "query": "hanse.cli.query",
    "explain": "hanse.cli.query",
    "shell": "hanse.cli.shell",
    "sources": "hanse.cli.browse",
    "tables": "hanse.cli.browse",
    "describe": "hanse.cli.browse",
    "check": "hanse.cli.browse",
    "init": "hanse.cli.setup",
    "demo": "hanse.cli.setup",
}
"""Every command, in the order of the help, and the module that defines it under its name."""


class Commands(click.Group):
    """The commands of ``COMMANDS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        found: Any = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return found if isinstance(found, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hanse")
def main() -> None:
    """One SQL query over databases that cannot be merged."""
