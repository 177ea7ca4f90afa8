"""The interactive shell: statements over several lines, history, completion from the catalog, Ctrl-C cancels a query."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import PostgresLexer

from hanse.cli import output as out
from hanse.cli import progress
from hanse.cli.session import config_option, message, opened, reported
from hanse.commands import show
from hanse.engine import Engine
from hanse.errors import HanseError, UserError
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.parse.parser import is_ended

# fmt: off
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "BY", "LIMIT", "OFFSET", "JOIN", "LEFT",
    "RIGHT", "FULL", "INNER", "CROSS", "LATERAL", "ON", "USING", "WITH", "RECURSIVE", "UNION", "INTERSECT",
    "EXCEPT", "ALL", "DISTINCT", "AS", "AND", "OR", "NOT", "IN", "EXISTS", "BETWEEN", "LIKE", "ILIKE", "IS",
    "NULL", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "EXPLAIN", "ANALYZE", "SHOW", "SET", "OVER",
    "PARTITION", "FILTER", "VALUES",
)
# fmt: on
HELP = """\
End a statement with ; to run it. Ctrl-C cancels it, Ctrl-D leaves.
  \\s  sources      \\d [table]  tables, or the columns of one      \\r  read the catalogs again
  \\e  explain the last statement      \\f FORMAT  table, csv, json      \\q  leave"""


class CatalogCompleter(Completer):
    """Keywords, tables and columns that start with the word before the cursor."""

    def __init__(self, engine: Engine) -> None:
        """Complete from this engine's catalog, as it is when the shell starts."""
        words = set(KEYWORDS)
        for table in engine.catalog.tables():
            words |= {table.source, f"{table.source}.{table.name}", str(table), *(c.name for c in table.columns)}
        self._words = sorted(words, key=str.lower)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """The candidates for the word before the cursor."""
        word = document.get_word_before_cursor(WORD=True).split("(")[-1].split(",")[-1]
        if not word:
            return
        for candidate in self._words:
            if candidate.lower().startswith(word.lower()):
                yield Completion(candidate, start_position=-len(word))


def _history() -> History:
    """What was typed before, in the user's state folder and for nobody else to read: statements may hold secrets."""
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        file = Path(state) / "hanse" / "history"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        return FileHistory(str(file))
    except (OSError, RuntimeError):
        return InMemoryHistory()


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        text = event.current_buffer.text.strip()
        if not text or text.startswith("\\") or is_ended(text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return keys


class Shell:
    """One interactive session."""

    def __init__(self, engine: Engine) -> None:
        """A shell over an open engine."""
        self._engine = engine
        self._format = "table"
        self._last = ""

    def run(self) -> None:
        """Read and run statements until the end of input."""
        session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=CatalogCompleter(self._engine),
            complete_while_typing=False,
            lexer=PygmentsLexer(PostgresLexer),
            multiline=True,
            key_bindings=_keys(),
        )
        click.echo("Hanse. \\? for help.")
        while True:
            try:
                text = session.prompt("hanse> ").strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text in ("\\q", "exit;", "quit;"):
                return
            if text:
                self.handle(text)

    def handle(self, text: str) -> None:
        """Run one statement or backslash command; failures are shown, never raised."""
        try:
            if text.startswith("\\"):
                self._command(text)
            else:
                self._last = text
                self._query(text)
        except HanseError as error:
            click.echo(message(error, text), err=True)
        except KeyboardInterrupt:
            click.echo("cancelled", err=True)

    def _query(self, sql: str) -> None:
        with self._engine.query(sql) as result, progress.shown(lambda: result.report) as stop:
            out.write(result, self._format, None, stop)
        if result.report.completeness is not None:
            out.warn(str(result.report.completeness))
        moved = f"{result.report.rows_moved:,} rows, {result.report.bytes_moved:,} bytes moved"
        click.echo(f"{result.report.elapsed_ms:.0f} ms; {moved}", err=True)

    def _command(self, text: str) -> None:
        name, _, argument = text.partition(" ")
        argument = argument.strip().rstrip(";")
        snapshot = self._engine.catalog.snapshot()
        match name:
            case "\\s":
                self._show(show.sources(snapshot, self._engine.catalog.kinds, self._engine.breakers()))
            case "\\d":
                self._show(show.describe(self._engine.catalog.table(argument)) if argument else show.tables(snapshot))
            case "\\r":
                read = self._engine.catalog.refresh()
                click.echo(f"read {len(read.listed())} of {len(self._engine.catalog.sources)} catalogs")
            case "\\e":
                click.echo(self._engine.explain(self._last))
            case "\\f" if argument in ("table", "csv", "json"):
                self._format = argument
            case _:
                click.echo(HELP)

    def _show(self, answer: show.Rows) -> None:
        out.write(ResultStream.of_rows(*answer, Report("")), "table", None)


@click.command()
@config_option
@reported
def shell(config: str) -> None:
    """Open the interactive shell."""
    if not sys.stdin.isatty():
        raise UserError(
            "the shell needs a terminal", sqlstate="42601", hint="hanse query reads a statement from a pipe"
        )
    with opened(config) as engine:
        Shell(engine).run()
