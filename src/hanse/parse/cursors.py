"""DECLARE, FETCH, MOVE, CLOSE, PREPARE, EXECUTE and DEALLOCATE: statements about statements (PostgreSQL's manual)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import SyntaxFailure
from hanse.parse.reading import tokens_of
from hanse.parse.tokens import near

How = Literal["forward", "backward", "absolute", "relative"]
_NAMES: dict[str, tuple[How, int]] = {
    "NEXT": ("forward", 1),
    "PRIOR": ("backward", 1),
    "FIRST": ("absolute", 1),
    "LAST": ("absolute", -1),
}
_OPTIONS = frozenset({"BINARY", "ASENSITIVE", "INSENSITIVE", "SCROLL", "NO"})
_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})
COUNT_MAX = 2**31 - 1
_QUERY = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})


@dataclass(frozen=True, slots=True)
class Declare:
    """A cursor that is to be. ``is_scroll`` None: it was not said."""

    name: str
    query: str
    start: int
    """Where the query begins in the statement."""
    is_scroll: bool | None = None
    is_binary: bool = False
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Rows of a cursor that are wanted, or (``is_move``) to be passed over. ``count`` None: all of them."""

    name: str
    how: How
    count: int | None
    is_move: bool


@dataclass(frozen=True, slots=True)
class Prepare:
    """A statement that is to be prepared, and the types of its parameters as they are written."""

    name: str
    query: str
    start: int
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execute:
    """The name of one, and its arguments as they are written."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constant:
    """An argument that is nothing but that: a text, a whole number, or NULL (``text`` None)."""

    kind: Literal["text", "integer", "null"]
    text: str | None


class _Words:
    """The tokens of one statement, from the second on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.at = 1

    def upper(self) -> str:
        """The next word, upper case; nothing for a name in quotes, and at the end."""
        if self.at >= len(self.tokens) or self.tokens[self.at].token_type is TokenType.IDENTIFIER:
            return ""
        return self.tokens[self.at].text.upper()

    def takes(self, *words: str) -> bool:
        """Whether the next is one of these, and taken."""
        if self.upper() not in words:
            return False
        self.at += 1
        return True

    def expect(self, *words: str) -> None:
        """One of these must be next."""
        if not self.takes(*words):
            raise self.wrong()

    def wrong(self) -> SyntaxFailure:
        """What is next is wrong there."""
        if self.at < len(self.tokens):
            return SyntaxFailure(near(self.tokens[self.at]), position=self.tokens[self.at].start)
        return SyntaxFailure("syntax error at end of input", position=len(self.text))

    def name(self) -> str:
        """A name: folded, unless it is in quotes."""
        if self.at >= len(self.tokens):
            raise self.wrong()
        token = self.tokens[self.at]
        if token.token_type is TokenType.IDENTIFIER:
            self.at += 1
            return token.text
        if not token.text.replace("_", "a").replace("$", "a").isalnum() or token.text[0].isdigit():
            raise self.wrong()
        self.at += 1
        return token.text.lower()

    def integer(self) -> int:
        """A number, maybe with a sign."""
        sign = -1 if self.takes("-") else 1
        self.takes("+")
        if self.at >= len(self.tokens) or not self.tokens[self.at].text.isdigit():
            raise self.wrong()
        if int(self.tokens[self.at].text) > COUNT_MAX:
            raise self.wrong()
        self.at += 1
        return sign * int(self.tokens[self.at - 1].text)

    def is_integer(self) -> bool:
        """Whether one is next."""
        return self.upper() in ("-", "+") or self.upper().isdigit()

    def end(self) -> None:
        """Nothing may follow."""
        if self.at < len(self.tokens):
            raise self.wrong()

    def query(self) -> tuple[str, int]:
        """The rest, which is a query, and where it begins."""
        if self.upper() not in _QUERY:
            raise self.wrong()
        start = self.tokens[self.at].start
        return self.text[start : self.tokens[-1].end + 1], start

    def list(self) -> tuple[str, ...]:
        """What stands in parentheses, between its commas, as it is written."""
        if not self.takes("("):
            return ()
        found: list[str] = []
        depth, first = 0, self.at
        while self.at < len(self.tokens):
            kind = self.tokens[self.at].token_type
            depth += (kind in _OPENING) - (kind in _CLOSING)
            if depth < 0 or (depth == 0 and kind is TokenType.COMMA):
                found.append(self._between(self.tokens[first : self.at]))
                first = self.at + 1
            self.at += 1
            if depth < 0:
                return tuple(found)
        raise self.wrong()

    def _between(self, tokens: Sequence[Token]) -> str:
        if not tokens:
            raise self.wrong()
        return self.text[tokens[0].start : tokens[-1].end + 1]


