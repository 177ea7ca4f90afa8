"""What users read is true: generated pages are fresh, everything has its place, links lead somewhere, examples run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import duckdb
import jsonschema
import pytest
import yaml

import hanse
from hanse import errors
from hanse.catalog.plugins import kinds, plugin
from hanse.catalog.schema import json_schema
from hanse.cli.main import COMMANDS
from hanse.demo.company import build
from hanse.settings import Config, EngineSettings, QuerySettings, load
from tests.cli.running import HANSE, environment, write_config
from tests.wire.serving import configured, served

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
REFERENCE = ROOT / "docs" / "reference"


def test_generated_files_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/write_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8"))]
    local = [target for target in targets if target and "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_kind_of_source_has_a_page_with_all_its_options() -> None:
    for kind in kinds():
        page = (REFERENCE / "connectors" / f"{kind}.md").read_text(encoding="utf-8")
        options = plugin(kind, "test").options.model_fields
        assert [name for name in options if f"`{name}`" not in page] == [], kind
        assert f"connectors/{kind}.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_command_and_error_is_documented() -> None:
    configuration, sql, cli, told = (
        (REFERENCE / f"{page}.md").read_text(encoding="utf-8") for page in ("configuration", "sql", "cli", "errors")
    )
    engine = [name for name in EngineSettings.model_fields if not re.search(rf"`{name}[`.]", configuration)]
    assert engine == []
    assert [name for name in Config.model_fields if f"## {name}" not in configuration] == []
    assert [name for name in QuerySettings.model_fields if f"`{name}`" not in sql] == []
    assert [name for name in COMMANDS if f"## hanse {name}\n" not in cli] == []
    tree = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.HanseError)]
    assert [one.__name__ for one in tree if f"`{one.__name__}` | {one.sqlstate}" not in told] == []


def test_every_option_says_what_it_is() -> None:
    schema = json_schema()
    silent = [
        f"{name}.{key}"
        for name, definition in schema["$defs"].items()
        for key, option in definition["properties"].items()
        if "description" not in option
    ]
    assert silent == []


GOOD = [
    {},
    {"sources": {}},
    {
        "sources": {
            "a": {"kind": "postgres", "url": "postgresql://h/d", "tls": {"mode": "require"}, "schemas": ["public"]}
        }
    },
    {
        "sources": {"a": {"kind": "mysql", "url": "mysql://h/d", "zero_dates": "null"}},
        "engine": {"memory_limit": "2GB"},
    },
    {"sources": {"a": {"kind": "files", "path": "x", "csv": {"delimiter": ";"}, "columns": {"t": {"c": "text"}}}}},
    {"sources": {"a": {"kind": "sqlite", "path": "x"}, "b": {"kind": "duckdb", "path": "y"}}},
]
BAD = [
    {"sorces": {}},
    {"sources": {"a": {}}},
    {"sources": {"a": {"kind": "oracle"}}},
    {"sources": {"a": {"kind": "postgres"}}},
    {"sources": {"a": {"kind": "mysql", "url": "mysql://h/d", "zero_dates": "maybe"}}},
    {"sources": {"a": {"kind": "sqlite", "path": "x", "url": "y"}}},
    {"engine": {"instances": 0}},
    {"engine": {"memory": "1GB"}},
]


def test_the_shipped_schema_accepts_what_is_right_and_nothing_else() -> None:
    schema = json.loads(resources.files("hanse").joinpath("hanse.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert [config for config in GOOD if not validator.is_valid(config)] == []
    assert [config for config in BAD if validator.is_valid(config)] == []


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's company, with the files that the examples mention."""
    folder = tmp_path_factory.mktemp("company")
    build(folder, orders_per_shard=300)
    (folder / "question.sql").write_text("SELECT count(*) AS n FROM crm.regions", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources that the README's hanse.yaml names, as files."""
    folder = tmp_path_factory.mktemp("readers")
    for source in ("sales", "crm"):
        with duckdb.connect(str(folder / f"{source}.duckdb")) as store:
            store.execute("CREATE TABLE customers (id INTEGER, region VARCHAR)")
            store.execute("INSERT INTO customers VALUES (1, 'north'), (2, 'south')")
            store.execute("CREATE TABLE orders (customer_id INTEGER, total DECIMAL(10,2), placed DATE)")
            store.execute("INSERT INTO orders VALUES (1, 9.5, '2026-02-01'), (2, 1, '2026-02-01')")
    write_config(
        folder / "hanse.yaml", {name: {"kind": "duckdb", "path": f"{name}.duckdb"} for name in ("sales", "crm")}
    )
    return folder


def _blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [block for found, block in BLOCK.findall(text) if found == language]


@pytest.mark.parametrize("page", ["README.md", "docs/reference/python.md"])
def test_python_examples_run(page: str, readers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(readers)
    blocks = _blocks(page, "python")
    assert blocks
    for block in blocks:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            exec(compile(block, page, "exec"), {"__name__": "example"})
        assert shown.getvalue()


@pytest.fixture
def observed(company: Path, tmp_path: Path) -> Path:
    """The company with a folder for records, and something in it."""
    config = (company / "hanse.yaml").read_text(encoding="utf-8").replace("path: ", f"path: {company}/")
    (tmp_path / "hanse.yaml").write_text(config + "engine: {state: .hanse}\n", encoding="utf-8")
    command = [HANSE, "query", "SELECT count(*) FROM crm.regions"]
    subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True, timeout=60)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "folder"),
    [
        ("README.md", "readers"),
        ("docs/guide/start.md", "company"),
        ("docs/guide/observing.md", "observed"),
        ("docs/guide/consistency.md", "company"),
    ],
)
def test_commands_in_examples_run(page: str, folder: str, request: pytest.FixtureRequest) -> None:
    """Every `$ hanse ...` of a page but those that build the company, open a shell, or stand for a statement of the reader's."""
    commands = [command for block in _blocks(page, "console") for command in _commands(block)]
    assert len(commands) >= 3
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=request.getfixturevalue(folder),
            env=environment(PATH=f"{Path(HANSE).parent}:/usr/bin:/bin"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_statements_about_queries_run(observed: Path) -> None:
    """Those of the guide that read ``system``, and the KILL, whose query is not there."""
    blocks = "\n".join(_blocks("docs/guide/observing.md", "sql"))
    statements = [one.strip() for one in blocks.split(";") if one.strip()]
    assert len(statements) >= 5
    with hanse.connect(observed / "hanse.yaml") as engine:
        for statement in statements:
            if "KILL" in statement:
                with pytest.raises(errors.UnknownName):
                    engine.query(statement)
            else:
                assert engine.query(statement).to_arrow().num_columns >= 4


def test_the_guide_to_serving_is_true(company: Path) -> None:
    page = "docs/guide/serving.md"
    blocks = [load(yaml.safe_load(block))[0] for block in _blocks(page, "yaml")]
    assert [str(block.listen.postgres) for block in blocks] == ["127.0.0.1:5439", "127.0.0.1:5439", "0.0.0.0:5439"]
    assert blocks[1].users["ann"].groups == ("analysts",)
    assert [str(block.listen.http) for block in blocks] == ["127.0.0.1:8080"] * 3
    (command,) = [one for block in _blocks(page, "console") for one in _commands(block)]
    done = subprocess.run(
        ["sh", "-c", command],
        env=environment(PATH=f"{Path(HANSE).parent}:/usr/bin:/bin"),
        capture_output=True,
        check=True,
    )
    assert load(yaml.safe_load(done.stdout))[0].users["ann"].groups == ("analysts",)
    sources = yaml.safe_load((company / "hanse.yaml").read_text(encoding="utf-8"))["sources"]
    found: dict[str, object] = {}
    with served(configured(company, sources)) as server:
        for block in _blocks(page, "python"):
            exec(block.replace("port=5439", f"port={server.port}"), found)
    assert found["rows"]


def test_the_guide_to_http_is_true(company: Path) -> None:
    page = "docs/guide/http.md"
    sources = yaml.safe_load((company / "hanse.yaml").read_text(encoding="utf-8"))["sources"]
    with served(configured(company, sources)) as server:
        for command in [one for block in _blocks(page, "console") for one in _commands(block)]:
            done = subprocess.run(
                ["sh", "-c", command.replace(":8080", f":{server.http}")], cwd=company, capture_output=True, check=False
            )
            assert done.returncode == 0, f"{command}: {done.stderr!r}"
            assert done.stdout, command
            assert re.search(rb'"error": ?{', done.stdout) is None, done.stdout
        found: dict[str, object] = {}
        for block in _blocks(page, "python"):
            exec(block.replace(":8080", f":{server.http}"), found)
    assert found["rows"]


def _commands(block: str) -> list[str]:
    joined = re.sub(r"\n(?!\$ )", " ", block)
    commands = [line.removeprefix("$ ").strip() for line in joined.splitlines() if line.startswith("$ ")]
    skipped = ("make ", "cd ", "hanse demo", "hanse shell", "hanse init")
    return [one for one in commands if not one.startswith(skipped) and '"..."' not in one and "SELECT ..." not in one]


def test_every_decision_has_a_number_of_its_own() -> None:
    files = sorted((ROOT / "docs" / "adr").glob("*.md"))
    titles = [(file.name[:4], file.read_text().split(".", 1)[0]) for file in files]
    assert titles == [(f"{number:04}", f"# {number}") for number in range(1, len(files) + 1)]


def test_the_limits_of_the_guide_are_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "secret")
    blocks = _blocks("docs/guide/limits.md", "yaml")
    assert blocks
    for block in blocks:
        load(yaml.safe_load(block))
