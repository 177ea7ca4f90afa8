"""Write what documentation can be derived from the code: `write_docs.py [--check]`.

    src/hanse/hanse.schema.json        the JSON Schema that the package ships
    docs/reference/configuration.md    from that schema
    docs/reference/cli.md              from the commands' help
    docs/reference/errors.md           from the tree of errors and the codes that the package names

With `--check` nothing is written; the exit code is 1 if a file is not what it would be.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hanse import dbapi, errors
from hanse.catalog import schema
from hanse.cli.main import main as hanse
from hanse.cli.shell import HELP

ROOT = Path(__file__).parents[1]
WIDTH = 110
Schema = dict[str, Any]

CONFIGURATION = """\
# hanse.yaml

One file names the sources and sets the engine up. It is `./hanse.yaml`, or what `HANSE_CONFIG` or `-c` says; in Python, a dictionary
of the same shape does as well.

```yaml
sources:
  sales: {kind: postgres, url: "postgresql://reader:${SALES_PASSWORD}@db1:5432/sales", schemas: [public]}
  crm: {kind: mysql, url: "file:/run/secrets/crm-url"}
  lake: {kind: files, path: data}
engine:
  memory_limit: 4GB
```

- `${NAME}` anywhere in a text is the environment variable, which must exist; `$${` is a plain `${`.
- `file:path` is the content of that file, without the line end.
- Relative paths start at the folder of `hanse.yaml`.
- A source's name starts with a letter and is made of letters, digits, `_` and `-`.
- An unknown key is an error that names the nearest known one. No error shows a value.

The package ships a JSON Schema, `hanse/hanse.schema.json`, with which editors complete and check the file:

```yaml
# yaml-language-server: $schema=hanse.schema.json
```
"""

CLI = """\
# Command line

A statement comes from the argument, from a file (`-f`), or from standard input; the answer goes to standard output or to a file (`-o`),
everything else to standard error. On a terminal, a query that takes longer shows what each source has sent so far, and
Ctrl-C ends it at every source within a second.

| exit code | |
|---|---|
| 0 | done |
| 1 | the statement or a source failed; for `check`, a source does not answer |
| 2 | wrong usage or configuration |
| 130, 143 | ended by Ctrl-C, by SIGTERM |
| 141 | the reader of the output has gone (`hanse query ... \\| head`): no message |

An error is one line, `error SQLSTATE [source]: message`, then the place in the statement, then a hint.

| format | |
|---|---|
| `table` | for people: `NULL`, line ends and control characters escaped; the default |
| `csv` | as PostgreSQL's `COPY ... CSV HEADER` writes it: NULL is nothing, empty text is `""` |
| `json` | an array of objects; numbers with all digits, everything that JSON has no word for as text; a repeated column name gets `_2` |
| `arrow` | Arrow's stream format; its file format for a file that is called `.arrow` (`.arrows` is a stream) |
| `parquet` | Parquet; it has no type for intervals |

Without `--format`, a file's name says it: `.csv .json .arrow .arrows .parquet`. A file appears under its name when it is complete. Times with
zone are shown in the query's zone (`--set timezone=Europe/Berlin`).

| variable | |
|---|---|
| `HANSE_CONFIG` | the configuration, instead of `./hanse.yaml` |
| `HANSE_TRACEBACK` | if set, an error also says where in Hanse it was raised |
| `XDG_STATE_HOME` | the shell's history is `hanse/history` in this folder, `~/.local/state` by default |
"""

ERRORS = """\
# Errors

Every error is a `hanse.HanseError` with `code` (SQLSTATE), `kind`, `source`, `position` (0-based offset in the statement), `hint` and
`retryable`: whether the same query may be answered when it is asked again. A source's error says why in `fault`: `transient`, `down`,
`throttled` and `stale` pass, `caller` and `cancelled` do not ([failures](../guide/failures.md)). The codes are PostgreSQL's. `hanse.dbapi` raises the class that DB-API 2.0 has for it, with the code as `sqlstate`.

