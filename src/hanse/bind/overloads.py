"""Which overload a call means: PostgreSQL's rules for functions and operators (manual, sections 10.2 and 10.3).

Exact matches win, then those that need the fewest conversions, then preferred types; a quoted literal goes with the
string type, or with what all candidates share.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from hanse.bind import coercion, results
from hanse.ir import arithmetic
from hanse.ir import types as t
from hanse.ir.expr import Call, Expr
from hanse.ir.types import Array, Decimal, Kind, Type

WORDS: dict[str, Type] = {
    "bool": t.BOOLEAN,
    "int2": t.INT16,
    "int4": t.INT32,
    "int8": t.INT64,
    "f4": t.FLOAT32,
    "f8": t.FLOAT64,
    "text": t.TEXT,
    "bytes": t.BYTES,
    "date": t.DATE,
    "time": t.TIME,
    "ts": t.TIMESTAMP,
    "tstz": t.TIMESTAMPTZ,
    "interval": t.INTERVAL,
    "uuid": t.UUID,
    "json": t.JSON,
}
VARIABLES = {
    "N": t.NUMBERS,
    "I": t.INTEGERS,
    "T": frozenset(Kind),
    "any": frozenset(Kind),
    "num": frozenset({Kind.DECIMAL}),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of ``bind.signatures``, taken apart. ``passed`` differs from ``taken`` where the line says ``a>b``."""

    name: str
    taken: tuple[str, ...]
    passed: tuple[str, ...]
    variadic: bool
    result: str

    def fits(self, count: int) -> bool:
        """Whether it takes that many arguments."""
        return count >= len(self.taken) if self.variadic else count == len(self.taken)

    def word(self, place: int) -> str:
        """The parameter at a place; the last one repeats."""
        return self.taken[min(place, len(self.taken) - 1)]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.taken)}{'...' if self.variadic else ''})"


def read(lines: str) -> dict[str, tuple[Signature, ...]]:
    """The signatures of a table, by name."""
    found: dict[str, list[Signature]] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = re.fullmatch(r"(.+?)\((.*)\) -> (.+)", line)
        assert match, line
        words = [word for word in match[2].split(", ") if word]
        taken = tuple(word.removesuffix("...").split(">")[0] for word in words)
        passed = tuple(word.removesuffix("...").split(">")[-1] for word in words)
        variadic = bool(words) and words[-1].endswith("...")
        found.setdefault(match[1], []).append(Signature(match[1], taken, passed, variadic, match[3]))
    return {name: tuple(all_of) for name, all_of in found.items()}


@cache
def type_of(word: str) -> Type | None:
    """The type that a word names, None for a variable one."""
    if word.endswith("[]"):
        item = type_of(word[:-2])
        return None if item is None else t.array(item)
    if match := re.fullmatch(r"num\((\d+),(\d+)\)", word):
        return t.decimal(int(match[1]), int(match[2]))
    return WORDS.get(word)


def choose(candidates: Iterable[Signature], args: tuple[Expr, ...]) -> Signature | None:
    """The one signature that the call means, or None if none fits or several fit equally well."""
    fitting = [s for s in candidates if s.fits(len(args)) and all(_castable(a, s.word(i)) for i, a in enumerate(args))]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    for score in (_exact, _exact_if_alike, _preferred):
        fitting = _best(fitting, args, score)
        if len(fitting) == 1:
            return fitting[0]
    return _by_unknown(fitting, args)


def _castable(arg: Expr, word: str) -> bool:
    if coercion.is_untyped(arg):
        return True
    if word.endswith("[]") and type_of(word) is None:
        return isinstance(arg.type, Array)
    if word in VARIABLES:
        kinds = VARIABLES[word]
        return arg.type.kind in kinds or (word == "num" and arg.type.kind in t.INTEGERS)
    target = type_of(word)
    return target is not None and coercion.converts(_seen(arg.type), target)


def _seen(type: Type) -> Type:
    """The type for choosing: integers that PostgreSQL does not have count as the smallest of its own that holds them."""
    return arithmetic.SIGNED_FOR.get(type.kind, type)


def _is_exact(arg: Expr, word: str) -> bool:
    if coercion.is_untyped(arg):
        return False
    if word in VARIABLES or type_of(word) is None:
        return word != "num" or _seen(arg.type).kind == Kind.DECIMAL
    return _seen(arg.type) == type_of(word)


