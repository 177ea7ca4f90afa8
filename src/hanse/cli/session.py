"""What every command does around its work: open the engine, and turn failures into one line and an exit code.

Exit codes: 0 done, 1 the query or its sources failed, 2 wrong usage or configuration, 130 ended by Ctrl-C, 141 the reader of
our output has gone, 143 ended by SIGTERM. ``HANSE_TRACEBACK=1`` shows where an error comes from.
"""

import functools
import getpass
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, ParamSpec

import click

from hanse.engine import Engine
from hanse.errors import ConfigError, HanseError, InternalError
from hanse.groups import Caller

P = ParamSpec("P")
STATEMENT = "hanse.statement"
CLIENT = "hanse"
"""What resource groups know the command line by."""
BUG = "this is a bug in Hanse; HANSE_TRACEBACK=1 shows where"

config_option = click.option(
    "-c",
    "--config",
    default=lambda: os.environ.get("HANSE_CONFIG") or "hanse.yaml",
    show_default="$HANSE_CONFIG or ./hanse.yaml",
    help="The configuration file.",
)


@contextmanager
def opened(config: str) -> Iterator[Engine]:
    """The engine of a configuration file, closed afterwards."""
    with Engine(config, caller=Caller(_user(), client=CLIENT)) as engine:
        yield engine


def _user() -> str:
    """Who runs the command, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def remember(sql: str) -> None:
    """Keep the statement that runs, for the pointer under it when it fails."""
    click.get_current_context().meta[STATEMENT] = sql


def message(error: HanseError, sql: str | None = None) -> str:
    """The error as a user reads it: one clear line, then where in the statement, then a hint."""
    source = f" [{error.source}]" if error.source else ""
    lines = [f"error {error.code}{source}: {' '.join(error.message.split())}"]
    if sql and error.position is not None and error.position <= len(sql):
        lines += _pointer(sql, error.position)
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _pointer(sql: str, position: int) -> list[str]:
    start = sql.rfind("\n", 0, position) + 1
    end = sql.find("\n", position)
    line = sql[start : end if end >= 0 else len(sql)]
    label = f"line {sql.count(chr(10), 0, position) + 1}: "
    before = "".join(c if c == "\t" else " " for c in line[: position - start])
    return [label + line, " " * len(label) + before + "^"]


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that its failures end as a line on stderr and an exit code, never as a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        signal.signal(signal.SIGTERM, _terminated)
        try:
            command(*args, **kwargs)
        except HanseError as error:
            _fail(error)
        except KeyboardInterrupt:
            click.echo("cancelled", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # The reader of our output has gone (hanse query ... | head): that is how pipes end, not a failure.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except OSError as error:
            click.echo(f"error 58030: {error.filename or 'output'}: {error.strerror or error}", err=True)
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # whatever else it is, it is a bug of ours: say so in one line
            _fail(InternalError(f"{type(error).__name__}: {error}", hint=BUG))

    return run


def _fail(error: HanseError) -> NoReturn:
    if os.environ.get("HANSE_TRACEBACK"):
        traceback.print_exc()
    click.echo(message(error, click.get_current_context().meta.get(STATEMENT)), err=True)
    sys.exit(2 if isinstance(error, ConfigError) else 1)


def _terminated(number: int, frame: Any) -> NoReturn:  # noqa: ARG001
    """End as Ctrl-C does: statements at the sources, half-written files."""
    sys.exit(128 + signal.SIGTERM)
