"""Awkward values of every type, and random ones: what the fuzzer feeds to each function."""

import random

FIELDS = (
    "century day decade dow doy hour isodow isoyear millennium minute month quarter second week year epoch"
    " milliseconds microseconds"
)
UNITS = "microseconds milliseconds second minute hour day week month quarter year decade century millennium"
SPAN_UNITS = "microseconds milliseconds second minute hour day month quarter year decade century millennium"
PATTERNS = (
    "a", "b.", "^a", "c$", "[a-c]+", "[^a]", "(a|b)c", "a{2}", "\\d+", "\\s", "[[:alpha:]]+", "x*y", "é", "(a)(b)", "B", "\\w+",
)  # fmt: skip
TEMPLATES = (
    "YYYY-MM-DD HH24:MI:SS", "DD.MM.YY", "FMMonth DDth, YYYY", "Day Mon", "HH12:MI AM", "IYYY-IW-ID", "Q/YYYY", "DDD WW W J",
    "US MS SSSS", "\"week\" WW CC", "Dy dy DY", "FMHH24hMI".replace("h", ":"), "RM month MONTH",
)  # fmt: skip
NUMBER_TEMPLATES = (
    "999",
    "9,999.99",
    "0000",
    "FM999990.00",
    "FM9.999",
    "990.0",
    "9G999D9",
    "099",
    "FM999,999,999.99",
    "0.9",
)
LIKES = ("%", "a%", "%b", "_", "a_c", "\\%", "%\\_%", "", "é%", "abc", "%a%b%", "A%")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT-5")
TEXTS = (
    "", "a", "abc", "ABC", "aabbcc", "héllo wörld", "  padded  ", "日本語", "😀x", "a,b,,c", "O'Neil", 'say "x"', "back\\slash",
    "100%", "a_b", "12", "-3.5", "tab\tnew\nline", "e\u0301", "abcabcabc", "x" * 40,
)  # fmt: skip
JSONS = (
    "{}", "[]", "null", "true", "1", "1.50", '"x"', '{"a": 1}', '{"a": {"b": [1, 2.50, "z"]}}', "[1, [2, 3], {\"a\": null}]",
    '{"a": "é\\"q", "": 12345678901234567890}', '["a", "b", 3]', '{"a/b": 1e3, "~": [true, false]}',
)  # fmt: skip


def _quoted(text: str, type: str) -> str:
    return "'" + text.replace("'", "''") + f"'::{type}"


