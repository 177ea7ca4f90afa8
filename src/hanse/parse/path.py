"""The names in a search path, which is a text such as ``crm, "crm.archive"`` (PostgreSQL's manual, "search_path")."""

import re

from sqlglot.tokenizer_core import TokenType

from hanse.parse.reading import tokens_of

_ENTRY = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(?:,|$)')


def entries(text: str) -> tuple[str, ...]:
    """The names in order, those without quotes folded; empty ones left out."""
    found = []
    at = 0
    while at < len(text) and (match := _ENTRY.match(text, at)) is not None:
        name = match[2].lower() if match[1] is None else match[1].replace('""', '"')
        if name:
            found.append(name)
        at = match.end()
    return tuple(found)


def said(statement: str) -> tuple[str, ...]:
    """The names in ``SET search_path = a, "B", 'c'``: those without quotes folded."""
    tokens = tokens_of(statement)
    first = next((place for place, one in enumerate(tokens) if one.text.upper() in ("=", "TO")), len(tokens)) + 1
    values = [one for one in tokens[first:] if one.token_type is not TokenType.COMMA]
    quotes = (TokenType.IDENTIFIER, TokenType.STRING)
    return tuple(one.text if one.token_type in quotes else one.text.lower() for one in values)
