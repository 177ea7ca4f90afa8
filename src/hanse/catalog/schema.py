"""The JSON Schema of hanse.yaml, put together from the settings and the options of every installed kind of source.

``python -m hanse.catalog.schema`` prints it; the package ships it as ``hanse.schema.json`` for the kinds that it brings, and
``docs/reference/configuration.md`` is written from it. An option is described by the docstring under it.
"""

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from hanse.catalog.plugins import kinds, plugin
from hanse.guardrails import SourceGuardrails
from hanse.settings import GUARDRAILS, ON_FAILURE, Config, SourceFailures


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) in which each source's block is checked against its kind."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "hanse.yaml"
    for block in ("engine", "listen", "auth"):
        del schema["properties"][block]["default"]  # the settings' own defaults say it, without this machine's numbers
    definitions = schema.setdefault("$defs", {})
    protection = SourceGuardrails.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= protection.pop("$defs") | {"SourceGuardrails": protection}
    definitions["SourceFailures"] = SourceFailures.model_json_schema()
    for kind in sorted(kinds()):
        definitions |= _kind(kind, plugin(kind, "schema").options)
    schema["properties"]["sources"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in sorted(kinds())]
    }
    return schema


def _kind(kind: str, options: type[BaseModel]) -> dict[str, Any]:
    """The definitions of a kind's block and of the blocks inside it, each under a name of its own."""
    block = options.model_json_schema(ref_template=f"#/$defs/{kind}.{{model}}")
    inner = block.pop("$defs", {})
    for model in _models(options):
        _describe(inner.get(model.__name__, block), model)
    block["properties"] = {
        "kind": {"const": kind, "description": "The kind of source."},
        **block.get("properties", {}),
        GUARDRAILS: {"$ref": "#/$defs/SourceGuardrails", "description": "What no query may do to the source."},
        ON_FAILURE: {
            "anyOf": [{"enum": ["fail", "skip", "null", None]}, {"$ref": "#/$defs/SourceFailures"}],
            "description": "What queries do without the source when it fails.",
        },
    }
    block["required"] = ["kind", *block.get("required", [])]
    return {kind: block, **{f"{kind}.{name}": definition for name, definition in inner.items()}}


def _models(options: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield options
    for field in options.model_fields.values():
        for type in (field.annotation, *get_args(field.annotation)):
            if inspect.isclass(type) and issubclass(type, BaseModel):
                yield from _models(type)


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    for ancestor in inspect.getmro(model):
        if issubclass(ancestor, BaseModel) and ancestor is not BaseModel:
            for name, text in _docstrings(ancestor).items():
                definition["properties"][name].setdefault("description", text)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """What stands under each attribute of a class, in one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for attribute, text in pairwise(body.body):
        match attribute, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                found[name] = " ".join(docstring.split())
    return found


def text() -> str:
    """The schema as the package ships it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
