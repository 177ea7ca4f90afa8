"""``hanse top``: what runs now, and what was the most expensive, again and again on a terminal."""

import sys
import time
from contextlib import suppress

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hanse.cli.queries import BY, chosen, kept
from hanse.cli.session import config_option, opened, reported
from hanse.engine import Engine
from hanse.observe.records import LOST, OPEN, Record

WIDTH = 160
"""Of what is written where there is no terminal."""


@click.command()
@config_option
@click.option(
    "--by", type=click.Choice([one for one in BY if one != "started"]), default="time", help="What is expensive."
)
@click.option("-n", "number", type=click.IntRange(1), default=10, show_default=True, help="How many expensive queries.")
@click.option("--every", type=click.FloatRange(0.2), default=1.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Print it once; the default where standard output is no terminal.")
@reported
def top(config: str, by: str, number: int, every: float, once: bool) -> None:
    """Show what runs now and the most expensive queries, of all processes that share engine.state, until Ctrl-C."""
    with opened(config) as engine:
        kept(engine)
        if once or not sys.stdout.isatty():
            Console(width=None if sys.stdout.isatty() else WIDTH).print(_shown(engine, by, number))
            return
        with Live(_shown(engine, by, number), screen=True, auto_refresh=False) as live, suppress(KeyboardInterrupt):
            while True:
                time.sleep(every)
                live.update(_shown(engine, by, number), refresh=True)


def _shown(engine: Engine, by: str, number: int) -> Group:
    states = ", ".join(f"'{state}'" for state in OPEN)
    running = [one for one in engine.queries.records(f"state IN ({states})") if one.facts.state != LOST]
    head = Text(f"{len(running)} running, {time.strftime('%H:%M:%S')}", style="bold")
    most = [one for one in chosen(engine, by, number + len(running)) if one.facts.state not in OPEN][:number]
    return Group(head, _table("running", running), Text(""), _table(f"most {by}", most))


def _table(title: str, records: list[Record]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, expand=True)
    for name in ("id", "state", "user", "s", "rows", "moved", "MB", "sources", "statement"):
        is_number = name in ("s", "rows", "moved", "MB")
        is_last = name == "statement"
        table.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if is_last else None,
        )
    for one in records:
        facts = one.facts
        numbers = (
            f"{facts.total_ms / 1000:.2f}",
            f"{facts.rows:,}",
            f"{one.rows_moved:,}",
            f"{one.bytes_moved / 1e6:,.1f}",
        )
        state = f"{facts.state} {one.error}" if one.error else facts.state
        table.add_row(*map(Text, (one.id[:8], state, one.user, *numbers, one.sources, one.statement)))
    return table
