"""A text of several statements, cut at the semicolons between them. What a statement is, nobody looks at here."""

import re
from dataclasses import dataclass

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from hanse.parse.dialect import tokenize

_ONE_QUERY = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE|EXPLAIN)\b[^;]*(?:;\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a text."""

    text: str
    start: int
    """Where it begins, 0-based."""
    words: tuple[str, ...]
    """What it is made of, without quotes; of a query perhaps only the first, upper case."""

    @property
    def verb(self) -> str:
        """Its first word, upper case."""
        return self.words[0].upper()


def pieces(text: str) -> list[Piece]:
    """The statements, without those that are empty. A text that cannot be cut is one statement: whoever parses it says why."""
    if (match := _ONE_QUERY.fullmatch(text)) is not None:  # what most texts are needs no tokens
        return [Piece(text, 0, (match[1].upper(),))]
    try:
        tokens = tokenize(text)
    except TokenError:
        return [Piece(text, 0, (text.split(None, 1)[0],))]
    found: list[Piece] = []
    own: list[Token] = []
    for token in tokens:
        if token.token_type is not TokenType.SEMICOLON:
            own.append(token)
        elif own:
            found.append(_piece(text, own))
            own = []
    return [*found, _piece(text, own)] if own else found


def _piece(text: str, tokens: list[Token]) -> Piece:
    start = tokens[0].start
    return Piece(text[start : tokens[-1].end + 1], start, tuple(token.text for token in tokens))
