"""May this source run this operator over exact rows of its own: the empty text if so, else why not."""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.tables import Verdict
from hanse.spi.dialect import find
from hanse.split.verdict import Judge


def refuses(node: p.Plan, judge: Judge) -> str:
    """Why the source cannot run the operator exactly; its inputs are taken for granted."""
    match node:
        case p.Aggregate():
            return _aggregate(node, judge)
        case p.Window():
            return _window(node, judge)
        case p.Distinct():
            return _distinct(node, judge)
        case p.Sort():
            return _capability(judge, "sort") or judge.sort_keys(node.keys)
        case p.Limit():
            return _limit(node, judge)
        case p.SetOperation():
            return _set_operation(node, judge)
        case p.Values():
            cells = (cell for row in node.rows for cell in row)
            return _capability(judge, "values") or _no_columns(node, judge) or judge.all_exact(cells)[1]
        case p.TableFunction():
            return _table_function(node, judge)
    return f"{type(node).__name__} stays here"


def _no_columns(node: p.Plan, judge: Judge) -> str:
    kinds = (column.type for column in node.columns if column.type.kind in judge.dialect.no_columns)
    return next((f"its answers have no column of type {type}" for type in kinds), "")


def _capability(judge: Judge, field: str) -> str:
    capabilities = judge.source.capabilities
    return "" if getattr(capabilities, field) else capabilities.reason(field)


def _aggregate(node: p.Aggregate, judge: Judge) -> str:
    reason = _capability(judge, "aggregates")
    if node.sets is not None:
        reason = reason or _capability(judge, "grouping_sets")
    reason = reason or judge.group_keys(key.ref() for key in node.keys)
    for _, call in node.calls:
        reason = reason or _call(call, judge)
    return reason


def _call(call: e.Aggregate, judge: Judge) -> str:
    operands, reason = judge.all_exact(call.args)
    if reason:
        return reason
    rule = find(judge.dialect.aggregates, call.name, operands)
    if rule is None or rule.verdict is not Verdict.EXACT:
        return judge.unproven(judge.dialect.aggregates, call.name, operands)
    if call.distinct:
        reason = judge.group_keys(call.args) if rule.distinct else f"{call.name}(DISTINCT ...) is not proven there"
    if call.filter is not None:
        reason = reason or _capability(judge, "aggregate_filter") or judge.all_exact((call.filter,))[1]
    return reason or _extreme(call, judge) or judge.sort_keys(call.order_by)


def _extreme(call: e.Aggregate | e.WindowCall, judge: Judge) -> str:
    """MIN and MAX sort their argument: it needs the form that sorts."""
    return judge.sort_keys(map(e.SortKey, call.args)) if call.name in ("min", "max") else ""


def _window(node: p.Window, judge: Judge) -> str:
    reason = _capability(judge, "windows")
    for _, call in node.calls:
        reason = reason or _window_call(call, judge)
    return reason


def _window_call(call: e.WindowCall, judge: Judge) -> str:
    operands, reason = judge.all_exact(call.args)
    if reason:
        return reason
    rules = judge.dialect.windows if call.name in judge.dialect.windows else judge.dialect.aggregates
    rule = find(rules, call.name, operands)
    if rule is None or rule.verdict is not Verdict.EXACT:
        return judge.unproven(rules, call.name, operands)
    if call.distinct or call.ignore_nulls:
        return f"{call.name} with {'DISTINCT' if call.distinct else 'IGNORE NULLS'} as a window is not proven there"
    if call.filter is not None:
        reason = _capability(judge, "aggregate_filter") or judge.all_exact((call.filter,))[1]
    reason = reason or judge.group_keys(call.partition_by) or judge.sort_keys(call.order_by)
    reason = reason or _extreme(call, judge)
    return reason or _frame(call, judge)


def _frame(call: e.WindowCall, judge: Judge) -> str:
    frame = call.frame
    if frame is None or judge.source.capabilities.embedded:
        return ""
    offsets = [bound.offset for bound in (frame.start, frame.end) if bound.offset is not None]
    if frame.exclude != "no others" or frame.mode == "groups" or (frame.mode == "range" and offsets):
        return f"this {frame.mode.upper()} frame is not proven there"
    return judge.all_exact(offsets)[1]


def _distinct(node: p.Distinct, judge: Judge) -> str:
    if node.on:
        return _capability(judge, "distinct_on") or judge.group_keys(node.on)
    return _capability(judge, "distinct") or judge.group_keys(column.ref() for column in node.columns)


def _limit(node: p.Limit, judge: Judge) -> str:
    reason = _capability(judge, "limit")
    if node.with_ties:
        reason = reason or _capability(judge, "with_ties")
        if not isinstance(node.input, p.Sort):
            reason = reason or "WITH TIES without an order there"
    numbers = [x for x in (node.count, node.offset) if x is not None]
    if not judge.dialect.limit_expressions and not all(map(_is_number, numbers)):
        reason = reason or f"LIMIT takes no expression in {judge.product}"
    return reason or judge.all_exact(numbers)[1]


def _is_number(count: e.Expr) -> bool:
    """Whether a source is sent a number of rows and nothing else: bind makes parameters of LIMIT such numbers."""
    return isinstance(count, e.Parameter) or (isinstance(count, e.Literal) and count.value is not None)


def _set_operation(node: p.SetOperation, judge: Judge) -> str:
    if (node.kind, node.all) not in judge.source.capabilities.set_operations:
        return judge.source.capabilities.reason("set_operations")
    for output, left, right in zip(node.outputs, node.left.columns, node.right.columns, strict=True):
        if not left.type == right.type == output.type:
            return f"column {output.name} is {left.type} on one side and {right.type} on the other"
    if node.all and node.kind is p.SetKind.UNION:
        pairs = zip(node.left.columns, node.right.columns, strict=True)
        return next(filter(None, (judge.mixed([judge.operand(a), judge.operand(b)]) for a, b in pairs)), "")
    return judge.group_keys(column.ref() for side in node.inputs for column in side.columns)


def _table_function(node: p.TableFunction, judge: Judge) -> str:
    operands, reason = judge.all_exact(node.args)
    if reason:
        return reason
    rule = find(judge.dialect.table_functions, node.name, operands)
    if rule is None or rule.verdict is not Verdict.EXACT:
        return judge.unproven(judge.dialect.table_functions, node.name, operands)
    return ""


def join_refuses(node: p.Join, judge: Judge) -> str:
    """Why the source cannot run a join of this kind at all (its condition apart)."""
    if node.kind not in judge.source.capabilities.joins:
        return judge.source.capabilities.reason("joins")
    if node.lateral:
        return _capability(judge, "lateral")
    return ""
