"""From a statement about the catalog to one that the catalog database understands.

Nodes are replaced from the leaves up, so that every part is already translated when what surrounds it is. Whatever is not known
here is refused: no relation, no function and no clause passes by being overlooked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from hanse.errors import UnknownName, Unsupported
from hanse.server.pgcatalog import operators, sets, signals
from hanse.server.pgcatalog.casts import cast
from hanse.server.pgcatalog.client import Client
from hanse.server.pgcatalog.functions import FUNCTIONS
from hanse.server.pgcatalog.lookup import Lookup
from hanse.server.pgcatalog.resolver import RELATION, SYSTEM, TYPE
from hanse.server.pgcatalog.seed import SCHEMAS
from hanse.server.pgcatalog.session import Answers
from hanse.server.pgcatalog.sets import call
from hanse.server.pgcatalog.syntax import called, fold

_OF_SESSIONS = frozenset({("pg_catalog", "pg_settings"), ("pg_catalog", signals.ACTIVITY)})
"""Relations whose rows are of the moment."""
_SCHEMAS = {"pg_catalog": "cat", "information_schema": "inf"}
_REFUSED = (
    exp.Into,
    exp.TableSample,
    exp.Pivot,
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Hint,
    exp.Placeholder,
    exp.MatchRecognize,
)
_CALLS = (
    exp.And, exp.Or, exp.Xor, exp.Cast, exp.Case, exp.If, exp.Exists, exp.Anonymous, exp.Extract, exp.Substring,
    exp.StrPosition,
    exp.Trim, exp.Concat, exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentUser, exp.SessionUser, exp.CurrentSchema,
    exp.CurrentCatalog, exp.Localtimestamp, exp.Array, exp.ArrayContainsAll, exp.ArrayOverlaps, exp.RegexpLike,
    exp.RegexpILike, exp.Unnest, exp.Collate,
    exp.JSONExtract, exp.JSONExtractScalar, exp.Any, exp.All,
)  # fmt: skip
"""The nodes of calls that the parser makes of syntax. Calls by name are all ``Anonymous``."""


@dataclass
class Translator:
    """Translates one statement that the resolver has been over. ``answers`` knows what set_config() was to change."""

    client: Client
    lookup: Lookup
    answers: Answers = field(init=False)
    signals: Mapping[int, str] = field(init=False, default_factory=dict)
    """Which outputs end sessions, by place."""

    def __post_init__(self) -> None:
        self.answers = Answers(self.client, self.lookup)

    def translated(self, tree: exp.Expr) -> exp.Expr:
        """The statement for the catalog database; raises UnknownName, Unsupported."""
        self.signals = signals.taken(tree)
        root = exp.Paren(this=tree)
        for node in reversed(list(tree.walk())):
            self._check(node)
            made = self._node(node)
            if made is not node:
                made.meta.setdefault(TYPE, node.meta.get(TYPE))
                node.replace(made)
        found: exp.Expr = root.this
        return found

    def _check(self, node: exp.Expr) -> None:
        if isinstance(node, _REFUSED):
            raise Unsupported(f"{type(node).__name__} is not possible in a query about the catalog")
        if isinstance(node, exp.Func) and not isinstance(node, _CALLS):
            raise _unknown(node.sql_name().lower())

    def _node(self, node: exp.Expr) -> exp.Expr:
        match node:
            case exp.Select():
                node.set("locks", None)
                _group_by_outputs(node)
            case exp.Table():
                return self._table(node)
            case exp.Lateral() if not isinstance(node.this, exp.Subquery):
                return self._rows(node)
            case exp.Lateral():
                return exp.Subquery(this=node.this.this, alias=node.args.get("alias"))
            case exp.Unnest() if isinstance(node.parent, exp.From | exp.Join):
                return _derived(
                    node,
                    [exp.Anonymous(this="unnest", expressions=[one]) for one in node.expressions],
                    node.expressions[0],
                )
            case exp.Column():
                return self._column(node)
            case exp.Cast():
                return cast(node, self.lookup, self.client.path())
            case exp.Dot():
                return self._dot(node)
            case exp.Anonymous() if not _is_in_from(node):
                return self._call(node)
            case (
                exp.CurrentUser()
                | exp.SessionUser()
                | exp.CurrentSchema()
                | exp.CurrentCatalog()
                | exp.CurrentTimestamp()
            ):
                return self.answers.keyword(node)
            case exp.ByteString() | exp.RawString() | exp.UnicodeString():
                return exp.Literal.string(node.name)
        return operators.translated(node)

    def _table(self, node: exp.Table) -> exp.Expr:
        if not isinstance(node.this, exp.Identifier):
            return self._rows(node)
        catalog = node.args.get("catalog")
        if catalog is not None and fold(catalog) != self.client.database:
            raise Unsupported(f"cross-database references are not implemented: {node.sql('postgres')}")
        relation = node.meta.get(RELATION)
        if relation is None:
            return node
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(relation.name, quoted=True))
        if alias.this is None:
            alias.set("this", exp.to_identifier(relation.name, quoted=True))
        if (relation.schema, relation.name) in _OF_SESSIONS:
            is_settings = relation.name == "pg_settings"
            query = self.answers.settings() if is_settings else signals.activity(self.client, self.lookup.roles)
            return exp.Subquery(this=query, alias=alias, joins=node.args.get("joins"))
        node.set("catalog", None)
        node.set("db", exp.to_identifier(_SCHEMAS[relation.schema]))
        node.set("this", exp.to_identifier(relation.name, quoted=True))
        node.set("alias", alias)
        return node

    def _rows(self, node: exp.Expr) -> exp.Expr:
        """A function in FROM as a derived table."""
        schema = node.args.get("db")
        if schema is not None and fold(schema) not in SCHEMAS:
            raise UnknownName(f'schema "{fold(schema)}" does not exist', sqlstate="3F000")
        name, arguments = called(node.this)
        if name == sets.SETTINGS:
            return exp.Subquery(this=self.answers.settings(), alias=node.args.get("alias"))
        if name in sets.ROWS:
            query = exp.Var(this=sets.ROWS[name].query)
            alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name))
            return exp.Subquery(this=query, alias=alias)
        if name not in sets.LISTS:
            made = self._call(node.this) if isinstance(node.this, exp.Anonymous) else node.this
            return _derived(node, [made], None, name)
        over = sets.LISTS[name](arguments, [one.meta.get(TYPE) for one in arguments])
        if name == sets.EXPANDED:
            columns: list[exp.Expr] = [
                call("unnest", arguments[0].copy()),
                call("generate_subscripts", arguments[0], exp.Literal.number(1)),
            ]
            return _derived(node, columns, None, "x", "n")
        return _derived(node, [call("unnest", over)], over, name)

    def _column(self, node: exp.Column) -> exp.Expr:
        node.set("db", None)
        node.set("catalog", None)
        if not isinstance(node.this, exp.Identifier):
            return node
        name = fold(node.this)
        if not node.table and not node.this.quoted and name in ("user", "current_role"):
            return self.answers.user()
        if name in SYSTEM and node.meta.get(TYPE) == SYSTEM[name]:
            return exp.cast(exp.Literal.number(1), "UINTEGER", dialect="duckdb")
        return node

    def _dot(self, node: exp.Dot) -> exp.Expr:
        """A call with its schema; a part of a row."""
        if isinstance(node.this, exp.Identifier | exp.Column):
            if fold(node.this) not in SCHEMAS:
                raise UnknownName(f'schema "{fold(node.this)}" does not exist', sqlstate="3F000")
            made: exp.Expr = node.expression
            return made
        if isinstance(node.expression, exp.Star):
            raise Unsupported("(row).* is not possible in a query about the catalog")
        return call("struct_extract", node.this, exp.Literal.string(fold(node.expression)))

    def _call(self, node: exp.Anonymous) -> exp.Expr:
        name, arguments = called(node)
        types = [one.meta.get(TYPE) for one in arguments]
        answer = self.answers.call(name, arguments, types)
        if answer is not None:
            return answer
        if name in sets.LISTS:
            return call("unnest", sets.LISTS[name](arguments, types))
        if name == "array" and arguments and isinstance(arguments[0], exp.Query):
            return node
        if name == "all":
            return node  # the comparison that it is a part of is translated as a whole
        if name == "row":
            return exp.Tuple(expressions=arguments)
        function = FUNCTIONS.get(name)
        if function is None:
            raise _unknown(name)
        if name == "pg_table_is_visible":
            arguments.append(self.answers.path())
        node.set("this", function.spelled)
        node.set("expressions", arguments)
        return node


def _group_by_outputs(node: exp.Select) -> None:
    """GROUP BY the name of an output, where FROM shows no such column: the catalog database may take it for a row."""
    labels = {
        fold(one.args["alias"]): place for place, one in enumerate(node.expressions, 1) if isinstance(one, exp.Alias)
    }
    for one in list(node.args["group"].expressions) if node.args.get("group") else ():
        if isinstance(one, exp.Column) and not one.table and one.meta.get(TYPE) is None and fold(one.this) in labels:
            one.replace(exp.Literal.number(labels[fold(one.this)]))


def _unknown(name: str) -> UnknownName:
    return UnknownName(f"function {name} does not exist", sqlstate="42883")


def _is_in_from(node: exp.Expr) -> bool:
    """Whether a call is an item of FROM, which is translated with what surrounds it."""
    return isinstance(node.parent, exp.Table | exp.Lateral) and node.arg_key == "this"


def _derived(node: exp.Expr, columns: list[exp.Expr], over: exp.Expr | None, *names: str) -> exp.Expr:
    """``(SELECT ...) AS alias(columns)`` in the place of a call; ``over`` is the list that WITH ORDINALITY counts."""
    clause = node.args.get("alias")
    alias = fold(clause.this) if clause is not None and clause.this is not None else names[0] if names else "unnest"
    given = [fold(one) for one in (clause.args.get("columns") if clause is not None else None) or ()]
    is_counted = bool(node.args.get("ordinality") or node.args.get("offset"))
    if is_counted and over is not None:
        columns = [*columns, call("generate_subscripts", over.copy(), exp.Literal.number(1))]
    known = [*(names if len(names) > 1 else (alias,)), *(["ordinality"] if is_counted else [])]
    known = (
        known
        if len(known) == len(columns)
        else [*[alias] * (len(columns) - is_counted), *(["ordinality"] * is_counted)]
    )
    labels = [given[place] if place < len(given) else label for place, label in enumerate(known)]
    query = exp.Select(
        expressions=[exp.alias_(one, label, quoted=True) for one, label in zip(columns, labels, strict=True)]
    )
    return exp.Subquery(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)), joins=node.args.get("joins")
    )
