"""One golden file per rule, with a case where it fires and one where it must not. ``make golden`` rewrites them."""

import os
from pathlib import Path

import pytest

from hanse.optimize.phases import PHASES
from hanse.testing import golden

FOLDER = Path(__file__).parent / "rules"
RULES = sorted({rule.name for phase in PHASES for rule in phase.rules})


def test_no_file_is_without_a_rule() -> None:
    assert {path.stem for path in FOLDER.glob("*.plan")} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    path = FOLDER / f"{rule}.plan"
    cases = golden.read(path)
    outputs: list[str] = []
    for case in cases:
        assert case.comment, f"say what this case shows: {case.sql}"
        fired, output = golden.run_rules(case)
        assert not set(case.wanted("expect")) - fired, f"should fire for {case.sql}"
        assert not set(case.wanted("expect-not")) & fired, f"must not fire for {case.sql}"
        outputs.append(output)
    assert any(rule in case.wanted("expect") for case in cases), "no case where the rule fires"
    assert any(rule in case.wanted("expect-not") for case in cases), "no case where it must not fire"
    if os.environ.get("HANSE_GOLDEN") == "write":
        golden.write(path, cases, outputs)
    else:
        assert outputs == [case.output for case in cases], "run make golden, and read the diff"