def declare(text: str) -> Declare:
    """``DECLARE name [BINARY] [[NO] SCROLL] CURSOR [WITH | WITHOUT HOLD] FOR query``. Raises SyntaxFailure."""
    words = _Words(text)
    name = words.name()
    said: list[str] = []
    while words.upper() in _OPTIONS:
        said.append(words.upper())
        words.at += 1
        if said[-1] == "NO":
            words.expect("SCROLL")
    words.expect("CURSOR")
    is_held = False
    if words.upper() in ("WITH", "WITHOUT"):
        is_held = words.upper() == "WITH"
        words.at += 1
        words.expect("HOLD")
    words.expect("FOR")
    query, start = words.query()
    is_scroll = False if "NO" in said else True if "SCROLL" in said else None
    return Declare(name, query, start, is_scroll, "BINARY" in said, is_held)


def fetch(text: str) -> Fetch:
    """``FETCH | MOVE [direction] [FROM | IN] name``. Raises SyntaxFailure."""
    words = _Words(text)
    is_move = words.tokens[0].text.upper() == "MOVE"
    how, count = _direction(words)
    words.takes("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, how, count, is_move)


def _direction(words: _Words) -> tuple[How, int | None]:
    """A word that is the last one is the cursor's name."""
    if words.at == len(words.tokens) - 1:
        return "forward", 1
    if words.is_integer():
        return "forward", words.integer()
    if words.takes("ALL"):
        return "forward", None
    if words.upper() in _NAMES:
        words.at += 1
        return _NAMES[words.tokens[words.at - 1].text.upper()]
    if words.takes("ABSOLUTE"):
        return "absolute", words.integer()
    if words.takes("RELATIVE"):
        return "relative", words.integer()
    is_back = words.upper() == "BACKWARD"
    if is_back or words.upper() == "FORWARD":
        words.at += 1
        count = None if words.takes("ALL") else words.integer() if words.is_integer() else 1
        return ("backward" if is_back else "forward"), count
    return "forward", 1


def close(text: str) -> str | None:
    """``CLOSE name | ALL``: the name, or None for all. Raises SyntaxFailure."""
    words = _Words(text)
    found = None if words.takes("ALL") else words.name()
    words.end()
    return found


def deallocate(text: str) -> str | None:
    """``DEALLOCATE [PREPARE] name | ALL``: the name, or None for all. Raises SyntaxFailure."""
    words = _Words(text)
    if len(words.tokens) > 2:
        words.takes("PREPARE")
    found = None if words.takes("ALL") else words.name()
    words.end()
    return found


def prepare(text: str) -> Prepare:
    """``PREPARE name [(type, ...)] AS query``. Raises SyntaxFailure."""
    words = _Words(text)
    name = words.name()
    types = words.list()
    words.expect("AS")
    query, start = words.query()
    return Prepare(name, query, start, types)


def execute(text: str) -> Execute:
    """``EXECUTE name [(argument, ...)]``. Raises SyntaxFailure."""
    words = _Words(text)
    name = words.name()
    arguments = words.list()
    words.end()
    return Execute(name, arguments)


def constant(argument: str) -> Constant | None:
    """The constant that an argument is; None for all else."""
    tokens = tokens_of(argument)
    sign = "-" if len(tokens) == 2 and tokens[0].token_type is TokenType.DASH else ""
    last = tokens[-1]
    if len(tokens) != 1 + len(sign):
        return None
    if last.token_type is TokenType.NUMBER and last.text.isdigit():
        return Constant("integer", sign + last.text)
    if sign:
        return None
    if last.token_type is TokenType.STRING:
        return Constant("text", last.text)
    return Constant("null", None) if last.token_type is TokenType.NULL else None
