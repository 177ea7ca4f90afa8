"""``COPY (query) TO STDOUT [WITH] (options)``, ``COPY table [(columns)] TO STDOUT`` and the older spelling of the options:
which query it is whose rows are wanted, and how. Files and programs cannot be named: Hanse writes none (PostgreSQL's manual,
"COPY").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import SyntaxFailure, Unsupported
from hanse.parse.reading import tokens_of
from hanse.parse.tokens import near

Format = Literal["text", "csv", "binary"]
_FORMATS: tuple[Format, ...] = ("text", "csv", "binary")
_OPTIONS = frozenset({"FORMAT", "HEADER", "DELIMITER", "NULL", "QUOTE", "ESCAPE", "FORCE_QUOTE", "ENCODING", "FREEZE"})


@dataclass(frozen=True, slots=True)
class CopyOut:
    """A query, and how its rows are to be written."""

    query: str
    start: int
    """Where the query begins in the statement."""
    format: Format = "text"
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    quote: str = '"'


def copy_out(text: str) -> CopyOut:
    """Read the statement; raises SyntaxFailure or, for what PostgreSQL has and Hanse has not, Unsupported."""
    tokens = tokens_of(text)
    at = 1
    if len(tokens) > at and tokens[at].token_type is TokenType.L_PAREN:
        end = _closed(tokens, at)
        query, start = text[tokens[at].end + 1 : tokens[end].start], tokens[at].end + 1
        at = end + 1
    else:
        at = next((place for place, one in enumerate(tokens) if one.text.upper() in ("TO", "FROM")), len(tokens))
        query, start = _of_table(text, tokens[1:at]), 0
    words = [one.text.upper() for one in tokens[at : at + 2]]
    if words != ["TO", "STDOUT"]:
        position = tokens[min(at, len(tokens) - 1)].start
        raise SyntaxFailure(
            "Hanse only reads: COPY is (query) TO STDOUT", position=position, hint="\\copy in psql writes a file"
        )
    return _with(query, start, _options(tokens[at + 2 :]))


def _closed(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        kind = tokens[place].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if not depth:
            return place
    raise SyntaxFailure("syntax error at end of input: expecting )", position=tokens[-1].end + 1)


def _of_table(text: str, tokens: Sequence[Token]) -> str:
    if not tokens:
        raise SyntaxFailure("COPY needs a query or a table", position=len(text))
    open_ = next((place for place, one in enumerate(tokens) if one.token_type is TokenType.L_PAREN), len(tokens))
    table = text[tokens[0].start : tokens[open_ - 1].end + 1]
    if open_ == len(tokens):
        return f"SELECT * FROM {table}"
    return f"SELECT {text[tokens[open_].end + 1 : tokens[_closed(tokens, open_)].start]} FROM {table}"


def _options(tokens: Sequence[Token]) -> dict[str, str]:
    """Options by name, upper case; one without a value is TRUE."""
    left = [one for one in tokens if one.token_type is not TokenType.COMMA]
    if left and left[0].text.upper() == "WITH":
        left = left[1:]
    if left and left[0].token_type is TokenType.L_PAREN:
        left = left[1:-1]
    found: dict[str, str] = {}
    while left:
        one = left.pop(0)
        name = one.text.upper()
        if name in ("CSV", "BINARY"):
            found["FORMAT"] = name
            continue
        if name not in _OPTIONS:
            raise SyntaxFailure(near(one), position=one.start)
        if left and left[0].text.upper() == "AS":
            left.pop(0)
        is_value = left and left[0].text.upper() not in {*_OPTIONS, "CSV", "BINARY"}
        found[name] = left.pop(0).text if is_value or (name == "FORMAT" and left) else "TRUE"
    return found


def _with(query: str, start: int, options: dict[str, str]) -> CopyOut:
    for name in ("FORCE_QUOTE", "ESCAPE", "FREEZE"):
        if name in options:
            raise Unsupported(f"COPY has no option {name} here")
    format = next((one for one in _FORMATS if one == options.get("FORMAT", "text").lower()), None)
    if format is None:
        raise SyntaxFailure(f'COPY format "{options["FORMAT"]}" not recognized', hint="text, csv or binary")
    if options.get("ENCODING", "UTF8").upper() not in ("UTF8", "UTF-8", "UNICODE"):
        raise Unsupported("COPY writes UTF-8")
    is_csv = format == "csv"
    delimiter, quote = options.get("DELIMITER", "," if is_csv else "\t"), options.get("QUOTE", '"')
    delimiter = {"\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter.encode()) != 1 or len(quote.encode()) != 1 or delimiter in "\r\n":
        raise Unsupported("COPY delimiter and quote must be a single one-byte character")
    null = options.get("NULL", "" if is_csv else "\\N")
    header = options.get("HEADER", "FALSE").upper() in ("TRUE", "ON", "1")
    return CopyOut(query, start, format, delimiter, null, header, quote)
