"""``hanse user``: what the configuration keeps of passwords."""

import re
import sys

import click
import yaml

from hanse.cli.session import reported
from hanse.errors import UserError
from hanse.server.scram import ITERATIONS, Verifier

NAME = re.compile(r"[^\x00-\x1f\x7f]{1,63}")


@click.group()
def user() -> None:
    """Make users for the configuration."""


@user.command()
@click.argument("name")
@click.option("-g", "--group", "groups", multiple=True, help="A group that the user belongs to; may be repeated.")
@click.option(
    "--iterations",
    type=click.IntRange(ITERATIONS, 9_999_999),
    default=ITERATIONS,
    show_default=True,
    help="How much work each guess at the password is, and each login of the client.",
)
@reported
def add(name: str, groups: tuple[str, ...], iterations: int) -> None:
    """Ask for a password and print the user's line for `users` in the configuration.

    The line has a SCRAM-SHA-256 verifier as PostgreSQL keeps it: nobody can log in with it. Where standard input is
    no terminal, its first line is the password.
    """
    if NAME.fullmatch(name) is None:
        raise UserError(f"{name!r} cannot name a user: 1 to 63 characters, none of them a control character")
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UserError("the password is empty")
    entry = {
        "password": str(Verifier.of_password(password, iterations)),
        **({"groups": list(groups)} if groups else {}),
    }
    text = yaml.safe_dump({name: entry}, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    click.echo(f"users:\n  {text.strip()[1:-1]}")
