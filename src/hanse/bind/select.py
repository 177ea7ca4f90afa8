"""One SELECT block, clause by clause in SQL's order of evaluation: FROM, WHERE, GROUP BY, HAVING, windows, QUALIFY, the
select list, DISTINCT, ORDER BY, LIMIT."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from hanse.bind import outputs, rowlists
from hanse.bind.coercion import Untyped
from hanse.bind.grouping import AboveGroups, Groups
from hanse.bind.names import output_name
from hanse.bind.outputs import MODIFIERS, bare_name, matching, ordinal
from hanse.bind.place import Bound, Collector, Place, Session, typed
from hanse.bind.relations import from_clause
from hanse.bind.scope import Scope
from hanse.bind.sorting import sort_key
from hanse.bind.syntax import name, only, position
from hanse.errors import TypeMismatch, UnknownName
from hanse.ir import plan as p
from hanse.ir.expr import TRUE, Column, Expr, SortKey
from hanse.ir.types import Kind
from hanse.ir.walk import map_window

CLAUSES = MODIFIERS | {
    "with_",
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "windows",
    "qualify",
    "distinct",
}


@dataclass(slots=True)
class Item:
    """One output of the select list: its name, its syntax (None for what ``*`` stands for), its value once bound."""

    label: str
    node: exp.Expr | None
    value: Expr | None = None


def select(node: exp.Select, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Bound:
    """The bound SELECT; its WITH clause is already in ``names``."""
    only(node, CLAUSES, "SELECT")
    source = from_clause(node, outer, names, session)
    block = Block(node, Scope(source, outer, names), session, source.plan)
    return block.run()


@dataclass(slots=True)
class Block:
    """The work on one SELECT. Everything is bound first; then the plan is put together from the bottom up."""

    node: exp.Select
    scope: Scope
    session: Session
    plan: p.Plan
    collector: Collector = field(default_factory=Collector)
    items: list[Item] = field(default_factory=list)
    hidden: list[tuple[str, Expr]] = field(default_factory=list)
    groups: Groups | None = None

    def run(self) -> Bound:
        """Bind and assemble."""
        self._where()
        self.items = [item for part in self.node.expressions for item in self._expand(part)]
        self._group()
        self._named_windows()
        self._select_list()
        having, qualify = self._having(), self._qualify()
        order = self._order()
        on = self._distinct_on()
        qualify = self._aggregate(having, qualify)
        self._windows(qualify)
        self._rows()
        return self._finish(order, on)

    def place(self, clause: str, *, aggregates: bool = False, windows: bool = False, rows: bool = False) -> Place:
        """A clause of this block."""
        return Place(self.session, self.scope, clause, self.collector, aggregates, windows, rows)

    def _where(self) -> None:
        where = self.node.args.get("where")
        if where is not None:
            predicate = self.place("WHERE").condition(where.this)
            self.plan = p.Filter(self.plan, predicate)

    def _expand(self, node: exp.Expr) -> list[Item]:
        """A select item, or what its ``*`` stands for."""
        if isinstance(node, exp.Star):
            only(node, frozenset(), "the select list")
            if not self.scope.source.relations:
                raise TypeMismatch(
                    "SELECT * with no tables specified is not valid", sqlstate="42601", position=position(node)
                )
            return [Item(column.name, None, column.ref()) for column in self.scope.source.visible()]
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            only(node.this, frozenset(), "the select list")
            return self._expand_relation(node)
        inner = node.this if isinstance(node, exp.Alias) else node
        return [Item(output_name(node), inner)]

    def _expand_relation(self, node: exp.Column) -> list[Item]:
        parts = tuple((name(part), bool(part.args.get("quoted"))) for part in node.parts[:-1])
        scope: Scope | None = self.scope
        while scope is not None:
            relations = scope.relations(parts)
            if relations:
                self.scope.reads.update(dict.fromkeys((c.id for c in relations[0].columns), position(node)))
                return [Item(column.name, None, column.ref()) for column in relations[0].columns]
            scope = scope.parent
        message = f'missing FROM-clause entry for table "{".".join(text for text, _ in parts)}"'
        raise UnknownName(message, sqlstate="42P01", position=position(node))

    def _group(self) -> None:
        group = self.node.args.get("group")
        if group is None:
            return
        inputs = {column.id: column for column in self.plan.columns}
        self.groups = Groups(self.session, inputs, self._group_key)
        self.groups.read(group)
        self.collector.keys = self.groups.expressions

    def _group_key(self, node: exp.Expr) -> Expr:
        """A key: an ordinal, an input column, an output alias, or an expression."""
        place = self.place("GROUP BY")
        index = ordinal(node, len(self.items), "GROUP BY")
        wanted = bare_name(node)
        if index is None and wanted is not None and not self.scope.source.find(*wanted):
            found = matching([item.label for item in self.items], *wanted)
            if len(found) > 1 and len({self._item_value(i, place) for i in found}) > 1:
                raise UnknownName(f'GROUP BY "{wanted[0]}" is ambiguous', sqlstate="42702", position=position(node))
            index = found[0] if found else None
        key = self._item_value(index, place) if index is not None else place.value(node)
        if key.type.kind is Kind.JSON:
            message = "could not identify an equality operator for type json"
            raise TypeMismatch(message, sqlstate="42883", position=position(node), hint="cast to text")
        return key

    def _item_value(self, index: int, place: Place) -> Expr:
        """The value of a select item that GROUP BY names, bound once."""
        item = self.items[index]
        if item.value is None:
            assert item.node is not None
            item.value = place.value(item.node)
        return item.value

    def _named_windows(self) -> None:
        for window in self.node.args.get("windows") or ():
            label = name(window.this)
            if label in self.collector.named_windows:
                raise TypeMismatch(f'window "{label}" is already defined', sqlstate="42P20", position=position(window))
            self.collector.named_windows[label] = window

    def _select_list(self) -> None:
        place = self.place("the select list", aggregates=True, windows=True, rows=True)
        for item in self.items:
            if item.value is None and item.node is not None:
                item.value = place.bind(item.node)

    def _having(self) -> Expr | None:
        having = self.node.args.get("having")
        if having is None:
            return None
        return self.place("HAVING", aggregates=True).condition(having.this)

    def _qualify(self) -> Expr | None:
        qualify = self.node.args.get("qualify")
        if qualify is None:
            return None
        return self.place("QUALIFY", aggregates=True, windows=True).condition(qualify.this)

    def _order(self) -> list[tuple[int, SortKey]]:
        """Sort keys by the output (or hidden output) that they sort by."""
        order = self.node.args.get("order")
        return [] if order is None else [self._order_term(term) for term in order.expressions]

    def _order_term(self, term: exp.Expr) -> tuple[int, SortKey]:
        index = self._output(term.this, "ORDER BY")
        return index, sort_key(term, typed(self._output_value(index)))

    def _output(self, node: exp.Expr, clause: str) -> int:
        """The output that a term means: ordinal, output name, or an expression (a hidden output if it is a new one)."""
        index = ordinal(node, len(self.items), clause)
        if index is not None:
            return index
        wanted = bare_name(node)
        found = matching([item.label for item in self.items], *wanted) if wanted is not None else []
        if found:
            if len({self.items[i].value for i in found}) > 1:
                raise UnknownName(f'{clause} "{node.name}" is ambiguous', sqlstate="42702", position=position(node))
            return found[0]
        value = self.place(clause, aggregates=True, windows=True, rows=True).value(node)
        every = [item.value for item in self.items] + [expr for _, expr in self.hidden]
        if value in every:
            return every.index(value)
        self.hidden.append(("sort", value))
        return len(every)

    def _output_value(self, index: int) -> Expr:
        value = self.items[index].value if index < len(self.items) else self.hidden[index - len(self.items)][1]
        assert value is not None
        return value

    def _distinct_on(self) -> list[int] | None:
        """The outputs of DISTINCT ON; an empty list is plain DISTINCT, None is neither."""
        distinct = self.node.args.get("distinct")
        if distinct is None:
            return None
        on = distinct.args.get("on")
        if on is None:
            return []
        terms = on.expressions if isinstance(on, exp.Tuple) else [on]
        return [self._output(term.this if isinstance(term, exp.Paren) else term, "DISTINCT ON") for term in terms]

    def _aggregate(self, having: Expr | None, qualify: Expr | None) -> Expr | None:
        """The Aggregate, and everything above it rewritten to read keys and aggregates; gives QUALIFY back."""
        if self.groups is None and not self.collector.aggregates and having is None:
            return qualify
        groups = self.groups or Groups(self.session, {c.id: c for c in self.plan.columns}, lambda node: TRUE)  # noqa: ARG005
        above = AboveGroups(groups, self.scope, (c.id for c in self.collector.aggregates.values()))
        having = above(having) if having is not None else None
        qualify = above(qualify) if qualify is not None else None
        for item in self.items:
            if item.value is not None and not isinstance(item.value, Untyped):
                item.value = above(item.value)
        self.hidden = [(label, above(expr)) for label, expr in self.hidden]
        self.collector.windows = {map_window(call, above): column for call, column in self.collector.windows.items()}
        rows = [(label, tuple(map(above, args)), column) for label, args, column in self.collector.rows]
        self.collector.rows = rows
        self.plan = groups.plan(self.plan, self.collector)
        if having is not None:
            self.plan = p.Filter(self.plan, having)
        return qualify

    def _windows(self, qualify: Expr | None) -> None:
        if self.collector.windows:
            calls = tuple((column, call) for call, column in self.collector.windows.items())
            self.plan = p.Window(self.plan, calls)
        if qualify is not None:
            self.plan = p.Filter(self.plan, qualify)

    def _rows(self) -> None:
        """The set-returning functions of the select list, side by side, as a lateral join."""
        calls = self.collector.rows
        if not calls:
            return
        label, args, _ = calls[0]
        if len(calls) > 1:
            label, where = "unnest", position(self.node)
            each = [rowlists.arrays(name, given, ((c.name, c.type),), where) for name, given, c in calls]
            args = tuple(one for some in each for one in some)
        function = p.TableFunction(label, args, tuple(column for _, _, column in calls))
        self.plan = p.Join(p.JoinKind.INNER, self.plan, function, TRUE, lateral=True)

    def _finish(self, order: list[tuple[int, SortKey]], on: list[int] | None) -> Bound:
        """Projection, DISTINCT, ORDER BY, LIMIT; hidden outputs go last."""
        visible = [(item.label, item.value) for item in self.items if item.value is not None]
        projected, untyped = outputs.project(self.plan, [*visible, *self.hidden], self.session)
        columns = [column for column, _ in projected]
        self.plan = p.Project(self.plan, tuple(projected))
        keys = tuple(_over(key, columns[index]) for index, key in order)
        self._distinct(on, order, keys, columns)
        if keys:
            self.plan = p.Sort(self.plan, keys)
        self.plan = outputs.limits(self.node, self.session).over(self.plan)
        if self.hidden:
            self.plan = outputs.dropping(self.plan, columns[: len(self.items)])
        return Bound(self.plan, untyped)

    def _distinct(
        self, on: list[int] | None, order: list[tuple[int, SortKey]], keys: tuple[SortKey, ...], columns: list[Column]
    ) -> None:
        if on is None:
            return
        where = position(self.node.args["distinct"]) or position(self.node.args.get("order"))
        if not on:
            for index, _ in order:
                if index >= len(self.items):
                    message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
                    raise TypeMismatch(message, sqlstate="42P10", position=where)
            self.plan = p.Distinct(self.plan)
            return
        leading = [index for index, _ in order][: len(set(on))]
        if not set(leading) <= set(on):
            message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"
            raise TypeMismatch(message, sqlstate="42P10", position=where)
        if keys:
            self.plan = p.Sort(self.plan, keys)
        self.plan = p.Distinct(self.plan, tuple(columns[index].ref() for index in on))


def _over(key: SortKey, column: Column) -> SortKey:
    return SortKey(column.ref(), key.descending, key.nulls_first)
