"""What a statement's names mean before it is translated: the relation, the columns and the type of every part.

A type that nobody can tell is None: then the carrier in the catalog database decides. Names are in ``labels``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from hanse.errors import UnknownName
from hanse.server.pgcatalog import seed, sets, signals
from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.functions import FIRST, FUNCTIONS, ITEM, LIST
from hanse.server.pgcatalog.labels import output_name
from hanse.server.pgcatalog.sets import Columns
from hanse.server.pgcatalog.syntax import called, fold, spelled, table_name

TYPE = "pg_type"
"""Under this key a node's ``meta`` has its type."""
RELATION = "pg_relation"
"""Under this one a table's, the relation that it is; absent: what WITH names."""
UNKNOWN = 705
"""The type of a literal in quotes, and of NULL."""
SYSTEM = {"tableoid": t.OID, "xmin": t.XID, "xmax": t.XID, "ctid": 27, "cmin": 29, "cmax": 29}
"""Columns that every table has and ``*`` does not show."""
_SESSION = {
    "current_database": t.NAME,
    "current_catalog": t.NAME,
    "current_schema": t.NAME,
    "current_user": t.NAME,
    "session_user": t.NAME,
    "current_role": t.NAME,
    "user": t.NAME,
    "current_schemas": 1003,
    "current_setting": t.TEXT,
    "set_config": t.TEXT,
    "version": t.TEXT,
    "pg_backend_pid": t.INT4,
    "to_regclass": t.REGCLASS,
    "to_regtype": t.REGTYPE,
    "to_regnamespace": t.REGNAMESPACE,
    "to_regrole": t.REGROLE,
    "to_regproc": t.REGPROC,
    "pg_typeof": t.REGTYPE,
    "now": t.TIMESTAMPTZ,
    "clock_timestamp": t.TIMESTAMPTZ,
    "statement_timestamp": t.TIMESTAMPTZ,
    "transaction_timestamp": t.TIMESTAMPTZ,
    "array_upper": t.INT4,
    "array_lower": t.INT4,
    "array_position": t.INT4,
    "format": t.TEXT,
    **dict.fromkeys(signals.NAMES, t.BOOL),
}
"""What ``translate`` and ``session`` answer themselves."""
_STRINGS = frozenset({t.TEXT, t.NAME, t.VARCHAR, t.CHAR, 1042, UNKNOWN})
_NUMBERS = (t.INT2, t.INT4, t.INT8, t.NUMERIC, t.FLOAT4, t.FLOAT8)


@dataclass
class Scope:
    """What one FROM shows, and what lies around it."""

    outer: "Scope | None" = None
    sources: list[tuple[str, Columns]] = field(default_factory=list)
    is_merged: bool = False
    """Whether USING or NATURAL made one column of two: then ``*`` is left to the catalog database."""

    def find(self, table: str, name: str) -> int | None:
        """The type of a column; None where that cannot be told."""
        for alias, columns in self.sources:
            if table in ("", alias):
                for column, type in columns:
                    if column == name:
                        return type
        if not table and any(alias == name for alias, _ in self.sources):
            return None
        found = self.outer.find(table, name) if self.outer else None
        return found or SYSTEM.get(name)


Names = Mapping[str, Columns]


