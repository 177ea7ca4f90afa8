"""``hanse analyze``: samples tables of which their sources tell too little, and keeps what is found for the plans to come."""

import sys

import click

from hanse.cli import output as out
from hanse.cli.session import config_option, opened, reported
from hanse.commands.analyze import Analyzed
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.ir.expr import Column
from hanse.ir.tables import Table
from hanse.ir.types import FLOAT64, INT64, TEXT

_COLUMNS = (
    Column(0, "table", TEXT),
    Column(1, "rows", FLOAT64),
    Column(2, "sampled", INT64),
    Column(3, "columns", INT64),
    Column(4, "problem", TEXT),
)


@click.command()
@click.argument("name", required=False, metavar="[SOURCE[.TABLE]]")
@config_option
@click.option("--format", "format_", type=click.Choice(out.FORMATS), default="table")
@reported
def analyze(name: str | None, config: str, format_: str) -> None:
    """Sample the tables of which their sources tell too little, or those of a source, or one table.

    At most some 30,000 rows, 64 MB and 30 seconds are taken of each; nothing is written at the sources. What is found is kept
    in the folder that the configuration names as engine.state, and used for planning wherever a source knows nothing
    better. Exit code 1 if a table could not be sampled.
    """
    with opened(config) as engine:
        found = engine.analyze(name, _progress)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    if not found:
        click.echo(
            "every source tells enough of its tables; name a source or a table to sample it all the same", err=True
        )
        return
    out.write(ResultStream.of_rows(_COLUMNS, [_row(one) for one in found], Report("")), format_, None)
    if any(one.problem for one in found):
        sys.exit(1)


def _progress(table: Table, place: int, number: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{place + 1}/{number} {table}", err=True, nl=False)


def _row(one: Analyzed) -> tuple[object, ...]:
    known = one.statistics
    rows = None if known is None or known.row_count is None else float(round(known.row_count))
    return str(one.table), rows, one.sampled, len(known.columns) if known else 0, one.problem
