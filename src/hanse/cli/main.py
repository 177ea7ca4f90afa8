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
    "analyze": "hanse.cli.analyze",
    "plans": "hanse.cli.plans",
    "queries": "hanse.cli.queries",
    "top": "hanse.cli.top",
    "timeline": "hanse.cli.queries",
    "kill": "hanse.cli.queries",
    "metrics": "hanse.cli.queries",
    "serve": "hanse.cli.serve",
    "user": "hanse.cli.user",
    "init": "hanse.cli.setup",
    "demo": "hanse.cli.setup",
}
"""Every command, in the order of the help, and the module that defines it under its name."""
SHORT_HELP = {
    "query": "Run SQL over the configured sources.",
    "explain": "Show which source gets which SQL, and why the rest is done here.",
    "shell": "Open the interactive shell.",
    "sources": "List the sources: kind, server, tables, and what is wrong.",
    "tables": "List the tables of all sources, or of one.",
    "describe": "Show a table's columns, types and keys.",
    "check": "Check the configuration and every source.",
    "analyze": "Sample tables of which their sources tell too little.",
    "plans": "List which plans answered which queries, show and compare them.",
    "queries": "List queries, running and ended: the latest, or the most expensive.",
    "top": "Show live what runs, and the most expensive queries.",
    "timeline": "Draw one query over time.",
    "kill": "End a running query.",
    "metrics": "Print metrics as Prometheus reads them, or serve them.",
    "serve": "Serve the sources to clients of PostgreSQL's protocol and over HTTP.",
    "user": "Make users for the configuration.",
    "init": "Write a first hanse.yaml with an example of every kind.",
    "demo": "Build a small company over six stores and answer a question.",
}
"""The line of each command in the help, which need not import them all."""


class Commands(click.Group):
    """The commands of ``COMMANDS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command's name."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The commands with their first lines, which are known without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SHORT_HELP.items()))

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