class Resolver:
    """Walks one statement. ``outputs`` are its columns; None where only the catalog database knows them."""

    def __init__(self, parameters: Mapping[int, int] | None = None) -> None:
        """``parameters``: the types of parameters that are known."""
        self._parameters = parameters or {}

    def outputs(self, query: exp.Expr) -> Columns | None:
        """Annotate the whole statement."""
        return _settled(self._query(query, {}, None))

    def _query(self, node: exp.Expr, names: Names, outer: Scope | None) -> Columns | None:
        names = self._with(node, names, outer)
        match node:
            case exp.Subquery():
                found = self._query(node.this, names, outer)
                self._others(node, ("this", "with_", "alias"), Scope(outer, [("", found or [])]), names)
                return found
            case exp.SetOperation():
                left, right = self._query(node.this, names, outer), self._query(node.expression, names, outer)
                self._others(node, ("this", "expression", "with_"), Scope(outer, [("", left or [])]), names)
                return _united(left, right)
            case exp.Values():
                scope = Scope(outer)
                for row in node.expressions:
                    self._visit(row, scope, names)
                items = (
                    node.expressions[0].expressions
                    if isinstance(node.expressions[0], exp.Tuple)
                    else [node.expressions[0]]
                )
                return [(f"column{place}", _type(item)) for place, item in enumerate(items, 1)]
            case exp.Select():
                return self._select(node, names, outer)
        raise UnknownName(f"{type(node).__name__} is no query", sqlstate="0A000")

    def _with(self, node: exp.Expr, names: Names, outer: Scope | None) -> Names:
        clause = node.args.get("with_")
        if clause is None:
            return names
        known = dict(names)
        for one in clause.expressions:
            name = fold(one.args["alias"].this)
            given = [fold(column) for column in one.args["alias"].args.get("columns") or ()]
            if clause.args.get("recursive") and isinstance(one.this, exp.SetOperation):
                first = self._query(one.this.this, known, outer)
                known[name] = _renamed(_settled(first) or [], given)
            known[name] = _renamed(_settled(self._query(one.this, known, outer)) or [], given)
        return known

    def _select(self, node: exp.Select, names: Names, outer: Scope | None) -> Columns | None:
        scope = Scope(outer)
        start = node.args.get("from_")
        if start is not None:
            self._source(start.this, scope, names)
        self._joins(node, scope, names)
        self._others(node, ("from_", "joins", "laterals", "with_"), scope, names)
        found: Columns = []
        for item in node.expressions:
            columns = self._output(item, scope)
            if columns is None:
                return None
            found += columns
        return found

    def _joins(self, node: exp.Expr, scope: Scope, names: Names) -> None:
        for join in node.args.get("joins") or ():
            self._source(join.this, scope, names)
            scope.is_merged |= bool(join.args.get("using") or join.args.get("method") == "NATURAL")
            if join.args.get("on") is not None:
                self._visit(join.args["on"], scope, names)
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope, names)

    def _source(self, node: exp.Expr, scope: Scope, names: Names) -> None:
        """An item of FROM: what it shows is added to the scope."""
        clause = node.args.get("alias")
        alias = fold(clause.this) if clause is not None and clause.this is not None else ""
        given = [fold(column) for column in (clause.args.get("columns") if clause is not None else None) or ()]
        match node:
            case exp.Table() if not isinstance(node.this, exp.Identifier):
                columns = self._function(node, scope, names, alias)
            case exp.Table():
                columns = self._table(node, names)
                alias = alias or fold(node.this)
            case exp.Unnest():
                for item in node.expressions:
                    self._visit(item, scope, names)
                columns = [(alias or "unnest", t.ELEMENTS.get(_type(item) or 0)) for item in node.expressions]
                columns += [("ordinality", t.INT8)] if node.args.get("offset") else []
            case exp.Lateral() if not isinstance(node.this, exp.Subquery):
                columns = self._function(node, scope, names, alias)
            case exp.Lateral():
                columns = _settled(self._query(node.this, names, scope)) or []
            case exp.Subquery() if isinstance(node.this, exp.Table | exp.Subquery):
                self._group(node, scope, names, alias)
                return
            case _:
                columns = _settled(self._query(node, names, scope)) or []
        scope.sources.append((alias, _renamed(columns, given)))
        self._joins(node, scope, names)

    def _group(self, node: exp.Subquery, scope: Scope, names: Names, alias: str) -> None:
        """Joins in parentheses; an alias hides the names within."""
        before = len(scope.sources)
        self._source(node.this, scope, names)
        self._joins(node, scope, names)
        if alias:
            inner = [column for _, columns in scope.sources[before:] for column in columns]
            scope.sources[before:] = [(alias, inner)]

    def _table(self, node: exp.Table, names: Names) -> Columns:
        schema, name = table_name(node)
        if schema is None and name in names:
            return list(names[name])
        relation = seed.find(schema, name)
        if relation is None:
            full = ".".join(part for part in (schema, name) if part)
            raise UnknownName(f'relation "{full}" does not exist')
        node.meta[RELATION] = relation
        return [(column, t.named(type) or t.TEXT) for column, type in relation.columns.items()]

    def _function(self, node: exp.Expr, scope: Scope, names: Names, alias: str) -> Columns:
        self._visit(node.this, scope, names)
        name, arguments = called(node.this)
        found = sets.columns(name, [_type(one) for one in arguments], alias)
        if len(found) == 1 and found[0][1] is None:
            found = [(found[0][0], _type(node.this))]
        return found + ([("ordinality", t.INT8)] if node.args.get("ordinality") else [])

    def _others(self, node: exp.Expr, apart: tuple[str, ...], scope: Scope, names: Names) -> None:
        for key, value in node.args.items():
            if key in apart:
                continue
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, exp.Expr):
                    self._visit(one, scope, names)

    def _visit(self, node: exp.Expr, scope: Scope, names: Names) -> None:
        """Type an expression, its parts first."""
        if isinstance(node, exp.Select | exp.SetOperation | exp.Values | exp.Subquery):
            found = self._query(node, names, scope)
            node.meta[TYPE] = found[0][1] if found else None
            return
        self._others(node, (), scope, names)
        node.meta[TYPE] = self._typed(node, scope)

    def _typed(self, node: exp.Expr, scope: Scope) -> int | None:  # noqa: C901  # a table
        match node:
            case exp.Literal():
                return UNKNOWN if node.is_string else _number(node.name)
            case exp.Null():
                return UNKNOWN
            case exp.ByteString() | exp.RawString() | exp.UnicodeString() | exp.Concat():
                return t.TEXT
            case exp.Parameter():
                return self._parameters.get(int(node.this.name), UNKNOWN)
            case exp.Column() if isinstance(node.this, exp.Identifier):
                if not node.table and not node.this.quoted and node.name.lower() in _SESSION:
                    return scope.find("", node.name.lower()) or _SESSION[node.name.lower()]
                return scope.find(fold(node.args["table"]) if node.args.get("table") else "", fold(node.this))
            case exp.Cast():
                return t.named(spelled(node.to))
            case exp.Paren() | exp.Alias() | exp.Filter() | exp.Window() | exp.Collate() | exp.Neg():
                return _type(node.this)
            case exp.Case():
                results = [one.args["true"] for one in node.args["ifs"]]
                return common([_type(one) for one in (*filter(None, [node.args.get("default")]), *results)])
            case exp.Array():
                return t.ARRAYS.get(common([_type(one) for one in node.expressions]) or 0)
            case exp.Bracket():
                is_slice = any(isinstance(one, exp.Slice) for one in node.expressions)
                return _type(node.this) if is_slice else t.ELEMENTS.get(_type(node.this) or 0) or None
            case exp.DPipe():
                kinds = [_type(node.this), _type(node.expression)]
                lists = [one for one in kinds if one and t.ELEMENTS.get(one) and one != t.NAME]
                return lists[0] if lists else t.TEXT
            case exp.Dot():
                return self._dotted(node)
            case exp.CurrentTimestamp():
                return t.TIMESTAMPTZ
            case exp.CurrentUser() | exp.SessionUser() | exp.CurrentSchema() | exp.CurrentCatalog():
                return t.NAME
            case exp.Predicate() | exp.Connector() | exp.Not() | exp.Operator() | exp.Exists() | exp.Boolean():
                return t.BOOL
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod():
                kinds = [_type(node.this), _type(node.expression)]
                return common(kinds) if set(kinds) <= {t.INT2, t.INT4, t.INT8} else None
            case exp.Anonymous():
                return _returned(node)
        return None

    def _dotted(self, node: exp.Dot) -> int | None:
        if isinstance(node.expression, exp.Anonymous):
            return _type(node.expression)
        inner = node.this.this if isinstance(node.this, exp.Paren) else node.this
        name, arguments = called(inner)
        if name == sets.EXPANDED:
            return t.INT4 if node.expression.name == "n" else t.ELEMENTS.get(_type(arguments[0]) or 0)
        return t.INT4 if node.expression.name == "n" else None

    def _output(self, node: exp.Expr, scope: Scope) -> Columns | None:
        if isinstance(node, exp.Star):
            return None if scope.is_merged else [column for _, columns in scope.sources for column in columns]
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            table = fold(node.args["table"])
            found = [columns for alias, columns in scope.sources if alias == table]
            return list(found[0]) if found else None
        if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Star):
            return None
        return [(output_name(node)[0], _type(node))]


