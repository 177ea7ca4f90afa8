"""Functions that return sets, as queries that the catalog database understands, and what their columns are.

In FROM such a call becomes a derived table; in a select list the lists that they run over are unnested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from hanse.server.pgcatalog import types as t

Columns = list[tuple[str, int | None]]
"""Names and types; None: as its carrier says."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A function whose rows come from somewhere else: ``query`` in the catalog database's own SQL, whatever the arguments."""

    query: str
    columns: Columns


def _empty(**columns: int) -> Rows:
    listed = ", ".join(f'NULL::{t.carrier(oid)} AS "{name}"' for name, oid in columns.items())
    return Rows(f"SELECT {listed} WHERE false", list(columns.items()))


ROWS = {
    "pg_get_keywords": Rows(
        "SELECT word, catcode, barelabel, catdesc, baredesc FROM pg.keywords",
        [("word", t.TEXT), ("catcode", t.CHAR), ("barelabel", t.BOOL), ("catdesc", t.TEXT), ("baredesc", t.TEXT)],
    ),
    "pg_options_to_table": _empty(option_name=t.TEXT, option_value=t.TEXT),
    "aclexplode": _empty(grantor=t.OID, grantee=t.OID, privilege_type=t.TEXT, is_grantable=t.BOOL),
    "pg_listening_channels": _empty(pg_listening_channels=t.TEXT),
    "pg_blocking_pids": _empty(pg_blocking_pids=t.INT4),
    "pg_get_publication_tables": _empty(relid=t.OID),
    "pg_partition_tree": _empty(relid=t.REGCLASS, parentrelid=t.REGCLASS, isleaf=t.BOOL, level=t.INT4),
    "pg_ls_dir": _empty(pg_ls_dir=t.TEXT),
}
"""Those in FROM alone."""
SETTINGS = "pg_show_all_settings"
"""The rows of pg_settings, for this session."""
EXPANDED = "_pg_expandarray"
"""information_schema._pg_expandarray: items and their places, as two columns."""


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a function of the catalog database."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _unnest(arguments: Sequence[exp.Expr], _: Sequence[int | None]) -> exp.Expr:
    return arguments[0]


def _series(arguments: Sequence[exp.Expr], _: Sequence[int | None]) -> exp.Expr:
    return call("generate_series", *arguments)


def _subscripts(arguments: Sequence[exp.Expr], types: Sequence[int | None]) -> exp.Expr:
    """Vectors count from 0, all other arrays from 1."""
    first = 0 if is_vector(types[0]) else 1
    last = exp.Add(this=call("len", arguments[0]), expression=exp.Literal.number(first - 1))
    return call("generate_series", exp.Literal.number(first), last)


def _expanded(arguments: Sequence[exp.Expr], _: Sequence[int | None]) -> exp.Expr:
    return call("pg.expanded", arguments[0])


def _split(arguments: Sequence[exp.Expr], _: Sequence[int | None]) -> exp.Expr:
    return call("pg.string_to_array", *arguments)


def _split_by_pattern(arguments: Sequence[exp.Expr], _: Sequence[int | None]) -> exp.Expr:
    return call("string_split_regex", *arguments[:2])


def _nothing(_: Sequence[exp.Expr], __: Sequence[int | None]) -> exp.Expr:
    return exp.cast(exp.Array(expressions=[]), "UINTEGER[]", dialect="duckdb")


LISTS: dict[str, Callable[[Sequence[exp.Expr], Sequence[int | None]], exp.Expr]] = {
    "unnest": _unnest,
    "generate_series": _series,
    "generate_subscripts": _subscripts,
    EXPANDED: _expanded,
    "string_to_table": _split,
    "regexp_split_to_table": _split_by_pattern,
    "pg_partition_ancestors": _nothing,
}
"""The list over which each runs, from its arguments and their types."""


def is_vector(type: int | None) -> bool:
    """Whether it is int2vector or oidvector, whose subscripts begin with 0."""
    return type in (22, 30)


def item_type(name: str, types: Sequence[int | None]) -> int | None:
    """The type of what a function of ``LISTS`` returns."""
    if name in ("string_to_table", "regexp_split_to_table"):
        return t.TEXT
    if name == "unnest":
        return t.ELEMENTS.get(types[0] or 0) or None
    return t.REGCLASS if name == "pg_partition_ancestors" else t.INT4


def columns(name: str, types: Sequence[int | None], alias: str) -> Columns:
    """The columns of a call in FROM, where a single one is called as the call's alias is."""
    if name in ROWS:
        return list(ROWS[name].columns)
    if name == EXPANDED:
        return [("x", t.ELEMENTS.get(types[0] or 0)), ("n", t.INT4)]
    return [(alias or name, item_type(name, types) if name in LISTS else None)]
