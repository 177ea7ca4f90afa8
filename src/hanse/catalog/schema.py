"""The JSON Schema of hanse.yaml, put together from the settings and the options of every installed kind of source.

``python -m hanse.catalog.schema`` prints it; editors complete and check with it, and ``docs/reference`` is written from it.
"""

import json
import sys
from typing import Any

from hanse.catalog.plugins import kinds, plugin
from hanse.settings import Config


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) in which each source's block is checked against its kind."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "hanse.yaml"
    definitions = schema.setdefault("$defs", {})
    for kind in sorted(kinds()):
        block = plugin(kind, "schema").options.model_json_schema(ref_template=f"#/$defs/{kind}.{{model}}")
        for name, definition in block.pop("$defs", {}).items():
            definitions[f"{kind}.{name}"] = definition
        block["properties"] = {"kind": {"const": kind}, **block.get("properties", {})}
        block["required"] = ["kind", *block.get("required", [])]
        definitions[kind] = block
    schema["properties"]["sources"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in sorted(kinds())]
    }
    return schema


if __name__ == "__main__":
    json.dump(json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
