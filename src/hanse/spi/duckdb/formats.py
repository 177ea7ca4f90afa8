"""to_char, to_date and to_timestamp with constant templates (manual, section 9.8), piece by piece.

A template that holds anything else than the patterns below has no rule, and is refused before anything runs.
"""

import re
from collections.abc import Callable, Sequence

from hanse.ir.types import Kind
from hanse.spi.dialect import Operand, Rule, Rules
from hanse.spi.duckdb import dates, numberformats
from hanse.spi.duckdb.spelling import fail_with, let, quoted, rules, value

PATTERNS = [
    "SSSSS",
    "SSSS",
    "HH24",
    "HH12",
    "HH",
    "IYYY",
    "IYY",
    "IY",
    "IDDD",
    "ID",
    "IW",
    "I",
    "MONTH",
    "Month",
    "month",
    "MON",
    "Mon",
    "mon",
    "MM",
    "MI",
    "MS",
    "Y,YYY",
    "YYYY",
    "YYY",
    "YY",
    "Y",
    "DAY",
    "Day",
    "day",
    "DDD",
    "DY",
    "Dy",
    "dy",
    "DD",
    "D",
    "US",
    "SS",
    "CC",
    "WW",
    "W",
    "Q",
    "J",
    "AM",
    "PM",
    "am",
    "pm",
    "A.M.",
    "P.M.",
    "a.m.",
    "p.m.",
    "TZH",
    "TZM",
    "OF",
    "RM",
    "rm",
    "FF1",
    "FF2",
    "FF3",
    "FF4",
    "FF5",
    "FF6",
]
TOKEN = re.compile(
    "(?P<fill>FM)?(?:(?P<name>"
    + "|".join(map(re.escape, sorted(PATTERNS, key=len, reverse=True)))
    + ")(?P<nth>TH|th)?)"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<other>[^A-Za-z"\\])',
    re.DOTALL,
)
Spell = Callable[[Sequence[Operand]], str]
MONTH_NAMES = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAY_NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]


def tokens(template: object) -> list[re.Match[str]] | None:
    """The template taken apart, or None if it holds anything else."""
    if not isinstance(template, str):
        return None
    found, place = [], 0
    while place < len(template):
        match = TOKEN.match(template, place)
        if not match:
            return None
        found.append(match)
        place = match.end()
    return found


def _number(sql: str, width: int, *, fill: bool, nth: str | None) -> str:
    text = f"CAST({sql} AS VARCHAR)"
    padded = (
        text
        if fill or not width
        else f"CASE WHEN {sql} < 0 THEN {text} ELSE lpad({text}, CAST(greatest({width}, len({text})) AS INTEGER), '0') END"
    )
    if not nth:
        return padded
    ends = (
        f"CASE WHEN {sql} % 100 BETWEEN 11 AND 13 THEN 'th' WHEN {sql} % 10 = 1 THEN 'st' WHEN {sql} % 10 = 2 THEN 'nd'"
    )
    ending = f"{ends} WHEN {sql} % 10 = 3 THEN 'rd' ELSE 'th' END"
    return f"{padded} || " + (f"upper({ending})" if nth == "TH" else f"({ending})")


def _named(names: list[str], sql: str, form: str, *, fill: bool, first: int) -> str:
    """A name in the case that the pattern shows; long ones are padded to nine."""
    short = len(form) <= 3 and form.lower() != "day"
    shown = [name[:3] if short else name for name in names]
    cased = [name.upper() if form.isupper() else name.lower() if form.islower() else name for name in shown]
    width = 0 if short or fill else 9
    return f"[{', '.join(quoted(name.ljust(width)) for name in cased)}][{sql} + {1 - first}]"


def _field(name: str, x: str) -> str:
    return f"datepart('{name}', {x})"


def _micros(x: str) -> str:
    return f"(datepart('microsecond', {x}) % 1000000)"


def _hour12(x: str) -> str:
    return f"((datepart('hour', {x}) + 11) % 12 + 1)"


