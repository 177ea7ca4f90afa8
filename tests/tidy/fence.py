"""A contract type for import-linter: some modules may be imported by some packages only, or never by some.

import-linter's own `forbidden` and `protected` contracts refuse to run when a package that they name does not exist. A
fence is drawn before there is anything behind it, so here an absent package simply imports nothing.
"""

from __future__ import annotations

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Fence(Contract):
    """Forbid direct imports of `modules` in the packages `never_in`, or everywhere but in the packages `only_in`.

    A module stands for itself and what is below it; with `exact` for itself alone.
    """

    type_name = "fence"

    # Described by fields here, plain values once import-linter has read the configuration.
    modules: Any = fields.ListField(subfield=fields.StringField())
    only_in: Any = fields.ListField(subfield=fields.StringField(), required=False)
    never_in: Any = fields.ListField(subfield=fields.StringField(), required=False)
    exact: Any = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every direct import of a fenced module with the fence."""
        breaches = sorted(
            (importer, imported)
            for imported in graph.modules
            if any(self._covers(name, imported) for name in self.modules)
            for importer in graph.find_modules_that_directly_import(imported)
            if not self._allowed(importer, imported)
        )
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per forbidden import."""
        for importer, imported in check.metadata["breaches"]:
            # An import of a module that does not exist counts as one of the nearest package that does.
            output.print_error(f"{importer} imports {imported} (or something in it that does not exist)")
        output.new_line()

    def _covers(self, name: str, module: str) -> bool:
        return module == name if self.exact else _within(module, name)

    def _allowed(self, importer: str, imported: str) -> bool:
        if any(_within(importer, name) for name in self.modules if not self.exact):
            return True
        if any(_within(importer, name) for name in _list(self.never_in)):
            return False
        return not _list(self.only_in) or any(_within(importer, name) for name in _list(self.only_in))


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _list(field: Any) -> list[str]:
    return field if isinstance(field, list) else []
