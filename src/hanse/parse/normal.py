"""A statement without the values in it: what may be kept of a user's query, and what queries of one form have in common.

SELECT name FROM crm.customers WHERE id IN (1, 2, 3) -- Ada's
select name from crm . customers where id in ( ? )
"""

from collections.abc import Iterator

from sqlglot.tokenizer_core import Token, TokenType

from hanse.parse.dialect import tokenize

HIDDEN = "?"
_HIDES = frozenset(kind for kind in TokenType if kind.name == "NUMBER" or kind.name.endswith("STRING"))


def normalized(text: str) -> str:
    """The statement's words, every literal as ?, further ones in a list after IN left out; comments are gone.

    Raises sqlglot's TokenError.
    """
    return " ".join(_words(tokenize(text)))


def shown(text: str) -> str:
    """The statement as its user wrote it, but for literals and comments, on one line. Raises sqlglot's TokenError."""
    parts: list[str] = []
    end = -1
    for token, before in _kept(tokenize(text)):
        is_hidden = token.token_type in _HIDES and before is not TokenType.PARAMETER
        word = HIDDEN if is_hidden else text[token.start : token.end + 1]
        is_apart = bool(parts) and token.start > end + 1 and token.token_type is not TokenType.R_PAREN
        parts.append(f" {word}" if is_apart else word)
        end = token.end
    return "".join(parts)


def _words(tokens: list[Token]) -> Iterator[str]:
    return (_word(token, before) for token, before in _kept(tokens))


def _kept(tokens: list[Token]) -> Iterator[tuple[Token, TokenType | None]]:
    """The tokens but for semicolons and what follows upon the first literal in a list, each with the kind before it."""
    in_list = False
    for place, token in enumerate(tokens):
        kind, before = token.token_type, tokens[place - 1].token_type if place else None
        opened = kind is TokenType.L_PAREN and before is TokenType.IN
        follows = in_list and kind is TokenType.COMMA and tokens[place - 1].token_type in _HIDES
        repeats = in_list and kind in _HIDES and before is TokenType.COMMA
        in_list = opened or (in_list and kind is not TokenType.R_PAREN)
        if kind is TokenType.SEMICOLON or follows or repeats:
            continue
        yield token, before


def _word(token: Token, before: TokenType | None) -> str:
    if token.token_type in _HIDES:
        return token.text if before is TokenType.PARAMETER else HIDDEN
    if token.token_type is TokenType.IDENTIFIER:
        return '"' + token.text.replace('"', '""') + '"'
    return token.text.lower()
