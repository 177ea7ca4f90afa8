"""Random calls of every function, operator and cast, asked of PostgreSQL as well. A failure names its seed;
HANSE_FUZZ_SEED repeats a run and HANSE_FUZZ_ROUNDS makes it longer."""

import os
import re
from collections.abc import Iterator

import duckdb
import pytest

from hanse.bind import functions
from hanse.bind.overloads import Signature
from tests.unit.functions.arguments import argument
from tests.unit.functions.calls import postgres
from tests.unit.functions.compare import differences, read
from tests.unit.functions.pools import Pool

SEED = int(os.environ.get("HANSE_FUZZ_SEED") or 1)
ROUNDS = int(os.environ.get("HANSE_FUZZ_ROUNDS") or 1)
NUMBERS = "int4,int4 int8,int4 int2,int2 num,num num,int4 f8,f8 f8,int4 num,f8 f4,f4 f4,int4"
SORTED = (
    "int4",
    "num",
    "f8",
    "text",
    "bool",
    "date",
    "ts",
    "tstz",
    "interval",
    "bytes",
    "uuid",
    "time",
    "f4",
    "int4[]",
    "text[]",
)
ALIKE = " ".join(f"{word},{word}" for word in SORTED)
MIXED = "date,ts date,tstz ts,tstz int4,f8 num,f8 int8,num"
COMPARED = f"{ALIKE} {MIXED}"
LISTED = "int4,int4[] text,text[] f8,f8[]"
OPERATORS = {
    **dict.fromkeys(("+", "-", "*", "/"), NUMBERS),
    "%": "int4,int4 int8,int4 int2,int2 num,num num,int4",
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "is_distinct", "is_not_distinct"), COMPARED),
    "||": "text,text text,int4 text,f8 text,num text,bool text,ts text,interval int4[],int4 int4,int4[] int4[],int4[]",
    "coalesce": "int4,num text,text date,ts",
    "nullif": "int4,num text,text f8,f8 int4,f8",
    "greatest": "int4,num,f8 text,text date,ts interval,interval",
    "least": "int4,num,f8 text,text f8,f8 interval,interval",
    "neg": "num f8 int4 int8",
    **{f"{kind}_array_{operator}": LISTED for kind in ("any", "all") for operator in ("=", "<>", "<")},
}
CASTS = {
    "int4": "int2 int8 numeric(12,2) float8 real text bool",
    "int8": "int4 int2 numeric(20,0) float8 text",
    "num": "int4 int2 numeric(10,1) numeric(20,6) float8 real text",
    "f8": "int4 int8 numeric(20,3) real text",
    "f4": "int4 numeric(20,3) float8 text",
    "text": "int4 numeric(10,2) float8 bool date timestamp timestamptz time interval uuid jsonb bytea int4[] text[]",
    "date": "text timestamp timestamptz",
    "ts": "text date time timestamptz",
    "tstz": "text date time timestamp",
    "time": "text interval",
    "interval": "text time",
    "bool": "text int4",
    "bytes": "text",
    "uuid": "text",
    "int4[]": "text text[] int8[]",
    "text[]": "text",
    "f8[]": "text",
    "json": "text",
}
NOT_ASKED = {"random", "gen_random_uuid", "unaccent", "levenshtein", "normalize"} | {"log"}
"""Random, ours alone, or extensions of PostgreSQL; log of doubles is ours."""
MEANT = (
    (r"round \| .*(float8|real) \| ", "round of doubles to places is ours: our quotients are doubles"),
    (r"- \| .*::date \| -?\d{6,}|\+ \| .*::date \| -?\d{6,}", "PostgreSQL's dates end in 4714 BC, ours earlier"),
    (r"cast \| '(NaN|-?Infinity)'::(real|float8) \| numeric", "our numeric has no NaN and no infinity"),
    (
        r"cast \| '.*'::text \| (interval|date|timestamp|timestamptz|time)",
        "odd text at run time is refused, not guessed at",
    ),
    (r"cast \| '.*\\.*'::text \| (bytea|.*\[\])", "escapes in text of bytes and arrays at run time are refused"),
    (r"->>? \| '1.*'::json \| -1", "PostgreSQL takes a scalar for an array of one here"),
    (r"(->>|#>>|json_extract_path_text) \| '.*[\[{].*", "an object or array within JSON loses its blanks"),
    (r"extract \| .* \| NULL::date", "a date has no hours, whether NULL or not"),
    (r"neg \| -2147483648", "PostgreSQL reads - -2147483648 as one constant"),
)
"""Calls that may differ, and why."""
ONLY_RAISES = re.compile(r"power|\^|\*|/|exp")
"""Underflow gives zero where PostgreSQL raises 22003."""
ONLY_REFUSED = re.compile(r"to_char|format|\?|#>>?|<@|@>|regexp.*")
"""No spelling for some arguments: refused before anything runs."""


def cases(pool: Pool) -> Iterator[str]:
    """Every signature, operator and cast, ``ROUNDS`` times."""
    for _ in range(ROUNDS):
        for name, signatures in functions.POSTGRES.items():
            if name not in NOT_ASKED:
                yield from (_call(pool, signature) for signature in signatures)
        for name, words in OPERATORS.items():
            yield from (_line(name, [pool.one(word) for word in pair.split(",")]) for pair in words.split())
        for source, targets in CASTS.items():
            yield from (f"cast | {pool.one(source)} | {target}" for target in targets.split())


def _call(pool: Pool, signature: Signature) -> str:
    count = len(signature.taken)
    if signature.variadic:
        count += pool.random.choice((0, 1, 2))
        count -= count % 2 if signature.name.endswith("build_object") else 0
        count = max(count, 2 if signature.name.endswith("build_object") else 1)
    return _line(signature.name, [argument(pool, signature, place) for place in range(count)])


def _line(name: str, args: list[str]) -> str:
    return " | ".join([{"|": "pipe", "||": "pipepipe"}.get(name, name), *args])


def declared(call: str, found: list[str], code: str | None) -> bool:
    """Whether all that was found is a difference that is meant."""
    name = call.split(" | ")[0]
    for pattern, _ in MEANT:
        if re.match(pattern, call, re.DOTALL):
            return True
    if ONLY_RAISES.fullmatch(name):
        return code == "22003"
    return ONLY_REFUSED.fullmatch(name) is not None and set(found) <= {"refused"}


@pytest.mark.postgres
def test_random_calls(oracle, coordinator: duckdb.DuckDBPyConnection) -> None:
    wrong = []
    for call in cases(Pool(SEED)):
        answer = oracle(postgres(*read(call)))
        found = differences(call, answer, coordinator)
        if found and not declared(call, found, answer[1]):
            wrong.append(f"{call}: {found}")
    assert not wrong, f"HANSE_FUZZ_SEED={SEED}\n" + "\n".join(wrong)
