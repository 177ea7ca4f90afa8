"""What is true of an expression's value where some of its columns are not exact (``ir.completeness.Standing``).

Three facts carry it. A strict function of something that may be NULL for want of a source is NULL then. AND, OR and NOT of
conditions that are right or NULL are right or NULL (Kleene's logic is monotone in what is known). And what grows with a lower
bound is one.
"""

from collections.abc import Callable

from hanse.ir import expr as e
from hanse.ir.completeness import Standing
from hanse.ir.properties import STRICT
from hanse.ir.types import NUMBERS, UNSIGNED, Kind

EXACT, LOWER, UNAVAILABLE, UNKNOWN = Standing.EXACT, Standing.LOWER, Standing.UNAVAILABLE, Standing.UNKNOWN
_OF_NONNEGATIVES = frozenset({"+", "*", "/", "%", "coalesce", "greatest", "least", "round", "ceil", "floor", "trunc"})
_NEVER_NEGATIVE = frozenset({"abs", "length", "octet_length", "sqrt", "strpos"})
_PASSED_ON = frozenset({"is_true", "is_not_null"})
"""True where their operand is, or is known."""
OfSubquery = Callable[[e.Expr], Standing]


def worse(standings: "set[Standing]") -> Standing:
    """That of a value which is one of several."""
    rest = standings - {EXACT}
    if len(rest) > 1:
        return UNKNOWN
    return rest.pop() if rest else EXACT


def is_nonnegative(node: e.Expr, known: frozenset[int] | set[int]) -> bool:
    """Whether the value is certainly not below zero, where it is not NULL; ``known`` are columns of which that is so."""
    match node:
        case e.Ref(id=id) if id in known:
            return True
        case e.Literal(value=bool()):
            return False
        case e.Literal(type=type, value=value) if type.kind in NUMBERS | {Kind.NULL}:
            return value is None or value >= 0
        case e.Call(name="*", args=(e.Ref(id=left), e.Ref(id=right))) if left == right:
            return True
        case e.Call(name=name, args=args):
            return name in _NEVER_NEGATIVE or (
                name in _OF_NONNEGATIVES and all(is_nonnegative(arg, known) for arg in args)
            )
        case e.Cast(arg=arg):
            return _is_number(node) and _is_number(arg) and is_nonnegative(arg, known)
        case e.Case(branches=branches, otherwise=otherwise):
            values = [value for _, value in branches] + ([] if otherwise is None else [otherwise])
            return all(is_nonnegative(value, known) for value in values)
    return node.type.kind in UNSIGNED


def proven(condition: e.Expr) -> set[int]:
    """Columns that are not negative in any row that passes the condition."""
    found: set[int] = set()
    for test in e.conjuncts(condition):
        match test:
            case e.Call(name=">" | ">=" | "=", args=(e.Ref(id=id), low)) if is_nonnegative(low, found):
                found.add(id)
            case e.Call(name="<" | "<=" | "=", args=(low, e.Ref(id=id))) if is_nonnegative(low, found):
                found.add(id)
            case e.InList(arg=e.Ref(id=id), items=items) if all(is_nonnegative(item, found) for item in items):
                found.add(id)
    return found


class Standings:
    """The standing of columns, and of expressions over them."""

    def __init__(self, of_subquery: OfSubquery) -> None:
        """Every column is exact unless it is said otherwise; ``of_subquery`` answers for subqueries."""
        self.columns: dict[int, Standing] = {}
        self.nonnegative: set[int] = set()
        self._of_subquery = of_subquery

    def __call__(self, node: e.Expr) -> Standing:
        """That of an expression."""
        match node:
            case e.Ref(id=id):
                return self.columns.get(id, EXACT)
            case e.Scalar() | e.Exists() | e.Quantified():
                return self._of_subquery(node)
            case e.Call(name=name, args=args):
                return self._call(name, args)
            case e.Cast(arg=arg):
                standing = self(arg)
                is_kept = standing is not LOWER or (_is_number(arg) and _is_number(node))
                return standing if is_kept else UNKNOWN
            case e.InList(arg=arg, items=items):
                found = {self(part) for part in (arg, *items)}
                return worse(found) if found <= {EXACT, UNAVAILABLE} else UNKNOWN
            case e.Case():
                return self._case(node)
            case e.Literal() | e.Parameter():
                return EXACT
        return UNKNOWN

    def _case(self, node: e.Case) -> Standing:
        conditions = {self(condition) for condition, _ in node.branches}
        values = {self(value) for _, value in node.branches} | ({self(node.otherwise)} if node.otherwise else set())
        return worse(values) if conditions == {EXACT} else UNKNOWN

    def _call(self, name: str, args: tuple[e.Expr, ...]) -> Standing:
        each = [self(arg) for arg in args]
        found = set(each)
        if found <= {EXACT}:
            return EXACT
        if name in ("and", "or"):
            return UNKNOWN if UNKNOWN in found else LOWER if LOWER in found else UNAVAILABLE
        if name in STRICT and found <= {EXACT, UNAVAILABLE}:
            return UNAVAILABLE
        if name in _PASSED_ON and UNKNOWN not in found:
            is_condition = name == "is_true" or args[0].type.kind is not Kind.BOOLEAN
            return LOWER if is_condition or UNAVAILABLE in found else UNKNOWN
        return LOWER if self._grows(name, args, each) else UNKNOWN

    def _grows(self, name: str, args: tuple[e.Expr, ...], each: list[Standing]) -> bool:
        """Whether a function of lower bounds and of what is exact is a lower bound."""
        if not set(each) <= {EXACT, LOWER}:
            return False
        nonnegative = [is_nonnegative(arg, self.nonnegative) for arg in args]
        match name:
            case "+":
                return True
            case "*":
                return all(nonnegative)
            case "-" | ">" | ">=":
                return each[1:] == [EXACT]
            case "/":
                return each[1] is EXACT and nonnegative[1]
            case "<" | "<=":
                return each[0] is EXACT
            case "coalesce":  # the sum of no rows is NULL, and none of more rows is below zero
                return all(nonnegative) and len(args) == 2 and isinstance(args[1], e.Literal) and args[1].value == 0
        return False


def _is_number(node: e.Expr) -> bool:
    return node.type.kind in NUMBERS
