"""``hanse plans``: which plans answered which queries, and how two of them differ."""

import datetime as dt
import difflib

import click

from hanse.cache.history import Entry, PlanHistory
from hanse.cli import output as out
from hanse.cli.session import config_option, opened, reported
from hanse.engine import Engine
from hanse.errors import ConfigError, UnknownName
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.ir.expr import Column
from hanse.ir.types import BOOLEAN, FLOAT64, INT64, TEXT

_COLUMNS = (
    *(Column(place, name, TEXT) for place, name in enumerate(("query", "plan", "first seen", "last seen"))),
    Column(4, "runs", INT64),
    Column(5, "median ms", FLOAT64),
    Column(6, "median bytes", INT64),
    Column(7, "pinned", BOOLEAN),
    Column(8, "statement", TEXT),
)


@click.group(invoke_without_command=True)
@config_option
@click.option("--format", "format_", type=click.Choice(out.FORMATS), default="table")
@click.pass_context
@reported
def plans(context: click.Context, config: str, format_: str) -> None:
    """List the plans that answered queries, latest first.

    A query is called by the fingerprint of its statement without values, a plan by that of its shape. `hanse plans show`
    prints a plan, or all plans of a query; `hanse plans diff` what changed from one plan to another. Plans are
    remembered in the folder that the configuration names as engine.state; without one there are none.
    """
    context.obj = config
    if context.invoked_subcommand is None:
        with opened(config) as engine:
            rows = [_row(entry) for entry in _history(engine).entries()]
            out.write(ResultStream.of_rows(_COLUMNS, rows, Report("")), format_, None)


@plans.command()
@click.argument("fingerprint")
@click.pass_obj
@reported
def show(config: str, fingerprint: str) -> None:
    """Print a plan, or all plans of a query; the beginning of a fingerprint will do."""
    with opened(config) as engine:
        entries = _history(engine).entries(fingerprint)
    if not entries:
        raise UnknownName(
            f"no query or plan begins with {fingerprint}", sqlstate="42704", hint="hanse plans lists them"
        )
    click.echo("\n\n".join(map(_described, entries)))


@plans.command()
@click.argument("old")
@click.argument("new")
@click.pass_obj
@reported
def diff(config: str, old: str, new: str) -> None:
    """Show what changed from one plan to another."""
    with opened(config) as engine:
        before, after = (_history(engine).shape(prefix).splitlines() for prefix in (old, new))
    click.echo("\n".join(difflib.unified_diff(before, after, old, new, lineterm="", n=100)))


@plans.command()
@click.argument("query")
@click.argument("plan")
@click.pass_obj
@reported
def pin(config: str, query: str, plan: str) -> None:
    """Have a query answered by a plan that it had; the beginnings of both fingerprints will do.

    The query is planned anew all the same, with the choices that led to that plan. Where these do not lead there any more
    (a table has changed, a source takes less), it gets the best plan, and says so.
    """
    with opened(config) as engine:
        entry = _history(engine).pin(query, plan)
    click.echo(f"query {entry.query} has plan {entry.plan} from now on")


@plans.command()
@click.argument("query")
@click.pass_obj
@reported
def unpin(config: str, query: str) -> None:
    """Let a query have the best plan again; the beginning of its fingerprint will do."""
    with opened(config) as engine:
        found = _history(engine).unpin(query)
    click.echo(f"query {found} has the best plan again")


def _history(engine: Engine) -> PlanHistory:
    if engine.history is None:
        raise ConfigError("plans are not remembered", hint="engine: {state: .hanse} names a folder for them")
    return engine.history


def _when(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(entry: Entry) -> tuple[object, ...]:
    size = None if entry.median_bytes is None else round(entry.median_bytes)
    ms = None if entry.median_ms is None else round(entry.median_ms, 1)
    seen = _when(entry.first_seen), _when(entry.last_seen)
    return (entry.query, entry.plan, *seen, entry.runs, ms, size, entry.pinned, entry.statement)


def _described(entry: Entry) -> str:
    median = (
        "" if entry.median_ms is None else f"; median {entry.median_ms:.1f} ms, {entry.median_bytes:,.0f} bytes moved"
    )
    return "\n".join(
        [
            f"plan {entry.plan} of query {entry.query}{', pinned' if entry.pinned else ''}",
            f"  {entry.statement}",
            f"  {entry.runs} runs, {_when(entry.first_seen)} to {_when(entry.last_seen)} UTC{median}",
            *(f"  {line}" for line in entry.shape.splitlines()),
        ]
    )
