"""WITH: which definitions are computed once, which are put in place, and recursion.

A definition that is read once, or is NOT MATERIALIZED, is put where it is read; one that nobody reads is bound, for its
errors, and dropped; any other becomes a ``Cte`` around the query level that declares it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from hanse.bind import coercion
from hanse.bind.place import Session
from hanse.bind.scope import Scope
from hanse.bind.syntax import malformed, name, only, position
from hanse.errors import TypeMismatch, Unsupported
from hanse.ir.expr import Column, Expr
from hanse.ir.plan import Cte, CteScan, Plan, Project, SetKind, SetOperation
from hanse.ir.types import Decimal, Type, decimal


@dataclass(slots=True)
class Definition:
    """One name of a WITH clause. ``names`` are its column names, ``known`` the WITH names that it may read itself."""

    node: exp.CTE
    label: str
    names: tuple[str, ...]
    plan: Plan
    outer: Scope | None
    known: "Mapping[str, Definition]"
    shared: bool
    recursive: bool = False
    reads: int = 0
    types: tuple[Type, ...] = ()

    def read(self, session: Session) -> tuple[Plan, tuple[Column, ...]]:
        """A plan that yields its rows, with columns that nobody else has."""
        self.reads += 1
        if self.shared:
            kinds = self.types or tuple(column.type for column in self.plan.columns)
            columns = tuple(session.column(*pair) for pair in zip(self.names, kinds, strict=True))
            return CteScan(self.label, columns), columns
        plan = self.plan
        if self.reads > 1:
            plan = session.query(self.node.this, self.outer, self.known, session).plan
        return plan, tuple(replace(c, name=n) for c, n in zip(plan.columns, self.names, strict=True))


@dataclass(slots=True)
class With:
    """The definitions of one WITH clause, in order; ``known`` are all names visible in the query below it."""

    known: dict[str, Definition]
    own: list[Definition] = field(default_factory=list)

    def around(self, plan: Plan) -> Plan:
        """The query's plan under the definitions that it shares."""
        for definition in reversed(self.own):
            if definition.shared and definition.reads:
                plan = Cte(definition.label, definition.plan, plan, definition.recursive)
        return plan


def declare(query: exp.Expr, outer: Scope | None, known: Mapping[str, Definition], session: Session) -> With:
    """Bind the WITH clause of a query, if it has one."""
    node = query.args.get("with_")
    if node is None:
        return With(dict(known))
    only(node, frozenset({"expressions", "recursive"}), "WITH")
    counts = Counter(name(table.this) for table in query.find_all(exp.Table) if not table.args.get("db"))
    done = With(dict(known))
    for cte in node.expressions:
        label = name(cte.args["alias"].this)
        if any(label == name(other.node.args["alias"].this) for other in done.own):
            message = f'WITH query name "{label}" specified more than once'
            raise TypeMismatch(message, sqlstate="42712", position=position(cte.args["alias"]))
        definition = _define(cte, outer, done.known, session, bool(node.args.get("recursive")))
        materialized = cte.args.get("materialized")
        if not definition.recursive:
            definition.shared = materialized is True or (materialized is None and counts[label] > 1)
        done.known[label] = definition
        done.own.append(definition)
    return done


def _define(
    cte: exp.CTE, outer: Scope | None, known: Mapping[str, Definition], session: Session, recursive: bool
) -> Definition:
    only(cte, frozenset({"this", "alias", "materialized"}), "WITH")
    if not isinstance(cte.this, exp.Query | exp.Values):
        message = "only queries are possible in WITH: Hanse only reads"
        raise Unsupported(message, sqlstate="42601", position=position(cte.this) or position(cte.args["alias"]))
    label = _label(name(cte.args["alias"].this), session)
    own_name = name(cte.args["alias"].this)
    if recursive and any(name(t.this) == own_name and not t.args.get("db") for t in cte.this.find_all(exp.Table)):
        return _recursive(cte, label, outer, known, session)
    plan = session.query(cte.this, outer, known, session).plan
    return Definition(cte, label, _names(cte, plan.columns), plan, outer, dict(known), shared=False)


def _label(wanted: str, session: Session) -> str:
    label, number = wanted, 2
    while label in session.cte_names:
        label, number = f"{wanted}_{number}", number + 1
    session.cte_names.add(label)
    return label


