"""Building blocks of spellings: raising PostgreSQL's errors, and writing an argument once though it is used often."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from hanse.ir.expr import Literal
from hanse.spi.dialect import Operand, Rule, Spelling

SIMPLE = re.compile(r'[\w."]+')
"""A column or a plain number: may be written again and again."""
CONSTANT = re.compile(r"\d+")


def quoted(text: str) -> str:
    """A string constant; the character NUL, which SQL text cannot hold, does not occur in PostgreSQL's text."""
    return "'" + text.replace("'", "''") + "'"


def fail(code: str, message: str) -> str:
    """An expression that raises an error of that SQLSTATE; ``message`` is constant."""
    return f"error({quoted(f'[{code}] {message}')})"


def fail_with(code: str, message: str, value: str) -> str:
    """The same with the offending value (an SQL text) at the end of the message."""
    return f"error({quoted(f'[{code}] {message}: ')} || chr(34) || {value} || chr(34))"


def is_simple(arg: Operand) -> bool:
    """Whether an argument may be written more than once without cost or change of meaning."""
    return arg.literal is not None or SIMPLE.fullmatch(arg.sql) is not None


def let(args: Sequence[Operand | str], body: Callable[..., str], name: str = "v") -> str:
    """``body`` over the arguments, each evaluated once: bound by a lambda unless all are columns or constants.

    A lambda over a list of one costs about 25 ns a row; writing an argument twice would double the text at each level of
    nesting, and call random() twice. ``name`` must differ where one let stands in the body of another. It gets a prefix
    and a field in brackets: DuckDB takes ``v.a`` for the field of a column ``v`` where there is one, before it looks at the
    lambda's, and for a column ``a`` in HAVING. Nor does a body refer to columns beside those bound: DuckDB does not find them
    where one belongs to an enclosing query.
    """
    texts = [arg.sql if isinstance(arg, Operand) else arg for arg in args]
    free = [is_simple(arg) if isinstance(arg, Operand) else SIMPLE.fullmatch(arg) is not None for arg in args]
    if all(free):
        return f"({body(*texts)})"
    free = [
        arg.literal is not None if isinstance(arg, Operand) else CONSTANT.fullmatch(arg) is not None for arg in args
    ]
    name = f"h_{name}"
    bound = [place for place, is_free in enumerate(free) if not is_free]
    if len(bound) == 1:
        names = [text if is_free else name for text, is_free in zip(texts, free, strict=True)]
        return f"list_transform([{texts[bound[0]]}], lambda {name}: {body(*names)})[1]"
    names = [
        text if is_free else f"{name}['a{place}']"
        for place, (text, is_free) in enumerate(zip(texts, free, strict=True))
    ]
    fields = ", ".join(f"'a{place}': {texts[place]}" for place in bound)
    return f"list_transform([{{{fields}}}], lambda {name}: {body(*names)})[1]"


def using(template: str) -> Callable[[Sequence[Operand]], str]:
    """A spelling from a template with ``$0``, ``$1`` ... that may use each argument several times."""

    def spell(args: Sequence[Operand]) -> str:
        return let(args, lambda *names: re.sub(r"\$(\d)", lambda match: names[int(match[1])], template))

    return spell


def value(arg: Operand) -> Any:
    """The value of a constant argument; None for NULL and for what is not constant."""
    return arg.literal.value if isinstance(arg.literal, Literal) else None


def is_constant(arg: Operand) -> bool:
    """Whether the argument is a constant other than NULL."""
    return arg.literal is not None and arg.literal.value is not None


def has_null(args: Sequence[Operand]) -> bool:
    """Whether an argument is a constant NULL, over which DuckDB's ``||`` and exact arithmetic lose their type."""
    return any(arg.literal is not None and arg.literal.value is None for arg in args)


def rules(*pairs: Spelling | Rule) -> tuple[Rule, ...]:
    """The rules of one function, of spellings that accept all arguments or of rules."""
    return tuple(pair if isinstance(pair, Rule) else Rule(pair) for pair in pairs)
