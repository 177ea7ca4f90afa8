"""Small questions to a syntax node: where it stands, what name it spells, which clauses nobody handles."""

from sqlglot import exp

from hanse.errors import SyntaxFailure, Unsupported


def position(node: exp.Expr | None) -> int | None:
    """The 0-based offset of the node's first token that sqlglot kept; None if it kept none."""
    stack = [node] if node is not None else []
    while stack:
        current = stack.pop()
        start = current.meta.get("start")
        if start is not None:
            return int(start)
        if type(current) is exp.Column and "table" not in current.args:
            stack.append(current.this)
        else:
            stack += reversed(_children(current))
    return None


def _children(node: exp.Expr) -> list[exp.Expr]:
    """The nodes below, as they stand in the text as far as sqlglot's order tells."""
    if isinstance(node, exp.Column):
        return list(node.parts)
    keys = ("catalog", "db", "this", "alias") if isinstance(node, exp.Table) else node.args
    values = [node.args.get(key) for key in keys]
    flat = [child for value in values for child in (value if isinstance(value, list) else (value,))]
    return [child for child in flat if isinstance(child, exp.Expr)]


def name(node: object) -> str:
    """The name that an identifier spells: as it is when quoted, else in lower case."""
    if isinstance(node, exp.Identifier):
        return node.name if node.args.get("quoted") else node.name.lower()
    if isinstance(node, exp.Expr):
        return node.name.lower()
    return str(node).lower()


def alias(node: exp.Expr) -> exp.TableAlias | None:
    """The alias of a FROM item."""
    found = node.args.get("alias")
    return found if isinstance(found, exp.TableAlias) else None


def only(node: exp.Expr, allowed: frozenset[str], what: str) -> None:
    """Refuse every part of ``node`` that is not ``allowed``, so that nothing written is ever dropped silently."""
    for key, value in node.args.items():
        if value not in (None, False) and value != [] and key not in allowed:
            part = value[0] if isinstance(value, list) else value
            place = position(part) if isinstance(part, exp.Expr) else position(node)
            words = _WORDS.get(key, key.strip("_").replace("_", " ").upper())
            place = position(node) if place is None else place
            raise Unsupported(f"{words} is not supported in {what}", position=place)


_WORDS = {
    "locks": "FOR UPDATE",
    "sample": "TABLESAMPLE",
    "into": "INTO (Hanse only reads)",
    "all": "ALL",
    "except_": "EXCEPT",
}


def unsupported(node: exp.Expr, hint: str | None = None) -> Unsupported:
    """The error for a construct that Hanse does not have."""
    words = type(node).__name__
    spelled = "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()
    return Unsupported(f"{spelled} is not supported here", position=position(node), hint=hint)


def malformed(node: exp.Expr, message: str) -> SyntaxFailure:
    """A syntax error that sqlglot let pass."""
    return SyntaxFailure(message, position=position(node))
