"""Small questions to a syntax node: where it stands, what name it spells, which clauses nobody handles."""

from sqlglot import exp

from hanse.errors import SyntaxFailure, Unsupported


def position(node: exp.Expr | None) -> int | None:
    """The 0-based offset of the node's first token that sqlglot kept; None if it kept none."""
    current = node
    while current is not None:
        start = current.meta.get("start")
        if start is not None:
            return int(start)
        current = _first(current)
    return None


def _first(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Column):
        return node.parts[0] if node.parts else None
    if isinstance(node, exp.Table):
        parts = [node.args.get(key) for key in ("catalog", "db", "this")]
        return next((part for part in parts if isinstance(part, exp.Expr)), None)
    for value in node.args.values():
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, exp.Expr):
                return child
    return None


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
            words = key.strip("_").replace("_", " ").upper()
            raise Unsupported(f"{words} is not supported in {what}", position=place)


def unsupported(node: exp.Expr, hint: str | None = None) -> Unsupported:
    """The error for a construct that Hanse does not have."""
    words = type(node).__name__
    spelled = "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()
    return Unsupported(f"{spelled} is not supported here", position=position(node), hint=hint)


def malformed(node: exp.Expr, message: str) -> SyntaxFailure:
    """A syntax error that sqlglot let pass."""
    return SyntaxFailure(message, position=position(node))
