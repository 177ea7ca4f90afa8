"""The only validator of whole plans. Nothing comes out; an ill-formed plan raises InternalError naming the operator.

A constructor refuses a node that cannot mean anything by itself; what only the tree can tell is tested here: that every
reference finds its column, with its type; that no two operators make the same column; that the sides of set operations
and recursive CTEs line up. One walk, linear in the plan (and in the columns that pass each operator).
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import Kind, Type
from hanse.ir.walk import children, expressions, operands, type_of_subquery

Ids = frozenset[int] | set[int]
Scope = tuple[Ids, ...]
"""The columns that an expression may read from around it, innermost last."""


def check(plan: p.Plan) -> None:
    """Validate a whole plan; raises InternalError."""
    _Checker().plan(plan, ())


def obligations(plan: p.Plan) -> frozenset[str]:
    """The obligation of every guard in the plan, also inside subqueries."""
    found: set[str] = set()
    stack = [plan]
    while stack:
        node = stack.pop()
        if isinstance(node, p.Guard):
            found.add(node.obligation)
        stack.extend(children(node))
    return frozenset(found)


def same_outputs(old: p.Plan, new: p.Plan) -> bool:
    """Whether two plans yield the same columns in the same order (a column may have become free of NULLs, or not)."""
    before, after = old.columns, new.columns
    return before == after or (
        len(before) == len(after) and all(a.id == b.id and a.type == b.type for a, b in zip(before, after, strict=True))
    )


def _fail(node: p.Plan, message: str) -> NoReturn:
    raise InternalError(f"ill-formed plan at {type(node).__name__}: {message}")


class _Checker:
    """One walk over one plan: the types of all columns made so far, and the CTEs in force."""

    def __init__(self) -> None:
        self.types: dict[int, Type] = {}
        self.ctes: dict[str, tuple[Type, ...]] = {}

    def plan(self, node: p.Plan, scope: Scope) -> Ids:
        """Check the operator and all below; the ids of its output."""
        return _OPERATORS.get(type(node), _Checker.unary)(self, node, scope)

    def made(self, node: p.Plan, columns: tuple[e.Column, ...]) -> set[int]:
        """Enter columns that the operator makes."""
        for column in columns:
            if column.id in self.types:
                _fail(node, f"column {column.name}#{column.id} is made twice")
            self.types[column.id] = column.type
        return {column.id for column in columns}

    def expr(self, node: p.Plan, value: e.Expr, visible: Ids, scope: Scope) -> None:
        """Check every reference in an expression, and the plans of its subqueries."""
        if isinstance(value, e.Ref):
            self.reference(node, value, visible, scope)
        elif isinstance(value, type_of_subquery):
            self.subquery(node, value, (*scope, visible))
        for part in operands(value):
            self.expr(node, part, visible, scope)

    def reference(self, node: p.Plan, ref: e.Ref, visible: Ids, scope: Scope) -> None:
        if ref.id not in visible and not any(ref.id in ids for ids in scope):
            _fail(node, f"no column {ref.name}#{ref.id} below or around")
        if self.types[ref.id] is not ref.type and self.types[ref.id] != ref.type:
            _fail(node, f"{ref.name}#{ref.id} is read as {ref.type}, but is {self.types[ref.id]}")

    def subquery(self, node: p.Plan, value: e.Expr, scope: Scope) -> None:
        assert isinstance(value, type_of_subquery)
        self.plan(value.plan, scope)
        columns = value.plan.columns
        wanted = (value,) if isinstance(value, e.Scalar) else value.args if isinstance(value, e.Quantified) else None
        if wanted is None:
            return
        if len(columns) != len(wanted):
            _fail(node, f"a subquery yields {len(columns)} columns, not {len(wanted)}")
        for column, part in zip(columns, wanted, strict=True):
            if not _fits(column.type, part.type):
                _fail(node, f"a subquery yields {column.type}, not {part.type}")

    def own(self, node: p.Plan, visible: Ids, scope: Scope) -> None:
        for value in expressions(node):
            self.expr(node, value, visible, scope)

    def unary(self, node: p.Plan, scope: Scope) -> Ids:
        """Filter, Guard, Sort, Limit, Distinct: the input's columns pass."""
        visible = self.plan(node.inputs[0], scope)
        self.own(node, visible, scope)
        return visible

    def leaf(self, node: p.Plan, scope: Scope) -> Ids:
        """Scan, FragmentScan, Values, TableFunction: everything is made here."""
        self.own(node, frozenset(), scope)
        return self.made(node, node.columns)

    def values(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Values)
        for row in node.rows:
            for column, value in zip(node.outputs, row, strict=True):
                if not _fits(value.type, column.type):
                    _fail(node, f"a value of {column.name}#{column.id} is {value.type}, not {column.type}")
        return self.leaf(node, scope)

    def project(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Project)
        visible = self.plan(node.input, scope)
        outputs: set[int] = set()
        for column, value in node.items:
            self.expr(node, value, visible, scope)
            if not (isinstance(value, e.Ref) and value.id == column.id):
                self.made(node, (column,))
            if column.id in outputs:
                _fail(node, f"column {column.name}#{column.id} stands twice in the output")
            if value.type is not column.type and not _fits(value.type, column.type):
                _fail(node, f"{column.name}#{column.id} is {column.type}, but its expression {value.type}")
            outputs.add(column.id)
        return outputs

    def join(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Join)
        left = self.plan(node.left, scope)
        right = self.plan(node.right, (*scope, left) if node.lateral else scope)
        both = left | right
        self.own(node, both, scope)
        return left if node.kind in (p.JoinKind.SEMI, p.JoinKind.ANTI) else both

    def aggregate(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Aggregate)
        self.own(node, self.plan(node.input, scope), scope)
        if any(place >= len(node.keys) for places in node.sets or () for place in places):
            _fail(node, "a grouping set names a key that is not there")
        return self.made(node, tuple(column for column, _ in node.calls)) | {key.id for key in node.keys}

    def window(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Window)
        visible = self.plan(node.input, scope)
        self.own(node, visible, scope)
        return visible | self.made(node, tuple(column for column, _ in node.calls))

    def set_operation(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.SetOperation)
        for side in node.inputs:
            self.plan(side, scope)
            for column, output in zip(side.columns, node.outputs, strict=True):
                if not _fits(column.type, output.type):
                    _fail(node, f"{output.name}#{output.id} is {output.type}, but {column.type} on one side")
        return self.made(node, node.outputs)

    def cte(self, node: p.Plan, scope: Scope) -> Ids:
        assert isinstance(node, p.Cte)
        if node.name in self.ctes:
            _fail(node, f"a second CTE is called {node.name}")
        columns = tuple(column.type for column in node.definition.columns)
        if node.recursive:
            if not (isinstance(node.definition, p.SetOperation) and node.definition.kind is p.SetKind.UNION):
                _fail(node, f"the recursive CTE {node.name} is no union")
            self.ctes[node.name] = columns
        self.plan(node.definition, scope)
        self.ctes[node.name] = columns
        return self.plan(node.body, scope)

    def cte_scan(self, node: p.Plan, _scope: Scope) -> Ids:
        assert isinstance(node, p.CteScan)
        columns = self.ctes.get(node.name)
        if columns is None:
            _fail(node, f"no CTE {node.name} around")
        if columns != tuple(column.type for column in node.outputs):
            _fail(node, f"its columns are not those of the CTE {node.name}")
        return self.made(node, node.outputs)


def _fits(value: Type, wanted: Type) -> bool:
    return value == wanted or value.kind is Kind.NULL


_OPERATORS: Mapping[type[p.Plan], Callable[[_Checker, p.Plan, Scope], Ids]] = {
    p.Scan: _Checker.leaf,
    p.FragmentScan: _Checker.leaf,
    p.TableFunction: _Checker.leaf,
    p.Values: _Checker.values,
    p.Project: _Checker.project,
    p.Join: _Checker.join,
    p.Aggregate: _Checker.aggregate,
    p.Window: _Checker.window,
    p.SetOperation: _Checker.set_operation,
    p.Cte: _Checker.cte,
    p.CteScan: _Checker.cte_scan,
}
