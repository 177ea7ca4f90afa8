"""pg_cancel_backend() and pg_terminate_backend(), which do something once for each row of an answer, and the sessions that they
do it to, as pg_stat_activity shows them (PostgreSQL's manual, Server Signaling Functions).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from hanse.errors import Unsupported
from hanse.server.pgcatalog import seed
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.client import Client
from hanse.server.pgcatalog.seed import CATALOG
from hanse.server.pgcatalog.syntax import called

CANCEL, TERMINATE = "pg_cancel_backend", "pg_terminate_backend"
NAMES = frozenset({CANCEL, TERMINATE})
ACTIVITY = "pg_stat_activity"


def taken(tree: exp.Expr) -> Mapping[int, str]:
    """Which outputs of a statement are such calls, by place; each is now the number of the session that it is for. Raises
    Unsupported for a call that is anywhere else, where nobody could tell how often it is one."""
    found: dict[int, str] = {}
    if not any(isinstance(node, exp.Anonymous) and called(node)[0] in NAMES for node in tree.walk()):
        return found
    outputs: Sequence[exp.Expr] = tree.expressions if isinstance(tree, exp.Select) else ()
    for place, output in enumerate(outputs):
        call = output.this if isinstance(output, exp.Alias) else output
        name, arguments = called(call) if isinstance(call, exp.Anonymous | exp.Dot) else ("", [])
        if name in NAMES and 1 <= len(arguments) <= (1 if name == CANCEL else 2):  # the second is how long to wait
            found[place] = name
            call.replace(exp.cast(arguments[0], "INTEGER", dialect="duckdb"))
    is_plain = not any(isinstance(node, exp.Anonymous) and called(node)[0] in NAMES for node in tree.walk())
    if not is_plain or tree.args.get("distinct") or any(isinstance(one, exp.Star) for one in outputs):
        raise Unsupported("sessions are ended by a call that is a column of its statement: SELECT pg_cancel_backend(1)")
    return found


def done(
    rows: list[tuple[Any, ...]], places: Mapping[int, str], signal: Callable[[int, bool], bool]
) -> list[tuple[Any, ...]]:
    """The rows, with what came of each call in its place."""
    if not places:
        return rows
    return [
        tuple(
            signal(value, places[place] == TERMINATE) if place in places and value is not None else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]


def activity(client: Client, roles: Mapping[str, int]) -> exp.Expr:
    """pg_stat_activity: everybody's sessions, and of the asker's own what they are doing."""
    rows = []
    for one in client.sessions:
        is_own = one.user == client.user
        rows.append(
            {
                "datname": client.database,
                "pid": one.pid,
                "usesysid": roles.get(one.user),
                "usename": one.user,
                "application_name": one.application if is_own else None,
                "client_addr": one.address if is_own else None,
                "client_port": -1 if is_own else None,
                "backend_start": f"{one.since:%Y-%m-%d %H:%M:%S.%f}" if is_own else None,
                "state": ("active" if one.is_running else "idle") if is_own else None,
                "query": "" if is_own else "<insufficient privilege>",
                "backend_type": "client backend",
            }
        )
    columns = seed.RELATIONS[CATALOG, ACTIVITY].columns
    carriers = {name: t.carrier(t.named(type) or t.TEXT) for name, type in columns.items()}
    selects = [
        exp.select(
            *(
                exp.cast(_literal(row.get(name)), carrier, dialect="duckdb").as_(name, quoted=True)
                for name, carrier in carriers.items()
            )
        )
        for row in rows or [{}]
    ]
    query: exp.Query = selects[0]
    for other in selects[1:]:
        query = exp.union(query, other, distinct=False)
    return query if rows else selects[0].where("false")


def _literal(value: Any) -> exp.Expr:
    if value is None:
        return exp.Null()
    return exp.Literal.number(value) if isinstance(value, int) else exp.Literal.string(value)
