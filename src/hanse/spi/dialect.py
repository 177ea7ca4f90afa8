"""How a source spells a plan, and what it may be trusted to compute: data first, a few methods for the odd cases.

A function is pushed only if a ``Rule`` stands for it in its dialect's table, for these argument types; the rule says how
it is spelt and whether its answer is EXACT or a SUPERSET. There is no default spelling: what is not listed stays here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from hanse.ir.expr import Literal
from hanse.ir.request import KeyRange
from hanse.ir.tables import Collation, Table, TableColumn, Verdict
from hanse.ir.types import INTEGERS, NUMBERS, TEXTS, Kind, Type
from hanse.spi.keys import KeyCosts, runs
from hanse.spi.sampling import Sample

DENSE = frozenset(INTEGERS | {Kind.DATE})
"""Types whose values follow upon one another, so that keys may be ranges."""

BYTEWISE = Collation("bytewise", equal_is_bytewise=True, order_is_codepoint=True)


class Operand(NamedTuple):
    """An argument as the dialect sees it: its SQL, its type, how its text compares, and its value if it is a literal."""

    sql: str
    type: Type
    collation: Collation = Collation()
    literal: Literal | None = None


Spelling = str | Callable[[Sequence[Operand]], str]
"""Either a template (``{0}``, ``{1}`` ... for arguments, ``{*}`` for all of them joined by commas) or a function.

The writer adds parentheses around arguments where the template does not delimit them, and around the call where its
place asks for it. A function gets arguments whose ``sql`` stands on its own, and must not look into that text.

