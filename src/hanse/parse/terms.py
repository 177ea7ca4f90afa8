"""``REQUIRE SNAPSHOT``, ``MAX SKEW 500 ms`` and ``STRICT``: the clauses at the very end of a query, and the query without them.

A query without them is the same query: it has the same plan. None of the words is reserved, so each may also name something:
``FROM require snapshot`` is a table with another name. What stands where a query cannot end is no clause; and a last STRICT is
a name where it names the only thing that it can, or is used as one. In quotes they always are names.
"""

import re

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import SyntaxFailure
from hanse.ir.consistency import NOTHING, Terms
from hanse.parse.dialect import tokenize

_HINT_OF_CLAUSE = re.compile(r"\b(?:snapshot|skew|strict)\b", re.IGNORECASE)
_UNITS = {"MS": 0.001, "S": 1.0, "SEC": 1.0, "SECOND": 1.0, "SECONDS": 1.0, "MILLISECONDS": 0.001}
_QUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN"})
_ENDS = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.STAR}
)
"""What a query may end with, besides words and strings."""
_NEVER_LAST = re.compile(
    r"SELECT|DISTINCT|FROM|JOIN|LATERAL|ONLY|AS|WHERE|AND|OR|NOT|BY|HAVING|ON|USING|UNION|EXCEPT|INTERSECT|"
    r"LIMIT|OFFSET|IN|LIKE|ILIKE|BETWEEN|IS|CASE|WHEN|THEN|ELSE|WITH|TABLE|VALUES|EXPLAIN|ANALYZE|WINDOW"
)


def divided(text: str) -> tuple[str, Terms]:
    """A statement's text without such clauses, and what they demand; raises SyntaxFailure for one that is there twice."""
    if _HINT_OF_CLAUSE.search(text) is None:
        return text, NOTHING
    try:
        tokens = tokenize(text)
    except TokenError:
        return text, NOTHING  # whoever parses it says what is wrong
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    first = next((token for token in tokens if token.token_type is not TokenType.L_PAREN), None)
    if first is None or first.text.upper() not in _QUERY_WORDS:
        return text, NOTHING
    end, terms = len(tokens), NOTHING
    while (found := _clause(tokens[:end])) is not None and _may_end(tokens[: end - found[0]]):
        size, more = found
        before = tokens[: end - size]
        if more.strict and _clause(before) is None and _is_name(before):
            break
        _refuse_second(terms, more, tokens[end - size])
        end, terms = end - size, terms.and_also(more)
    return (text, NOTHING) if end == len(tokens) else (text[: tokens[end].start].rstrip(), terms)


def _clause(tokens: list[Token]) -> tuple[int, Terms] | None:
    """The clause with which the tokens end: how many they are, and what it demands."""
    words = ["" if not _is_bare(token) else token.text.upper() for token in tokens[-4:]]
    if words[-1:] == ["STRICT"]:
        return 1, Terms(strict=True)
    if words[-2:] == ["REQUIRE", "SNAPSHOT"]:
        return 2, Terms(snapshot=True)
    if words[:2] == ["MAX", "SKEW"] and len(words) == 4 and tokens[-2].token_type is TokenType.NUMBER:
        unit = _UNITS.get(words[3])
        if unit is None:
            message = f'MAX SKEW is a number of ms or s, not of "{tokens[-1].text}"'
            raise SyntaxFailure(message, position=tokens[-1].start, hint="MAX SKEW 500 ms")
        return 4, Terms(skew=float(tokens[-2].text) * unit)
    return None


def _is_bare(token: Token) -> bool:
    return token.end - token.start + 1 == len(token.text)


def _may_end(tokens: list[Token]) -> bool:
    """Whether a query may end here."""
    if not tokens:
        return False
    last = tokens[-1]
    kind = last.token_type
    is_word = kind not in _ENDS and last.text.replace("_", "").isalnum()
    is_text = kind.name.endswith("STRING")
    return (kind in _ENDS or is_word or is_text) and not (_is_bare(last) and _NEVER_LAST.fullmatch(last.text.upper()))


def _is_name(before: list[Token]) -> bool:
    """Whether STRICT after these is another name for what stands there: of a column, in a query that reads no table, or of a
    table, if a column is said to be of it."""
    depth, reads = 0, True
    for place, token in enumerate(before):
        word = token.text.upper()
        following = before[place + 1].token_type if place + 1 < len(before) else None
        if word == "STRICT" and following is TokenType.DOT:
            return True
        if token.token_type in (TokenType.L_PAREN, TokenType.R_PAREN):
            depth += 1 if token.token_type is TokenType.L_PAREN else -1
        elif depth == 0 and word in ("SELECT", "FROM"):
            is_comparison = word == "FROM" and before[place - 1].text.upper() == "DISTINCT"
            reads = reads if is_comparison else word == "FROM"
    return not reads


def _refuse_second(terms: Terms, more: Terms, at: Token) -> None:
    is_twice = (terms.snapshot and more.snapshot) or (terms.strict and more.strict)
    if is_twice or (terms.skew is not None and more.skew is not None):
        raise SyntaxFailure(f"{more} stands there twice", position=at.start)
