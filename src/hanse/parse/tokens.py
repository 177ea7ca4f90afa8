"""The tokens, prepared for sqlglot: what it would accept, drop or rewrite silently is refused or made unambiguous here.

- a call ``name(...)`` that sqlglot would replace by a node of its own gets a mark on its name, which ``parser`` removes
- ``INTERVAL 'text' [fields]`` becomes the call ``interval('text', 'fields')``, because sqlglot drops parts of the text
- ``JOIN`` alone becomes ``INNER JOIN``, which sqlglot's tree tells from a comma
- ``:name`` becomes ``$n``
- ``name -> `` and ``(name) ->`` get two parentheses more: sqlglot takes them for a lambda among the arguments of a call
- a comma with nothing after it, letters glued to a number, a second statement and too deep a nesting are errors
"""

import re

from sqlglot.tokenizer_core import Token, TokenType

from hanse.errors import ResourceLimit, SyntaxFailure
from hanse.parse.dialect import CALLABLE_TOKENS, REWRITTEN_FUNCTIONS

MARK = "\ue000"
"""A private-use character: no identifier of a user has it."""
NESTING_MAX = 100
"""Levels of parentheses, brackets and CASE; prefix operators in a row."""

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END})
_PREFIXES = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.RLIKE})
_NESTING = _OPENING | _CLOSING | _PREFIXES
_SPECIAL = frozenset(
    {
        TokenType.HEX_STRING,
        TokenType.BIT_STRING,
        TokenType.IDENTIFIER,
        TokenType.INTERVAL,
        TokenType.COLON,
        TokenType.PARAMETER,
        TokenType.NUMBER,
        TokenType.JOIN,
    }
)
_FIELDS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_NOT_AFTER_COMMA = frozenset(
    {
        TokenType.COMMA,
        TokenType.R_PAREN,
        TokenType.FROM,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
    }
)
_JOIN_WORDS = frozenset(
    {
        TokenType.INNER,
        TokenType.LEFT,
        TokenType.RIGHT,
        TokenType.FULL,
        TokenType.OUTER,
        TokenType.CROSS,
        TokenType.NATURAL,
    }
)
_OPERANDS = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.STRING, TokenType.R_PAREN, TokenType.R_BRACKET}
)


_BASES = frozenset({TokenType.HEX_STRING, TokenType.BIT_STRING})
_NUMBER_PARTS = frozenset({TokenType.VAR, TokenType.DOT, TokenType.NUMBER})
_GROUPED = re.compile(r"\d+(_\d+)*(\.(\d+(_\d+)*)?)?(e[+-]?\d+(_\d+)*)?", re.IGNORECASE)
_OCTAL = re.compile(r"0[oO](_?[0-7])+")
_BASED = re.compile(r"0x(_?[0-9a-fA-F])+|0b(_?[01])+")


def _decimal(text: str) -> str:
    """A whole number with a base, as plain digits."""
    return str(int(text, 0))


def _is_integer(token: Token) -> bool:
    """Whether a hexadecimal or binary token is written 0x1F, not x'1F'."""
    return token.end - token.start + 1 == len(token.text) + 2


def _is_bare(token: Token) -> bool:
    """Whether a name is written without quotes."""
    return token.end - token.start + 1 == len(token.text)


def _junk(text: str, token: Token) -> SyntaxFailure:
    message = f'trailing junk after numeric literal at or near "{text}"'
    return SyntaxFailure(message, position=token.start)


def near(token: Token) -> str:
    """PostgreSQL's words for where a syntax error is."""
    return f'syntax error at or near "{token.text.replace(MARK, "")}"'


def _copy(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)