"""

CODES = {
    "07001": "values given for parameters do not match the statement's",
    "07006": "a Python value that cannot be a parameter",
    "08001": "a source cannot be reached",
    "08P01": "a client that does not keep to the protocol",
    "0A000": "valid SQL that Hanse does not have",
    "21000": "a scalar subquery gave more than one row",
    "22000": "a value that cannot be represented",
    "22003": "a number out of its type's range",
    "22007": "text that is no date or time",
    "22008": "a date or time out of its type's range",
    "22011": "a substring of negative length",
    "22012": "division by zero",
    "2201E": "a logarithm that does not exist",
    "2201F": "a power that does not exist",
    "2201W": "a negative LIMIT",
    "2201X": "a negative OFFSET",
    "22021": "bytes that are no UTF-8, or a character that text cannot hold",
    "22P03": "bytes that are no value of a parameter's type",
    "22032": "a request over HTTP whose body is no JSON, or no object",
    "22023": "an argument or a setting with a wrong value",
    "2202E": "an array subscript that does not fit",
    "22P02": "text that is no value of its type",
    "25001": "a statement that no transaction may be open for",
    "25006": "a source refused a write; Hanse only reads",
    "25P01": "a statement that needs an open transaction",
    "25P02": "a statement in a transaction that has failed",
    "25P03": "a source ended a transaction that waited for us too long",
    "26000": "an unknown prepared statement",
    "28000": "a source refused the credentials, or a login that may not be",
    "28P01": "a wrong password, or a name that is no user's",
    "34000": "an unknown portal",
    "3F000": "an unknown schema",
    "42000": "a statement or a use of the command line that is wrong",
    "42501": "no right to do this",
    "42601": "syntax",
    "42702": "an ambiguous column",
    "42703": "an unknown column",
    "42704": "an unknown type, setting or other object",
    "42712": "two tables of one name",
    "42803": "a column that is neither grouped nor aggregated, or an aggregate where none may be",
    "42804": "types that do not fit",
    "42809": "a function of another kind, such as a window function without OVER",
    "42846": "a cast that does not exist",
    "42883": "an unknown function or operator for these types",
    "42P01": "an unknown table or source",
    "42P02": "an unknown parameter",
    "42P03": "a portal of that name exists",
    "42P05": "a prepared statement of that name exists",
    "42P09": "an ambiguous table",
    "42P10": "a wrong column reference, such as ORDER BY 9",
    "42P19": "a recursive query of a form that does not exist",
    "42P20": "a wrong window",
    "53000": "a limit was reached",
    "53100": "the space to spill is used up",
    "53200": "the memory limit was reached",
    "53300": "no connection became free, or a server that has as many as it may",
    "53400": "a limit of the configuration was reached",
    "54000": "a statement that is too long",
    "54001": "a statement that is too deep",
    "55000": "a plan is to be pinned of which it was not noted how it came about; an answer over HTTP is asked for before its query has ended",
    "54011": "too many columns",
    "55006": "a source's file is in use",
    "55P02": "a variable that cannot be changed",
    "57014": "cancelled, or out of time",
    "57P01": "a source's server was stopped, or this one is",
    "57P02": "a source's server crashed",
    "57P03": "a source's server is starting or stopping",
    "57P05": "a source closed an idle session",
    "58000": "a source failed",
    "58030": "a file cannot be read or written",
    "58P01": "a file does not exist",
    "58P02": "a file exists already",
    "72000": "a source's tables changed since its catalog was read",
    "F0000": "the configuration is wrong",
    "HC000": "an answer that is not as consistent as the query demands",
    "HC001": "what the query reads of a source is no snapshot, and it requires one",
    "HC002": "the sources' snapshots are farther apart than the query allows",
    "HC003": "STRICT: no snapshot is of several sources at once",
    "HG000": "a guardrail of the configuration",
    "HG001": "a guardrail: a column that must be restricted is not",
    "HG002": "a guardrail: a join without an equality of too many rows",
    "HG003": "a guardrail: ORDER BY of too many rows without LIMIT",
    "HG004": "a guardrail: not at this time of day",
    "HG005": "a guardrail: more than the source's EXPLAIN may say",
    "XX000": "a bug in Hanse",
}


def documents() -> dict[str, str]:
    """Every generated file's path and what it should hold."""
    return {
        "src/hanse/hanse.schema.json": schema.text(),
        "docs/reference/configuration.md": configuration(),
        "docs/reference/cli.md": command_line(),
        "docs/reference/errors.md": error_classes(),
    }


def configuration() -> str:
    """The page on hanse.yaml."""
    whole = schema.json_schema()
    definitions = whole["$defs"]
    parts = [
        CONFIGURATION,
        "## engine\n",
        _keys(definitions["EngineSettings"], definitions),
        "## guardrails of a source\n",
        "Every source has the key `guardrails`: see [Protecting a source](../guide/protecting.md).\n",
        _keys(definitions["SourceGuardrails"], definitions),
        "## resource_groups\n",
        "Which queries run at a time, how many wait, and whose turn it is: see [Limits](../guide/limits.md).\n",
        _keys(definitions["ResourceGroups"], definitions),
        "## listen\n",
        "What `hanse serve` does: see [Serving](../guide/serving.md).\n",
        _keys(definitions["ListenSettings"], definitions),
        "## users\n",
        "Who may log in, by name; `hanse user add` prints a user's line.\n",
        _keys(definitions["User"], definitions),
        "## auth\n",
        _keys(definitions["AuthSettings"], definitions),
        "## tls\n",
        "The certificate of the listeners; without this block there is no TLS.\n",
        _keys(definitions["TlsSettings"], definitions),
        "## sources\n",
        "Every source has the key `kind`. The others depend on it.\n",
    ]
    for entry in whole["properties"]["sources"]["additionalProperties"]["oneOf"]:
        kind = entry["$ref"].rpartition("/")[2]
        parts += [f"### kind: {kind}\n", f"More on the [page of {kind}](connectors/{kind}.md).\n"]
        parts.append(_keys(definitions[kind], definitions))
    return "\n".join(parts)


