"""Options: what is refused, and that no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hanse.connectors.mysql.options import Options, database, login, session_settings
from hanse.errors import ConfigError


def test_a_url_is_taken_apart() -> None:
    options = Options(url="mariadb://an%40n:p%2Fw@db.example:3307/shop", tls={"mode": "disable"})  # type: ignore[arg-type]
    found = login(options, Path())
    assert (found["user"], found["password"], found["host"], found["port"]) == ("an@n", "p/w", "db.example", 3307)
    assert database(options) == found["database"] == "shop"
    assert found["ssl_disabled"] is True
    assert "p/w" not in repr(options)
    assert "p%2Fw" not in repr(options)


def test_user_and_password_may_stand_apart() -> None:
    found = login(Options(url="mysql://db.example/", user="u", password="p"), Path())  # type: ignore[arg-type]
    assert (found["user"], found["password"], found["database"], found["port"]) == ("u", "p", None, 3306)


@pytest.mark.parametrize("url", ["postgresql://h/d", "mysql:///d", "mysql://h:0x1/d", "h/d"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="is not mysql://"):
        Options(url=url)  # type: ignore[arg-type]


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        Options(url="mysql://h/d", timeout=1)  # type: ignore[arg-type, call-arg]


def test_a_missing_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="certificate"):
        login(Options(url="mysql://h/d", tls={"mode": "verify-ca", "ca": "none.pem"}), tmp_path)  # type: ignore[arg-type]


def test_each_server_gets_its_own_timeout() -> None:
    options = Options(url="mysql://h/d", statement_timeout=1.5)  # type: ignore[arg-type]
    assert "max_statement_time = 1.5" in session_settings(options, is_mariadb=True)
    assert "max_execution_time = 1500" in session_settings(options, is_mariadb=False)
