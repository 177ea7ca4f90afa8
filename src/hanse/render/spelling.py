"""How pieces of SQL text fit together: parentheses only where they are needed, and pieces that nothing may look into.

A dialect's templates are read once and kept. Text that comes from outside (literals, names) and holes travel through
string building behind marks, so that no literal can be mistaken for a template's place or for a hole.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from hanse.errors import InternalError
from hanse.ir.expr import Parameter
from hanse.ir.request import KeyHole, KeyOperand, Part, RowsHole, SqlText
from hanse.spi.dialect import PLACE

LOGIC, LOOSE, TIGHT = 0, 1, 2
"""How firmly a text holds together: AND, OR, NOT on its surface; operators; one primary expression."""

MARK = "\N{EGYPTIAN HIEROGLYPH Z015I}"
"""Frames the number of a kept piece. It is a letter, because dialects take a run of letters for a column, cheap to repeat."""
OPAQUE = "\x00"
"""Frames what a dialect should not repeat."""
_MARK = re.compile(f"[{MARK}{OPAQUE}](\\d+)[{MARK}{OPAQUE}]")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\x00\d+\x00|[()]|[^'\"`()\x00]+|.", re.DOTALL)
_PRIMARY = re.compile(
    r"""(?: [\w.@]*\(\) | [\w.@"]+ | (?:\w+\s*)?' )
        (?: :: \w+ (?:\ precision|\ with(?:out)?\ time\ zone)? (?:\(\))? (?:\[\])* )*""",
    re.VERBOSE | re.IGNORECASE,
)
_CASE = re.compile(r"CASE\b(?:(?!\bCASE\b).)*\bEND", re.IGNORECASE | re.DOTALL)
_LOGICAL = re.compile(r"\b(?:and|or|between)\b|(?<!\bis )\bnot\b", re.IGNORECASE)
_QUERY = re.compile(r"(?:select|with|values|from|table)\b", re.IGNORECASE)
_CALL = re.compile(r"([A-Za-z_][\w.]*)\(")
_TYPE = re.compile(r"(?:\bas\s+|::)$", re.IGNORECASE)
_WRAPPERS = frozenset({"cast", "try_cast", "convert", "coalesce", "nullif", "round"})
_SIMPLE_LITERAL = re.compile(r"(?:\d+(?:\.\d+)?|(?:[A-Za-z]+ ?)?'(?:[^'\\]|'')*'|[A-Za-z]+)")


def has_mark(text: str) -> bool:
    """Whether text from outside holds a character that is used for marks here."""
    return MARK in text or OPAQUE in text


def skeleton(text: str) -> str | None:
    """The surface of a text: groups as ``()``, strings as ``'``, quoted names as ``"``; None if it cannot be told."""
    if "\\" in text or "--" in text or "/*" in text:
        return None
    surface: list[str] = []
    depth = 0
    for piece in _TOKEN.findall(text):
        if piece == ")":
            depth -= 1
            if depth < 0:
                return None
        if depth == 0:
            surface.append(
                "'" if piece[0] == "'" else '"' if piece[0] in '"`' else "@" if piece[0] == OPAQUE else piece
            )
        if piece == "(":
            depth += 1
    return "".join(surface) if depth == 0 else None


def level(text: str) -> int:
    """How firmly a text holds together; doubt counts as loosely."""
    surface = skeleton(text)
    if surface is None:
        return LOGIC
    if surface == "()" or _CASE.fullmatch(surface):
        return TIGHT
    if _LOGICAL.search(surface):
        return LOGIC
    return TIGHT if _PRIMARY.fullmatch(surface) else LOOSE


def literal_level(text: str) -> int:
    """The same for a constant, most of which are told at a glance."""
    return TIGHT if _SIMPLE_LITERAL.fullmatch(text) else level(text)


def bare(text: str) -> str:
    """The text without parentheses that enclose all of it; those of a subquery or a row are part of it."""
    text = text.strip()
    while text.startswith("(") and skeleton(text) == "()":
        inner = text[1:-1].strip()
        surface = skeleton(inner)
        if surface is None or "," in surface or _QUERY.match(surface):
            return text
        text = inner
    return text


@dataclass(frozen=True, slots=True)
class Template:
    """A spelling, read: texts and places in turn; ``delimited`` says of each place that nothing can slip out of it."""

    texts: tuple[str, ...]
    places: tuple[str, ...]
    delimited: tuple[bool, ...]
    level: int

    def fill(self, args: Sequence[tuple[str, int]], clauses: dict[str, str] | None = None) -> tuple[str, int]:
        """The text and its level with ``args`` (text, level) in their places."""
        if self.texts == ("", "") and self.places == ("0",):
            return args[0]
        parts = [self.texts[0]]
        for place, free, text in zip(self.places, self.delimited, self.texts[1:], strict=True):
            if place == "*":
                parts.append(", ".join(sql if free or firm == TIGHT else f"({sql})" for sql, firm in args))
            elif place.isdigit():
                sql, firm = args[int(place)]
                parts.append(sql if free or firm == TIGHT else f"({sql})")
            elif clauses is not None:
                parts.append(clauses.get(place, ""))
            parts.append(text)
        return "".join(parts), self.level


def _is_delimited(before: str, after: str) -> bool:
    head, tail = before.removesuffix("{distinct}").rstrip(), after.lstrip()
    opened = not head or head[-1] in "(,"
    closed = not tail or tail[0] in "),{" or tail[:3].upper() == "AS "
    return opened and closed and (bool(head) or not tail)


@lru_cache(maxsize=8192)
def template(spelling: str) -> Template:
    """Read a dialect's template."""
    spelling = bare(spelling)
    marks = list(PLACE.finditer(spelling))
    edges = [0, *(edge for mark in marks for edge in mark.span()), len(spelling)]
    texts = tuple(spelling[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))
    delimited = tuple(_is_delimited(spelling[: mark.start()], spelling[mark.end() :]) for mark in marks)
    surface = PLACE.sub(lambda mark: "" if mark[1].isalpha() else "@", spelling)
    return Template(texts, tuple(mark[1] for mark in marks), delimited, level(surface))


def _closing(text: str, opening: int) -> int:
    depth = 0
    for piece in _TOKEN.finditer(text, opening):
        depth += (piece[0] == "(") - (piece[0] == ")")
        if depth == 0:
            return piece.start()
    raise InternalError(f"unbalanced parentheses in the spelling {text!r}")


CLAUSE_PLACES = {"distinct": "{distinct}", "order": "{order}", "over": "{over}"}


def with_clauses(spelling: str, clauses: dict[str, str]) -> str:
    """The spelling of an aggregate with its clauses in their places (``spi.dialect.Spelling``)."""
    if "{over}" in spelling:
        for name, place in CLAUSE_PLACES.items():
            spelling = spelling.replace(place, clauses[name])
        return spelling
    parts: list[str] = []
    done = 0
    for call in _CALL.finditer(spelling):
        if call.start() >= done and call[1].lower() not in _WRAPPERS and not _TYPE.search(spelling, 0, call.start()):
            closing = _closing(spelling, call.end() - 1)
            inside = spelling[call.end() : closing]
            parts += [spelling[done : call.end()], clauses["distinct"], inside, clauses["order"], ")", clauses["over"]]
            done = closing + 1
    if not parts:
        raise InternalError(f"the spelling {spelling!r} of an aggregate has no call")
    return "".join([*parts, spelling[done:]])


@lru_cache(maxsize=2048)
def aggregate_template(spelling: str) -> Template:
    """Read the template of an aggregate or window function."""
    return template(with_clauses(bare(spelling), CLAUSE_PLACES))


class _Text(NamedTuple):
    """Kept text. ``marked``: it may hold marks of its own; ``optional``: it stands only if columns are qualified."""

    text: str
    marked: bool = False
    optional: bool = False


class Marks:
    """What must not be looked into while text is built: holes, foreign text, and names of tables not yet decided on."""

    def __init__(self) -> None:
        self._kept: list[_Text | Parameter | KeyHole | RowsHole] = []
        self._hidden: dict[str, str] = {}
        self.qualified = False
        """Whether columns are written with their table's alias; known only when all is written."""

    def _keep(self, what: _Text | Parameter | KeyHole | RowsHole, frame: str = MARK) -> str:
        self._kept.append(what)
        return f"{frame}{len(self._kept) - 1}{frame}"

    def hole(self, parameter: Parameter) -> str:
        """A mark for a parameter of the user."""
        return self._keep(parameter)

    def keys(self, hole: KeyHole) -> str:
        """A mark for a condition on keys; its operands may hold marks."""
        return self._keep(hole)

    def rows(self, hole: RowsHole) -> str:
        """A mark for the rows of another fragment."""
        return self._keep(hole)

    def hidden(self, sql: str, repeatable: bool) -> str:
        """A mark for a text written here, the same one for the same text."""
        mark = self._hidden.get(sql)
        if mark is None:
            mark = self._hidden[sql] = self._keep(_Text(sql, marked=True), MARK if repeatable else OPAQUE)
        return mark

    def foreign(self, text: str) -> str:
        """The text, or a mark for it where it could be taken for something else."""
        return self._keep(_Text(text)) if has_mark(text) or PLACE.search(text) else text

    def optional(self, text: str) -> str:
        """A mark for a text that stands only if columns are qualified."""
        return self._keep(_Text(text, optional=True))

    def embed(self, sql: SqlText) -> str:
        """A finished text as part of this one."""
        return "".join(self.foreign(part) if isinstance(part, str) else self._keep(part) for part in sql.parts)

    def resolve(self, text: str) -> SqlText:
        """Put everything back: text and holes in turn."""
        parts: list[Part] = []
        texts: list[str] = []

        def flush() -> None:
            if any(texts):
                parts.append("".join(texts))
            texts.clear()

        for piece in self._pieces(text):
            if isinstance(piece, str):
                texts.append(piece)
            else:
                flush()
                parts.append(piece)
        flush()
        return SqlText(tuple(parts))

    def _operand(self, operand: KeyOperand) -> KeyOperand:
        return replace(operand, sql="".join(map(str, self._pieces(operand.sql))))

    def _pieces(self, text: str) -> Iterator[Part]:
        for place, piece in enumerate(_MARK.split(text)):
            if place % 2 == 0:
                yield piece
                continue
            kept = self._kept[int(piece)]
            if isinstance(kept, Parameter | RowsHole):
                yield kept
            elif isinstance(kept, KeyHole):
                yield replace(kept, operands=tuple(map(self._operand, kept.operands)))
            elif kept.marked:
                yield from self._pieces(kept.text)
            elif self.qualified or not kept.optional:
                yield kept.text
