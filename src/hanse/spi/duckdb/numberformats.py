"""to_char of exact numbers with a constant template of ``9 0 , . G D`` and the prefix FM; others have no rule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hanse.ir.types import Kind
from hanse.spi.dialect import Operand, Rule
from hanse.spi.duckdb.spelling import let, quoted, value

TEMPLATE = re.compile(r"(FM)?(?=[09])([09,G]*)(?:([.D])([09]*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberTemplate:
    """A template taken apart: ``whole`` with its commas before the point, ``fraction`` after it."""

    fill: bool
    """FM: no blanks, no zeros at the end that a 9 stands for."""
    whole: str
    point: bool
    fraction: str

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

    @property
    def overflow(self) -> str:
        """What stands for a number that has no room."""
        whole = re.sub("[09]", "#", self.whole)
        return whole + ("." + "#" * self.scale if self.point else "")


def parsed(template: object) -> NumberTemplate | None:
    """The template taken apart, or None if it holds anything else."""
    match = TEMPLATE.fullmatch(template) if isinstance(template, str) else None
    if not match or match[3] == "d":
        return None
    return NumberTemplate(bool(match[1]), match[2].upper().replace("G", ","), bool(match[3]), match[4] or "")


def _write(args: Sequence[Operand]) -> str:
    """Digits in their places: leading 9s are blanks where there is no digit, a sign stands before the first."""
    template = parsed(value(args[1]))
    assert template is not None

    def body(x: str) -> str:
        text = f"CAST(CAST(abs({x}) AS DECIMAL(38,{template.scale})) AS VARCHAR)"
        return let([text, f"{x} < 0"], lambda t, negative: _shown(t, negative, template), "w")

    return let([args[0]], body)


def _shown(t: str, negative: str, template: NumberTemplate) -> str:
    """The number, of which ``t`` is the size in digits."""
    digits = f"split_part({t}, '.', 1)"
    zero = f"CAST({t} AS DECIMAL(38,{template.scale})) = 0"
    sign = f"CASE WHEN {negative} AND NOT ({zero}) THEN '-' ELSE '' END"
    padded = _padded(digits, zero, template)
    number = f"list_transform([{padded}], lambda p: {sign} || ltrim({_grouped(template)}){_tail(t, template)})[1]"
    if not template.fill:
        number = f"lpad({number}, {len(template.whole) + template.scale + template.point + 1}, ' ')"
    signs = f"CASE WHEN {negative} THEN '-' ELSE {quoted('' if template.fill else ' ')} END"
    crowded = f"len({digits}) > {len(template.places)}"
    return f"CASE WHEN {crowded} THEN {signs} || {quoted(template.overflow)} ELSE {number} END"


def _padded(digits: str, zero: str, template: NumberTemplate) -> str:
    """The digits before the point in all places; a lone zero shows only if the template asks for it."""
    bare = digits
    if template.scale and not template.zeros:
        bare = f"CASE WHEN {digits} = '0' THEN '' ELSE {digits} END"
    if template.fill:
        bare = f"CASE WHEN {zero} THEN {digits} ELSE {bare} END"
    shown = f"lpad({bare}, CAST(greatest(len({bare}), {template.zeros}) AS INTEGER), '0')"
    return f"lpad({shown}, {len(template.places)}, ' ')"


def _grouped(template: NumberTemplate) -> str:
    """The places of ``p`` with the commas that have a digit before them."""
    pieces, place = [], 0
    for char in template.whole:
        if char == ",":
            pieces.append(f"CASE WHEN trim(left(p, {place})) = '' THEN ' ' ELSE ',' END")
        else:
            place += 1
            pieces.append(f"substr(p, {place}, 1)")
    return " || ".join(pieces)


def _tail(t: str, template: NumberTemplate) -> str:
    """The point and what follows it."""
    if not template.scale:
        return " || '.'" if template.point else ""
    after = f"split_part({t}, '.', 2)"
    if not template.fill:
        return f" || '.' || {after}"
    short = f"rtrim({after}, '0')"
    kept = f"CAST(greatest({template.fraction.rfind('0') + 1}, len({short})) AS INTEGER)"
    return f" || '.' || rpad({short}, {kept}, '0')"


def _can_write(args: Sequence[Operand]) -> bool:
    return args[0].type.kind == Kind.DECIMAL and parsed(value(args[1])) is not None


RULE = Rule(_write, when=_can_write)
