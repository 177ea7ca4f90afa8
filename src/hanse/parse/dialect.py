"""PostgreSQL's grammar as sqlglot has it, without the rewriting that sqlglot does for transpiling."""

import re
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType


class HanseSql(Postgres):
    """PostgreSQL's dialect; subscripts stay as they were written, and no word swallows the rest of the text.

    sqlglot's parser is compiled and cannot be subclassed, so what else must differ is done to the tokens (``tokens``).
    """

    INDEX_OFFSET = 0

    class Tokenizer(Postgres.Tokenizer):
        """PostgreSQL's tokens, also after EXPLAIN and SHOW."""

        COMMANDS: ClassVar[set[TokenType]] = set()


class UnquotedSql(HanseSql):
    """The same for a text without dollar quotes: in ``$1,$2`` sqlglot's tokenizer sees the quote ``$1,$``."""

    class Tokenizer(HanseSql.Tokenizer):
        """No dollar quotes."""

        HEREDOC_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
        SINGLE_TOKENS: ClassVar[dict[str, TokenType]] = {
            **HanseSql.Tokenizer.SINGLE_TOKENS,
            "$": TokenType.PARAMETER,
        }


SPECIAL_SYNTAX = frozenset({"CAST", "TRY_CAST", "EXTRACT", "SUBSTRING", "POSITION", "TRIM", "OVERLAY"})
"""Functions whose arguments are not (only) separated by commas: sqlglot parses these."""

_KEYWORDS = frozenset({"ALL", "ANY", "CASE", "EXISTS", "FILTER", "SOME", "VALUES", "VARIADIC"})

REWRITTEN_FUNCTIONS = (
    frozenset(PostgresParser.FUNCTIONS)
    | frozenset(PostgresParser.FUNCTION_PARSERS)
    | frozenset(PostgresParser.NO_PAREN_FUNCTION_PARSERS)
) - (SPECIAL_SYNTAX | _KEYWORDS)
"""Names, in upper case, whose calls sqlglot would turn into nodes of its own, with other names and argument orders."""

CALLABLE_TOKENS = PostgresParser.FUNC_TOKENS

_DIALECT = HanseSql()
_UNQUOTED = UnquotedSql()
_DOLLAR_QUOTE = re.compile(r"\$([^\W\d]\w*)?\$")


def tokenize(text: str) -> list[Token]:
    """The tokens of a text; raises sqlglot's TokenError."""
    return (_DIALECT if _DOLLAR_QUOTE.search(text) else _UNQUOTED).tokenize(text)


def parse_tokens(tokens: list[Token], text: str) -> list[exp.Expr | None]:
    """The trees of the statements that the tokens spell; raises sqlglot's ParseError."""
    return _DIALECT.parser().parse(tokens, text)
