"""The only printer: plans as an indented tree for people, and as plain values for JSON. EXPLAIN and golden tests read it.

    Aggregate: by region; sum(total) as total
    └─ Join: inner on customer_id = customers.id
       ├─ Filter: segment = 'gold'
       │  └─ Scan: crm.customers
       └─ Scan: shop.orders

A column is called by its name; where another column of the statement has the same, by its table or its number as well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import TEXTS, Kind
from hanse.ir.walk import expressions, plans, subqueries

_LOOSEST, _AND, _NOT, _COMPARISON, _ADDITION, _MULTIPLICATION, _TIGHTEST = range(7)
_LEVELS = {"or": _LOOSEST, "and": _AND, "not": _NOT} | {
    **dict.fromkeys(("+", "-"), _ADDITION),
    **dict.fromkeys(("*", "/", "%"), _MULTIPLICATION),
}
_POSTFIX = {
    "is_null": "is null",
    "is_not_null": "is not null",
    "is_true": "is true",
    "is_not_true": "is not true",
    "is_false": "is false",
    "is_not_false": "is not false",
}
_INFIX = {
    "is_distinct": "is distinct from",
    "is_not_distinct": "is not distinct from",
    "like": "like",
    "ilike": "ilike",
    "similar_to": "similar to",
}
_MARKED = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL, Kind.UUID, Kind.JSON})


def tree(plan: p.Plan, masked: bool = False) -> str:
    """The plan as an indented tree, one operator a line; ``masked``: with ? for every constant but NULL, true and false."""
    lines: list[str] = []
    _Printer(_names(plan), masked).lines(plan, "", "", lines)
    return "\n".join(lines)


def as_dict(plan: p.Plan) -> dict[str, Any]:
    """The plan as plain values: operator, details, columns, inputs, and the plans of subqueries."""
    return _Printer(_names(plan)).as_dict(plan)


def expression(node: e.Expr, names: Mapping[int, str] | None = None) -> str:
    """One expression on its own, columns by ``names`` or their own."""
    return _Printer(names or {}).expr(node)


def _names(plan: p.Plan) -> dict[int, str]:
    """What each column is called, so that no two are called the same."""
    plain: dict[int, str] = {}
    tables: dict[int, str] = {}
    for node in plans(plan):
        for column in node.columns:
            plain.setdefault(column.id, column.name or f"#{column.id}")
        if isinstance(node, p.Scan):
            tables |= {column.id: f"{node.table.name}.{column.name}" for column in node.columns}
    names = _unless_shared(plain, lambda id: tables.get(id, f"{plain[id]}#{id}"))
    return _unless_shared(names, lambda id: f"{plain[id]}#{id}")


def _unless_shared(names: dict[int, str], longer: Callable[[int], str]) -> dict[int, str]:
    shared: dict[str, int] = {}
    for name in names.values():
        shared[name] = shared.get(name, 0) + 1
    return {id: name if shared[name] == 1 else longer(id) for id, name in names.items()}


class _Printer:
    """Prints one statement's operators and expressions under these names of columns."""

    def __init__(self, names: Mapping[int, str], masked: bool = False) -> None:
        self._names = names
        self._masked = masked

    def lines(self, plan: p.Plan, first: str, rest: str, lines: list[str]) -> None:
        """Append the operator's line after ``first``, and those below it after ``rest``."""
        label, details = self.describe(plan)
        lines.append(first + label + (f": {details}" if details else ""))
        below = [(False, child) for child in plan.inputs]
        below += [(True, child) for child in _subplans(plan)]
        for place, (is_subquery, child) in enumerate(below):
            last = place == len(below) - 1
            start = rest + ("└─ " if last else "├─ ") + ("subquery " if is_subquery else "")
            self.lines(child, start, rest + ("   " if last else "│  "), lines)

    def as_dict(self, plan: p.Plan) -> dict[str, Any]:
        """The operator and all below it as plain values."""
        label, details = self.describe(plan)
        found: dict[str, Any] = {"operator": label, "details": details}
        found["columns"] = [{"id": c.id, "name": c.name, "type": str(c.type)} for c in plan.columns]
        found["inputs"] = [self.as_dict(child) for child in plan.inputs]
        nested = [self.as_dict(child) for child in _subplans(plan)]
        return {**found, "subqueries": nested} if nested else found

    def describe(self, plan: p.Plan) -> tuple[str, str]:
        """The operator's name and what it says of itself."""
        name = type(plan).__name__
        match plan:
            case p.Guard():
                return f"{name} {plan.obligation}", "" if plan.is_open else "closed"
            case p.Aggregate():
                return name, self._aggregate(plan)
            case p.Join():
                return name, self._join(plan)
            case p.SetOperation():
                return name, f"{plan.kind}{' all' if plan.all else ''} as {self._columns(plan.outputs)}"
            case p.Cte():
                return name, f"recursive {plan.name}" if plan.recursive else plan.name
            case _:
                return name, self._leaf(plan) or self._simple(plan)

    def _leaf(self, plan: p.Plan) -> str:
        match plan:
            case p.Scan():
                renamed = [c.name if c.name == name else f"{name} as {c.name}" for c, name in plan.outputs]
                return f"{plan.table} ({', '.join(renamed)})"
            case p.Values():
                rows = [f"({self._list(row)})" for row in plan.rows[: 1 if self._masked else 3]]
                more = f" ... {'' if self._masked else len(plan.rows)} rows" if len(plan.rows) > len(rows) else ""
                return f"{', '.join(rows) or 'no rows'}{more} as {self._columns(plan.outputs)}".removesuffix(" as ()")
            case p.TableFunction():
                ordinality = " with ordinality" if plan.ordinality else ""
                return f"{plan.name}({self._list(plan.args)}){ordinality} as {self._columns(plan.outputs)}"
            case p.CteScan():
                return f"{plan.name} as {self._columns(plan.outputs)}"
            case p.FragmentScan():
                return f"f{plan.fragment} ({', '.join(self._name(c.id, c.name) for c in plan.outputs)})"
        return ""

    def _simple(self, plan: p.Plan) -> str:
        match plan:
            case p.Filter():
                return self.expr(plan.predicate)
            case p.Project():
                return ", ".join(self._item(column, node) for column, node in plan.items)
            case p.Window():
                return ", ".join(f"{self.window(call)} as {self._name(c.id, c.name)}" for c, call in plan.calls)
            case p.Sort():
                return self._keys(plan.keys)
            case p.Limit():
                return self._limit(plan)
            case p.Distinct():
                return f"on {self._list(plan.on)}" if plan.on else ""
        return ""

    def _aggregate(self, plan: p.Aggregate) -> str:
        keys = ", ".join(self._name(key.id, key.name) for key in plan.keys)
        calls = ", ".join(f"{self.aggregate(call)} as {self._name(c.id, c.name)}" for c, call in plan.calls)
        if plan.sets is not None:
            one = (", ".join(self._name(plan.keys[i].id, plan.keys[i].name) for i in places) for places in plan.sets)
            keys = "grouping sets " + ", ".join(f"({names})" for names in one)
        return "; ".join(part for part in (f"by {keys}" if keys else "", calls) if part)

    def _join(self, plan: p.Join) -> str:
        lateral = "lateral " if plan.lateral else ""
        if plan.condition == e.TRUE:
            return lateral + ("cross" if plan.kind is p.JoinKind.INNER else plan.kind.value)
        return f"{lateral}{plan.kind} on {self.expr(plan.condition)}"

    def _limit(self, plan: p.Limit) -> str:
        parts = [] if plan.count is None else [self.expr(plan.count)]
        parts += ["with ties"] if plan.with_ties else []
        parts += [] if plan.offset is None else [f"offset {self.expr(plan.offset)}"]
        return " ".join(parts)

    def _item(self, column: e.Column, node: e.Expr) -> str:
        name = self._name(column.id, column.name)
        if isinstance(node, e.Ref) and node.id == column.id:
            return name
        return f"{self.expr(node)} as {name}"

    def _columns(self, columns: tuple[e.Column, ...]) -> str:
        return f"({', '.join(self._name(column.id, column.name) for column in columns)})"

    def _name(self, id: int, name: str) -> str:
        return self._names.get(id, name)

    def _list(self, nodes: tuple[e.Expr, ...]) -> str:
        return ", ".join(map(self.expr, nodes))

    def _keys(self, keys: tuple[e.SortKey, ...]) -> str:
        return ", ".join(map(self._key, keys))

    def _key(self, key: e.SortKey) -> str:
        """NULL order is said where it is not PostgreSQL's default."""
        unusual = key.nulls_first != key.descending
        nulls = (" nulls first" if key.nulls_first else " nulls last") if unusual else ""
        return self.expr(key.expr) + (" desc" if key.descending else "") + nulls

    def aggregate(self, call: e.Aggregate) -> str:
        """An aggregate call."""
        args = self._list(call.args) if call.args or call.name != "count" else "*"
        order = f" order by {self._keys(call.order_by)}" if call.order_by else ""
        condition = "" if call.filter is None else f" filter (where {self.expr(call.filter)})"
        return f"{call.name}({'distinct ' if call.distinct else ''}{args}{order}){condition}"

    def window(self, call: e.WindowCall) -> str:
        """A window call."""
        over = [f"partition by {self._list(call.partition_by)}"] if call.partition_by else []
        over += [f"order by {self._keys(call.order_by)}"] if call.order_by else []
        over += [] if call.frame is None else [self._frame(call.frame)]
        plain = e.Aggregate(call.type, call.name, call.args, call.distinct, call.filter)
        nulls = " ignore nulls" if call.ignore_nulls else ""
        return f"{self.aggregate(plain)}{nulls} over ({' '.join(over)})"

    def _frame(self, frame: e.Frame) -> str:
        exclude = "" if frame.exclude == "no others" else f" exclude {frame.exclude}"
        return f"{frame.mode} between {self._bound(frame.start)} and {self._bound(frame.end)}{exclude}"

    def _bound(self, bound: e.Bound) -> str:
        if bound.direction == "current":
            return "current row"
        return f"{'unbounded' if bound.offset is None else self.expr(bound.offset)} {bound.direction}"

    def expr(self, node: e.Expr, above: int = _LOOSEST) -> str:
        """An expression, in parentheses where it holds together more loosely than what is around it."""
        text, level = self._expr(node)
        return f"({text})" if level < above else text

    def _expr(self, node: e.Expr) -> tuple[str, int]:
        match node:
            case e.Ref():
                return self._name(node.id, node.name), _TIGHTEST
            case e.Literal():
                hidden = self._masked and node.value is not None and not isinstance(node.value, bool)
                return "?" if hidden else _constant(node), _TIGHTEST
            case e.Parameter():
                return f"${node.index + 1}", _TIGHTEST
            case e.Call():
                return self._call(node)
            case e.Cast():
                word = "try_cast" if node.safe else "cast"
                return f"{word}({self.expr(node.arg)} as {node.type})", _TIGHTEST
            case e.Case():
                return self._case(node), _TIGHTEST
            case e.InKeys():
                keys = self.expr(node.args[0], _ADDITION) if len(node.args) == 1 else f"({self._list(node.args)})"
                return f"{keys} in keys k{node.hole}", _COMPARISON
            case e.InList():
                items = dict.fromkeys(map(self.expr, node.items)) if self._masked else map(self.expr, node.items)
                return f"{self.expr(node.arg, _ADDITION)} in ({', '.join(items)})", _COMPARISON
            case _:
                return self._subquery(node)

    def _subquery(self, node: e.Expr) -> tuple[str, int]:
        match node:
            case e.Exists():
                return "exists (subquery)", _COMPARISON
            case e.Quantified():
                left = self._list(node.args)
                left = left if len(node.args) == 1 else f"({left})"
                return f"{left} {node.operator} {'all' if node.every else 'any'} (subquery)", _COMPARISON
        return "(subquery)", _TIGHTEST

    def _call(self, node: e.Call) -> tuple[str, int]:
        name, args = node.name, node.args
        level = _LEVELS.get(name, _COMPARISON)
        if name in ("and", "or"):
            return f" {name} ".join(self.expr(arg, level + 1) for arg in args), level
        if name == "not":
            return f"not {self.expr(args[0], _COMPARISON)}", _NOT
        if name in _POSTFIX:
            return f"{self.expr(args[0], _ADDITION)} {_POSTFIX[name]}", _COMPARISON
        if len(args) == 2 and (name in _INFIX or not (name[0].isalpha() or name[0] == "_")):
            left = self.expr(args[0], max(level, _ADDITION))
            return f"{left} {_INFIX.get(name, name)} {self.expr(args[1], max(level, _COMPARISON) + 1)}", level
        if name == "neg":
            return f"-{self.expr(args[0], _TIGHTEST)}", _MULTIPLICATION
        return f"{name}({self._list(args)})", _TIGHTEST

    def _case(self, node: e.Case) -> str:
        branches = (f"when {self.expr(test)} then {self.expr(value)}" for test, value in node.branches)
        otherwise = "" if node.otherwise is None else f" else {self.expr(node.otherwise)}"
        return f"case {' '.join(branches)}{otherwise} end"


def _subplans(plan: p.Plan) -> Iterator[p.Plan]:
    for node in expressions(plan):
        yield from subqueries(node)


def _constant(node: e.Literal) -> str:
    value, kind = node.value, node.type.kind
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"array[{', '.join(_constant(e.Literal(node.type, item)) for item in value)}]"
    if isinstance(value, e.Interval):
        parts = ((value.months, "months"), (value.days, "days"), (value.microseconds, "microseconds"))
        value = " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 days"
    if kind in _MARKED:
        return f"{kind} '{value}'"
    if kind in TEXTS or isinstance(value, str):
        return "'" + str(value).replace("'", "''") + "'"
    return f"'\\x{value.hex()}'" if isinstance(value, bytes) else str(value)