The spelling of an aggregate may say where clauses belong: ``{distinct}`` just inside the call's parenthesis, ``{order}``
before the closing one, ``{over}`` (WITHIN GROUP, FILTER, OVER) after it. Without these marks the writer takes the outermost
call other than a CAST, COALESCE, NULLIF or ROUND, as in ``CAST(sum({0}) AS bigint)``.
"""

PLACE = re.compile(r"\{(\*|\d+|distinct|order|over)\}")
"""A place in a template."""

KEYS = frozenset(INTEGERS | {Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
"""Types whose equality is that of every source, or that of fewer values; no floats (NaN), nothing kept as text here."""

ANY: frozenset[Kind] = frozenset(Kind)
NUMBER: frozenset[Kind] = NUMBERS
STRING: frozenset[Kind] = TEXTS


@dataclass(frozen=True, slots=True)
class Rule:
    """One proven spelling. ``kinds`` gives the accepted kinds per argument (the last one repeats); None accepts all."""

    sql: Spelling
    kinds: tuple[frozenset[Kind], ...] | None = None
    verdict: Verdict = Verdict.EXACT
    reason: str = ""
    """Why not EXACT."""
    when: Callable[[Sequence[Operand]], bool] | None = None
    """A further condition on the arguments, such as a literal pattern."""
    distinct: bool = True
    """Whether an aggregate so spelt may be DISTINCT."""

    def accepts(self, args: Sequence[Operand]) -> bool:
        """Whether the rule is for these arguments."""
        if self.kinds is not None:
            if not self.kinds and args:
                return False
            for place, arg in enumerate(args):
                if arg.type.kind not in self.kinds[min(place, len(self.kinds) - 1)]:
                    return False
        return self.when is None or self.when(args)

    def spell(self, args: Sequence[Operand]) -> str:
        """The SQL of the call; arguments are put in parentheses by the templates where they need it."""
        if callable(self.sql):
            return self.sql(args)
        values = {str(place): arg.sql for place, arg in enumerate(args)}
        values["*"] = ", ".join(values.values())
        return PLACE.sub(lambda mark: values.get(mark[1], ""), self.sql)


Rules = Mapping[str, tuple[Rule, ...]]


def find(rules: Rules, name: str, args: Sequence[Operand]) -> Rule | None:
    """The first rule for that name which accepts the arguments."""
    return next((rule for rule in rules.get(name, ()) if rule.accepts(args)), None)


class Dialect:
    """Base of all dialects: standard SQL where there is a standard; subclasses give the tables and what differs.

    Instances are immutable values: the same inputs always give the same text.
    """

    name: ClassVar[str] = "ansi"
    identifier_length: ClassVar[int] = 63
    is_coordinator: ClassVar[bool] = False
    """Nothing stands behind this dialect: what it cannot spell, the user cannot have."""
    semi_joins: ClassVar[bool] = False
    """Has ``a SEMI JOIN b ON`` and ``ANTI JOIN``, and does them better than EXISTS."""
    subqueries_in_on: ClassVar[bool] = True
    """An outer join's condition may hold a subquery; where not, the writer uses LATERAL."""
    row_subqueries: ClassVar[bool] = True
    """``(a, b) = ANY (subquery)`` is NULL where a NULL decides; where rows compare as values, the writer uses bool_or()."""

    unquantified: ClassVar[frozenset[Kind]] = frozenset()
    """Types that are not compared with ANY or ALL of a subquery but by IN and NOT IN: such a comparison is written out."""
    row_quantifiers: ClassVar[bool] = False
    """Rows compare with those of a subquery under any operator with ANY and ALL; where not, by IN and NOT IN alone."""
    full_joins_in_subqueries: ClassVar[bool] = True
    """FULL joins may stand in a correlated subquery, whatever they read; where not, they are CTEs of the statement."""
    materialized_ctes: ClassVar[bool] = False
    """Every CTE is written AS MATERIALIZED, so that it is computed once."""
    with_ties: ClassVar[bool] = False
    """``limit`` knows WITH TIES; where not, the writer uses rank()."""
    values_lists: ClassVar[bool] = False
    """``(VALUES (1, 'a'), ...) t(x, y)`` is a table; where not, the writer uses UNION ALL."""
    limit_expressions: ClassVar[bool] = False
    """LIMIT and OFFSET may be any expression, of which NULL limits nothing and a negative number is an error."""
    empty_from: ClassVar[str] = ""
    """What a SELECT without tables needs when it has a WHERE: ``FROM DUAL``."""
    functions: Rules = {}
    """Scalar functions and operators by their IR names."""
    aggregates: Rules = {}
    windows: Rules = {}
    """Window-only functions (row_number, rank, lag ...); aggregates are also windows where the capability says so."""
    no_columns: ClassVar[frozenset[Kind]] = frozenset()
    """Types of which an answer of this source has no columns; they may still be constants inside its expressions."""
    ordered_windows: ClassVar[frozenset[str]] = frozenset()
    """Window functions that must be given an ORDER BY; where nothing sorts their rows, the writer sorts by NULL."""
    table_functions: Rules = {}
    """Functions in FROM. ``name with ordinality`` yields the rows' numbers as a last column; where that is missing, the
    writer appends WITH ORDINALITY to the call."""

    def quote(self, identifier: str) -> str:
        """The identifier, quoted so that it means exactly this name."""
        return '"' + identifier.replace('"', '""') + '"'

    def literal(self, literal: Literal) -> str | None:
        """The constant with exactly its value and type; None if the source cannot spell it."""
        raise NotImplementedError

    def type_name(self, type: Type) -> str | None:
        """The type as this source writes it in a CAST; None if it has none that means the same."""
        raise NotImplementedError

    def cast(self, arg: Operand, target: Type, safe: bool) -> Rule | None:
        """The conversion, if this source's is PostgreSQL's; None keeps it here."""
        raise NotImplementedError

    keys_max: ClassVar[int] = 500_000
    """As many keys as may ever be sent for one fragment: they are kept here until all are known."""
    key_kinds: ClassVar[frozenset[Kind]] = KEYS
    """Types of which keys may be shipped to this source."""
    takes_key_rows: ClassVar[bool] = False
    """``key_rows`` spells keys of several columns; else such are sent column by column."""
    leads_key_rows: ClassVar[bool] = False
    """Where only one of the columns has an index, keys of several are found sooner with its values beside them."""
    key_costs: KeyCosts = KeyCosts()
    clusters: ClassVar[bool] = False
    """Tables lie in the order of their primary key."""

    def takes_keys(self, type: Type) -> bool:
        """Whether keys of that type may be shipped to this source: every one of them is spelt, or no value there."""
        return type.kind in self.key_kinds

    def keys(self, arg: Operand, keys: Sequence[Any] | KeyRange | None) -> str:
        """The condition that ``arg`` is among the keys, or in their range; it may hold for more rows, never for fewer."""
        if keys is None:
            return "1 = 1"
        if isinstance(keys, KeyRange):
            low, high = self.key(arg.type, keys.low), self.key(arg.type, keys.high)
            return f"{arg.sql} BETWEEN {low} AND {high}"
        ranges = runs(keys) if keys and arg.type.kind in DENSE else None
        if ranges is not None:
            return " OR ".join(self._range(arg, low, high) for low, high in ranges)
        return self.key_list(arg, keys) if keys else "1 = 0"

    def _range(self, arg: Operand, low: Any, high: Any) -> str:
        first, last = self.key(arg.type, low), self.key(arg.type, high)
        return f"{arg.sql} = {first}" if low == high else f"{arg.sql} BETWEEN {first} AND {last}"

    def key_list(self, arg: Operand, keys: Sequence[Any]) -> str:
        """The condition that ``arg`` is one of the keys, of which there are some."""
        spelt = [text for text in self.key_texts(arg.type, keys) if text is not None]
        if not spelt:
            return "1 = 0"
        return f"{arg.sql} = {spelt[0]}" if len(spelt) == 1 else f"{arg.sql} IN ({', '.join(spelt)})"

    def key_rows(self, args: Sequence[Operand], keys: Sequence[tuple[Any, ...]]) -> str:
        """The condition that ``args`` together are one of the keys, of which there may be none; it may hold for more rows,
        never for fewer. Only called where ``takes_key_rows``."""
        parts = [self.key_texts(arg.type, values) for arg, values in zip(args, turned(keys, len(args)), strict=True)]
        rows = [f"({', '.join(key)})" for key in zip(*parts, strict=True) if None not in key]
        return (
            f"({', '.join(arg.sql for arg in args)}) IN ({self.key_table.format(', '.join(rows))})" if rows else "1 = 0"
        )

    key_table: ClassVar[str] = "{}"
    """What stands around rows of keys in ``key_rows``: nothing, or what makes a table of them."""

    def key_texts(self, type: Type, values: Sequence[Any]) -> list[str | None]:
        """Each of many keys, or parts of keys: what ``key`` says, faster."""
        return list(map(str, values)) if type.kind in INTEGERS else [self.key(type, value) for value in values]

    def key(self, type: Type, value: Any) -> str | None:
        """One key; plain where the source gives a plain constant the type of what it is compared with. None if no value
        of the source can equal it."""
        if type.kind in INTEGERS:
            return str(value)
        return self.literal(Literal(type, value))

    rows_max: ClassVar[int] = 0
    """As many rows as may stand in a statement as a table; 0: none."""
    row_kinds: ClassVar[frozenset[Kind]] = KEYS
    """Types of the columns that such a table may have: a constant of each is exactly the value."""

    def row_collation(self, type: Type) -> Collation | None:
        """How a column of that type compares in such a table; None if it may have none."""
        return Collation() if self.rows_max and type.kind in self.row_kinds else None

    def looks_up(self, column: TableColumn) -> bool:  # noqa: ARG002  # most do
        """Whether an index of the column finds what equals a column of such a table."""
        return True

    def rows(self, names: Sequence[str], types: Sequence[Type], rows: Sequence[Sequence[Any]]) -> str | None:
        """Rows, of which there are some, as a table in FROM whose columns have these names; it follows upon an opening
        parenthesis. None if the source has no such value."""
        spelt: list[list[str]] = []
        for row in rows:
            cells = [self.cell(Literal(type, value)) for type, value in zip(types, row, strict=True)]
            if None in cells:
                return None
            spelt.append([str(cell) for cell in cells])
        return self.table_of(names, spelt)

    def cell(self, literal: Literal) -> str | None:
        """A value of such a table; None if the source has none that is the same, and compares as ``row_collation`` says."""
        return self.literal(literal)

    def table_of(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Rows of constants as a SELECT with these names for its columns."""
        columns = ", ".join(f"column{place} AS {name}" for place, name in enumerate(names, 1))
        lines = ", ".join(f"({', '.join(row)})" for row in rows)
        return f"SELECT {columns} FROM (VALUES {lines}) AS v"

    def key_part(self, arg: Operand, low: Any, high: Any) -> str | None:  # noqa: ARG002  # none is needed here
        """A condition beside ``keys`` under which a row belongs to one part of the keys only, that from ``low`` to ``high``
        in our order: where several keys are equal to the source, each of their parts would yield the same row. The empty
        text where only equal values are equal; None if the keys must not be parted."""
        return "" if arg.type.kind not in TEXTS or arg.collation.equal_is_bytewise else None

    def group_key(self, arg: Operand) -> str | None:
        """The form of a value in GROUP BY, DISTINCT, set operations and join keys, under which only equal values are
        equal, and whose output is still the value; None if there is no such form."""
        raise NotImplementedError

    def collated(self, arg: Operand) -> str:
        """Text with the collation of code points named in it, where a conflict of two columns' collations is an error."""
        return arg.sql

    def order_key(self, arg: Operand) -> str | None:
        """The form of a value in ORDER BY, MIN and MAX that sorts as Hanse does: text by code point, NaN greatest."""
        raise NotImplementedError

    def mixes(self, collations: Sequence[Collation]) -> bool:  # noqa: ARG002  # most sources compare at a comparison only
        """Whether texts of these collations may stand beside one another, in the branches of a CASE or the sides of a
        UNION ALL, where nothing compares them."""
        return True

    def sort_term(self, key: str, descending: bool, nulls_first: bool) -> str:
        """One ORDER BY term with an explicit NULL order."""
        return f"{key} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"

    def row_count(self, sql: str, clause: str) -> str:  # noqa: ARG002  # most servers test it themselves
        """A number of rows that is no constant, in LIMIT or OFFSET: NULL is none, a negative one an error."""
        return sql

    def limit(self, count: str | None, offset: str | None, with_ties: bool) -> str:
        """The clause after ORDER BY, or the empty text."""
        parts = [f"OFFSET {offset}" if offset else ""]
        if with_ties:
            parts.append(f"FETCH FIRST ({count}) ROWS WITH TIES")
        elif count is not None:
            parts.insert(0, f"LIMIT {count}")
        return " ".join(part for part in parts if part)

    def extent(self, table: Table) -> str | None:  # noqa: ARG002  # not every source can do better than its first rows
        """A cheap statement that yields two whole numbers (bigint) by which ``sample`` chooses rows; None without one."""
        return None

    def sample(self, table: Table, extent: tuple[int, int], rows: int) -> Sample | None:  # noqa: ARG002
        """What to read for about ``rows`` rows from all over the table, at a cost that does not grow with it, if that can
        be; None: the first rows are all that there is, or as good."""
        return None


def turned(keys: Sequence[tuple[Any, ...]], parts: int) -> list[list[Any]]:
    """The values of keys of so many parts, part by part: what ``zip`` of very many keys takes ten times longer for."""
    return [[key[part] for key in keys] for part in range(parts)]
