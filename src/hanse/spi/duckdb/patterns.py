r"""LIKE and regular expressions.

LIKE treats a backslash as escape unless another is named; DuckDB has none unless one is. Regular expressions are
PostgreSQL's advanced ones (ARE) there and RE2 here: only constant patterns in the part of the language that both read
alike are spelt. What RE2 lacks (back references, lookaround) or reads otherwise (``\y``, ``\m``, ``[[:<:]]``,
non-greedy beside greedy quantifiers) has no rule and is refused before anything runs.
"""

import re
from collections.abc import Callable, Sequence

from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb.spelling import let, quoted, rules, value

SHARED = re.compile(
    r"""(?: \\[dDwWsS.\\^$*+?()\[\]{}|/\-nrtfvaA] | \\[^\w\s]
          | \[\^?\]?(?: \[:(?:alpha|digit|alnum|upper|lower|space|punct|xdigit|blank|cntrl|graph|print):\]
                        | \\[dwsnrt\\\]\[\-./^$*+?] | [^\]\[\\] )*\]
          | \{\d+(?:,\d*)?\} | \(\?: | [^\\\[{] )*""",
    re.VERBOSE | re.DOTALL,
)
"""The part of the language that both engines read alike."""
REFUSED = re.compile(r"\(\?[^:]|\\[1-9]|\*\*\*|[*+?}][+]|^\*|\(\*|\|\*")
LAZY, GREEDY = re.compile(r"[*+?}]\?"), re.compile(r"(?<!\\)[*+?}](?!\?)")
FLAGS = frozenset("gics")


def is_shared(pattern: object, flags: object = "") -> bool:
    """Whether both engines match the same with this constant pattern and these flags."""
    if not isinstance(pattern, str) or not isinstance(flags, str) or not set(flags) <= FLAGS:
        return False
    plain = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern, flags=re.DOTALL)
    lazy = bool(LAZY.search(plain))
    greedy = bool(GREEDY.search(LAZY.sub("", plain)))
    return bool(SHARED.fullmatch(pattern)) and not REFUSED.search(plain) and not (lazy and (greedy or "|" in plain))


def _constant(pattern: int, flags: int | None = None) -> Callable[[Sequence[Operand]], bool]:
    def accepts(args: Sequence[Operand]) -> bool:
        chosen = value(args[flags]) if flags is not None and len(args) > flags else ""
        return is_shared(value(args[pattern]), chosen)

    return accepts


def regex(pattern: str, flags: str = "") -> str:
    """The pattern for RE2: newlines are ordinary characters, as in PostgreSQL."""
    insensitive = "i" if flags.rfind("i") > flags.rfind("c") else ""
    return quoted(f"(?s{insensitive}){unicode_classes(pattern)}")


LETTERS = {"alpha": r"\p{L}", "alnum": r"\p{L}\p{N}", "upper": r"\p{Lu}", "lower": r"\p{Ll}"}
BLANKS = r"\s\x0b\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}"
WORDS = r"\p{L}\p{N}_"
PIECE = re.compile(r"\\.|\[:(\w+):\]|.", re.DOTALL)


def unicode_classes(pattern: str) -> str:
    r"""Classes such as ``\w`` and ``[[:alpha:]]`` hold all letters in PostgreSQL, those of ASCII in RE2."""
    out, inside = [], False
    for match in PIECE.finditer(pattern):
        piece, name = match[0], match[1]
        if name and inside:
            out.append(LETTERS.get(name, BLANKS if name == "space" else piece))
        elif piece in ("\\w", "\\s"):
            letters = WORDS if piece == "\\w" else BLANKS
            out.append(letters if inside else f"[{letters}]")
        elif piece in ("\\W", "\\S"):
            out.append(f"[^{WORDS if piece[1] == 'W' else BLANKS}]")
        else:
            inside = (inside and piece != "]") or piece == "["
            out.append(piece)
    return "".join(out)


def _matches(insensitive: bool) -> Callable[[Sequence[Operand]], str]:
    def spell(args: Sequence[Operand]) -> str:
        flags = ("i" if insensitive else "") + (str(value(args[2]) or "") if len(args) > 2 else "")
        return f"regexp_matches({args[0].sql}, {regex(str(value(args[1])), flags)})"

    return spell


def _replace(args: Sequence[Operand]) -> str:
    flags = str(value(args[3]) or "") if len(args) > 3 else ""
    every = ", 'g'" if "g" in flags else ""
    return f"regexp_replace({args[0].sql}, {regex(str(value(args[1])), flags)}, {_replacement(args[2])}{every})"


def _replacement(arg: Operand) -> str:
    r"""``\&`` is the whole match in PostgreSQL, ``\0`` in RE2; a backslash before anything else is itself."""
    text = value(arg)
    if text is None:
        return arg.sql
    return quoted(re.sub(r"\\(.?)", lambda m: _reference(m[1]), str(text), flags=re.DOTALL))


def _reference(after: str) -> str:
    if after == "&":
        return "\\0"
    return f"\\{after}" if (after.isdigit() and after != "0") or after == "\\" else f"\\\\{after}"


def _can_replace(args: Sequence[Operand]) -> bool:
    if not _constant(1, 3)(args) or value(args[2]) is None:
        return False
    groups = re.compile(r"(?s)" + re.sub(r"\[:\w+:\]", "a", str(value(args[1])))).groups if _compiles(args) else -1
    return all(int(n) <= groups for n in re.findall(r"(?<!\\)\\([1-9])", str(value(args[2]))))