class Preparation:
    """One pass over the tokens of one statement. ``parameters`` are the names found."""

    def __init__(self, tokens: list[Token]) -> None:
        """Start at the first token."""
        self.tokens = tokens
        self.done: list[Token] = []
        self.parameters: list[str] = []
        self._at = 0
        self._depth = 0
        self._prefixes = 0
        self._style: TokenType | None = None

    def run(self) -> list[Token]:
        """All tokens, prepared; raises SyntaxFailure and ResourceLimit."""
        while self._at < len(self.tokens):
            token = self.tokens[self._at]
            kind = token.token_type
            if kind in _NESTING:
                self._measure(token)
            else:
                self._prefixes = 0
            if kind not in _SPECIAL:
                self._plain(token)
            elif kind is TokenType.INTERVAL and self._is(1, TokenType.STRING):
                self._interval()
            elif kind is TokenType.COLON and self._is_named_parameter():
                self._named_parameter()
            elif kind is TokenType.PARAMETER:
                self._numbered_parameter()
            elif kind is TokenType.NUMBER:
                self._number()
            elif kind in _BASES and _is_integer(token):
                self._based(token)
            elif kind is TokenType.IDENTIFIER and token.text[:1].isdigit() and _is_bare(token):
                raise _junk(token.text, token)
            elif kind is TokenType.JOIN:
                self._join(token)
            else:
                self._plain(token)
        return self.done

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self._at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def _is(self, ahead: int, kind: TokenType) -> bool:
        token = self._peek(ahead)
        return token is not None and token.token_type is kind

    def _measure(self, token: Token) -> None:
        kind = token.token_type
        if kind in _OPENING:
            self._depth += 1
        elif kind in _CLOSING:
            self._depth -= 1
        self._prefixes = self._prefixes + 1 if kind in _PREFIXES else 0
        if max(self._depth, self._prefixes) > NESTING_MAX:
            raise ResourceLimit(
                f"the statement is nested more than {NESTING_MAX} levels deep", sqlstate="54001", position=token.start
            )

    def _plain(self, token: Token) -> None:
        kind, place = token.token_type, self._at + 1
        following = self.tokens[place] if place < len(self.tokens) else None
        after = following.token_type if following is not None else None
        if kind is TokenType.EQ and token.text != "=":
            raise SyntaxFailure(near(token), position=token.start, hint="equality is written =")
        if kind is TokenType.COMMA and (after is None or after in _NOT_AFTER_COMMA):
            raise SyntaxFailure(near(following or token), position=(following or token).start)
        if after is TokenType.L_PAREN and kind in CALLABLE_TOKENS and token.text.upper() in REWRITTEN_FUNCTIONS:
            token = _copy(token, kind, token.text + MARK)
        self.done.append(token)
        self._at = place
        if after is TokenType.ARROW:
            self._enclose_operand(token)

    def _enclose_operand(self, last: Token) -> None:
        """Parentheses around the operand before an arrow, if it is a bare name or one in parentheses."""
        start = -1 if last.token_type is not TokenType.R_PAREN else -3
        before = self.done[start - 1].token_type if len(self.done) > -start else None
        lone = start == -1 or self.done[-3].token_type is TokenType.L_PAREN
        if not lone or before not in (TokenType.L_PAREN, TokenType.COMMA):
            return
        opening, closing = _copy(last, TokenType.L_PAREN, "("), _copy(last, TokenType.R_PAREN, ")")
        self.done[start:] = [opening, opening, *self.done[start:], closing, closing]

    def _join(self, token: Token) -> None:
        if not self.done or self.done[-1].token_type not in _JOIN_WORDS:
            self.done.append(_copy(token, TokenType.INNER, "INNER"))
        self._plain(token)

    def _number(self) -> None:
        """A number; sqlglot cuts it up where it holds underscores."""
        token = self.tokens[self._at]
        text, end = token.text, token.end
        self._at += 1
        if self._is(0, TokenType.VAR):
            while (part := self._peek()) is not None and part.start == end + 1 and part.token_type in _NUMBER_PARTS:
                text, end = text + part.text, part.end
                self._at += 1
        if text == token.text:
            self.done.append(token)
        elif _GROUPED.fullmatch(text):
            self.done.append(_copy(token, TokenType.NUMBER, text.replace("_", "")))
        elif _OCTAL.fullmatch(text):
            self.done.append(_copy(token, TokenType.NUMBER, _decimal(text)))
        else:
            raise _junk(text, token)

    def _based(self, token: Token) -> None:
        """``0x1F`` and ``0b11``: whole numbers, where PostgreSQL's ``x'1F'`` is a bit string."""
        letter = "0x" if token.token_type is TokenType.HEX_STRING else "0b"
        if not _BASED.fullmatch(letter + token.text):
            raise _junk(letter + token.text, token)
        self.done.append(_copy(token, TokenType.NUMBER, _decimal(letter + token.text)))
        self._at += 1

    def _interval(self) -> None:
        keyword, text = self.tokens[self._at], self.tokens[self._at + 1]
        self._at += 2
        fields = self._interval_fields()
        self.done += [
            _copy(keyword, TokenType.VAR, "interval" + MARK),
            _copy(keyword, TokenType.L_PAREN, "("),
            text,
            _copy(text, TokenType.COMMA, ","),
            _copy(text, TokenType.STRING, fields),
            _copy(text, TokenType.R_PAREN, ")"),
        ]

    def _interval_fields(self) -> str:
        """``DAY TO SECOND`` and the like, if it stands next; a precision in parentheses is passed over."""
        words: list[str] = []
        while (token := self._peek()) is not None:
            word = token.text.upper()
            wanted = _FIELDS if len(words) % 2 == 0 else {"TO"}
            if word not in wanted or len(words) == 3:
                break
            words.append(word)
            self._at += 1
        if words and words[-1] == "SECOND" and self._is(0, TokenType.L_PAREN) and self._is(2, TokenType.R_PAREN):
            self._at += 3
        return " ".join(words)

    def _is_named_parameter(self) -> bool:
        colon, name = self._peek(), self._peek(1)
        if colon is None or name is None or name.start != colon.end + 1 or not name.text.isidentifier():
            return False
        return not self.done or self.done[-1].token_type not in _OPERANDS

    def _named_parameter(self) -> None:
        colon, name = self.tokens[self._at], self.tokens[self._at + 1]
        self._only_one_style(colon)
        if name.text not in self.parameters:
            self.parameters.append(name.text)
        self._parameter(colon, self.parameters.index(name.text) + 1)

    def _numbered_parameter(self) -> None:
        sign, number = self.tokens[self._at], self._peek(1)
        if number is None or not number.text.isdigit() or int(number.text) < 1:
            raise SyntaxFailure(near(sign), position=sign.start, hint="parameters are written $1, $2 or :name")
        self._only_one_style(sign)
        count = int(number.text)
        if count > 65_535:
            raise SyntaxFailure(f"there is no parameter ${count}", sqlstate="42P02", position=sign.start)
        self.parameters += [str(n) for n in range(len(self.parameters) + 1, count + 1)]
        self._parameter(sign, count)

    def _parameter(self, sign: Token, place: int) -> None:
        self.done += [_copy(sign, TokenType.PARAMETER, "$"), _copy(sign, TokenType.NUMBER, str(place))]
        self._at += 2

    def _only_one_style(self, token: Token) -> None:
        if self._style not in (None, token.token_type):
            raise SyntaxFailure("$1 and :name cannot be mixed in one statement", position=token.start)
        self._style = token.token_type