def _type(node: exp.Expr) -> int | None:
    found: int | None = node.meta.get(TYPE)
    return found


def _settled(columns: Columns | None) -> Columns | None:
    """The columns of a query that is no part of a set operation: what is unknown is text."""
    return columns and [(name, t.TEXT if type == UNKNOWN else type) for name, type in columns]


def _number(text: str) -> int:
    if not text.isdigit():
        return t.NUMERIC
    return t.INT4 if int(text) < 2**31 else t.INT8 if int(text) < 2**63 else t.NUMERIC


def _united(left: Columns | None, right: Columns | None) -> Columns | None:
    if left is None or right is None or len(left) != len(right):
        return left
    return [
        (name, common([one, other]) if one and other else None)
        for (name, one), (_, other) in zip(left, right, strict=True)
    ]


def _renamed(columns: Columns, given: list[str]) -> Columns:
    return [(given[place] if place < len(given) else name, type) for place, (name, type) in enumerate(columns)]


def common(kinds: list[int | None]) -> int | None:
    """The type of several alternatives (PostgreSQL, UNION, CASE, and Related Constructs)."""
    if None in kinds:
        return None
    known = [one for one in kinds if one is not None and one != UNKNOWN]
    if not known:
        return UNKNOWN
    if len(set(known)) == 1:
        return known[0]
    if set(known) <= _STRINGS:
        return t.TEXT if known[0] == t.CHAR else known[0]
    if t.OID in known and set(known) <= {t.OID, t.INT2, t.INT4, t.INT8}:
        return t.OID
    if set(known) <= set(_NUMBERS):
        return max(known, key=_NUMBERS.index)
    return known[0]


def _returned(node: exp.Anonymous) -> int | None:
    """What a call returns."""
    name, arguments = called(node)
    if name in _SESSION:
        return _SESSION[name]
    types = [_type(one.this if isinstance(one, exp.Distinct | exp.Order) and one.this else one) for one in arguments]
    types = [
        _type(one.expressions[0]) if isinstance(one, exp.Distinct) and one.expressions else type
        for one, type in zip(arguments, types, strict=True)
    ]
    if name in sets.LISTS:
        return None if name == sets.EXPANDED else sets.item_type(name, types)
    if name == "array":
        return t.ARRAYS.get(types[0] or 0) if types else None
    function = FUNCTIONS.get(name)
    if function is None or function.returns is None or function.returns > 0:
        return function.returns if function else None
    if name in ("max", "min") and types[0] in (t.NAME, t.VARCHAR):
        return t.TEXT
    return {
        FIRST: common(types) if name in ("coalesce", "greatest", "least") else types[0],
        LIST: t.ARRAYS.get(types[0] or 0),
        ITEM: t.ELEMENTS.get(types[0] or 0),
    }[function.returns]