NUMERIC: dict[str, tuple[int, Callable[[str], str]]] = {
    "HH24": (2, lambda x: _field("hour", x)),
    "HH12": (2, _hour12),
    "HH": (2, _hour12),
    "MI": (2, lambda x: _field("minute", x)),
    "SS": (2, lambda x: f"({_field('microsecond', x)} // 1000000)"),
    "SSSS": (
        0,
        lambda x: f"({_field('hour', x)} * 3600 + {_field('minute', x)} * 60 + {_field('microsecond', x)} // 1000000)",
    ),
    "SSSSS": (
        0,
        lambda x: f"({_field('hour', x)} * 3600 + {_field('minute', x)} * 60 + {_field('microsecond', x)} // 1000000)",
    ),
    "MS": (3, lambda x: f"({_micros(x)} // 1000)"),
    "US": (6, _micros),
    **{f"FF{n}": (n, lambda x, n=n: f"({_micros(x)} // {10 ** (6 - n)})") for n in range(1, 7)},  # type: ignore[misc]
    "YYYY": (4, lambda x: _field("year", x)),
    "YYY": (3, lambda x: f"({_field('year', x)} % 1000)"),
    "YY": (2, lambda x: f"({_field('year', x)} % 100)"),
    "Y": (1, lambda x: f"({_field('year', x)} % 10)"),
    "IYYY": (4, lambda x: _field("isoyear", x)),
    "IYY": (3, lambda x: f"({_field('isoyear', x)} % 1000)"),
    "IY": (2, lambda x: f"({_field('isoyear', x)} % 100)"),
    "I": (1, lambda x: f"({_field('isoyear', x)} % 10)"),
    "MM": (2, lambda x: _field("month", x)),
    "DD": (2, lambda x: _field("day", x)),
    "DDD": (3, lambda x: _field("doy", x)),
    "D": (0, lambda x: f"({_field('dow', x)} + 1)"),
    "ID": (0, lambda x: _field("isodow", x)),
    "IDDD": (3, lambda x: f"(({_field('week', x)} - 1) * 7 + {_field('isodow', x)})"),
    "IW": (2, lambda x: _field("week", x)),
    "WW": (2, lambda x: f"(({_field('doy', x)} - 1) // 7 + 1)"),
    "W": (0, lambda x: f"(({_field('day', x)} - 1) // 7 + 1)"),
    "Q": (0, lambda x: _field("quarter", x)),
    "CC": (2, lambda x: _field("century", x)),
    "J": (0, lambda x: f"(epoch_us(date_trunc('day', CAST({x} AS TIMESTAMP))) // 86400000000 + 2440588)"),
}


def _piece(token: re.Match[str], x: str) -> str:
    name, fill = token["name"], bool(token["fill"])
    if name is None:
        text = token["other"] or token["escaped"] or re.sub(r"\\(.)", r"\1", token["quoted"] or "")
        return quoted(text)
    if name in NUMERIC:
        width, spell = NUMERIC[name]
        return _number(spell(x), width, fill=fill, nth=token["nth"])
    if name.upper() in ("MONTH", "MON"):
        return _named(MONTH_NAMES, _field("month", x), name, fill=fill, first=1)
    if name.upper() in ("DAY", "DY"):
        return _named(DAY_NAMES, _field("dow", x), name, fill=fill, first=0)
    return _odd_piece(name, x, fill=fill)


def _odd_piece(name: str, x: str, *, fill: bool) -> str:
    if name.upper() in ("AM", "PM", "A.M.", "P.M."):
        before, after = ("a.m.", "p.m.") if "." in name else ("am", "pm")
        texts = [t.upper() if name.isupper() else t for t in (before, after)]
        return f"CASE WHEN {_field('hour', x)} < 12 THEN {quoted(texts[0])} ELSE {quoted(texts[1])} END"
    if name.upper() == "RM":
        numerals = [(n if name == "RM" else n.lower()).ljust(0 if fill else 4) for n in ROMAN]
        return f"[{', '.join(map(quoted, numerals))}][{_field('month', x)}]"
    if name == "Y,YYY":
        year = _field("year", x)
        return f"printf('%d,%03d', {year} // 1000, {year} % 1000)"
    offset = _field("timezone", x)
    sign = f"CASE WHEN {offset} < 0 THEN '-' ELSE '+' END"
    hours, minutes = f"abs({offset}) // 3600", f"abs({offset}) // 60 % 60"
    if name == "TZM":
        return f"printf('%02d', {minutes})"
    tail = f" || CASE WHEN {minutes} <> 0 THEN printf(':%02d', {minutes}) ELSE '' END" if name == "OF" else ""
    return f"{sign} || printf('%02d', {hours}){tail}"


