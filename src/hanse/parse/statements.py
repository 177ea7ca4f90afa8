"""Which statements exist, and the value that parsing yields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from hanse.ir.consistency import NOTHING, Terms

QUERY = "query"
EXPLAIN = "explain"
SHOW = "show"
SET = "set"
KILL = "kill"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``kind`` is ``query``, ``explain``, ``show``, ``set`` or ``kill``.

    ``syntax`` is the tree of the query (of the explained query, for EXPLAIN; None for all others). In it a parameter
    is ``Parameter`` over its 1-based place in ``parameters``. ``options`` hold, by kind:

    - explain: ``analyze`` (bool), ``format`` (``text`` or ``json``), ``stage`` (an upper-case word such as BOUND, or None)
    - show: ``name`` (the first word, lower case), ``arguments`` (the words after it)
    - set: ``name`` (lower case), ``value`` (text, or None for DEFAULT)
    - kill: ``query`` (an id, or the beginning of one)
    """

    kind: str
    text: str
    syntax: exp.Expr | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    """``$n`` gives its number as text; ``:name`` its name, in order of first appearance."""
    start: int = 0
    """Where in the text the query begins, after the words of EXPLAIN."""
    terms: Terms = NOTHING
    """What clauses at the query's end demand of its answer; they are no part of ``text``."""

    @property
    def query_text(self) -> str:
        """The query alone, without what surrounds it: equal texts are equal queries."""
        return query_text(self.text[self.start :])


def query_text(text: str) -> str:
    """A query's text without space around it and semicolons at its end."""
    return text.lstrip().rstrip("; \t\r\n\f\v")
