"""FROM: tables, derived tables, functions and joins to one plan and the names that it makes visible."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from hanse.bind import ctes, functions, joins, rowlists
from hanse.bind.joins import combine, cross
from hanse.bind.place import Place, Session
from hanse.bind.scope import Relation, Scope, Source
from hanse.bind.syntax import alias, name, only, position, unsupported
from hanse.errors import TypeMismatch
from hanse.ir.expr import Column, Expr
from hanse.ir.plan import Plan, Scan, TableFunction, Values
from hanse.ir.types import INT64, Type

_TABLE = frozenset({"this", "db", "catalog", "alias", "joins", "ordinality", "rows_from"})
NOTHING = Values((), ((),))
"""The one row without columns under a SELECT without FROM."""


def from_clause(node: exp.Select, outer: Scope | None, names: Mapping[str, Any], session: Session) -> Source:
    """The bound FROM of a SELECT: comma-separated groups of joins, left to right."""
    binder = FromBinder(session, outer, names)
    start = node.args.get("from_")
    if start is None:
        return Source(NOTHING)
    groups: list[tuple[exp.Expr, list[exp.Join]]] = [(start.this, [])]
    for join in node.args.get("joins") or ():
        if joins.is_comma(join):
            groups.append((join.this, []))
        else:
            groups[-1][1].append(join)
    done: Source | None = None
    for first, rest in groups:
        group = binder.group(first, rest, done)
        done = group if done is None else cross(done, group, first)
    assert done is not None
    return done


@dataclass(frozen=True, slots=True)
class FromBinder:
    """Binds the items of one FROM clause; ``outer`` is the enclosing query, ``names`` the WITH names."""

    session: Session
    outer: Scope | None
    names: Mapping[str, Any]

    def group(self, first: exp.Expr, rest: list[exp.Join], before: Source | None) -> Source:
        """One item and the joins that follow it, up to the next comma. ``before`` is what stands left of it."""
        done = self.item(first, before)
        for join in rest:
            visible = done if before is None else combine(before, done, first)
            right = self.item(join.this, visible)
            done = joins.join(join, done, right, self.session, self.scope)
        return done

    def scope(self, source: Source) -> Scope:
        """What an expression in FROM may see."""
        return Scope(source, self.outer, self.names)

    def item(self, node: exp.Expr, before: Source | None) -> Source:
        """One item; a function, and what follows LATERAL, may read what stands ``before`` it."""
        match node:
            case exp.Table():
                return self._table(node, before)
            case exp.Subquery() if isinstance(node.this, exp.Table):
                return self._parenthesised(node, before)
            case exp.Subquery():
                only(node, frozenset({"this", "alias", "with_", "order", "limit", "offset", "joins"}), "FROM")
                return self._with_joins(node, self._derived(node, node, self.outer), before)
            case exp.Values():
                return self._derived(node, node, self.outer)
            case exp.Lateral():
                return self._lateral(node, before)
            case exp.Unnest():
                return self._unnest(node, node, before)
        raise unsupported(node)

    def _with_joins(self, node: exp.Expr, done: Source, before: Source | None) -> Source:
        rest = node.args.get("joins") or ()
        for join in rest:
            visible = done if before is None else combine(before, done, node)
            right = self.item(join.this, visible)
            done = (
                cross(done, right, join)
                if joins.is_comma(join)
                else joins.join(join, done, right, self.session, self.scope)
            )
        return done

    def _parenthesised(self, node: exp.Subquery, before: Source | None) -> Source:
        """``(a JOIN b ON ...)``; an alias hides the names within."""
        done = self._with_joins(node, self.item(node.this, before), before)
        given = alias(node)
        if given is None:
            return done
        columns = tuple(done.visible())
        return self._relation(done.plan, columns, node, "")

    def _table(self, node: exp.Table, before: Source | None) -> Source:
        only(node, _TABLE, "FROM")
        if node.args.get("rows_from"):
            return self._with_joins(node, self._rows_from(node, before), before)
        if isinstance(node.this, exp.Anonymous):
            call = node.this
            ordinality = bool(node.args.get("ordinality"))
            return self._function(node, name(call.this), call.expressions, ordinality, before)
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(node)
        parts = [part for part in (node.args.get("catalog"), node.args.get("db"), node.this) if part is not None]
        definition = self.names.get(name(node.this)) if len(parts) == 1 else None
        if definition is not None:
            done = self._cte(node, definition)
        else:
            done = self._scan(node, parts)
        return self._with_joins(node, done, before)

    def _cte(self, node: exp.Table, definition: ctes.Definition) -> Source:
        plan, columns = definition.read(self.session)
        return self._relation(plan, columns, node, name(node.this))

    def _scan(self, node: exp.Table, parts: list[exp.Identifier]) -> Source:
        names = tuple((name(part), bool(part.args.get("quoted"))) for part in parts)
        table = self.session.tables.find(names, position(node), self.session.context.search_path)
        self.session.places.setdefault(str(table), position(node) or 0)
        outputs = tuple((self.session.column(c.name, c.type, c.nullable), c.name) for c in table.columns)
        key = frozenset(column.id for column, label in outputs if label in table.primary_key)
        if key:
            self.session.keys.update((column.id, key) for column, _ in outputs)
        plan = self.session.guard(Scan(table, outputs))
        source = self._relation(plan, plan.columns, node, table.name)
        source.relations[0].unreadable = {column.name.casefold(): column.reason for column in table.hidden}
        if alias(node) is None:
            source.relations[0].path = (table.source, table.schema, table.name)
        return source

    def _derived(self, node: exp.Expr, query: exp.Expr, outer: Scope | None) -> Source:
        bound = self.session.query(query, outer, self.names, self.session)
        return self._relation(bound.plan, bound.columns, node, "")

    def _lateral(self, node: exp.Lateral, before: Source | None) -> Source:
        only(node, frozenset({"this", "alias", "ordinality"}), "LATERAL")
        inner = node.this
        if isinstance(inner, exp.Unnest):
            return self._unnest(inner, node, before)
        if isinstance(inner, exp.Anonymous):
            return self._function(node, name(inner.this), inner.expressions, bool(node.args.get("ordinality")), before)
        source = self._derived(node, inner, self.scope(before or Source(NOTHING)))
        source.may_be_lateral = True
        return source

    def _unnest(self, node: exp.Unnest, aliased: exp.Expr, before: Source | None) -> Source:
        """``unnest(...)``; sqlglot keeps the last alias of WITH ORDINALITY apart."""
        offset = node.args.get("offset")
        source = self._function(aliased, "unnest", node.expressions, bool(offset), before)
        if isinstance(offset, exp.Identifier) and alias(aliased) is not None and position(offset) is not None:
            relation = source.relations[0]
            last = replace(relation.columns[-1], name=name(offset))
            source.relations[0] = Relation(relation.name, (*relation.columns[:-1], last))
        return source

    def _rows_from(self, node: exp.Table, before: Source | None) -> Source:
        """``ROWS FROM (f(...), g(...)) [WITH ORDINALITY]``: functions side by side."""
        parts: list[Expr] = []
        names: list[tuple[str, Type]] = []
        for item in node.args["rows_from"]:
            call = item.this if isinstance(item, exp.Table) else item
            if not isinstance(call, exp.Anonymous | exp.Unnest) or alias(item) is not None:
                raise unsupported(item, "in ROWS FROM stand functions alone, without column definitions")
            label = "unnest" if isinstance(call, exp.Unnest) else name(call.this)
            bound, types = self._bound(label, call.expressions, position(call), before)
            parts += rowlists.arrays(label, bound, types, position(call))
            names += types
        return self._rows(node, "unnest", tuple(parts), names, bool(node.args.get("ordinality")))

    def _bound(
        self, label: str, args: list[exp.Expr], where: int | None, before: Source | None
    ) -> tuple[tuple[Expr, ...], functions.Columns]:
        place = Place(self.session, self.scope(before or Source(NOTHING)), "functions in FROM")
        return functions.table_function(label, tuple(place.bind(arg) for arg in args), where)

    def _function(
        self, node: exp.Expr, label: str, args: list[exp.Expr], ordinality: bool, before: Source | None
    ) -> Source:
        where = position(node.this) if isinstance(node.this, exp.Expr) else position(node)
        bound, types = self._bound(label, args, where, before)
        given = alias(node)
        called = name(given.this) if given is not None and given.this is not None else label
        names = [(called if len(types) == 1 and column == label else column, type) for column, type in types]
        if ordinality:
            bound, label = rowlists.arrays(label, bound, types, where), "unnest"
        return self._rows(node, label, bound, names, ordinality)

    def _rows(
        self, node: exp.Expr, label: str, args: tuple[Expr, ...], names: list[tuple[str, Type]], ordinality: bool
    ) -> Source:
        """The rows of a bound function as a relation."""
        every = [*names, ("ordinality", INT64)] if ordinality else names
        columns = tuple(self.session.column(*pair) for pair in every)
        source = self._relation(TableFunction(label, args, columns, ordinality), columns, node, names[0][0])
        source.may_be_lateral = True
        source.relations[0].is_scalar = len(columns) == 1
        return source

    def _relation(self, plan: Plan, columns: tuple[Column, ...], node: exp.Expr, default: str) -> Source:
        """The plan under its alias, with the column names that the alias gives."""
        given = alias(node)
        if given is None:
            return Source(plan, [Relation(default, columns)])
        called = name(given.this) if given.this is not None else default
        return Source(plan, [Relation(called, renamed(columns, given))])


def renamed(columns: tuple[Column, ...], given: exp.TableAlias) -> tuple[Column, ...]:
    """The columns with the names of ``AS t (a, b)``; those beyond keep their own."""
    names = given.args.get("columns") or []
    if any(not isinstance(part, exp.Identifier) for part in names):
        raise unsupported(given, "column definition lists are not supported")
    if len(names) > len(columns):
        table = name(given.this) if given.this is not None else ""
        message = f'table "{table}" has {len(columns)} columns available but {len(names)} columns specified'
        raise TypeMismatch(message, sqlstate="42P10", position=position(given))
    new = tuple(replace(c, name=name(part)) for c, part in zip(columns, names, strict=False))
    return new + columns[len(names) :]
