"""How decisions name what they decide on: an expression or operator in a line that a person reads."""

from hanse.ir import expr as e
from hanse.ir import plan as p

_POSTFIX = {
    "is_null": "is null",
    "is_not_null": "is not null",
    "is_true": "is true",
    "is_not_true": "is not true",
    "is_false": "is false",
    "is_not_false": "is not false",
}
_WORDS = {"is_distinct": "is distinct from", "is_not_distinct": "is not distinct from"}
_LENGTH_MAX = 120


def name_of(node: e.Expr) -> str:
    """The expression in SQL's words, shortened if it is long."""
    text = _text(node)
    return text if len(text) <= _LENGTH_MAX else text[: _LENGTH_MAX - 3] + "..."


def name_of_operator(node: p.Plan) -> str:
    """The operator in a few words."""
    match node:
        case p.Join():
            condition = "" if node.condition == e.TRUE else f" on {name_of(node.condition)}"
            return f"{node.kind} join{condition}"
        case p.Aggregate():
            calls = ", ".join(f"{call.name}({', '.join(map(_text, call.args))})" for _, call in node.calls)
            keys = ", ".join(key.name for key in node.keys)
            return f"aggregate {calls}" + (f" by {keys}" if keys else "")
        case p.Sort():
            return "sort by " + ", ".join(name_of(key.expr) for key in node.keys)
        case p.SetOperation():
            return f"{node.kind} all" if node.all else str(node.kind)
        case p.Window():
            return "window " + ", ".join(call.name for _, call in node.calls)
        case p.Cte():
            return f"with {node.name}"
        case p.TableFunction():
            return f"{node.name}()"
        case _:
            return type(node).__name__.lower()


def _text(node: e.Expr) -> str:
    match node:
        case e.Ref():
            return node.name
        case e.Literal(value=value):
            return (
                "null"
                if value is None
                else "'" + value.replace("'", "''") + "'"
                if isinstance(value, str)
                else str(value)
            )
        case e.Parameter():
            return f"${node.index + 1}"
        case e.Call():
            return _call(node)
        case e.Cast():
            return f"cast({_text(node.arg)} as {node.type})"
        case e.Case():
            return "case ... end"
        case e.InList():
            return f"{_text(node.arg)} in ({', '.join(map(_text, node.items))})"
        case e.Quantified():
            args = ", ".join(map(_text, node.args))
            return f"{args} {node.operator} {'all' if node.every else 'any'} (subquery)"
        case e.Exists():
            return "exists (subquery)"
        case _:
            return "(subquery)"


def _call(node: e.Call) -> str:
    args = [_text(arg) for arg in node.args]
    if node.name in ("and", "or"):
        return "(" + f" {node.name} ".join(args) + ")"
    if node.name in _POSTFIX:
        return f"{args[0]} {_POSTFIX[node.name]}"
    if len(args) == 2 and (node.name in _WORDS or not node.name[0].isalpha() or node.name in ("like", "ilike")):
        return f"{args[0]} {_WORDS.get(node.name, node.name)} {args[1]}"
    return f"{node.name} {args[0]}" if node.name == "not" else f"{node.name}({', '.join(args)})"
