"""Reading the parser's trees: names as PostgreSQL folds them, types as they are spelled, calls with and without a schema."""

import re

from sqlglot import exp

from hanse.errors import UnknownName
from hanse.server.pgcatalog.seed import CATALOG, SCHEMAS


def fold(node: exp.Expr) -> str:
    """An identifier as it is looked up: in lower case unless it is quoted."""
    name: str = node.name
    return name if isinstance(node, exp.Identifier) and node.quoted else name.lower()


def table_name(node: exp.Table) -> tuple[str | None, str]:
    """Schema and name of what stands in FROM."""
    return fold(node.args["db"]) if node.args.get("db") is not None else None, fold(node.this)


def called(node: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """The name of a function that is called, without the catalog's schemas, and its arguments; no name: it is no call."""
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Anonymous):
        schema = fold(node.this) if isinstance(node.this, exp.Identifier | exp.Column) else None
        if schema not in SCHEMAS:
            raise UnknownName(f'schema "{schema}" does not exist', sqlstate="3F000")
        node = node.expression
    if not isinstance(node, exp.Anonymous):
        return "", []
    name = node.this if isinstance(node.this, str) else fold(node.this)
    return name.lower(), list(node.expressions)


def spelled(type: exp.Expr) -> str:
    """A type of a CAST as its name, without length and precision: ``oid[]``, ``pg_catalog."char"``, ``varchar``."""
    return re.sub(r"\s*\(.*?\)", "", type.sql("postgres")).lower().removeprefix(f"{CATALOG}.")
