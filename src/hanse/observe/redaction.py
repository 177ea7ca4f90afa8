"""SQL that was sent, without the constants in it: what may be kept of it.

SELECT c1 FROM "t" WHERE ("name" = ?) AND ("id" IN (?)) LIMIT ?
"""

import re

HIDDEN = "?"
PIECES = re.compile(
    r"""
    (?P<name> "(?:[^"]|"")*" | `(?:[^`]|``)*` )
  | (?P<text> \b[Ee]'(?:[^'\\]|''|\\.)*' | (?:\b(?:[XxBbNn]|_utf8mb4\ X))?'(?:[^']|'')*' )
  | (?P<word> [^\W\d][\w$]* | \$\d+ )
  | (?P<number> (?:\d[\w.]*(?:(?<=[eE])[+-]\d+)?) | \.\d\w* )
  | (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<broken> ['"`] )
    """,
    re.VERBOSE | re.DOTALL,
)
LIST = re.compile(r"\?(?:\s*,\s*\?)+")
UNREADABLE = "(not shown)"


def redacted(sql: str) -> str:
    """The text with ? for every string and number, one for a list of them, and without comments; nothing of a text whose
    quotes are not in order."""
    broken = False

    def shown(match: re.Match[str]) -> str:
        nonlocal broken
        broken = broken or match.lastgroup == "broken"
        match match.lastgroup:
            case "name" | "word":
                return match[0]
            case "comment":
                return ""
        return HIDDEN

    text = PIECES.sub(shown, sql)
    return UNREADABLE if broken else LIST.sub(HIDDEN, text).strip()