def _keys(block: Schema, definitions: Schema) -> str:
    required = block.get("required", [])
    lines = ["| key | | default | |", "|---|---|---|---|"]
    for path, option in _options(block, definitions, ""):
        default = "required" if path in required else _default(option)
        lines.append(f"| `{path}` | {_type(option)} | {default} | {_text(option)} |")
    return "\n".join(lines) + "\n"


def _options(
    block: Schema, definitions: Schema, prefix: str, within: str | None = None
) -> Iterator[tuple[str, Schema]]:
    """The keys of a block and of those in it; of one that has itself in it, only the outermost."""
    for name, option in block["properties"].items():
        if "const" in option or option.get("$ref") == "#/$defs/SourceGuardrails":
            continue
        choices = [option, *option.get("anyOf", ())]
        inner = next((choice["$ref"] for choice in choices if "$ref" in choice), None)
        path = f"{prefix}{name}."
        if inner is None:
            yield prefix + name, option
            inner, path = _inside(option, path)
        if inner is not None and inner != within:
            yield from _options(definitions[inner.rpartition("/")[2]], definitions, path, inner)


def _inside(option: Schema, path: str) -> tuple[str | None, str]:
    """The block that each member of a list or map is, and how a path names it."""
    for key, mark in (("items", "[]."), ("additionalProperties", ".<name>.")):
        members = option.get(key)
        if isinstance(members, dict) and "$ref" in members:
            return str(members["$ref"]), path[:-1] + mark
    return None, path


def _type(option: Schema) -> str:
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "anyOf" in option:
        return next(_type(choice) for choice in option["anyOf"] if choice.get("type") != "null")
    names = {"string": "text", "integer": "integer", "number": "number", "boolean": "`true`, `false`"}
    match option.get("type"):
        case "array":
            return f"list of {_type(option['items']) or 'values'}"
        case "object":
            members = option["additionalProperties"]
            return f"map of name to {_type(members)}".removesuffix(" to ") if isinstance(members, dict) else "block"
        case str() as type:
            return names[type]
    return ""


def _default(option: Schema) -> str:
    value = option.get("default")
    if value in (None, [], {}):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else ", ".join(value) if isinstance(value, list) else value
    return f"`{shown}`" if shown != "" else "`''`"


def _text(option: Schema) -> str:
    return str(option.get("description", "")).replace("``", "`").replace("|", "\\|")


def command_line() -> str:
    """The page on the commands."""
    parent = click.Context(hanse, info_name="hanse", terminal_width=WIDTH, max_content_width=WIDTH)
    parts = [CLI, _block(hanse.get_help(parent))]
    for name in hanse.list_commands(parent):
        command = hanse.get_command(parent, name)
        assert command is not None
        context = click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH)
        parts += [f"## hanse {name}\n", _block(command.get_help(context))]
        if name == "shell":
            parts += ["In the shell:\n", _block(HELP)]
    return "\n".join(parts)


def _block(text: str) -> str:
    return "```text\n" + "\n".join(line.rstrip() for line in text.splitlines()) + "\n```\n"


def error_classes() -> str:
    """The page on errors."""
    lines = ["| class | SQLSTATE | kind | DB-API | |", "|---|---|---|---|---|"]
    for error, depth in _tree(errors.HanseError, 0):
        ours = next((ours.__name__ for theirs, ours in dbapi.CLASSES if issubclass(error, theirs)), "DatabaseError")
        text = " ".join((error.__doc__ or "").partition("\n\n")[0].split())
        indent = "&nbsp;" * 3 * depth
        again = " (retryable)" if error.usual_fault in errors.PASSING else ""
        lines.append(f"| {indent}`{error.__name__}` | {error.sqlstate} | {error.kind}{again} | `{ours}` | {text} |")
    codes = ["", "| SQLSTATE | |", "|---|---|", *(f"| {code} | {CODES[code]} |" for code in sorted(used_codes()))]
    return (
        ERRORS + "\n".join([*lines, *codes]) + "\n\nA source's own codes of other classes are passed on as they are.\n"
    )


def _tree(error: type[errors.HanseError], depth: int) -> Iterator[tuple[type[errors.HanseError], int]]:
    yield error, depth
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def used_codes() -> set[str]:
    """Every SQLSTATE that stands in the package's code; raises KeyError for one that `CODES` does not explain."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    found = {code for text in texts for code in re.findall(r'sqlstate\s*(?::[^=\n]+)?=\s*"([0-9A-Z]{5})"', text)}
    found |= {code for text in texts for code in re.findall(r"""["'\[]([0-9A-Z]{5})["'\]]""", text) if code in CODES}
    unexplained = found - set(CODES)
    if unexplained:
        raise KeyError(f"scripts/write_docs.py does not explain {', '.join(sorted(unexplained))}")
    return found


def main() -> int:
    """Write or check the files; the exit code."""
    stale = {path: text for path, text in documents().items() if _current(path) != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is stale: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _current(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
