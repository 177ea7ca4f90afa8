"""Which statements are about the catalog: those that read its relations, or call its functions and read nothing else.

A cheap look at the words comes first, so that statements about users' tables are hardly delayed.
"""

import re
from collections.abc import Iterator
from enum import StrEnum

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import HanseError, SyntaxFailure, Unsupported
from hanse.parse.dialect import tokenize
from hanse.parse.parser import parse
from hanse.parse.statements import QUERY
from hanse.server.pgcatalog import sets, signals, types
from hanse.server.pgcatalog.functions import FUNCTIONS
from hanse.server.pgcatalog.seed import CATALOG, SCHEMAS, find
from hanse.server.pgcatalog.syntax import called, fold, spelled, table_name

_WORDS = (
    "pg_",
    "information_schema",
    "current_",
    "session_user",
    "set_config",
    "version",
    "_description",
    "format_type",
    "_privilege",
    "quote_ident",
    "txid_",
    "inet_",
    "to_reg",
    "regclass",
    "regtype",
    "regproc",
    "regnamespace",
    "regrole",
    "regoper",
    "regcollation",
    "regconfig",
    "regdictionary",
)
"""What a statement about the catalog has in it somewhere."""
_USER = re.compile(r"\buser\b")
_FUNCTIONS = frozenset(
    {"current_database", "current_schema", "current_schemas", "current_setting", "set_config", "version", "to_regclass"}
    | {"to_regtype", "to_regnamespace", "to_regrole", "to_regproc", "format_type", "obj_description", "col_description"}
    | {"shobj_description", "quote_ident", "inet_server_addr", "inet_server_port", "inet_client_addr", "txid_current"}
    | {name for name in FUNCTIONS if name.startswith(("pg_", "has_"))}
    | {"session_user", "pg_backend_pid", "pg_typeof", sets.SETTINGS, sets.EXPANDED}
    | signals.NAMES
    | {name for name in sets.ROWS if name.startswith("pg_")}
)
"""Functions of which a call makes a statement without tables one about the catalog."""
_NODES = (exp.CurrentSchema, exp.CurrentCatalog, exp.CurrentUser, exp.SessionUser)
_OID_WORDS = frozenset({"oid", *(types.NAMES[oid] for oid in types.REG if oid in types.NAMES)})

_STATEMENTS = frozenset({TokenType.SELECT, TokenType.INSERT, TokenType.UPDATE, TokenType.DELETE})
_UNREADABLE = re.compile(r"\[\s*\]|(?:\bas\s+|\.)(?:select|insert|update|delete)\b", re.IGNORECASE)


class About(StrEnum):
    """What a statement reads."""

    CATALOG = "catalog"
    DATA = "data"
    """Users' tables, or nothing; what is no query, too."""
    BOTH = "both"
    """Users' tables and the catalog in one query, which nobody can answer."""


def is_about_catalog(sql: str) -> bool:
    """Whether the catalog database answers the statement. Raises Unsupported (0A000) for one that reads users' tables too."""
    about = classify(sql)
    if about is About.BOTH:
        hint = "ask for the one first, and then for the other"
        raise Unsupported("one query cannot read the catalog and tables of sources", hint=hint)
    return about is About.CATALOG


def classify(sql: str) -> About:
    """What the statement reads; DATA where it does not parse, so that the engine tells why."""
    text = sql.lower()
    if not (any(word in text for word in _WORDS) or _USER.search(text)):
        return About.DATA
    try:
        tree, _ = parsed(sql)
    except HanseError:
        return About.DATA
    tables = [_is_catalog_table(node) for node in _relations(tree)]
    if all(tables):
        return About.CATALOG if tables or any(map(_is_catalog_call, tree.walk())) else About.DATA
    return About.BOTH if any(tables) else About.DATA


def parsed(sql: str) -> tuple[exp.Expr, int]:
    """The tree of a query and the number of its parameters; raises SyntaxFailure for what is no query."""
    statement = parse(_readable(sql))
    if statement.kind != QUERY or statement.syntax is None or statement.terms.is_any:
        raise SyntaxFailure("this is no query about the catalog")
    numbers = [int(name) for name in statement.parameters if name.isdigit()]
    return statement.syntax, max(numbers, default=0)


def _readable(sql: str) -> str:
    """What the parser does not understand, in words that it does: ``::oid[]`` as ``::pg_catalog.oid[]``, ``AS select`` and
    ``t.select`` with quotes."""
    if not _UNREADABLE.search(sql):
        return sql
    tokens = tokenize(sql)
    for place in range(len(tokens) - 1, -1, -1):
        token, before = tokens[place], tokens[place - 1].token_type if place else None
        if _is_oid_list(tokens[place : place + 3]) and before is not TokenType.DOT:
            sql = f"{sql[: token.start]}{CATALOG}.{sql[token.start :]}"
        elif token.token_type in _STATEMENTS and before in (TokenType.DOT, TokenType.ALIAS):
            sql = f'{sql[: token.start]}"{token.text.lower()}"{sql[token.end + 1 :]}'
    return sql


def _is_oid_list(tokens: list[Token]) -> bool:
    kinds = [token.token_type for token in tokens[1:]]
    return kinds == [TokenType.L_BRACKET, TokenType.R_BRACKET] and tokens[0].text.lower() in _OID_WORDS


def _relations(tree: exp.Expr) -> Iterator[exp.Table]:
    """The relations that a query names, those of WITH and functions left out."""
    for node in tree.find_all(exp.Table):
        if isinstance(node.this, exp.Identifier) and not _is_of_with(node):
            yield node


def _is_of_with(table: exp.Table) -> bool:
    schema, name = table_name(table)
    below: exp.Expr = table
    above = table.parent
    while schema is None and above is not None:
        clause = above.args.get("with_")
        if clause is not None and clause is not below and _names(clause.expressions, name):
            return True
        if isinstance(above, exp.With):
            # what is named before, and under RECURSIVE the query itself
            earlier = above.expressions[: _place(above, below) + bool(above.args.get("recursive"))]
            if _names(earlier, name):
                return True
        below, above = above, above.parent
    return False


def _names(queries: list[exp.Expr], name: str) -> bool:
    return any(fold(one.args["alias"].this) == name for one in queries)


def _place(clause: exp.With, one: exp.Expr) -> int:
    return next(place for place, other in enumerate(clause.expressions) if other is one)


def _is_catalog_table(table: exp.Table) -> bool:
    schema, name = table_name(table)
    return schema in SCHEMAS or (schema is None and find(None, name) is not None)


def _is_catalog_call(node: exp.Expr) -> bool:
    match node:
        case exp.Anonymous():
            return called(node)[0] in _FUNCTIONS
        case exp.Dot() if isinstance(node.expression, exp.Anonymous):
            return fold(node.this) in SCHEMAS if isinstance(node.this, exp.Identifier) else False
        case exp.Column() if not node.table and isinstance(node.this, exp.Identifier):
            return not node.this.quoted and node.name.lower() in ("user", "current_role")
        case exp.Cast():
            return types.named(spelled(node.to)) in types.REG
    return isinstance(node, _NODES)