def _exact(signature: Signature, args: tuple[Expr, ...]) -> int:
    return sum(_is_exact(arg, signature.word(place)) for place, arg in enumerate(args))


def _exact_if_alike(signature: Signature, args: tuple[Expr, ...]) -> int:
    """All arguments count as exact if an untyped one is taken for the other one's type (operators)."""
    known = [arg for arg in args if not coercion.is_untyped(arg)]
    if len(args) != 2 or len(known) != 1:
        return 0
    return all(_is_exact(known[0], signature.word(place)) for place in (0, 1))


def _preferred(signature: Signature, args: tuple[Expr, ...]) -> int:
    return sum(_is_exact(arg, signature.word(i)) or _is_preferred(signature.word(i)) for i, arg in enumerate(args))


def _is_preferred(word: str) -> bool:
    target = type_of(word)
    return target is not None and coercion.preferred(target)


def _best(
    fitting: list[Signature], args: tuple[Expr, ...], score: Callable[[Signature, tuple[Expr, ...]], int]
) -> list[Signature]:
    scores = [score(s, args) for s in fitting]
    return [s for s, points in zip(fitting, scores, strict=True) if points == max(scores)]


def _by_unknown(fitting: list[Signature], args: tuple[Expr, ...]) -> Signature | None:
    """Untyped arguments: the string type if any candidate takes it, else the category that all share."""
    for place, arg in enumerate(args):
        if not coercion.is_untyped(arg):
            continue
        categories = {s: _category(s.word(place)) for s in fitting}
        if "string" in categories.values():
            fitting = [s for s in fitting if categories[s] == "string"]
        elif len(set(categories.values())) == 1:
            fitting = [s for s in fitting if _is_preferred(s.word(place))] or fitting
    return fitting[0] if len(fitting) == 1 else None


def _category(word: str) -> str:
    target = type_of(word)
    return (
        {"N": "number", "I": "number", "num": "number"}.get(word, "any")
        if target is None
        else coercion.category(target)
    )


def apply(signature: Signature, args: tuple[Expr, ...], position: int | None) -> tuple[tuple[Expr, ...], Type]:
    """The arguments cast to the chosen signature, and the type of the call."""
    words = [signature.passed[min(i, len(signature.passed) - 1)] for i in range(len(args))]
    variable = _variable(words, args, position)
    cast = tuple(_cast(arg, word, variable, position) for arg, word in zip(args, words, strict=True))
    return cast, _result(signature.result, cast, variable, position)


def _variable(words: list[str], args: tuple[Expr, ...], position: int | None) -> Type | None:
    """What T (or N, I) stands for: the type that all its arguments share."""
    bound: list[Expr] = []
    for word, arg in zip(words, args, strict=True):
        if word in ("T", "N", "I"):
            bound.append(arg)
        elif word == "T[]" and isinstance(arg.type, Array):
            bound.append(Call(arg.type.item, "array_get", (arg,)))
    return coercion.unify(bound, position, "argument")[1] if bound else None


def _cast(arg: Expr, word: str, variable: Type | None, position: int | None) -> Expr:
    target = type_of(word)
    if target is not None:
        return coercion.coerce(arg, target, position)
    if word == "T[]" and variable is not None:
        return coercion.coerce(arg, t.array(variable), position)
    if word in ("T", "N", "I") and variable is not None:
        return coercion.coerce(arg, variable, position)
    if word == "num":
        return _as_number(arg, position)
    return coercion.coerce(arg, t.TEXT, position) if isinstance(arg, coercion.Untyped) else arg


def _as_number(arg: Expr, position: int | None) -> Expr:
    if isinstance(arg.type, Decimal):
        return arg
    if arg.type.kind in t.INTEGERS:
        return coercion.coerce(arg, arithmetic.as_decimal(arg.type), position)
    return coercion.coerce(arg, t.decimal(38, 10), position)


def _result(word: str, args: tuple[Expr, ...], variable: Type | None, position: int | None) -> Type:
    if word.startswith("@") and len(word) > 1 and word[1:] in results.RULES:
        return results.RULES[word[1:]](args, position)
    if word == "same":
        return args[0].type
    if word in ("T", "N", "I", "T[]"):
        found = variable or t.TEXT
        return t.array(found) if word == "T[]" else found
    target = type_of(word)
    assert target is not None, word
    return target
