"""Settings: what hanse.yaml may say, read once into frozen values; a stage gets its branch, never the tree.

The file's shape::

    sources:
      crm: {kind: mysql, url: "mysql://user:${CRM_PASSWORD}@host:3306/crm"}
      lake: {kind: files, path: data}
    engine: {memory_limit: 1GB, spill_folder: /var/tmp/hanse}

What ``hanse serve`` needs besides is in ``access``.

``${NAME}`` anywhere in a text is an environment variable (``$${`` is a plain ``${``); a text ``file:path`` is the content of
that file without its last line end. Relative paths start at the folder of hanse.yaml. An unknown key is an error that names
the nearest known one. What a source's block may hold besides ``kind`` is its connector's business (``spi.Plugin.options``).
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hanse.access import AuthSettings, ListenSettings, TlsSettings, User
from hanse.errors import ConfigError
from hanse.groups import TEMPLATES, ResourceGroups, lacking
from hanse.guardrails import Bytes, EngineGuardrails, Rows, Seconds, SourceGuardrails

REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
GROUPS = "resource_groups"
"""The key under which ``${user}`` is no variable of the environment."""
GUARDRAILS = "guardrails"
"""The key of every source's block that is no business of its connector."""
SYSTEM = "system"
"""The source that Hanse brings: what it knows of itself, as tables."""
Profile = Literal["interactive", "batch"]
"""How a query takes failures of sources."""
ON_FAILURE = "on_failure"
"""A further one."""
OnFailure = Literal["fail", "skip", "null"]
"""What a query does without a table that cannot be read: it fails; its rows are left out; an outer join has NULL for them."""
PartialResults = Literal["off", "on", "configured"]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*")


class ObserveSettings(BaseModel):
    """What is kept and told of queries."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    queries: int = Field(10_000, ge=0, description="Queries whose records are kept; 0: none, running ones can be seen.")
    days: float = Field(7, gt=0, description="Days after which a record is forgotten.")
    bytes: Bytes = Field(104_857_600, description="Bytes that the records take on disk: 100 MB.")
    literals: bool = Field(
        False, description="true: records keep statements with the values in them; false: with ? in their place."
    )
    traces: Literal["off", "api", "otlp"] = Field(
        "off",
        description="OpenTelemetry spans of every query and of each request to a source: api gives them to the provider that"
        " the program around has set up, otlp sends them as OTEL_EXPORTER_OTLP_* say. Needs hanse[otel].",
    )
    otlp_endpoint: str | None = Field(None, description="Where otlp sends: http://localhost:4318/v1/traces.")
    metrics_listen: str | None = Field(
        None,
        description="host:port at which Prometheus reads metrics over HTTP; nowhere if not given. Needs hanse[metrics].",
    )


def _null(value: Any) -> Any:
    """``null`` is nothing to YAML, and a word to whoever writes it."""
    return "null" if value is None else value


Choice = Annotated[OnFailure, BeforeValidator(_null)]


class SourceFailures(BaseModel):
    """What queries do when a source fails, after all that may help has been tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Annotated[OnFailure | None, BeforeValidator(_null)] = Field(
        None, description="fail, skip or null, for all of its tables; if not given, that of the engine."
    )
    tables: dict[str, Choice] = Field(
        {},
        description="The same by table, as `table` or `schema.table`, which may be shell patterns; the first that fits.",
    )


