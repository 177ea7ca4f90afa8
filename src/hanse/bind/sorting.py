"""ORDER BY terms within calls and windows: expressions only, NULL order made explicit."""

from collections.abc import Sequence

from sqlglot import exp

from hanse.bind.place import Place
from hanse.bind.syntax import only, position
from hanse.errors import TypeMismatch
from hanse.ir.expr import Expr, SortKey
from hanse.ir.types import Kind

_PARTS = frozenset({"this", "desc", "nulls_first"})


def sort_keys(terms: Sequence[exp.Expr], place: Place) -> tuple[SortKey, ...]:
    """The keys of ``ORDER BY`` terms; a constant is itself, not an ordinal."""
    return tuple(sort_key(term, place.value(term.this)) for term in terms)


def sort_key(term: exp.Expr, value: Expr) -> SortKey:
    """One key: sqlglot has filled in PostgreSQL's default (NULLs are the greatest)."""
    only(term, _PARTS, "ORDER BY")
    if value.type.kind is Kind.JSON:
        message = "could not identify an ordering operator for type json"
        raise TypeMismatch(message, sqlstate="42883", position=position(term), hint="cast to text")
    return SortKey(value, bool(term.args.get("desc")), bool(term.args.get("nulls_first")))
