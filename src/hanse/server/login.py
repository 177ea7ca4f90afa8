"""Who somebody is: the one login path of all listeners.

A name that is no user's is asked for a password like any other, with a salt that is always the same for that name and a
verifier that nothing fits: neither text nor time tells which names exist. (Where ``auth.anonymous`` is said, names that are no
user's need no password on this machine, and so can be told apart there.)
"""

import hashlib
import hmac
import ipaddress
from collections import Counter
from collections.abc import Mapping

from hanse.access import AuthSettings, TlsSettings, User
from hanse.errors import ConfigError, Denied
from hanse.groups import Caller
from hanse.server.scram import ITERATIONS, SALT_BYTES, Exchange, Verifier

ANONYMOUS = "anonymous"
"""What sessions of nobody are called."""


def wrong_password(user: str) -> Denied:
    """The one answer to whoever is not let in."""
    return Denied(f'password authentication failed for user "{user}"', sqlstate="28P01")


class Logins:
    """The users of one configuration."""

    def __init__(self, users: Mapping[str, User], auth: AuthSettings, tls: TlsSettings | None = None) -> None:
        """Raises ConfigError where nobody could ever log in."""
        if not users and auth.anonymous == "off":
            hint = "hanse user add NAME makes a user's line, auth: {anonymous: loopback} lets in who is on this machine"
            raise ConfigError("nobody may log in: there are no users, and auth.anonymous is off", hint=hint)
        self._users = dict(users)
        self._verifiers = {name: Verifier.of_text(user.password) for name, user in users.items()}
        self._allows_anonymous = auth.anonymous == "loopback"
        self._requires_tls = tls is not None and tls.required
        kept = sorted(verifier.server_key for verifier in self._verifiers.values())
        self._secret = hashlib.sha256(b"salts of names that are no user's" + b"".join(kept)).digest()
        usual = Counter((one.iterations, len(one.salt)) for one in self._verifiers.values()).most_common(1)
        self._iterations, self._salt_bytes = usual[0][0] if usual else (ITERATIONS, SALT_BYTES)

    def anonymous(self, user: str, peer: str) -> Caller | None:
        """Who the client is without a password: nobody in particular, or None where a password is needed."""
        if self._allows_anonymous and user not in self._users and is_loopback(peer):
            return Caller()
        return None

    def is_user(self, name: str) -> bool:
        """Whether somebody may log in under that name."""
        return name in self._users

    def require_channel(self, peer: str, has_tls: bool) -> None:
        """Raise Denied (28000) for a connection without TLS that must have it."""
        if self._requires_tls and not has_tls and not is_loopback(peer):
            raise Denied("this server wants TLS (tls.required)", sqlstate="28000", hint="sslmode=require")

    def exchange(self, user: str, binding: bytes | None) -> Exchange:
        """An attempt to log in under that name, whether there is such a user or not."""
        verifier = self._verifiers.get(user)
        mock = self._mock(user)
        return Exchange(verifier or mock, verifier is not None, binding)

    def proven(self, user: str, password: str) -> Caller:
        """Who a client is that says its password, as HTTP's do; raises Denied (28P01). Takes milliseconds of a processor."""
        verifier = self._verifiers.get(user)
        fits = (verifier or self._mock(user)).fits(password)
        if not fits or verifier is None:
            raise wrong_password(user)
        return self.caller(user)

    def _mock(self, user: str) -> Verifier:
        """For a name that is no user's; its salt is the same whenever it is asked for."""
        whole = b"".join(self._digest(user, count) for count in range(-(-self._salt_bytes // 32)))
        key = self._digest(user, -1)
        return Verifier(self._iterations, whole[: self._salt_bytes], key, key)

    def _digest(self, user: str, count: int) -> bytes:
        return hmac.digest(self._secret, f"{count} {user}".encode(), "sha256")

    def caller(self, user: str) -> Caller:
        """Who a user is that has proven to be that."""
        return Caller(user, self._users[user].groups)


def is_loopback(peer: str) -> bool:
    """Whether an address is of this machine alone; what is no address is not."""
    try:
        found = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