def _names(cte: exp.CTE, columns: tuple[Column, ...]) -> tuple[str, ...]:
    given = [name(part) for part in cte.args["alias"].args.get("columns") or ()]
    if len(given) > len(columns):
        label = name(cte.args["alias"].this)
        message = f'table "{label}" has {len(columns)} columns available but {len(given)} columns specified'
        raise TypeMismatch(message, sqlstate="42P10", position=position(cte.args["alias"]))
    return (*given, *(column.name for column in columns[len(given) :]))


def _recursive(
    cte: exp.CTE, label: str, outer: Scope | None, known: Mapping[str, Definition], session: Session
) -> Definition:
    """``base UNION [ALL] step``, in which only the step reads the name."""
    union = cte.this
    while isinstance(union, exp.Subquery) and not any(union.args.get(k) for k in ("order", "limit", "offset")):
        union = union.this
    own_name = name(cte.args["alias"].this)
    if not isinstance(union, exp.Union) or any(union.args.get(key) for key in ("order", "limit", "offset")):
        message = f'recursive query "{own_name}" does not have the form non-recursive-term UNION [ALL] recursive-term'
        raise TypeMismatch(message, sqlstate="42P19", position=position(cte.args["alias"]))
    inner = declare(union, outer, known, session)
    base = session.query(union.this, outer, inner.known, session)
    names = _names(cte, base.columns)
    types = tuple(column.type for column in base.columns)
    work = _Recursion(cte, label, names, base.plan, outer, inner.known)
    definition, step = work.step(union, types, session)
    wider = tuple(_widened(a, c.type) for a, c in zip(types, step.columns, strict=True))
    if wider != types:
        definition, step = work.step(union, wider, session)
    left, right = (_as(wider, side, cte, session) for side in (base.plan, step))
    outputs = tuple(session.column(*pair) for pair in zip(names, wider, strict=True))
    every = not union.args.get("distinct")
    definition.plan = inner.around(SetOperation(SetKind.UNION, every, left, right, outputs))
    definition.reads = 0
    return definition


@dataclass(frozen=True, slots=True)
class _Recursion:
    cte: exp.CTE
    label: str
    names: tuple[str, ...]
    base: Plan
    outer: Scope | None
    known: Mapping[str, Definition]

    def step(self, union: exp.Union, types: tuple[Type, ...], session: Session) -> tuple[Definition, Plan]:
        """The definition whose rows have these types, and the step that reads it."""
        definition = Definition(
            self.cte, self.label, self.names, self.base, self.outer, {}, shared=True, recursive=True, types=types
        )
        known = {**self.known, name(self.cte.args["alias"].this): definition}
        plan = session.query(union.args["expression"], self.outer, known, session).plan
        if len(plan.columns) != len(self.names):
            raise malformed(union, "each UNION query must have the same number of columns")
        return definition, plan


def _widened(base: Type, step: Type) -> Type:
    """A sum or product of exact numbers has more digits each time round: the base's column gets all that there are."""
    if isinstance(base, Decimal) and isinstance(step, Decimal) and base != step:
        return decimal(38, max(base.scale, step.scale))
    return base


def _as(types: tuple[Type, ...], plan: Plan, cte: exp.CTE, session: Session) -> Plan:
    """The plan with exactly these column types: PostgreSQL converts nothing that would lose anything here."""
    if tuple(column.type for column in plan.columns) == types:
        return plan
    items: list[tuple[Column, Expr]] = []
    for number, (column, type) in enumerate(zip(plan.columns, types, strict=True), 1):
        if column.type == type:
            items.append((column, column.ref()))
            continue
        if not coercion.converts(column.type, type) and not (
            isinstance(type, Decimal) and isinstance(column.type, Decimal)
        ):
            label = name(cte.args["alias"].this)
            message = (
                f'recursive query "{label}" column {number} has type {type} in its first term but {column.type} overall'
            )
            hint = "cast the output of the non-recursive term to the correct type"
            raise TypeMismatch(message, position=position(cte.args["alias"]), hint=hint)
        value = coercion.coerce(column.ref(), type, None, "explicit")
        items.append((session.column(column.name, type, column.nullable), value))
    return Project(plan, tuple(items))