class Pool:
    """Random constants in the notation of ``calls``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, word: str) -> str:
        """A constant for a parameter of a signature."""
        if self.random.random() < 0.08:
            return f"NULL::{self.name(word)}"
        if word.endswith("[]"):
            return self.items(word[:-2])
        return getattr(self, f"_{word}")()

    @staticmethod
    def name(word: str) -> str:
        """PostgreSQL's name of a word of the signatures."""
        item = word.removesuffix("[]")
        item = {"I": "int4", "T": "int4", "N": "num", "any": "text"}.get(item, item)
        word = item + word[len(word.removesuffix("[]")) :]
        names = {
            "f4": "real",
            "f8": "float8",
            "bytes": "bytea",
            "ts": "timestamp",
            "tstz": "timestamptz",
            "num": "numeric(12,3)",
        }
        return names.get(item, item) + word[len(item) :]

    def items(self, word: str) -> str:
        """An array constant."""
        count = self.random.choice((0, 1, 2, 3, 5))
        inner = [self.one(word) for _ in range(count)]
        texts = [
            "NULL" if x.startswith("NULL") else x.rsplit("::", 1)[0].strip("'()").replace("''", "'") for x in inner
        ]
        texts = [
            x if x == "NULL" or word != "text" else '"' + x.replace("\\", "\\\\").replace('"', '\\"') + '"'
            for x in texts
        ]
        return _quoted("{" + ",".join(texts) + "}", f"{self.name(word)}[]")

    def _int2(self) -> str:
        return f"({self.random.choice((0, 1, -1, 7, 32767, -32768, self.random.randint(-99, 99)))})::int2"

    def _int4(self) -> str:
        return str(
            self.random.choice(
                (0, 1, -1, 2, 3, -3, 10, 2147483647, -2147483648, self.random.randint(-50, 50), 2024, 12)
            )
        )

    def small(self) -> str:
        """A small count or place."""
        return str(self.random.choice((0, 1, -1, 2, 3, -2, 5, 8, 31)))

    def _int8(self) -> str:
        value = self.random.choice((0, 1, -1, 5, 2**63 - 1, -(2**62), self.random.randint(-(10**12), 10**12)))
        return f"({value})::int8"

    def _num(self) -> str:
        value = self.random.choice(
            ("0", "1", "-1", "0.5", "-0.5", "2.5", "-2.5", "99999.999", "0.001", "-123.456", "1234.5", "50")
        )
        if self.random.random() < 0.5:
            value = f"{self.random.uniform(-10000, 10000):.3f}"
        return f"({value})::numeric(12,3)"

    def _f4(self) -> str:
        return (
            "'"
            + self.random.choice(("0", "1", "-1.5", "0.1", "3.14", "1e10", "NaN", "Infinity", "1234567.9", "1e-5"))
            + "'::real"
        )

    def _f8(self) -> str:
        fixed = (
            "0",
            "-0",
            "1",
            "-1",
            "0.5",
            "1.5",
            "2.5",
            "-2.5",
            "1e-10",
            "1e10",
            "1e15",
            "123456.789",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e300",
            "1e16",
        )
        if self.random.random() < 0.5:
            return f"'{self.random.uniform(-1000, 1000)!r}'::float8"
        return f"'{self.random.choice(fixed)}'::float8"

    def _bool(self) -> str:
        return self.random.choice(("true", "false"))

    def _text(self) -> str:
        text = self.random.choice(TEXTS)
        if self.random.random() < 0.3:
            text = "".join(self.random.choice("abcABCé ,.%_-x1") for _ in range(self.random.randint(0, 12)))
        return _quoted(text, "text")

    def _bytes(self) -> str:
        return "'\\x" + self.random.randbytes(self.random.choice((0, 1, 2, 5, 60))).hex() + "'::bytea"

    def day(self) -> str:
        """A date as text."""
        fixed = (
            "2024-01-31",
            "2024-02-29",
            "2023-12-31",
            "2000-01-01",
            "1999-12-31",
            "1970-01-01",
            "1969-12-31",
            "2021-01-03",
            "1900-03-01",
            "0001-01-01",
        )
        if self.random.random() < 0.5:
            return f"{self.random.randint(1, 9998):04}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"
        return self.random.choice(fixed)

    def clock(self) -> str:
        """A time of day as text."""
        if self.random.random() < 0.3:
            return self.random.choice(("00:00:00", "23:59:59.999999", "12:00:00", "00:00:00.000001"))
        hours, minutes, seconds = self.random.randint(0, 23), self.random.randint(0, 59), self.random.randint(0, 59)
        return f"{hours:02}:{minutes:02}:{seconds:02}.{self.random.randint(0, 999999):06}"

    def _date(self) -> str:
        return f"'{self.day()}'::date"

    def _time(self) -> str:
        return f"'{self.clock()}'::time"

    def _ts(self) -> str:
        return f"'{self.day()} {self.clock()}'::timestamp"

    def _tstz(self) -> str:
        return f"'{self.day()} {self.clock()}{self.random.choice(('+00', '+02', '-05:30', ''))}'::timestamptz"

    def _interval(self) -> str:
        fixed = (
            "1 day",
            "1 month",
            "-1 month",
            "36:00:00",
            "1 year 2 mons 3 days 04:05:06.789",
            "-00:00:01.5",
            "0",
            "1 mon -3 days",
            "13 months",
        )
        if self.random.random() < 0.4:
            a, b, c = (self.random.randint(-40, 40) for _ in range(3))
            return f"'{a} months {b} days {c} hours {self.random.randint(-99, 99)} minutes 0.25 seconds'::interval"
        return f"'{self.random.choice(fixed)}'::interval"

    def _uuid(self) -> str:
        return f"'{self.random.randbytes(16).hex()}'::uuid"

    def _json(self) -> str:
        return _quoted(self.random.choice(JSONS), "json")

    def jsonb(self) -> str:
        """JSON of the kind that has operators of containment."""
        return _quoted(self.random.choice([x for x in JSONS if "1e3" not in x]), "jsonb")

    def _any(self) -> str:
        return self.one(self.random.choice(("int4", "text", "bool", "f8", "num", "date", "ts")))

    _T = _int4
    _N = _num
    _I = _int4

    def choose(self, options: str | tuple[str, ...]) -> str:
        """One of the options, untyped."""
        text = self.random.choice(options.split() if isinstance(options, str) else options)
        return "'" + text.replace("'", "''") + "'"