ZONED = frozenset({"TZH", "TZM", "OF"})


def _can_write(args: Sequence[Operand]) -> bool:
    found = tokens(value(args[1]))
    if found is None or any(token["nth"] and token["name"] not in NUMERIC for token in found):
        return False
    return args[0].type.kind == Kind.TIMESTAMPTZ or not any(token["name"] in ZONED for token in found)


def _write(args: Sequence[Operand]) -> str:
    """Pieces joined; nothing for an infinite or missing moment."""
    found = tokens(value(args[1])) or []

    def body(x: str) -> str:
        pieces = " || ".join(f"({_piece(token, x)})" for token in found) or "''"
        return f"CASE WHEN isfinite({x}) THEN {pieces} END"

    return let([args[0]], body)


READABLE = {
    "YYYY": (r"\d{4}", "%Y"),
    "MM": (r"\d{1,2}", "%m"),
    "DD": (r"\d{1,2}", "%d"),
    "HH24": (r"\d{1,2}", "%H"),
    "HH12": (r"\d{1,2}", "%I"),
    "MI": (r"\d{1,2}", "%M"),
    "SS": (r"\d{1,2}", "%S"),
    "MS": (r"\d{3}", "%g"),
    "US": (r"\d{6}", "%f"),
    "DDD": (r"\d{3}", "%j"),
    **dict.fromkeys(("MON", "Mon", "mon"), (r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", "%b")),
    **dict.fromkeys(("MONTH", "Month", "month"), ("(?i:" + "|".join(MONTH_NAMES) + ")", "%B")),
    **dict.fromkeys(("AM", "PM", "am", "pm"), ("(?i:am|pm)", "%p")),
}
"""Patterns for reading: what the text must look like, and what strptime calls it."""


def _read_plan(template: object) -> tuple[str, str] | None:
    """A regular expression for the text and a template for strptime."""
    found = tokens(template)
    if found is None or not any(token["name"] == "YYYY" for token in found):
        return None
    form, strptime = [], []
    for token in found:
        if token["name"] in READABLE and not token["nth"]:
            pattern, letter = READABLE[token["name"]]
            form.append(pattern)
            strptime.append(letter)
        elif token["name"] is None and not token["quoted"]:
            text = token["other"] or token["escaped"] or ""
            form.append(re.escape(text) if text != " " else " ")
            strptime.append("%%" if text == "%" else text)
        else:
            return None
    names = [token["name"] for token in found if token["name"]]
    return None if len(set(names)) < len(names) else (_widths("".join(form)), "".join(strptime))


def _widths(form: str) -> str:
    """Without separators between them, numbers have all their digits."""
    return (
        form.replace(r"\d{1,2}\d", r"\d{2}\d")
        .replace(r"\d{4}\d{1,2}", r"\d{4}\d{2}")
        .replace(r"\d{2}\d{1,2}", r"\d{2}\d{2}")
    )


def _can_read(args: Sequence[Operand]) -> bool:
    return len(args) == 2 and args[1].type.kind == Kind.TEXT and _read_plan(value(args[1])) is not None


def _read(type_name: str) -> Spell:
    """Text that fits the template exactly; PostgreSQL would guess at other text, which is refused here."""

    def spell(args: Sequence[Operand]) -> str:
        plan = _read_plan(value(args[1]))
        assert plan is not None
        form, strptime = plan
        refuse = fail_with("22007", f"text does not fit the template {value(args[1])}", "x")
        return let(
            [args[0]],
            lambda x: (
                f"CASE WHEN NOT regexp_full_match(trim({x}), {quoted(form)}) THEN {refuse.replace('|| x ||', f'|| {x} ||')}"
                f" ELSE CAST(strptime(trim({x}), {quoted(strptime)}) AS {type_name}) END"
            ),
        )

    return spell


MOMENTS = (dates.STAMPS, frozenset({Kind.TEXT}))
FORMATS: Rules = {
    "to_char": rules(Rule(_write, MOMENTS, when=_can_write), *numberformats.RULES),
    "to_date": rules(Rule(_read("DATE"), when=_can_read)),
    "to_timestamp": rules(dates.FROM_EPOCH, Rule(_read("TIMESTAMPTZ"), when=_can_read)),
}
