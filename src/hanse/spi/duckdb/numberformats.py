"""to_char of numbers with a constant template (manual, table 9.29): ``9 0 , G . D``, the prefix FM, one of S, SG, MI, PL and
PR, TH, RN, and text around the digits that is quoted or no letter. V, EEEE, L and text among the digits have no rule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hanse.ir.types import DECIMAL_DIGITS_MAX, Decimal, Kind
from hanse.spi.dialect import Operand, Rule
from hanse.spi.duckdb.spelling import fail, let, quoted, value

TEXT = r'(?:"[^"\\]*"|[^\w"\\,.+<>-]|[-+])*'
TEMPLATE = re.compile(
    rf"(?P<fill>FM)?(?P<before>{TEXT})(?P<lead>SG|S|MI|PL)?(?P<whole>[09][09,G]*)(?:(?P<point>[.D])(?P<fraction>[09]*))?"
    rf"(?P<trail>SG|S|MI|PL|PR)?(?P<nth>TH)?(?P<after>{TEXT})",
    re.IGNORECASE,
)
ROMAN = re.compile(r"(FM)?RN", re.IGNORECASE)
FLOAT_DIGITS = {Kind.FLOAT32: 6, Kind.FLOAT64: 15}
"""Decimal digits that a float surely has (FLT_DIG, DBL_DIG); PostgreSQL shows no more places than they leave."""


ENDINGS = (("1", "st"), ("2", "nd"), ("3", "rd"))


@dataclass(frozen=True, slots=True)
class NumberTemplate:
    """A template taken apart: ``whole`` with its commas before the point, ``fraction`` after it."""

    fill: bool
    """FM: no blanks, no zeros at the end that a 9 stands for."""
    whole: str
    point: bool
    fraction: str
    sign: str = ""
    """The pattern for the sign: S, SG, MI, PL, PR, or nothing."""
    trailing: bool = False
    """The sign stands behind the number."""
    nth: str = ""
    before: str = ""
    after: str = ""

    @property
    def places(self) -> str:
        """The digits before the point, without commas."""
        return self.whole.replace(",", "")

    @property
    def zeros(self) -> int:
        """How many digits before the point are always shown."""
        return len(self.places) - self.places.index("0") if "0" in self.places else 0

    @property
    def scale(self) -> int:
        """How many digits follow the point."""
        return len(self.fraction)


def parsed(template: object) -> NumberTemplate | None:
    """The template taken apart, or None if it holds anything else."""
    match = TEMPLATE.fullmatch(template) if isinstance(template, str) else None
    if not match or match["point"] == "d" or (match["lead"] and match["trail"]) or not _is_ordinal(match):
        return None
    sign = (match["lead"] or match["trail"] or "").upper()
    whole = match["whole"].upper().replace("G", ",")
    texts = (match[side].replace('"', "") for side in ("before", "after"))
    point, fraction = bool(match["point"]), match["fraction"] or ""
    return NumberTemplate(
        bool(match["fill"]), whole, point, fraction, sign, bool(match["trail"]), match["nth"] or "", *texts
    )


def _is_ordinal(match: re.Match[str]) -> bool:
    """Whether TH, if it is there, stands behind a whole number, in one case."""
    return match["nth"] in (None, "TH", "th") and not (match["nth"] and match["fraction"])


@dataclass(frozen=True, slots=True)
class Shown:
    """The number in SQL: its size as digits with the places that are shown, whether it is negative, and how many places
    are shown where that depends on the number (a float's)."""

    text: str
    negative: str
    scale: str = ""

    @property
    def digits(self) -> str:
        """Those before the point."""
        return f"split_part({self.text}, '.', 1)"

    @property
    def fraction(self) -> str:
        """Those after it."""
        return f"split_part({self.text}, '.', 2)"

    @property
    def is_zero(self) -> str:
        """Whether nothing but zeros is shown."""
        return f"ltrim(replace({self.text}, '.', ''), '0') = ''"


def _write(args: Sequence[Operand]) -> str:
    """Digits in their places: leading 9s are blanks where there is no digit, a sign stands before the first."""
    template = parsed(value(args[1]))
    assert template is not None
    digits = FLOAT_DIGITS.get(args[0].type.kind)
    if digits is not None:
        return let([args[0]], lambda x: _float(x, digits, template))
    return let([args[0]], lambda x: _exact(x, args[0].type, template))


def _exact(x: str, type: object, template: NumberTemplate) -> str:
    """A decimal: rounded half away from zero; what rounds to zero has no sign."""
    assert isinstance(type, Decimal)
    size, negative = f"abs({x})", f"{x} < 0"
    if type.scale > template.scale:
        precision = min(DECIMAL_DIGITS_MAX, type.precision - type.scale + template.scale + 1)
        target = f"DECIMAL({precision},{template.scale})"
        size, negative = f"CAST(abs({x}) AS {target})", f"{x} < 0 AND CAST({x} AS {target}) <> 0"
    text = f"CAST({size} AS VARCHAR)"
    if type.scale < template.scale:
        missing = quoted(("" if type.scale else ".") + "0" * (template.scale - type.scale))
        text = f"{text} || {missing}"
    return let([text, negative], lambda t, n: _placed(Shown(t, n), template), "w")


def _float(x: str, digits: int, template: NumberTemplate) -> str:
    """A float: as printf() rounds it, with as many places as are surely right."""
    texts = ", ".join(f"printf('%.{places}f', abs({x}))" for places in range(template.scale + 1))
    wanted = f"least({template.scale}, greatest(0, {digits} - len(printf('%.0f', abs({x})))))"
    finite = f"[{texts}][{wanted} + 1]"
    text = f"CASE WHEN isnan({x}) THEN 'NaN' WHEN isinf({x}) THEN 'Infinity' ELSE {finite} END"
    negative = f"starts_with(printf('%.0f', {x}), '-') AND NOT isnan({x})"

    def body(t: str, n: str) -> str:
        shown = Shown(t, n, f"least({template.scale}, greatest(0, {digits} - len(split_part({t}, '.', 1))))")
        placed = _placed(shown, template)
        odd = (template.trailing and template.scale and template.sign != "PR") or template.nth
        unusual = f"{shown.fraction} = ''" if template.scale else f"{t} = 'NaN'"
        message = fail("0A000", "to_char of a float that has no places to show, with a pattern behind them")
        return f"CASE WHEN {unusual} THEN {message} ELSE {placed} END" if odd else placed

    return let([text, negative], body, "w")


def _placed(shown: Shown, template: NumberTemplate) -> str:
    """The number or, where it has no room, number signs in its places."""
    crowded = f"len({shown.digits}) > {len(template.places)}"
    inside = let([_whole(shown, template)], lambda p: f"ltrim({_grouped(p, template)})", "p")
    number = _signed(f"{inside}{_tail(shown, template)}", _width(shown, template), shown, template)
    hashes = _signed(_overflow(shown, template), "0", shown, template)
    if template.nth:
        number = f"{number} || CASE WHEN {shown.negative} THEN '' ELSE {_ordinal(shown, template)} END"
    text = f"CASE WHEN {crowded} THEN {hashes} ELSE {number} END"
    texts = [quoted(template.before), text, quoted(template.after)]
    return " || ".join(part for part in texts if part != "''")


def _width(shown: Shown, template: NumberTemplate) -> str:
    """Columns that the digits take; a fraction that is cut short takes fewer."""
    if not shown.scale:
        return str(len(template.whole) + template.scale + bool(template.scale))
    return f"{len(template.whole)} + len({shown.text}) - len({shown.digits})"


def _signed(number: str, width: str, shown: Shown, template: NumberTemplate) -> str:
    """The digits with their sign, padded to ``width`` where FM does not say otherwise."""
    blank = "''" if template.fill else "' '"
    minus, either = _sign(shown, "'-'", blank), _sign(shown, "'-'", "'+'")

    def padded(text: str, more: int = 0) -> str:
        return text if template.fill or width == "0" else f"lpad({text}, CAST({width} + {more} AS INTEGER), ' ')"

    match template.sign, template.trailing:
        case "", _:
            return padded(f"{_sign(shown, quoted('-'), quoted('') if width != '0' else blank)} || {number}", 1)
        case "S", False:
            return padded(f"{either} || {number}", 1)
        case "S" | "SG", True:
            return f"{padded(number)} || {either}"
        case "SG", False:
            return f"{either} || {padded(number)}"
        case "MI", trailing:
            return f"{padded(number)} || {minus}" if trailing else f"{minus} || {padded(number)}"
        case "PR", _:
            opened = f"{_sign(shown, quoted('<'), blank if width == '0' else quoted(''))} || {number}"
            return f"{padded(opened, 1)} || {_sign(shown, quoted('>'), blank)}"
        case _:
            plus = _sign(shown, blank, "'+'")
            inner = padded(f"{_sign(shown, quoted('-'), quoted('') if width != '0' else blank)} || {number}", 1)
            return f"{inner} || {plus}" if template.trailing else f"{plus} || {inner}"


def _sign(shown: Shown, negative: str, positive: str) -> str:
    return f"CASE WHEN {shown.negative} THEN {negative} ELSE {positive} END"


def _overflow(shown: Shown, template: NumberTemplate) -> str:
    """What stands for a number that has no room."""
    whole = quoted(re.sub("[09]", "#", template.whole) + ("." if template.point else ""))
    places = "#" * template.scale
    if not places:
        return whole
    return f"{whole} || repeat('#', CAST({shown.scale} AS INTEGER))" if shown.scale else f"{whole} || {quoted(places)}"


def _whole(shown: Shown, template: NumberTemplate) -> str:
    """The digits before the point in all places; a lone zero shows only if the template asks for it."""
    digits = shown.digits
    bare = digits
    if template.scale and not template.zeros:
        bare = f"CASE WHEN {digits} = '0' AND {shown.fraction} <> '' THEN '' ELSE {digits} END"
    if template.fill and "0" not in template.fraction:
        bare = f"CASE WHEN {shown.is_zero} THEN {digits} ELSE {bare} END"
    text = f"lpad({bare}, CAST(greatest(len({bare}), {template.zeros}) AS INTEGER), '0')"
    return f"lpad({text}, {len(template.places)}, ' ')"


def _grouped(p: str, template: NumberTemplate) -> str:
    """The places of ``p`` with the commas that have a digit before them."""
    pieces, place = [], 0
    for char in template.whole:
        if char == ",":
            pieces.append(f"CASE WHEN trim(left({p}, {place})) = '' THEN ' ' ELSE ',' END")
        else:
            place += 1
            pieces.append(f"substr({p}, {place}, 1)")
    return " || ".join(pieces)


def _tail(shown: Shown, template: NumberTemplate) -> str:
    """The point and what follows it."""
    if not template.scale:
        return ""
    after = shown.fraction
    if template.fill:
        least = template.fraction.rfind("0") + 1
        after = f"left({after}, CAST(greatest({least}, len(rtrim({after}, '0'))) AS INTEGER))"
    if not shown.scale:
        return f" || '.' || {after}"
    return f" || CASE WHEN {shown.fraction} = '' THEN '' ELSE '.' || {after} END"


def _ordinal(shown: Shown, template: NumberTemplate) -> str:
    """``st``, ``nd``, ``rd`` or ``th``, in the case of the pattern."""
    last = f"right({shown.digits}, 1)"
    teens = f"right({shown.digits}, 2) IN ('11', '12', '13')"
    known = " ".join(f"WHEN NOT {teens} AND {last} = '{digit}' THEN '{text}'" for digit, text in ENDINGS)
    ending = f"CASE {known} ELSE 'th' END"
    return f"upper({ending})" if template.nth[0] == "T" else f"({ending})"


def _can_write(args: Sequence[Operand]) -> bool:
    kind = args[0].type.kind
    return (kind is Kind.DECIMAL or kind in FLOAT_DIGITS) and parsed(value(args[1])) is not None


NUMERALS = (
    ("M", 1000, ("", "M", "MM", "MMM")),
    ("C", 100, ("", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM")),
    ("X", 10, ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC")),
    ("I", 1, ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")),
)


def _roman(args: Sequence[Operand]) -> str:
    """From 1 to 3999; anything else has no numeral."""
    template = str(value(args[1]))

    def body(n: str) -> str:
        digits = [f"[{', '.join(map(quoted, names))}][{n} // {unit} % 10 + 1]" for _, unit, names in NUMERALS]
        numeral = " || ".join(digits)
        shown = numeral if len(template) > 2 else f"lpad({numeral}, 15, ' ')"
        text = shown if "R" in template else f"lower({shown})"
        return f"CASE WHEN {n} IS NULL THEN NULL WHEN {n} BETWEEN 1 AND 3999 THEN {text} ELSE {quoted('#' * 15)} END"

    def whole(x: str) -> str:
        number = f"WHEN {x} BETWEEN 0 AND 4000 THEN CAST(CAST({x} AS DECIMAL(38,0)) AS INTEGER)"
        far = f"WHEN abs({x}) > 2147483647 THEN {fail('22003', 'integer out of range')}"
        return let([f"CASE WHEN {x} IS NULL THEN NULL {number} {far} ELSE 0 END"], body, "r")

    return let([args[0]], whole)


def _can_be_roman(args: Sequence[Operand]) -> bool:
    template = value(args[1])
    type = args[0].type
    small = isinstance(type, Decimal) and type.scale <= DECIMAL_DIGITS_MAX - 10
    return small and isinstance(template, str) and ROMAN.fullmatch(template) is not None


RULES = (Rule(_roman, when=_can_be_roman), Rule(_write, when=_can_write))