def _compiles(args: Sequence[Operand]) -> bool:
    try:
        re.compile(re.sub(r"\[:\w+:\]", "a", str(value(args[1]))))
    except re.error:
        return False
    return True


def groups(pattern: str) -> int:
    """How many groups a pattern captures."""
    plain = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern, flags=re.DOTALL)
    return len(re.findall(r"\((?!\?)", plain))


def _match(args: Sequence[Operand]) -> str:
    """The groups of the first match, or the whole of it; NULL without a match."""
    pattern = str(value(args[1]))
    source = regex(pattern, str(value(args[2]) or "") if len(args) > 2 else "")
    count = groups(pattern)

    def body(x: str) -> str:
        items = ", ".join(
            f"regexp_extract({x}, {source}, {group})" for group in (range(1, count + 1) if count else [0])
        )
        return f"CASE WHEN regexp_matches({x}, {source}) THEN [{items}] END"

    return let([args[0]], body)


def _split(args: Sequence[Operand]) -> str:
    flags = str(value(args[2]) or "") if len(args) > 2 else ""
    return f"string_split_regex({args[0].sql}, {regex(str(value(args[1])), flags)})"


def _can_match(args: Sequence[Operand]) -> bool:
    """Groups that took no part are NULL in PostgreSQL and empty in RE2: patterns that may have such are refused."""
    pattern = value(args[1])
    return _constant(1, 2)(args) and not re.search(r"\|", str(pattern)) and not re.search(r"\)[*?{]", str(pattern))


def _empty(pattern: object) -> bool:
    """Whether a pattern may match the empty text, where splitting differs."""
    try:
        return re.compile(re.sub(r"\[:\w+:\]", "a", str(pattern))).match("") is not None
    except re.error:
        return True


def like(name: str) -> Callable[[Sequence[Operand]], str]:
    """LIKE or ILIKE with PostgreSQL's escape."""

    def spell(args: Sequence[Operand]) -> str:
        pattern = value(args[1])
        escape = "\\" if len(args) < 3 else value(args[2])
        if isinstance(pattern, str) and "\\" not in pattern and len(args) < 3:
            return f"{args[0].sql} {name} {args[1].sql}"
        if escape == "":
            return f"{args[0].sql} {name} {args[1].sql}"
        spelt = quoted(escape) if isinstance(escape, str) else args[2].sql
        return f"{args[0].sql} {name} {args[1].sql} ESCAPE {spelt}"

    return spell


def similar(pattern: str, escape: str) -> str | None:
    """A SIMILAR TO pattern as a regular expression, or None where it cannot be translated."""
    out, place, inside = [], 0, False
    while place < len(pattern):
        char = pattern[place]
        if escape and char == escape and place + 1 < len(pattern):
            place += 1
            if pattern[place] == '"':
                return None
            out.append(re.escape(pattern[place]))
        elif inside:
            inside = char != "]"
            out.append("\\\\" if char == "\\" else char)
        elif char == "[":
            inside = True
            out.append(char)
        else:
            out.append(
                {"%": ".*", "_": ".", "(": "(?:", ".": "\\.", "^": "\\^", "$": "\\$", "\\": "\\\\"}.get(char, char)
            )
        place += 1
    return f"^(?:{''.join(out)})$"


def _similar(args: Sequence[Operand]) -> str:
    translated = similar(str(value(args[1])), str(value(args[2])) if len(args) > 2 else "\\")
    return f"regexp_matches({args[0].sql}, {quoted('(?s)' + str(translated))})"


def _can_be_similar(args: Sequence[Operand]) -> bool:
    if value(args[1]) is None or (len(args) > 2 and value(args[2]) is None):
        return False
    translated = similar(str(value(args[1])), str(value(args[2])) if len(args) > 2 else "\\")
    return translated is not None and is_shared(translated)


PATTERNS: Rules = {
    "like": rules(like("LIKE")),
    "ilike": rules(like("ILIKE")),
    "similar_to": rules(Rule(_similar, when=_can_be_similar)),
    "~": rules(Rule(_matches(insensitive=False), when=_constant(1))),
    "~*": rules(Rule(_matches(insensitive=True), when=_constant(1))),
    "regexp_like": rules(Rule(_matches(insensitive=False), when=_constant(1, 2))),
    "regexp_replace": rules(Rule(_replace, when=_can_replace)),
    "regexp_match": rules(Rule(_match, when=_can_match)),
    "regexp_count": rules(
        Rule(
            lambda args: f"CAST(len(regexp_extract_all({args[0].sql}, {regex(str(value(args[1])))})) AS INTEGER)",
            when=_constant(1),
        )
    ),
    "regexp_substr": rules(
        Rule(
            lambda args: let(
                [args[0]],
                lambda x: (
                    f"CASE WHEN regexp_matches({x}, {regex(str(value(args[1])))})"
                    f" THEN regexp_extract({x}, {regex(str(value(args[1])))}) END"
                ),
            ),
            when=_constant(1),
        )
    ),
    "regexp_split_to_array": rules(
        Rule(_split, when=lambda args: _constant(1, 2)(args) and not _empty(value(args[1])))
    ),
}
