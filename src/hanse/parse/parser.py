"""The one entry: text in, ``Statement`` out, or one clear error with its position."""

from dataclasses import replace
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import ResourceLimit, SyntaxFailure
from hanse.parse.commands import explain_options, kill_options, reset_options, set_options, show_options
from hanse.parse.dialect import parse_tokens, tokenize
from hanse.parse.reading import offset_of, tokens_of
from hanse.parse.statements import EXPLAIN, KILL, QUERY, SET, SHOW, Statement
from hanse.parse.terms import divided
from hanse.parse.tokens import MARK, Preparation, near

LENGTH_MAX = 4_000_000
"""Characters of one statement."""
DEPTH_MAX = 200
"""Levels of the syntax tree; chains of AND, OR and set operations count as one."""

_QUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_FLAT = (exp.And, exp.Or, exp.SetOperation)


def parse(text: str) -> Statement:
    """Parse one statement; raises SyntaxFailure (42601), or ResourceLimit (54000, 54001) for what is too long or deep."""
    if len(text) > LENGTH_MAX:
        raise ResourceLimit(f"the statement is longer than {LENGTH_MAX:,} characters", sqlstate="54000")
    text, terms = divided(text)
    tokens = _only_statement(tokens_of(text))
    match tokens[0].text.upper():
        case "EXPLAIN":
            options, rest = explain_options(tokens)
            return replace(_query(EXPLAIN, text, rest, options), terms=terms)
        case "SHOW":
            return Statement(SHOW, text, options=show_options(tokens))
        case "SET":
            return Statement(SET, text, options=set_options(tokens))
        case "RESET":
            return Statement(SET, text, options=reset_options(tokens))
        case "KILL":
            return Statement(KILL, text, options=kill_options(tokens))
    found = _query(QUERY, text, tokens, {})
    return replace(found, terms=terms) if terms.is_any else found


def is_ended(text: str) -> bool:
    """Whether a person who types has ended a statement: by a semicolon that stands in no quotes and no comment."""
    try:
        tokens = tokenize(text)
    except TokenError:
        return False
    return bool(tokens) and tokens[-1].token_type is TokenType.SEMICOLON


def _only_statement(tokens: list[Token]) -> list[Token]:
    """The tokens without semicolons at the end; a second statement is refused."""
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if not tokens:
        raise SyntaxFailure("the statement is empty", position=0)
    for place, token in enumerate(tokens):
        if token.token_type is TokenType.SEMICOLON:
            position = tokens[place + 1].start
            raise SyntaxFailure("only one statement can be run at a time", position=position)
    return tokens


def _query(kind: str, text: str, tokens: list[Token], options: dict[str, Any]) -> Statement:
    _refuse_other_statements(tokens)
    preparation = Preparation(tokens)
    prepared = preparation.run()
    try:
        trees = parse_tokens(prepared, text)
    except ParseError as error:
        raise _failure(error, prepared, text) from None
    tree = trees[0] if trees else None
    if tree is None or not isinstance(tree, exp.Query | exp.Values):
        raise SyntaxFailure(near(tokens[0]), position=tokens[0].start)
    _finish(tree)
    return Statement(kind, text, tree, options, tuple(preparation.parameters), tokens[0].start)


def _refuse_other_statements(tokens: list[Token]) -> None:
    first = next((t for t in tokens if t.token_type is not TokenType.L_PAREN), None)
    if first is None:
        raise SyntaxFailure("syntax error at end of input", position=tokens[-1].end + 1 if tokens else None)
    word = first.text.upper()
    if word in _QUERY_WORDS:
        return
    if word in _REFUSED:
        hint = "statements are queries, EXPLAIN, SHOW, SET and KILL"
        raise SyntaxFailure(f"Hanse only reads: {word} is not possible", position=first.start, hint=hint)
    raise SyntaxFailure(near(first), position=first.start)


_REFUSED = frozenset(
    {
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "COPY",
        "GRANT",
        "REVOKE",
        "BEGIN",
        "START",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "CALL",
        "DO",
        "EXECUTE",
        "PREPARE",
        "DEALLOCATE",
        "DECLARE",
        "FETCH",
        "MOVE",
        "CLOSE",
        "LISTEN",
        "NOTIFY",
        "UNLISTEN",
        "LOCK",
        "VACUUM",
        "ANALYZE",
        "REINDEX",
        "CLUSTER",
        "COMMENT",
        "DISCARD",
        "CHECKPOINT",
        "LOAD",
        "REFRESH",
        "IMPORT",
        "ATTACH",
        "DETACH",
        "USE",
        "PRAGMA",
        "INSTALL",
        "REPLACE",
        "UPSERT",
        "SECURITY",
        "REASSIGN",
        "DESCRIBE",
        "DESC",
        "END",
        "ABORT",
    }
)


def _failure(error: ParseError, tokens: list[Token], text: str) -> SyntaxFailure:
    """The first of sqlglot's errors, in PostgreSQL's words, at its token."""
    detail = error.errors[0]
    token = next((t for t in tokens if (t.line, t.col) == (detail["line"], detail["col"])), None)
    if token is None:
        return SyntaxFailure("syntax error", position=offset_of(text, detail["line"] or 1, detail["col"] or 1))
    description = str(detail["description"] or "")
    if token is tokens[-1] and not description.startswith("Invalid expression"):
        return SyntaxFailure(f"syntax error at end of input{_expected(description)}", position=len(text.rstrip()))
    return SyntaxFailure(near(token) + _expected(description), position=token.start)


def _expected(description: str) -> str:
    return f": {description[0].lower()}{description[1:]}" if description.startswith("Expect") else ""


def _finish(tree: exp.Expr) -> None:
    """Take the marks off the names, and refuse a tree that is too deep for recursion."""
    stack: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > DEPTH_MAX:
            position = node.meta.get("start")
            raise ResourceLimit("the statement is nested too deeply", sqlstate="54001", position=position)
        flat = isinstance(node, _FLAT)
        for key, value in node.args.items():
            if value.__class__ is list:
                stack += [(x, depth + 1) for x in value if isinstance(x, exp.Expr)]
            elif isinstance(value, exp.Expr):
                stack.append((value, depth if flat and value.__class__ is node.__class__ else depth + 1))
            elif key == "this" and value.__class__ is str and value.endswith(MARK):
                node.set("this", value[: -len(MARK)])
