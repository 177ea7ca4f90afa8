"""What is known of functions by name alone, wherever they run: which are volatile, leak-proof, and strict.

Rules and placement ask here before they move an expression. A name that is not listed has none of the good properties
(and is not volatile: bind knows every function that it lets through).
"""

from collections.abc import Iterable

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import TEXTS, Kind
from hanse.ir.walk import expressions, operands, plans, type_of_subquery, walk_expr


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOLATILE = _words(
    "random random_normal setseed gen_random_uuid uuid uuidv4 uuidv7 gen_random_bytes clock_timestamp timeofday "
    "nextval currval lastval pg_sleep pg_sleep_for pg_sleep_until txid_current pg_current_xact_id"
)
"""Each call may give another answer: never moved, duplicated or sent to a source."""

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""``a op b`` is ``b MIRRORED[op] a``."""
NEGATED = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""``not (a op b)`` is ``a NEGATED[op] b`` (NaN is an ordinary, greatest value here, so this holds for floats too)."""

STRICT = _words(
    "= <> < <= > >= + - * / % ^ neg & | # << >> bit_not like ilike similar_to ~ ~* not abs ceil floor round trunc sign "
    "sqrt power exp ln mod lower upper length substr strpos btrim ltrim rtrim replace left right lpad rpad repeat reverse "
    "starts_with date_trunc date_part extract timezone"
)
"""NULL as soon as one argument is NULL."""

_LEAKPROOF = COMPARISONS | {"and", "or", "is_null", "is_not_null", "like", "is_distinct", "is_not_distinct"}
_TESTS_OF_NOTHING = frozenset({"is_not_null", "is_true", "is_false"})
"""Never true of NULL."""


def is_volatile(node: e.Expr) -> bool:
    """Whether some call in the expression, also inside its subqueries, may answer differently each time."""
    for part in walk_expr(node):
        if isinstance(part, e.Call) and part.name in VOLATILE:
            return True
        if isinstance(part, type_of_subquery) and any(map(is_volatile_operator, plans(part.plan))):
            return True
    return False


def is_volatile_operator(plan: p.Plan) -> bool:
    """Whether an operator itself holds a volatile expression."""
    return any(map(is_volatile, expressions(plan)))


def is_leakproof(node: e.Expr) -> bool:
    """Whether testing the condition early cannot reveal a row: plain columns against constants of equal type, only."""
    match node:
        case e.Call(name=("and" | "or"), args=args):
            return all(map(is_leakproof, args))
        case e.Call(name=name, args=args):
            return name in _LEAKPROOF and all(map(_is_plain, args)) and _same_type(args)
        case e.InList(arg=arg, items=items):
            return _is_plain(arg) and all(isinstance(x, (e.Literal, e.Parameter)) for x in items)
        case _:
            return False


def _is_plain(node: e.Expr) -> bool:
    return isinstance(node, (e.Ref, e.Literal, e.Parameter))


def _same_type(args: tuple[e.Expr, ...]) -> bool:
    return len({arg.type for arg in args if arg.type.kind is not Kind.NULL}) <= 1


def is_constant(node: e.Expr) -> bool:
    """Whether the expression has one value for the whole statement: no columns, no subqueries, nothing volatile."""
    return not any(
        isinstance(part, (e.Ref, *type_of_subquery)) or (isinstance(part, e.Call) and part.name in VOLATILE)
        for part in walk_expr(node)
    )


def is_null_when(node: e.Expr, missing: frozenset[int] | set[int]) -> bool:
    """Whether the expression is certainly NULL when all the columns ``missing`` are."""
    match node:
        case e.Ref(id=id):
            return id in missing
        case e.Literal(value=value):
            return value is None
        case e.Cast(arg=arg) | e.InList(arg=arg):
            return is_null_when(arg, missing)
        case e.InKeys(args=args):
            return any(is_null_when(arg, missing) for arg in args)
        case e.Call(name=name, args=args):
            return name in STRICT and any(is_null_when(arg, missing) for arg in args)
        case _:
            return False


def rejects_null(predicate: e.Expr, missing: frozenset[int] | set[int]) -> bool:
    """Whether the condition is certainly not true when all the columns ``missing`` are NULL."""
    match predicate:
        case e.Literal(value=value):
            return value is not True
        case e.Call(name="and", args=args):
            return any(rejects_null(arg, missing) for arg in args)
        case e.Call(name="or", args=args):
            return all(rejects_null(arg, missing) for arg in args)
        case e.Call(name=name, args=(arg,)) if name in _TESTS_OF_NOTHING:
            return is_null_when(arg, missing)
        case _:
            return is_null_when(predicate, missing)


def are_texts(nodes: Iterable[e.Expr]) -> bool:
    """Whether some of the expressions compare as text, so that a source's collation decides."""
    return any(node.type.kind in TEXTS for node in nodes)


def size(node: e.Expr) -> int:
    """The number of nodes of an expression, not counting the plans of subqueries."""
    return 1 + sum(map(size, operands(node)))
