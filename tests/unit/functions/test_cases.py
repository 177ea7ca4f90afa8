"""Every function by examples: what PostgreSQL answered is recorded, and we must answer the same."""

from pathlib import Path

import duckdb
import pytest

from tests.unit.functions.calls import postgres
from tests.unit.functions.compare import differences, read

CASES = Path(__file__).parent / "cases.txt"
DECLARED = {
    "cast | '2024-01-31 10:00:60'::text | timestamp": "second 60 in text that is only known at run time is refused",
    "~ | 'aa' | '(a)\\1'": "RE2 has no back references: refused",
    "~ | 'ab' | 'a(?=b)'": "RE2 has no lookahead: refused",
    "to_char | '2024-03-07'::date | 'xyz'": "a letter that is no pattern must be quoted: refused",
    "neg | -2147483648": "PostgreSQL reads - -2147483648 as one constant",
}
"""Differences from PostgreSQL that are meant, and why."""


def recorded() -> list[tuple[str, str | None, str | None]]:
    """Call, answer and SQLSTATE, as `answers` wrote them."""
    found = []
    for line in CASES.read_text().split("\n"):
        if line and not line.startswith("#"):
            call, answer = line.split("  =>  ")
            code = answer.removeprefix("!") if answer.startswith("!") else None
            text = None if code or answer == "NULL" else answer[1:-1].replace("\\n", "\n")
            found.append((call, text, code))
    return found


def test_examples(coordinator: duckdb.DuckDBPyConnection) -> None:
    wrong = []
    for call, answer, code in recorded():
        found = differences(call, (answer, code), coordinator)
        if bool(found) != (call in DECLARED):
            wrong.append(f"{call}: {found or 'is no difference any more'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.postgres
def test_recorded_answers_are_postgresqls(oracle) -> None:
    wrong = []
    for call, answer, code in recorded():
        said = oracle(postgres(*read(call)))
        if said != (answer, code):
            wrong.append(f"{call}: recorded {(answer, code)}, PostgreSQL says {said}")
    assert not wrong, "\n".join(wrong)
