"""``hanse sources|tables|describe|check``: what there is, and whether it answers."""

import sys

import click

from hanse.cli import output as out
from hanse.cli.session import config_option, opened, reported
from hanse.commands import show
from hanse.execute.report import Report
from hanse.execute.result import ResultStream

format_option = click.option("--format", "format_", type=click.Choice(out.FORMATS), default="table")


def _write(answer: show.Rows, format: str) -> None:
    out.write(ResultStream.of_rows(*answer, Report("")), format, None)


@click.command()
@config_option
@format_option
@reported
def sources(config: str, format_: str) -> None:
    """List the sources: kind, server, number of tables, and what is wrong with them."""
    with opened(config) as engine:
        _write(show.sources(engine.catalog.snapshot(), engine.catalog.kinds), format_)


@click.command()
@click.argument("source", required=False)
@config_option
@format_option
@reported
def tables(source: str | None, config: str, format_: str) -> None:
    """List the tables of all sources, or of one."""
    with opened(config) as engine:
        _write(show.tables(engine.catalog.snapshot(), source), format_)


@click.command()
@click.argument("table")
@config_option
@format_option
@reported
def describe(table: str, config: str, format_: str) -> None:
    """Show a table's columns, types, keys, and the columns that cannot be read, with the reason."""
    with opened(config) as engine:
        found = engine.catalog.table(table)
        _write(show.describe(found), format_)
        if format_ == "table":
            for name, value in found.details:
                click.echo(f"{name}: {value}")


@click.command()
@config_option
@reported
def check(config: str) -> None:
    """Check the configuration and every source; exit code 1 if one does not answer."""
    with opened(config) as engine:
        snapshot = engine.catalog.snapshot()
        for name, kind in engine.catalog.kinds.items():
            problem = snapshot.unavailable.get(name)
            if problem:
                click.echo(f"{name} ({kind}): {problem}")
            else:
                catalog = snapshot.sources[name]
                hidden = sum(len(table.hidden) for table in catalog.tables)
                unread = f", {hidden} columns cannot be read (see hanse describe)" if hidden else ""
                click.echo(f"{name} ({kind}): ok, {catalog.server}, {len(catalog.tables)} tables{unread}")
    if snapshot.unavailable:
        sys.exit(1)
