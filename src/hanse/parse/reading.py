"""Texts as tokens, and one clear error where a text ends within a string, a name in quotes or a comment."""

import re

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token

from hanse.errors import SyntaxFailure
from hanse.parse.dialect import tokenize


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text; raises SyntaxFailure where it ends within one."""
    try:
        return tokenize(text)
    except TokenError as error:
        place = re.search(r"from (\d+):(\d+)", str(error.__cause__ or error))
        position = offset_of(text, int(place[1]), int(place[2])) if place else _unterminated(text)
        raise SyntaxFailure("unterminated string, identifier or comment", position=position) from None


def _unterminated(text: str) -> int | None:
    for quote in ("'", '"'):
        if text.count(quote) % 2:
            return text.rfind(quote)
    return None


def offset_of(text: str, line: int, column: int) -> int:
    """The place in a text of a line and a column, both from 1 on."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return max(0, min(len(text), start + column - 1))
