"""The words of EXPLAIN, SHOW, SET and KILL. What they do is decided elsewhere; here they are only read."""

import re
from typing import Any

from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import SyntaxFailure
from hanse.parse.tokens import near

STAGES = frozenset({"BOUND", "OPTIMIZED", "STEPS", "FRAGMENTS", "SQL"})
FORMATS = frozenset({"TEXT", "JSON"})
ID = re.compile(r"[0-9a-fA-F]{4,32}")


def explain_options(tokens: list[Token]) -> tuple[dict[str, Any], list[Token]]:
    """The options of ``EXPLAIN [ANALYZE] [stage] [(ANALYZE, FORMAT JSON, STAGE SQL)] query``, and the query's tokens."""
    options: dict[str, Any] = {"analyze": False, "format": "text", "stage": None}
    at = 1
    while at < len(tokens):
        word = tokens[at].text.upper()
        if word in ("ANALYZE", "ANALYSE"):
            options["analyze"] = True
        elif word in STAGES:
            options["stage"] = word
        elif word != "VERBOSE":
            break
        at += 1
    if at + 1 < len(tokens) and tokens[at].token_type is TokenType.L_PAREN and _is_option(tokens[at + 1]):
        at = _listed_options(tokens, at + 1, options)
    if at >= len(tokens):
        raise SyntaxFailure("EXPLAIN needs a query", position=tokens[-1].end + 1)
    return options, tokens[at:]


def _is_option(token: Token) -> bool:
    return (
        token.text.upper()
        in {"ANALYZE", "ANALYSE", "FORMAT", "STAGE", "VERBOSE", "COSTS", "TIMING", "BUFFERS"} | STAGES
    )


def _listed_options(tokens: list[Token], at: int, options: dict[str, Any]) -> int:
    """Read ``name [value], ...)`` into ``options``; the place after the closing parenthesis."""
    words: list[Token] = []
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token.token_type in (TokenType.COMMA, TokenType.R_PAREN):
            _listed_option(words, options)
            words = []
            if token.token_type is TokenType.R_PAREN:
                return place + 1
        else:
            words.append(token)
    raise SyntaxFailure("syntax error at end of input: expecting )", position=tokens[-1].end + 1)


def _listed_option(words: list[Token], options: dict[str, Any]) -> None:
    if not words or len(words) > 2:
        raise SyntaxFailure("EXPLAIN's options are ANALYZE, FORMAT text|json and STAGE name")
    name, value = words[0].text.upper(), words[1].text.upper() if len(words) == 2 else "TRUE"
    if name in ("ANALYZE", "ANALYSE"):
        options["analyze"] = value in ("TRUE", "ON", "1")
    elif name in STAGES:
        options["stage"] = name
    elif name == "FORMAT" and value in FORMATS:
        options["format"] = value.lower()
    elif name == "STAGE" and value in STAGES:
        options["stage"] = value
    elif name not in ("VERBOSE", "COSTS", "TIMING", "BUFFERS"):
        raise SyntaxFailure(near(words[-1]), position=words[-1].start)


def show_options(tokens: list[Token]) -> dict[str, Any]:
    """The words of ``SHOW name [words]``."""
    if len(tokens) < 2:
        raise SyntaxFailure("SHOW needs a name, such as SHOW TABLES", position=tokens[0].end + 1)
    return {"name": tokens[1].text.lower(), "arguments": tuple(token.text for token in tokens[2:])}


def set_options(tokens: list[Token]) -> dict[str, Any]:
    """The name and value of ``SET [SESSION|LOCAL] name {=|TO} value`` and ``SET TIME ZONE value``."""
    words = tokens[1:]
    if words and words[0].text.upper() in ("SESSION", "LOCAL") and len(words) > 1:
        words = words[1:]
    if [word.text.upper() for word in words[:2]] == ["TIME", "ZONE"]:
        return {"name": "timezone", "value": _value(words[2:], tokens[-1])}
    split = next((i for i, w in enumerate(words) if w.token_type is TokenType.EQ or w.text.upper() == "TO"), None)
    if not split:
        raise SyntaxFailure("SET needs a name and a value: SET name = value", position=tokens[-1].end + 1)
    return {"name": "".join(w.text for w in words[:split]).lower(), "value": _value(words[split + 1 :], tokens[-1])}


def reset_options(tokens: list[Token]) -> dict[str, Any]:
    """The name of ``RESET name`` and ``RESET TIME ZONE``: a SET to the default."""
    words = [token.text.lower() for token in tokens[1:]]
    if not words:
        raise SyntaxFailure("RESET needs a name", position=tokens[0].end + 1)
    return {"name": "timezone" if words == ["time", "zone"] else "".join(words), "value": None}


def kill_options(tokens: list[Token]) -> dict[str, Any]:
    """The id of ``KILL [QUERY] 'id'``."""
    words = tokens[2:] if len(tokens) > 1 and tokens[1].text.upper() == "QUERY" else tokens[1:]
    if len(words) == 1 and words[0].token_type is TokenType.STRING and ID.fullmatch(words[0].text):
        return {"query": words[0].text.lower()}
    hint = "SELECT id FROM system.queries WHERE state = 'running' tells them"
    raise SyntaxFailure("KILL needs the id of a query: KILL '4f0c...'", position=tokens[0].end + 1, hint=hint)


def _value(words: list[Token], last: Token) -> str | None:
    if not words:
        raise SyntaxFailure("SET needs a value", position=last.end + 1)
    text = "".join(word.text for word in words)
    return None if text.upper() == "DEFAULT" else text
