"""``hanse query`` and ``hanse explain``."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from hanse.cli import output as out
from hanse.cli import progress
from hanse.cli.session import config_option, opened, remember, reported
from hanse.commands.explain import FORMATS
from hanse.errors import UserError
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.parse.parser import parse


def statement(sql: str | None, file: str | None) -> str | None:
    """The SQL from the argument, a file, or standard input; None when there is a person at the terminal instead."""
    if sql is not None and file is not None:
        raise UserError("give the statement once: as an argument or with -f", sqlstate="42601")
    if file is not None and file != "-":
        try:
            return _decoded(Path(file).read_bytes(), file)
        except OSError as failure:
            raise UserError(f"cannot read {file}: {failure.strerror}", sqlstate="58030") from None
    if sql is not None and sql != "-":
        return sql
    if sql is None and file is None and sys.stdin.isatty():
        return None
    return _decoded(sys.stdin.buffer.read(), "standard input")


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise UserError(f"{name} is not UTF-8 at byte {failure.start}", sqlstate="22021") from None


def parameters(sql: str, pairs: tuple[str, ...]) -> dict[str, str] | list[str] | None:
    """``-p name=value`` for a statement with ``:name``, ``-p value`` for one with ``$1``; raises UserError."""
    if not pairs:
        return None
    known = parse(sql).parameters
    if all(name.isdigit() for name in known):
        return list(pairs)
    named = [pair.partition("=") for pair in pairs]
    for name, separator, _ in named:
        if not separator or name not in known:
            hint = f"the statement has {', '.join(':' + one for one in known)}"
            raise UserError(
                f"no parameter for -p {name}{separator}", sqlstate="07001", hint=f"{hint}: write -p name=value"
            )
    return {name: value for name, _, value in named}


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
    if text is None:
        context = click.get_current_context()
        context.invoke(_shell(context), config=config)
        return
    remember(text)
    with opened(config) as engine:
        given = parameters(text, param)
        chosen = dict(_setting(pair) for pair in settings)
        report = _run(lambda: engine.query(text, given, chosen), out.format_for(format_, output), output)
    for notice in report.notices:
        out.warn(f"notice: {notice}")
    if report.completeness is not None:
        out.warn(str(report.completeness))
    if with_report:
        out.warn(summary(report))


def _shell(context: click.Context) -> click.Command:
    """The shell, which only a person at a terminal waits to be imported."""
    group = context.find_root().command
    found = group.get_command(context, "shell") if isinstance(group, click.Group) else None
    if found is None:
        raise UserError("the statement is empty", sqlstate="42601")
    return found


def _setting(pair: str) -> tuple[str, str]:
    name, separator, value = pair.partition("=")
    if not separator:
        raise UserError(f"--set {pair}: write NAME=VALUE", sqlstate="42601")
    return name, value


def _run(answer: Callable[[], ResultStream], format: str, output: str | None) -> Report:
    """Write an answer, with live progress until its first row shows on the terminal; returns the report."""
    with answer() as result, progress.shown(lambda: result.report) as stop:
        out.write(result, format, output, stop)
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
    lines += [report.consistency.line] if report.consistency else []
    return "\n".join(lines)


@click.command()
@click.argument("sql", required=False)
@config_option
@click.option("-f", "--file", help="Read the statement from a file (- is standard input).")
@click.option("--analyze", is_flag=True, help="Run it, and show what happened.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="text, json, or one stage alone.")
@click.option("-p", "--param", multiple=True, help="A value: name=value for :name, or value for $1, $2 ...")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting for this query.")
@reported
def explain(
    sql: str | None,
    config: str,
    file: str | None,
    analyze: bool,
    format_: str,
    param: tuple[str, ...],
    settings: tuple[str, ...],
) -> None:
    """Show how a query is answered: which source gets which SQL, and why the rest is done here."""
    text = statement(sql, file) or ""
    remember(text)
    with opened(config) as engine:
        given = parameters(text, param)
        chosen = dict(_setting(pair) for pair in settings)
        click.echo(engine.explain(text, analyze, format_, given, chosen))