class EngineSettings(BaseModel):
    """The coordinator: its memory, its disk, its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    memory_limit: str = Field("1GB", description="Memory of one coordinator instance; beyond it, operators spill.")
    spill_folder: str | None = Field(None, description="Folder for spilled data; a temporary one if not given.")
    spill_limit: str = Field("100GB", description="Disk that one instance may spill to.")
    spill_total: Bytes | None = Field(
        None,
        description="Disk that all queries together may spill to: each instance, and what is kept aside, a like part of it.",
    )
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, description="Threads of one instance.")
    instances: int = Field(4, ge=1, le=64, description="Coordinator instances: queries that compute at one time.")
    instance_wait: float = Field(30.0, gt=0, description="Seconds that a query waits for one of them.")
    reader_timeout: float = Field(
        0,
        ge=0,
        description="Seconds for which any answer may be left unread before it ends, connections and all; 0: for ever.",
    )
    timezone: str = Field("UTC", description="The zone in which timestamptz is shown and cut.")
    catalog_ttl: float = Field(300.0, ge=0, description="Seconds until a source's catalog is read again.")
    state: str | None = Field(
        None,
        description="Folder in which is kept which plans answered which queries (hanse plans), what hanse analyze found,"
        " what queries showed of their sources, and what tables sources have; nowhere if not given.",
    )
    plan_cache: int = Field(1000, ge=0, description="Plans kept for queries that come again; 0: none.")
    plan_cache_bytes: int = Field(67_108_864, ge=0, description="Memory that these plans take, at most, estimated.")
    on_failure: Choice = Field(
        "fail",
        description="What a query does without a source that fails, where the source does not say: fail, skip (its rows are"
        " left out) or null (an outer join has NULL for its columns).",
    )
    guardrails: EngineGuardrails = Field(EngineGuardrails.model_construct(), description="What no query may do.")
    observe: ObserveSettings = Field(
        ObserveSettings.model_construct(), description="What is kept and told of queries (system.queries)."
    )


class Config(BaseModel):
    """A whole hanse.yaml. Source blocks are kept as written: ``catalog.plugins`` checks them against their kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Every source by its name.")
    engine: EngineSettings = Field(EngineSettings.model_construct(), description="The coordinator.")
    resource_groups: ResourceGroups | None = Field(
        None, description="Which queries run at a time, how many wait, and whose turn it is."
    )
    listen: ListenSettings = Field(ListenSettings.model_construct(), description="Where hanse serve listens.")
    users: dict[str, User] = Field({}, description="Who may log in there, by name.")
    auth: AuthSettings = Field(AuthSettings.model_construct(), description="Who may log in besides.")
    tls: TlsSettings | None = Field(None, description="The listeners' certificate; without one there is no TLS.")

    def guardrails(self) -> dict[str, SourceGuardrails]:
        """What protects each source that has any; raises ConfigError."""
        blocks = {name: block.get(GUARDRAILS) for name, block in self.sources.items()}
        return {
            name: validated(
                SourceGuardrails, _block(found, f"sources.{name}.{GUARDRAILS}"), f"sources.{name}.{GUARDRAILS}"
            )
            for name, found in blocks.items()
            if found is not None
        }

    def failures(self) -> dict[str, SourceFailures]:
        """What queries do when sources fail, for those that say it; raises ConfigError."""
        found: dict[str, SourceFailures] = {}
        for name, block in self.sources.items():
            if ON_FAILURE in block:
                said, where = block[ON_FAILURE], f"sources.{name}.{ON_FAILURE}"
                values = said if isinstance(said, Mapping) else {"default": _null(said)}
                found[name] = validated(SourceFailures, values, where)
        return found


class QuerySettings(BaseModel):
    """What one query (or one session, by SET) may choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    pushdown: Literal["on", "off"] = Field("on", description="off: read all rows, do everything here.")
    key_shipping: Literal["on", "off", "force"] = Field(
        "on", description="Send a small side's keys to a larger one: where it pays, never, or wherever it is right."
    )
    observed: Literal["on", "off"] = Field(
        "on", description="off: plans rest on statistics alone, and not on what earlier queries showed."
    )
    plan_cache: Literal["on", "off"] = Field("on", description="off: plan every query anew.")
    remote_estimates: Literal["on", "off"] = Field(
        "off", description="on: where an estimate would be a guess, ask the source's own planner first."
    )
    profile: Profile = Field(
        "interactive",
        description="batch: what a source failed to answer is asked again, and a source that is left alone is waited for;"
        " interactive: a failure is told at once.",
    )
    partial_results: PartialResults = Field(
        "configured",
        description="Whether a query goes on without a source that fails: configured: as sources and tables say by"
        " on_failure; on: also without those that say nothing; off: never.",
    )
    tags: str = Field("", description="Words by which resource groups know the query, separated by commas.")
    work_sharing: Literal["on", "off"] = Field(
        "on", description="off: ask sources also for what another query asks them at this moment."
    )
    require_snapshot: Literal["on", "off"] = Field(
        "off",
        description="on: a query fails unless all that it reads of each source is one snapshot (REQUIRE SNAPSHOT).",
    )
    max_skew: Seconds = Field(
        0, description="Seconds that the sources' snapshots may be apart, or a query fails (MAX SKEW); 0: any."
    )
    strict: Literal["on", "off"] = Field(
        "off", description="on: a query is refused that reads several sources, of which there is no snapshot (STRICT)."
    )
    timezone: str | None = Field(None, description="The zone of the session; None: the engine's.")
    search_path: str = Field(
        "",
        description="Sources, or source.schema, separated by commas, in which a table's name alone is looked for first,"
        " where several have one of that name.",
    )
    statement_timeout: Seconds = Field(0, description="Seconds until the query is cancelled; 0: never.")
    queue_timeout: Seconds = Field(0, description="Seconds that a query waits for what others hold; 0: as configured.")
    plan_timeout: Seconds = Field(0, description="Seconds that planning takes, catalogs and remote estimates included.")
    connect_timeout: Seconds = Field(0, description="Seconds until a source has answered anything; 0: as configured.")
    first_row_timeout: Seconds = Field(0, description="Seconds from then on until a request's first rows; 0: any.")
    idle_timeout: Seconds = Field(0, description="Seconds between rows of a request while they are waited for; 0: any.")
    reader_timeout: Seconds = Field(
        0, description="Seconds for which an answer may be left unread before it ends; 0: as configured."
    )
    max_rows: Rows | None = Field(None, description="As many rows as a query may read from its sources.")
    max_bytes: Bytes | None = Field(None, description="As many bytes as a query may read from its sources: 1 GB.")
    result_rows: Rows | None = Field(None, description="As many rows as an answer may have.")
    result_bytes: Bytes | None = Field(None, description="As many bytes as an answer may have.")
    batch_rows: int = Field(65_536, ge=1, le=1_048_576, description="Rows per Arrow batch, at most.")
    operators: Literal["on", "off"] = Field(
        "off",
        description="on: measure the coordinator's joins, groups and sorts, for hanse timeline; costs some percent.",
    )


def _block(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a mapping", hint="such as {max_rows: 1000000}")
    return value


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was probably meant to be, if one is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], values: Mapping[str, Any], where: str) -> M:
    """The values as an instance of ``model``; raises ConfigError that names ``where`` and the key, never the value."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as failure:
        raise _config_error(model, failure, where) from None


