"""What PostgreSQL calls the outputs of a query that have no alias (FigureColname in parse_target.c)."""

from sqlglot import exp

from hanse.server.pgcatalog import types as t
from hanse.server.pgcatalog.syntax import called, fold, spelled

_KEYWORD_NAMES: dict[type[exp.Expr], str] = {
    exp.CurrentUser: "current_user",
    exp.SessionUser: "session_user",
    exp.CurrentSchema: "current_schema",
    exp.CurrentCatalog: "current_catalog",
    exp.CurrentTimestamp: "current_timestamp",
    exp.CurrentDate: "current_date",
    exp.Localtimestamp: "localtimestamp",
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Trim: "btrim",
    exp.Array: "array",
    exp.Exists: "exists",
}
NONE = "?column?"


def output_name(node: exp.Expr) -> tuple[str, int]:
    """The name of an output, and how good it is: 2 for a name, 1 for one for want of a better, 0 for none."""
    match node:
        case exp.Alias():
            return fold(node.args["alias"]), 2
        case exp.Column() if isinstance(node.this, exp.Identifier):
            return fold(node.this), 2
        case exp.Dot():
            return (called(node)[0], 2) if isinstance(node.expression, exp.Anonymous) else (fold(node.expression), 2)
        case exp.Anonymous():
            return called(node)[0], 1 if called(node)[0] == "row" else 2
        case exp.Cast():
            name, strength = output_name(node.this)
            return (name, strength) if strength > 1 else (_type_name(node), 1)
        case exp.Case():
            default = node.args.get("default")
            name, strength = output_name(default) if default is not None else (NONE, 0)
            return (name, strength) if strength > 0 else ("case", 1)
        case exp.Bracket() | exp.Paren() | exp.Collate() | exp.Filter() | exp.Window():
            return output_name(node.this)
        case exp.Subquery() | exp.Select():
            inner = node.this if isinstance(node, exp.Subquery) else node
            first = inner.expressions[0] if isinstance(inner, exp.Select) and inner.expressions else None
            return output_name(first) if first is not None else (NONE, 0)
        case exp.Boolean():
            return "bool", 1
    keyword = _KEYWORD_NAMES.get(type(node))
    return (keyword, 2) if keyword else (NONE, 0)


def _type_name(node: exp.Cast) -> str:
    oid = t.named(spelled(node.to))
    return t.NAMES.get(t.ELEMENTS.get(oid, 0) if oid and t.NAMES[oid].startswith("_") else oid or 0, NONE)
