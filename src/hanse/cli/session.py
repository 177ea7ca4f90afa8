"""What every command does around its work: open the engine, and turn failures into one line and an exit code.

Exit codes: 0 done, 1 the query or its sources failed, 2 wrong usage or configuration, 130 ended by Ctrl-C.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import click

from hanse.engine import Engine
from hanse.errors import ConfigError, HanseError

P = ParamSpec("P")

config_option = click.option(
    "-c",
    "--config",
    default=lambda: os.environ.get("HANSE_CONFIG", "hanse.yaml"),
    show_default="$HANSE_CONFIG or ./hanse.yaml",
    help="The configuration file.",
)


@contextmanager
def opened(config: str) -> Iterator[Engine]:
    """The engine of a configuration file, closed afterwards."""
    with Engine(config) as engine:
        yield engine


def message(error: HanseError, sql: str | None = None) -> str:
    """The error as a user reads it: one clear line, then where in the statement, then a hint."""
    source = f" [{error.source}]" if error.source else ""
    lines = [f"error {error.code}{source}: {' '.join(error.message.split())}"]
    if sql is not None and error.position is not None and error.position <= len(sql):
        lines += _pointer(sql, error.position)
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _pointer(sql: str, position: int) -> list[str]:
    start = sql.rfind("\n", 0, position) + 1
    end = sql.find("\n", position)
    line = sql[start : end if end >= 0 else len(sql)]
    label = f"line {sql.count(chr(10), 0, position) + 1}: "
    return [label + line, " " * (len(label) + position - start) + "^"]


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that its failures end as a line on stderr and an exit code, never as a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except HanseError as error:
            sql = kwargs.get("sql")
            click.echo(message(error, sql if isinstance(sql, str) else getattr(error, "statement", None)), err=True)
            sys.exit(2 if isinstance(error, ConfigError) else 1)
        except KeyboardInterrupt:
            click.echo("cancelled", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # The reader of our output has gone (hanse query ... | head): that is how pipes end, not a failure.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except OSError as error:
            click.echo(f"error 58030: {error.strerror or error}: {error.filename or 'output'}", err=True)
            sys.exit(1)

    return run
