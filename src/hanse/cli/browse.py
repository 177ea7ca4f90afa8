"""``hanse sources|tables|describe|check``: what there is, and whether it answers."""

import sys
import time

import click

from hanse.cli import output as out
from hanse.cli.session import config_option, message, opened, reported
from hanse.commands import show
from hanse.engine import Engine
from hanse.execute.report import Report
from hanse.execute.result import ResultStream

format_option = click.option("--format", "format_", type=click.Choice(out.FORMATS), default="table")


def _write(answer: show.Rows, format: str) -> None:
    out.write(ResultStream.of_rows(*answer, Report("")), format, None)


def _warn_of_lost(engine: Engine) -> None:
    """Say which sources are missing from what was just listed, and which shards' tables are assumed in it."""
    snapshot = engine.catalog.snapshot()
    for name in engine.catalog.sources:
        failure, problem = engine.catalog.failure(name), snapshot.problem(name)
        if failure:
            out.warn(message(failure))
        elif problem:
            out.warn(problem)


@click.command()
@config_option
@format_option
@reported
def sources(config: str, format_: str) -> None:
    """List the sources: kind, server, number of tables, and what is wrong with them."""
    with opened(config) as engine:
        _write(show.sources(engine.catalog.snapshot(), engine.catalog.kinds, engine.breakers()), format_)


@click.command()
@click.argument("source", required=False)
@config_option
@format_option
@reported
def tables(source: str | None, config: str, format_: str) -> None:
    """List the tables of all sources, or of one."""
    with opened(config) as engine:
        snapshot = engine.catalog.snapshot()
        failure = engine.catalog.failure(source) if source else None
        if failure:
            raise failure
        _write(show.tables(snapshot, source), format_)
        if source is None:
            _warn_of_lost(engine)


@click.command()
@click.argument("table")
@config_option
@format_option
@reported
def describe(table: str, config: str, format_: str) -> None:
    """Show a table's columns, types, keys, the columns that cannot be read, with the reason, and how old its statistics are."""
    with opened(config) as engine:
        found = engine.catalog.table(table)
        _write(show.describe(found), format_)
        if format_ == "table":
            for name, value in (*found.details, *show.known_of(found, time.time())):
                click.echo(f"{name}: {value}")


@click.command()
@config_option
@reported
def check(config: str) -> None:
    """Check the configuration and every source; exit code 1 if one does not answer."""
    with opened(config) as engine:
        lines = {name: _state(engine, name) for name in engine.catalog.sources}
        for name, line in lines.items():
            click.echo(f"{name} ({engine.catalog.kinds[name]}): {line}")
        if not lines:
            click.echo(f"{config} names no sources yet")
        snapshot = engine.catalog.snapshot()
        lost = [name for name in lines if snapshot.problem(name)]
    if lost:
        sys.exit(1)


def _state(engine: Engine, name: str) -> str:
    snapshot = engine.catalog.snapshot()
    catalog = snapshot.sources.get(name)
    if catalog is not None and (problem := snapshot.problem(name)) is not None:
        return problem
    if catalog is None:
        failure = engine.catalog.failure(name)
        return message(failure).replace("\n", "; ") if failure else "does not answer"
    hidden = sum(len(table.hidden) for table in catalog.tables)
    unread = f", {_count(hidden, 'column')} cannot be read (see hanse describe)" if hidden else ""
    pace = str(engine.pace(name))
    return f"ok, {catalog.server}, {_count(len(catalog.tables), 'table')}{unread}{f'; {pace}' if pace else ''}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
