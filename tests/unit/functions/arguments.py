"""Which arguments the fuzzer gives to which function: patterns, templates and fields that mean something, small numbers."""

from hanse.bind.overloads import Signature
from tests.unit.functions.pools import (
    FIELDS,
    LIKES,
    NUMBER_TEMPLATES,
    PATTERNS,
    SPAN_UNITS,
    TEMPLATES,
    UNITS,
    ZONES,
    Pool,
)

TIME_FIELDS = "hour minute second milliseconds microseconds epoch"
SPAN_FIELDS = "century day decade hour millennium minute month quarter second year epoch milliseconds microseconds"
SMALL = frozenset(
    {
        *("substr", "left", "right", "lpad", "rpad", "repeat", "split_part", "overlay", "round", "trunc", "array_get"),
        *("array_slice", "trim_array", "array_length", "array_upper", "array_lower", "array_position", "->", "->>"),
        *("width_bucket", "make_interval", "make_time", "factorial", "chr"),
    }
)
DATE_PARTS = ((2024, 1, -44, 0, 9999), (1, 2, 12, 13, 0), (1, 28, 29, 30, 31, 0), (0, 5, 23, 24), (0, 59, 60))
CHOICES: dict[tuple[str, int], tuple[str, ...]] = {
    ("like", 1): LIKES,
    ("like", 2): ("!", "\\", ""),
    ("ilike", 1): LIKES,
    ("ilike", 2): ("!", "\\", ""),
    ("similar_to", 1): ("%a%", "(a|b)%", "a_c", "[a-c]*", "%"),
    ("similar_to", 2): ("!",),
    ("date_trunc", 2): ZONES,
    ("regexp_replace", 2): ("X", "", "[\\&]", "é"),
    ("regexp_replace", 3): ("g", "i", "gi"),
    ("encode", 1): ("hex", "base64"),
    ("decode", 1): ("hex", "base64"),
    ("decode", 0): ("", "61", "61FF", "Yf8=", "YWJj", "zz"),
    ("format", 0): ("%s", "a%sb", "%L"),
    ("to_date", 0): ("2024-03-07", "2023-12-31"),
    ("to_date", 1): ("YYYY-MM-DD",),
    ("#>", 1): ("{a}", "{a,b}", "{a,b,1}", "{0}", "{1,0}", "{-1}", "{}"),
    ("#>>", 1): ("{a}", "{a,b}", "{a,b,1}", "{0}", "{1,0}", "{-1}", "{}"),
    ("json_build_object", 0): ("a", "bb", 'c"d', "é"),
    ("json_build_object", 2): ("a", "bb", "x"),
    ("jsonb_build_object", 0): ("a", "bb", 'c"d', "é"),
    ("jsonb_build_object", 2): ("a", "bb", "x"),
}


def argument(pool: Pool, signature: Signature, place: int) -> str:
    """One constant for that parameter."""
    name, word = signature.name, signature.word(place)
    if (name, place) in CHOICES:
        return pool.choose(CHOICES[name, place])
    special = _field(pool, signature, place) or _pattern(pool, signature, place) or _number(pool, name, word, place)
    if special:
        return special
    if name in ("?|", "?&") and place == 1:
        return pool.choose(("{a,b}", "{a}", "{}", "{x,z}")) + "::text[]"
    if name in ("->", "->>", "?") and word == "text":
        return pool.choose(("a", "b", "", "a/b", "~", "0"))
    if word == "json" and name in ("@>", "<@", "?", "?|", "?&"):
        return pool.jsonb()
    return pool.one(word)


def _field(pool: Pool, signature: Signature, place: int) -> str | None:
    name, of = signature.name, signature.word(1)
    if place:
        return None
    if name in ("extract", "date_part"):
        return pool.choose({"time": TIME_FIELDS, "interval": SPAN_FIELDS}.get(of, FIELDS))
    if name == "date_trunc":
        return pool.choose(SPAN_UNITS if of == "interval" else UNITS)
    return pool.choose(ZONES) if name == "timezone" and signature.word(0) == "text" else None


def _pattern(pool: Pool, signature: Signature, place: int) -> str | None:
    name = signature.name
    if name.startswith("regexp_") or name in ("~", "~*"):
        return pool.choose(PATTERNS) if place == 1 else pool.choose(("i", "c", "")) if place > 1 else None
    if name == "to_char" and place == 1:
        return pool.choose(NUMBER_TEMPLATES if signature.word(0) in ("int4", "int8", "num") else TEMPLATES)
    if name == "to_timestamp" and signature.word(0) == "text":
        return "'2024-03-07'" if place == 0 else "'YYYY-MM-DD'"
    if name.startswith("json_extract_path") and place > 0:
        return pool.choose(("a", "b", "0", "1"))
    return None


def _number(pool: Pool, name: str, word: str, place: int) -> str | None:
    if word == "int4" and name in SMALL:
        return pool.small()
    if name in ("make_date", "make_timestamp", "make_timestamptz"):
        whole = word == "int4"
        return (
            str(pool.random.choice(DATE_PARTS[place]))
            if whole
            else pool.random.choice(("0", "1.5", "59.999999", "61")) + "::float8"
        )
    if name == "make_interval" and word == "f8":
        return pool.random.choice(("0", "1.5", "-59.999999")) + "::float8"
    if name == "factorial":
        return pool.small() + "::int8"
    if name == "date_bin" and place == 0:
        return pool.choose(("15 minutes", "1 day", "1 month", "0", "36:00:00.5")) + "::interval"
    return "'{3}'::int4[]" if name == "array_fill" and place == 1 else None
