"""Who is let in: users by their password, others only from this machine and only where that is said."""

from __future__ import annotations

import pytest

from hanse.access import AuthSettings, TlsSettings, User
from hanse.errors import ConfigError, Denied
from hanse.groups import Caller
from hanse.server.login import Logins, is_loopback
from hanse.server.scram import PLAIN, Verifier

ANN = User(password=str(Verifier.of_password("secret", 5000)), groups=("analysts",))
OFF, LOOPBACK = AuthSettings(), AuthSettings(anonymous="loopback")


def test_nobody_could_log_in() -> None:
    with pytest.raises(ConfigError, match="nobody may log in"):
        Logins({}, OFF)


def test_a_user_is_who_the_configuration_says() -> None:
    assert Logins({"ann": ANN}, OFF).caller("ann") == Caller("ann", ("analysts",))


@pytest.mark.parametrize(
    ("user", "peer", "auth", "is_let_in"),
    [
        ("bob", "127.0.0.1", LOOPBACK, True),
        ("bob", "::1", LOOPBACK, True),
        ("bob", "::ffff:127.0.0.1", LOOPBACK, True),
        ("bob", "10.0.0.1", LOOPBACK, False),
        ("bob", "", LOOPBACK, False),
        ("bob", "127.0.0.1", OFF, False),
        ("ann", "127.0.0.1", LOOPBACK, False),
    ],
)
def test_anonymous_is_for_names_of_nobody_on_this_machine(user, peer, auth, is_let_in) -> None:
    assert (Logins({"ann": ANN}, auth).anonymous(user, peer) == Caller()) is is_let_in


def test_a_name_of_nobody_looks_like_a_users() -> None:
    logins = Logins({"ann": ANN}, OFF)

    def salt(user: str) -> str:
        first = logins.exchange(user, None).first(PLAIN, b"n,,n=,r=abc").decode()
        return first.partition(",")[2]

    assert (
        salt("bob")
        == salt("bob")
        == Logins({"ann": ANN}, OFF).exchange("bob", None).first(PLAIN, b"n,,n=,r=abc").decode().partition(",")[2]
    )
    assert salt("bob") != salt("eve")
    assert len(salt("bob")) == len(salt("ann"))
    assert salt("bob").endswith(",i=5000")


def test_tls_may_be_required_of_others_than_this_machine() -> None:
    logins = Logins({"ann": ANN}, OFF, TlsSettings(cert="c", key="k", required=True))
    logins.require_channel("127.0.0.1", has_tls=False)
    logins.require_channel("10.0.0.1", has_tls=True)
    with pytest.raises(Denied, match="wants TLS"):
        logins.require_channel("10.0.0.1", has_tls=False)


def test_addresses_of_this_machine() -> None:
    assert [one for one in ("127.1.2.3", "::1", "::ffff:127.0.0.1") if not is_loopback(one)] == []
    assert [
        one for one in ("10.0.0.1", "::2", "", "localhost", "::ffff:10.0.0.1", "fe80::1%eth0") if is_loopback(one)
    ] == []