def _config_error(model: type[BaseModel], failure: ValidationError, where: str) -> ConfigError:
    first = failure.errors(include_input=False, include_url=False)[0]
    path = ".".join(str(part) for part in (where, *first["loc"]) if part != "")
    if first["type"] == "extra_forbidden":
        known = sorted(_keys_at(model, first["loc"][:-1]))
        guess = nearest(str(first["loc"][-1]), known)
        hint = f"did you mean {guess}?" if guess else f"known here: {', '.join(known)}"
        return ConfigError(f"unknown key {path}", hint=hint)
    return ConfigError(f"{path}: {first['msg']}")


def _keys_at(model: type[BaseModel], path: tuple[int | str, ...]) -> Iterable[str]:
    parts = iter(path)
    for part in parts:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        inner = next((one for one in get_args(inner) if one is not type(None)), inner) if _is_optional(inner) else inner
        if get_origin(inner) in (dict, list, tuple):
            inner = next(one for one in reversed(get_args(inner)) if one is not Ellipsis)
            next(parts, None)  # the key or the place of one of many
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ()
        model = inner
    return model.model_fields


def _is_optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def load(config: str | Path | Mapping[str, Any]) -> tuple[Config, Path]:
    """Read a file or a mapping: the settings, with references resolved, and the folder that relative paths start from."""
    if isinstance(config, Mapping):
        return _parse(config, Path.cwd()), Path.cwd()
    path = Path(config)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise ConfigError(f"cannot read {path}: {failure.strerror}", hint="hanse init writes a first one") from None
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path} is not YAML{place}: {getattr(failure, 'problem', failure)}") from None
    if not isinstance(raw or {}, dict):
        raise ConfigError(f"{path} must hold a mapping with the key sources")
    folder = path.resolve().parent
    given = {key: value for key, value in (raw or {}).items() if value is not None}  # a key with nothing under it
    return _parse(given, folder), folder


def _parse(raw: Mapping[str, Any], folder: Path) -> Config:
    config = validated(Config, _resolve(raw, folder, ""), "")
    if SYSTEM in config.sources:
        raise ConfigError(f"sources.{SYSTEM}: the name is Hanse's own: {SYSTEM}.queries tells of queries")
    for name, block in config.sources.items():
        if not NAME.fullmatch(name):
            raise ConfigError(f"{name!r} cannot name a source", hint="letters, digits, _ and -, a letter first")
        if "kind" not in block:
            raise ConfigError(f"sources.{name} has no kind", hint="such as kind: postgres")
    for problem in lacking(config.resource_groups) if config.resource_groups else ():
        raise ConfigError(problem, hint="a name is that of the groups on the way, such as people.${user}")
    return config


def _resolve(value: Any, folder: Path, path: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _resolve(item, folder, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, folder, path) for item in value]
    return _reference(value, folder, path) if isinstance(value, str) else value


def _reference(text: str, folder: Path, path: str) -> str:
    def variable(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "${"
        if path.startswith(f"{GROUPS}.") and name in TEMPLATES:
            return match.group(0)
        if name not in os.environ:
            raise ConfigError(f"{path}: the environment has no variable {name}", hint=f"export {name}=...")
        return os.environ[name]

    text = REFERENCE.sub(variable, text)
    if not text.startswith("file:"):
        return text
    file = folder / text.removeprefix("file:")
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as failure:
        raise ConfigError(f"{path}: cannot read {file}: {failure.strerror}") from None
