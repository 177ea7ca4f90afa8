"""Every capability that the sheet claims, on the real server."""

from __future__ import annotations

import pytest

from hanse.testing.contract import ConnectorContract
from hanse.testing.sheet import CASES, Case, check

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("case", CASES, ids=[case.capability for case in CASES])
def test_capability(contract: ConnectorContract, case: Case) -> None:
    check(contract, case)
