"""What servers have in common that are reached by a URL and may have copies: options, and what the engine asks of them."""

from collections.abc import Callable
from typing import Generic, Literal, Self, TypeVar

from pydantic import BaseModel, Field, SecretStr, field_validator

from hanse.connectors.shared.attempts import Attempt, given_up_after
from hanse.errors import HanseError, SourceUnreachable
from hanse.spi.connector import Connector, ServerOptions
from hanse.spi.protection import Protection


class Tls(BaseModel):
    """Whether and how the connection is encrypted, in libpq's words; file names are relative to the configuration."""

    model_config = {"extra": "forbid", "hide_input_in_errors": True}
    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """How much is asked of the server: encryption if it can, encryption, a known authority, and its name too."""
    ca: str | None = None
    """File of the authorities that may sign the server's certificate."""
    cert: str | None = None
    """File of our certificate, where the server asks for one."""
    key: str | None = None
    """File of our certificate's key."""


class RemoteOptions(ServerOptions):
    """The options of a server that is reached by a URL. Times are in seconds."""

    url: SecretStr
    """Where the server is, and who asks."""
    replicas: list[SecretStr] = []
    """The same of servers that have copies, to be read where the source's own is left alone because it fails."""
    hedge: bool = False
    """Whether a replica is asked, too, where the source's own server takes longer to answer than it nearly always does; whoever
    answers first wins. One query in twenty at most."""
    user: str | None = None
    """Instead of the user in the URL."""
    password: SecretStr | None = None
    """Instead of the password in the URL."""
    connect_timeout: int = Field(default=10, ge=1)
    """How long to wait for the server to accept a connection."""
    connection_wait: float = Field(default=30, gt=0)
    """How long a statement waits for one of the source's connections."""

    sweep: bool = True
    """Whether what processes of ours that died have left running at the server is looked for, once, at its first use, and
    ended. It takes one connection more, which holds a lock that says that this process lives."""

    @classmethod
    def check_url(cls, url: str) -> None:
        """Raise ValueError that says what a URL of this kind of server looks like, without telling the URL."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        cls.check_url(url.get_secret_value())
        return url

    @field_validator("replicas")
    @classmethod
    def _are_urls(cls, urls: list[SecretStr]) -> list[SecretStr]:
        return [cls._is_url(url) for url in urls]

    @property
    def reached_within(self) -> float:
        """As long as connecting may take."""
        return self.connect_timeout

    def copies(self) -> tuple[Self, ...]:
        """The options of each replica, which has none itself."""
        return tuple(self.model_copy(update={"url": url, "replicas": []}) for url in self.replicas)


O = TypeVar("O", bound=RemoteOptions)
C = TypeVar("C", bound=Connector)
R = TypeVar("R")


class Remote(Generic[O, C]):
    """One configured server: what it is called, which copies it has, how it is spared."""

    def __init__(self, source: str, options: O, connect: Callable[[O], C]) -> None:
        """``connect`` makes the connector of a copy."""
        self._source = source
        self._options = options
        self._replicas = tuple(map(connect, options.copies()))

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    @property
    def replicas(self) -> tuple[C, ...]:
        """The servers that have copies."""
        return self._replicas

    @property
    def hedges(self) -> bool:
        """As configured."""
        return self._options.hedge and bool(self._replicas)

    @property
    def protection(self) -> Protection:
        """As configured."""
        return self._options.protection

    def read_in_time(self, read: Callable[[Attempt], R]) -> R:
        """What is read for the catalog, within the time that this may take; raises SourceUnreachable, and what reading does."""
        seconds = self._options.deadlines.catalog
        with given_up_after(seconds) as attempt:
            try:
                return read(attempt)
            except HanseError as failure:
                if not attempt.is_given_up:
                    raise
                message, hint = f"its catalog was not read within {seconds:g} s", "raise the option deadlines.catalog"
                raise SourceUnreachable(message, source=self._source, hint=hint) from failure
