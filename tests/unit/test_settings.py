"""hanse.yaml: references, relative paths, and errors that name the key and never the value."""

import pytest

from hanse.errors import ConfigError
from hanse.settings import QuerySettings, load, validated


def written(tmp_path, text: str):
    path = tmp_path / "hanse.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_references_to_the_environment_and_to_files_are_resolved(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "s3cret")
    (tmp_path / "url.txt").write_text("postgresql://u:p@h/db\n", encoding="utf-8")
    text = 'sources:\n  a: {kind: x, url: "mysql://u:${CRM_PASSWORD}@h"}\n  b: {kind: x, url: "file:url.txt"}\n  c: {kind: x, note: "$${not}"}\n'
    config, folder = load(written(tmp_path, text))
    assert config.sources["a"]["url"] == "mysql://u:s3cret@h"
    assert config.sources["b"]["url"] == "postgresql://u:p@h/db"
    assert config.sources["c"]["note"] == "${not}"
    assert folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("sorces: {}", "unknown key sorces", "did you mean sources?"),
        ("engine: {memry_limit: 1GB}", "unknown key engine.memry_limit", "did you mean memory_limit?"),
        ("engine: {zzz: 1}", "unknown key engine.zzz", "known here: "),
        ("listen: {grpc: '127.0.0.1:8080'}", "unknown key listen.grpc", "known here: connections, drain, http"),
        ("listen: {postgres: '5439'}", "listen.postgres: Value error, is no address", None),
        ("listen: {postgres: 'host:70000'}", "listen.postgres: Value error, is no address", None),
        ("users: {ann: {password: secret}}", "users.ann.password: Value error, is no SCRAM-SHA-256 verifier", None),
        ("auth: {anonymous: everybody}", "auth.anonymous: Input should be 'off' or 'loopback'", None),
        ("sources: {a: {url: x}}", "sources.a has no kind", "such as kind: postgres"),
        ('sources: {"1a": {kind: x}}', "'1a' cannot name a source", "letters"),
        ("engine: {threads: 0}", "engine.threads: Input should be greater", None),
        (
            "sources: {a: {kind: x, url: '${HANSE_NOT_SET}'}}",
            "sources.a.url: the environment has no variable",
            "export",
        ),
        ("sources: {a: {kind: x, url: 'file:nowhere'}}", "sources.a.url: cannot read", None),
        ("sources: [1", "is not YAML at line 1", None),
        ("- 1", "must hold a mapping", None),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path, text: str, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.code == "F0000"
    if hint is None:
        assert caught.value.hint is None
    else:
        assert hint in str(caught.value.hint)


def test_a_missing_file_is_an_error_that_says_how_to_make_one(tmp_path) -> None:
    with pytest.raises(ConfigError, match="hanse init"):
        load(tmp_path / "nothing.yaml")


def test_an_error_never_shows_the_value() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"engine": {"threads": "p4ssw0rd"}})
    assert "p4ssw0rd" not in str(caught.value)


def test_query_settings_are_checked() -> None:
    assert validated(QuerySettings, {"pushdown": "off"}, "settings").pushdown == "off"
    with pytest.raises(ConfigError, match=r"settings\.pushdown"):
        validated(QuerySettings, {"pushdown": "maybe"}, "settings")
    with pytest.raises(ConfigError, match="did you mean pushdown"):
        validated(QuerySettings, {"pushdwn": "off"}, "settings")
