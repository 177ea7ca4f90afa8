"""``hanse serve``: answer clients of PostgreSQL's protocol and of HTTP until it is stopped."""

import click

from hanse.cli.session import config_option, reported
from hanse.server import log, serving


@click.command()
@config_option
@reported
def serve(config: str) -> None:
    """Serve the sources to clients of PostgreSQL (psql, drivers, tools) and over HTTP.

    Where it listens is `listen` in the configuration, who may log in `users` and `auth`. Events are lines of JSON on standard
    error. SIGTERM and Ctrl-C end it gently: running queries have `listen.drain` seconds; a second one ends it at once. SIGHUP
    reads users and certificates again.
    """
    log.to_stderr()
    serving.run(config)
