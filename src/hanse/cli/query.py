"""``hanse query`` and ``hanse explain``."""

import sys
from pathlib import Path

import click

from hanse.cli import output as out
from hanse.cli import progress
from hanse.cli.session import config_option, opened, reported
from hanse.cli.shell import run_shell
from hanse.commands.explain import FORMATS
from hanse.engine import Engine
from hanse.errors import HanseError, UserError
from hanse.execute.report import Report


def statement(sql: str | None, file: str | None) -> str | None:
    """The SQL from the argument, a file, or standard input; None when there is a person at the terminal instead."""
    if sql is not None and file is not None:
        raise UserError("give the statement once: as an argument or with -f", sqlstate="42601")
    if file is not None and file != "-":
        return Path(file).read_text(encoding="utf-8")
    if sql is not None and sql != "-":
        return sql
    if sql is None and file is None and sys.stdin.isatty():
        return None
    return sys.stdin.read()


def parameters(pairs: tuple[str, ...]) -> dict[str, str] | list[str] | None:
    """``-p name=value`` as named, ``-p value`` as numbered parameters."""
    if not pairs:
        return None
    named = [pair.partition("=") for pair in pairs]
    if all(separator and name.isidentifier() for name, separator, _ in named):
        return {name: value for name, _, value in named}
    return list(pairs)


@click.command()
@click.argument("sql", required=False)
@config_option
@click.option("-f", "--file", help="Read the statement from a file (- is standard input).")
@click.option("--format", "format_", type=click.Choice(out.FORMATS), help="Default: a table, or what -o's name says.")
@click.option("-o", "--output", help="Write the answer to a file.")
@click.option("-p", "--param", multiple=True, help="A value: name=value for :name, or value for $1, $2 ...")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting for this query.")
@click.option("--report", "with_report", is_flag=True, help="Then say on stderr what each source was asked and sent.")
@reported
def query(
    sql: str | None,
    config: str,
    file: str | None,
    format_: str | None,
    output: str | None,
    param: tuple[str, ...],
    settings: tuple[str, ...],
    with_report: bool,
) -> None:
    """Run SQL over the configured sources. Without SQL on a terminal, open the shell."""
    text = statement(sql, file)
    with opened(config) as engine:
        if text is None:
            run_shell(engine)
            return
        try:
            chosen = dict(_setting(pair) for pair in settings)
            report = run(engine, text, out.format_for(format_, output), output, parameters(param), chosen)
        except HanseError as error:
            error.statement = text  # type: ignore[attr-defined]  # for the pointer under the statement
            raise
    if with_report:
        out.warn(summary(report))


def _setting(pair: str) -> tuple[str, str]:
    name, separator, value = pair.partition("=")
    if not separator:
        raise UserError(f"--set {pair}: write NAME=VALUE", sqlstate="42601")
    return name, value


def run(
    engine: Engine,
    sql: str,
    format: str,
    output: str | None,
    given: dict[str, str] | list[str] | None = None,
    settings: dict[str, str] | None = None,
) -> Report:
    """Run one statement and write its answer, with live progress; returns the report."""
    with engine.query(sql, given, settings) as result, progress.shown(result.report):
        out.write(result, format, output)
    return result.report


def _in_place(rows: int | None) -> str:
    return "read in place" if rows is None else f"read in place, {rows:,} rows"


def summary(report: Report) -> str:
    """What each source was asked and sent, for people."""
    lines = []
    for source in report.sources:
        moved = _in_place(source.rows_in_place) if source.embedded else f"{source.rows:,} rows, {source.bytes:,} bytes"
        lines.append(f"{source.source} ({source.kind}): {moved}\n    {source.sql}")
    lines.append(f"moved in all: {report.rows_moved:,} rows, {report.bytes_moved:,} bytes; {report.elapsed_ms:.0f} ms")
    return "\n".join(lines)


@click.command()
@click.argument("sql", required=False)
@config_option
@click.option("-f", "--file", help="Read the statement from a file (- is standard input).")
@click.option("--analyze", is_flag=True, help="Run it, and show what happened.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="text, json, or one stage alone.")
@click.option("-p", "--param", multiple=True, help="A value: name=value for :name, or value for $1, $2 ...")
@reported
def explain(
    sql: str | None,
    config: str,
    file: str | None,
    analyze: bool,
    format_: str,
    param: tuple[str, ...],
) -> None:
    """Show how a query is answered: which source gets which SQL, and why the rest is done here."""
    text = statement(sql, file) or ""
    with opened(config) as engine:
        try:
            click.echo(engine.explain(text, analyze, format_, parameters(param)))
        except HanseError as error:
            error.statement = text  # type: ignore[attr-defined]  # for the pointer under the statement
            raise
