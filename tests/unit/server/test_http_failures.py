"""Which status a failure has, and that wrong passwords and nobody's names cost the same."""

from __future__ import annotations

import hashlib

import pytest

from hanse import errors as e
from hanse.access import AuthSettings, User
from hanse.ir.completeness import Claim, Completeness, Part, Rows, Standing
from hanse.server.http.failures import headers_of, status_of
from hanse.server.http.statement import completeness_of
from hanse.server.login import Logins
from hanse.server.scram import Verifier


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (e.SyntaxFailure("x"), 400),
        (e.UnknownName("x"), 400),
        (e.Denied("x"), 403),
        (e.Denied("x", sqlstate="28P01"), 401),
        (e.GuardrailRefused("x", sqlstate="HG001"), 403),
        (e.AdmissionRefused("x"), 429),
        (e.ResourceLimit("x"), 507),
        (e.ResourceLimit("x", sqlstate="54001"), 400),
        (e.SourceError("x"), 502),
        (e.SourceUnreachable("x"), 502),
        (e.SourceResting("x"), 503),
        (e.SourceTooSlow("x"), 504),
        (e.Cancelled("x"), 409),
        (e.NotConsistent("x", sqlstate="HC001"), 400),
        (e.NotConsistent("x", sqlstate="HC002"), 409),
        (e.UserError("x", sqlstate="57P01"), 503),
        (e.InternalError("x"), 500),
    ],
)
def test_a_status_says_whose_failure_it_is(error: e.HanseError, status: int) -> None:
    assert status_of(error) == status


def test_when_to_ask_again() -> None:
    assert headers_of(e.AdmissionRefused("x").after(7.4)) == {"retry-after": "7"}


def test_nobody_costs_what_a_wrong_password_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    real = hashlib.pbkdf2_hmac

    def pbkdf2_hmac(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        counted.append(iterations)
        return real(name, password, salt, iterations)

    logins = Logins({"ann": User(password=str(Verifier.of_password("right")))}, AuthSettings())
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", pbkdf2_hmac)
    for name in ("ann", "bob"):
        with pytest.raises(e.Denied, match="password authentication failed"):
            logins.proven(name, "wrong")
    assert counted == [4096, 4096]
    assert logins.proven("ann", "right").user == "ann"


def test_the_completeness_statement_for_programs() -> None:
    lost = Part("crm", ("customers",), "cannot connect", "down", "08001")
    found = completeness_of(Completeness(Claim(Rows.SOME, (("n", Standing.LOWER),)), (lost,)))
    assert found["rows"] == "rows may be missing"
    assert found["columns"] == [{"name": "n", "standing": "lower bound"}]
    assert found["lost"][0]["source"] == "crm"
    assert "partial answer" in found["text"]
