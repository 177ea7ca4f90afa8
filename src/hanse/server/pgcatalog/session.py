"""What a session itself answers: who asks, in which database and schema, and with which settings.

PostgreSQL's manual, Session Information Functions and Configuration Settings Functions.
"""

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from hanse.errors import UnknownName, UserError
from hanse.server.pgcatalog import seed
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.casts import named, texts
from hanse.server.pgcatalog.client import Client
from hanse.server.pgcatalog.lookup import Lookup
from hanse.server.pgcatalog.sets import call, is_vector

Arguments = Sequence[exp.Expr]
Types = Sequence[int | None]
_REGISTERED = {
    "to_regclass": t.REGCLASS,
    "to_regtype": t.REGTYPE,
    "to_regnamespace": t.REGNAMESPACE,
    "to_regrole": t.REGROLE,
    "to_regproc": t.REGPROC,
}
_NOW = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"})
_FORMAT = re.compile(r"%(%|[sIL])")


class Answers:
    """Answers in the place of calls. ``changed`` are the settings that set_config() was to change, by name: value, is_local."""

    def __init__(self, client: Client, lookup: Lookup) -> None:
        """For one statement of a client."""
        self._client = client
        self._lookup = lookup
        self.changed: dict[str, tuple[str, bool]] = {}
        self._known: dict[str, Callable[[Arguments, Types], exp.Expr]] = {
            "current_database": lambda _, __: _literal(client.database),
            "current_catalog": lambda _, __: _literal(client.database),
            "current_schema": lambda _, __: self._schema(),
            "current_schemas": self._schemas,
            "current_user": lambda _, __: self.user(),
            "session_user": lambda _, __: self.user(),
            "version": lambda _, __: _literal(client.version or f"PostgreSQL {client.setting('server_version')}"),
            "pg_backend_pid": lambda _, __: _literal(client.pid),
            "current_setting": self._setting,
            "set_config": self._set_config,
            "pg_typeof": lambda _, types: _oid(types[0] or t.TEXT),
            "array_upper": self._upper,
            "array_lower": self._lower,
            "array_position": self._position,
            "format": self._format,
        }

    def call(self, name: str, arguments: Arguments, types: Types) -> exp.Expr | None:
        """What a call is, if it is the session's to answer."""
        if name in _NOW:
            return _now()
        if name in _REGISTERED:
            return self._registered(_REGISTERED[name], arguments)
        answer = self._known.get(name)
        return answer(arguments, types) if answer else None

    def keyword(self, node: exp.Expr) -> exp.Expr:
        """What CURRENT_USER and its like are."""
        match node:
            case exp.CurrentSchema():
                return self._schema()
            case exp.CurrentCatalog():
                return _literal(self._client.database)
            case exp.CurrentTimestamp():
                return _now()
        return self.user()

    def user(self) -> exp.Expr:
        """Who asks."""
        return _literal(self._client.user)

    def path(self) -> exp.Expr:
        """The schemas in which a name alone is looked for."""
        return texts(self._client.path())

    def settings(self) -> exp.Expr:
        """pg_settings with what this session has set."""
        known = {str(row[0]).lower(): str(row[0]) for row in seed.ROWS["pg_settings"]}
        given = {known.get(name.lower(), name): value for name, value in self._client.settings.items()}
        if not given:
            return exp.select("*").from_("cat.pg_settings")
        rows = [exp.Tuple(expressions=[_literal(name), _literal(value)]) for name, value in given.items()]
        values = exp.Values(
            expressions=rows,
            alias=exp.TableAlias(
                this=exp.to_identifier("z_v"), columns=[exp.to_identifier("n"), exp.to_identifier("s")]
            ),
        )
        columns = [
            exp.column(name, table="z_s").as_(name) for name in seed.RELATIONS["pg_catalog", "pg_settings"].columns
        ]
        for place, name in enumerate(seed.RELATIONS["pg_catalog", "pg_settings"].columns):
            if name in ("name", "setting"):
                other = exp.column("n" if name == "name" else "s", table="z_v")
                columns[place] = exp.Coalesce(this=other, expressions=[exp.column(name, table="z_s")]).as_(name)
        query: exp.Select = exp.select(*columns).from_(exp.alias_(exp.to_table("cat.pg_settings"), "z_s", table=True))
        return query.join(values, on="z_v.n = z_s.name", join_type="full")

    def _schemas_of_path(self) -> list[str]:
        return [one for one in self._client.path() if one in self._lookup.namespaces]

    def _schema(self) -> exp.Expr:
        found = self._schemas_of_path()
        return _literal(found[0]) if found else exp.cast(exp.Null(), "VARCHAR", dialect="duckdb")

    def _schemas(self, arguments: Arguments, _: Types) -> exp.Expr:
        found = self._schemas_of_path()
        is_whole = bool(arguments) and arguments[0].sql().upper() != "FALSE"
        return texts([*(["pg_catalog"] if is_whole and "pg_catalog" not in found else []), *found])

    def _setting(self, arguments: Arguments, _: Types) -> exp.Expr:
        said = _bare(arguments[0])
        if isinstance(said, exp.Null):
            return exp.cast(exp.Null(), "VARCHAR", dialect="duckdb")
        if not isinstance(said, exp.Literal):
            raise UserError("current_setting() needs the name of a setting in quotes", sqlstate="0A000")
        name = said.name
        found = self._client.setting(name)
        if found is None and not (len(arguments) > 1 and arguments[1].sql().upper() == "TRUE"):
            raise UnknownName(f'unrecognized configuration parameter "{name}"', sqlstate="42704")
        return exp.cast(exp.Null(), "VARCHAR", dialect="duckdb") if found is None else _literal(found)

    def _set_config(self, arguments: Arguments, _: Types) -> exp.Expr:
        said = [_bare(one) for one in arguments]
        if len(said) != 3 or not all(isinstance(one, exp.Literal | exp.Null) for one in said[:2]):
            raise UserError("set_config() needs a name and a value in quotes", sqlstate="0A000")
        if not any(isinstance(one, exp.Null) for one in said):
            is_local = said[2].sql().upper() not in ("FALSE", "'F'", "'FALSE'")
            self.changed[said[0].name] = (said[1].name, is_local)
        return arguments[1]

    def _registered(self, type: int, arguments: Arguments) -> exp.Expr:
        text = arguments[0]
        if not (isinstance(text, exp.Literal) and text.is_string):
            return named(text, type, self._client.path())
        found = self._lookup.find(type, text.name, self._client.path())
        return _oid(found)

    def _upper(self, arguments: Arguments, types: Types) -> exp.Expr:
        length: exp.Expr = call("len", arguments[0])
        if is_vector(types[0]):
            length = exp.Paren(this=exp.Sub(this=length, expression=_literal(1)))
        return exp.cast(
            exp.Nullif(this=length, expression=_literal(0)) if not is_vector(types[0]) else length, "INTEGER"
        )

    def _lower(self, arguments: Arguments, types: Types) -> exp.Expr:
        first = 0 if is_vector(types[0]) else 1
        return exp.Case(
            ifs=[exp.If(this=exp.GT(this=call("len", arguments[0]), expression=_literal(0)), true=_literal(first))]
        )

    def _position(self, arguments: Arguments, types: Types) -> exp.Expr:
        place = call("list_position", *arguments[:2])
        if is_vector(types[0]):
            return exp.Paren(this=exp.Sub(this=place, expression=_literal(1)))
        return exp.cast(place, "INTEGER")

    def _format(self, arguments: Arguments, _: Types) -> exp.Expr:
        """format('%I.%s', ...) as a concatenation."""
        if not isinstance(arguments[0], exp.Literal):
            raise UserError("format() needs its pattern in quotes", sqlstate="0A000")
        rest = list(arguments[1:])
        done: list[exp.Expr] = []
        for place, piece in enumerate(_FORMAT.split(arguments[0].name)):
            if place % 2 == 0 or piece == "%":
                done.append(_literal(piece))
            elif not rest:
                raise UserError("too few arguments for format()", sqlstate="22023")
            else:
                done.append(_formatted(piece, rest.pop(0)))
        return call("concat", *done)


def _formatted(kind: str, value: exp.Expr) -> exp.Expr:
    text = exp.cast(value, "VARCHAR", dialect="duckdb")
    return text if kind == "s" else call("pg.quote_ident" if kind == "I" else "pg.quote_nullable", text)


def _bare(node: exp.Expr) -> exp.Expr:
    """What is in parentheses, and cast."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _literal(value: str | int) -> exp.Expr:
    return exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(value)


def _oid(value: int | None) -> exp.Expr:
    return exp.cast(exp.Null() if value is None else _literal(value), "UINTEGER", dialect="duckdb")


def _now() -> exp.Expr:
    """Moments are UTC without a zone."""
    return call("make_timestamp", call("epoch_us", call("now")))
