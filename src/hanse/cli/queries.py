"""``hanse queries``, ``hanse kill``, ``hanse timeline`` and ``hanse metrics``: what queries did and do, of all processes that
share ``engine.state``."""

import datetime as dt
import threading
from contextlib import suppress
from pathlib import Path

import click

from hanse.cli import output as out
from hanse.cli.session import config_option, opened, reported
from hanse.engine import Engine
from hanse.errors import ConfigError, UserError
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.ir.expr import Column
from hanse.ir.types import FLOAT64, INT64, TEXT
from hanse.observe import timeline as drawing
from hanse.observe.records import Record

BY = {"started": "started", "time": "total_ms", "bytes": "bytes_moved", "rows": "rows_moved"}
"""What queries can be ordered by, and the column that says it."""
STATES = ("running", "finished", "failed", "cancelled", "lost")
_COLUMNS = (
    *(Column(place, name, TEXT) for place, name in enumerate(("id", "state", "started", "user"))),
    Column(4, "ms", FLOAT64),
    *(Column(5 + place, name, INT64) for place, name in enumerate(("rows", "rows moved", "bytes moved"))),
    *(Column(8 + place, name, TEXT) for place, name in enumerate(("error", "sources", "statement"))),
)


def kept(engine: Engine) -> None:
    """Raise ConfigError where no process can see what another does."""
    if not engine.keeps_queries:
        raise ConfigError(
            "queries of other processes are not kept", hint="engine: {state: .hanse} names a folder for them"
        )


def chosen(engine: Engine, by: str, number: int, state: str | None = None) -> list[Record]:
    """As many queries as wanted, the most expensive first, or the latest."""
    column = BY[by]
    limit = f"id IN (SELECT id FROM queries ORDER BY {column} DESC LIMIT {number})"
    known = engine.queries.records(limit if state is None else "")
    found = [one for one in known if state is None or one.facts.state == state]
    return sorted(found, key=lambda one: _amount(one, column), reverse=True)[:number]


def _amount(record: Record, column: str) -> float:
    amount: float = record.facts.total_ms if column == "total_ms" else getattr(record, column)
    return amount


@click.command()
@config_option
@click.option("--by", type=click.Choice(list(BY)), default="started", help="Order by this, most first.")
@click.option("-n", "number", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
@click.option("--format", "format_", type=click.Choice(out.FORMATS), default="table")
@reported
def queries(config: str, by: str, number: int, state: str | None, format_: str) -> None:
    """List queries, running and ended: the latest, or the most expensive.

    Of every process whose configuration names the same folder as engine.state. `SELECT * FROM system.queries` tells more.
    """
    with opened(config) as engine:
        kept(engine)
        rows = [_row(one) for one in chosen(engine, by, number, state)]
        out.write(ResultStream.of_rows(_COLUMNS, rows, Report("")), format_, None)


def _row(one: Record) -> tuple[object, ...]:
    started = dt.datetime.fromtimestamp(one.started, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    facts = one.facts
    amounts = (round(facts.total_ms, 1), facts.rows, one.rows_moved, one.bytes_moved)
    return (one.id, facts.state, started, one.user, *amounts, one.error, one.sources, one.statement)


@click.command()
@click.argument("query")
@config_option
@reported
def kill(query: str, config: str) -> None:
    """End a running query, of whatever process: within a second, at its sources too. The beginning of its id will do."""
    with opened(config) as engine:
        kept(engine)
        click.echo(f"query {engine.queries.kill(query.lower())} is ended")


@click.command()
@click.argument("query")
@config_option
@click.option("-o", "--output", help="The file to write; - is standard output. Default: timeline-QUERY.html.")
@click.option(
    "--format", "format_", type=click.Choice(("html", "svg")), default="html", help="A page, or the picture alone."
)
@reported
def timeline(query: str, config: str, output: str | None, format_: str) -> None:
    """Draw one query over time: planning, waiting, each source's connection, first row and rows, what was done here.

    The beginning of its id will do. SET operators = on before a query, and EXPLAIN ANALYZE, tell of joins and sorts, too.
    """
    with opened(config) as engine:
        kept(engine)
        record = engine.queries.find(query.lower())
    text = drawing.page(record) if format_ == "html" else drawing.picture(record)
    if output == "-":
        click.echo(text, nl=False)
        return
    path = Path(output or f"timeline-{record.id[:8]}.{format_}")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise UserError(f"cannot write {path}: {failure.strerror}", sqlstate="58030") from None
    click.echo(f"wrote {path}")


@click.command()
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Answer over HTTP until Ctrl-C, in place of printing once.")
@reported
def metrics(config: str, listen: str | None) -> None:
    """Print metrics as Prometheus reads them: the sum of all processes that share engine.state. Needs hanse[metrics]."""
    with opened(config) as engine:
        kept(engine)
        if listen is None:
            click.echo(engine.metrics(shared=True), nl=False)
            return
        stop = engine.serve_metrics(listen, shared=True)
        click.echo(f"metrics at http://{listen}/metrics; Ctrl-C ends it", err=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        stop()
