"""Every capability that the sheet claims, on the real server."""

from __future__ import annotations

import pytest

from hanse.connectors.mysql.capabilities import capabilities
from hanse.ir.plan import SetKind
from hanse.testing.contract import ConnectorContract
from hanse.testing.sheet import CASES, Case, check

pytestmark = pytest.mark.mysql


@pytest.mark.parametrize("case", CASES, ids=[case.capability for case in CASES])
def test_capability(contract: ConnectorContract, case: Case) -> None:
    check(contract, case)


def test_versions_decide() -> None:
    assert not capabilities(True, (10, 2, 44)).filters
    assert not capabilities(False, (5, 7, 44)).filters
    assert (SetKind.EXCEPT, True) not in capabilities(True, (10, 4, 0)).set_operations
    assert (SetKind.EXCEPT, False) not in capabilities(False, (8, 0, 30)).set_operations
    assert capabilities(False, (8, 4, 0)).lateral
