"""What names are visible at a place in a query, and why a name is unknown or ambiguous."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from hanse.bind.tables import Name
from hanse.errors import UnknownName
from hanse.ir.expr import Column, Ref
from hanse.ir.plan import Plan


@dataclass(slots=True)
class Relation:
    """One item of FROM under its alias. ``path`` is the full name of a table (source, schema, table), if it is one."""

    name: str
    columns: tuple[Column, ...]
    path: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Columns that the table has but that cannot be read, with the reason."""
    is_scalar: bool = False
    """Whether it is a function of one column, whose alias names its value too."""
    _index: dict[str, list[Column]] | None = None

    def find(self, name: str, quoted: bool) -> list[Column]:
        """The columns of that name: exact ones, else (unquoted) those that differ in case only."""
        index = self._index
        if index is None:
            index = self._index = _indexed(self.columns)
        found = index.get(name)
        if found is None and not quoted:
            found = index.get("\0" + name.casefold())
        return found or []

    def answers_to(self, qualifier: tuple[Name, ...]) -> bool:
        """Whether ``qualifier.column`` may mean this relation."""
        if len(qualifier) == 1:
            text, quoted = qualifier[0]
            return text == self.name or (not quoted and text.casefold() == self.name.casefold())
        tail = self.path[-len(qualifier) :]
        if len(qualifier) == 2 and len(self.path) == 3:
            source, schema, table = self.path
            first = qualifier[0][0].casefold()
            for joined in (source, f"{source}.{schema}"):  # the latter in one quoted name
                if first == joined.casefold():
                    tail = (joined, table)
        return len(tail) == len(qualifier) and all(
            text == part or (not quoted and text.casefold() == part.casefold())
            for (text, quoted), part in zip(qualifier, tail, strict=True)
        )


def _indexed(columns: tuple[Column, ...]) -> dict[str, list[Column]]:
    index: dict[str, list[Column]] = {}
    for column in columns:
        index.setdefault(column.name, []).append(column)
        index.setdefault("\0" + column.name.casefold(), []).append(column)
    return index


@dataclass(slots=True)
class Source:
    """A bound FROM clause, or a part of one.

    ``merged`` are the columns that USING and NATURAL made of two, first in ``SELECT *``; ``hidden`` are the ids of those
    two, which only a qualified name reaches.
    """

    plan: Plan
    relations: list[Relation] = field(default_factory=list)
    merged: list[Column] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    may_be_lateral: bool = False
    """Whether it holds a function or LATERAL, which may read what stands before it."""

    def find(self, name: str, quoted: bool) -> list[Column]:
        """The columns that the unqualified name may mean."""
        found = [c for c in self.merged if c.name == name or (not quoted and c.name.casefold() == name.casefold())]
        for relation in self.relations:
            found += [c for c in relation.find(name, quoted) if c.id not in self.hidden]
        return _exact(found, name)

    def visible(self) -> Iterator[Column]:
        """The columns of ``SELECT *``, in order."""
        yield from self.merged
        for relation in self.relations:
            yield from (column for column in relation.columns if column.id not in self.hidden)


def _exact(found: list[Column], name: str) -> list[Column]:
    return [c for c in found if c.name == name] or found if len(found) > 1 else found


@dataclass(slots=True)
class Scope:
    """The names of one query level; what it does not know, its ``parent`` (the enclosing query) may.

    ``ctes`` are the WITH names visible here. ``reads`` remembers where each column was first read, for errors.
    """

    source: Source
    parent: "Scope | None" = None
    ctes: Mapping[str, Any] = field(default_factory=dict)
    reads: dict[int, int | None] = field(default_factory=dict)

    def resolve(self, parts: tuple[Name, ...], position: int | None) -> Ref:
        """The column that a dotted name means, here or further out; raises UnknownName (42703, 42702, 42P01)."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._here(parts, position)
            if found is not None:
                scope.reads.setdefault(found.id, position)
                return found.ref()
            scope = scope.parent
        raise self._unknown(parts, position)

    def owns(self, column: int) -> bool:
        """Whether this level (not an outer one) was asked for the column."""
        return column in self.reads

    def relations(self, qualifier: tuple[Name, ...]) -> list[Relation]:
        """The relations of this level to which a qualifier may refer."""
        return [relation for relation in self.source.relations if relation.answers_to(qualifier)]

    def _here(self, parts: tuple[Name, ...], position: int | None) -> Column | None:
        name, quoted = parts[-1]
        qualifier = parts[:-1]
        if not qualifier:
            found = self.source.find(name, quoted)
        else:
            relations = self.relations(qualifier)
            if not relations:
                return None
            if len(relations) > 1:
                hint = "it may be " + " or ".join(".".join(r.path) for r in relations if r.path)
                message = f'table reference "{_spelled(qualifier)}" is ambiguous'
                raise UnknownName(message, sqlstate="42P09", position=position, hint=hint)
            found = _exact([column for relation in relations for column in relation.find(name, quoted)], name)
            if not found:
                raise _unknown_column(parts, position, relations)
        if len(found) > 1:
            raise UnknownName(f'column reference "{_spelled(parts)}" is ambiguous', sqlstate="42702", position=position)
        return found[0] if found else None

    def _unknown(self, parts: tuple[Name, ...], position: int | None) -> UnknownName:
        if len(parts) > 1:
            qualifier = _spelled(parts[:-1])
            names = [relation.name for scope in self._chain() for relation in scope.source.relations]
            message = f'missing FROM-clause entry for table "{qualifier}"'
            return UnknownName(message, sqlstate="42P01", position=position, hint=_nearest(qualifier, names))
        return _unknown_column(parts, position, [r for scope in self._chain() for r in scope.source.relations])

    def _chain(self) -> Iterator["Scope"]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def _spelled(parts: tuple[Name, ...]) -> str:
    return ".".join(text for text, _ in parts)


def _unknown_column(parts: tuple[Name, ...], position: int | None, relations: list[Relation]) -> UnknownName:
    for relation in relations:
        reason = relation.unreadable.get(parts[-1][0].casefold())
        if reason is not None:
            message = f'column "{_spelled(parts)}" cannot be read: {reason}'
            return UnknownName(message, sqlstate="42703", position=position, hint="DESCRIBE shows what can be read")
    message = f'column "{_spelled(parts)}" does not exist'
    names = [column.name for relation in relations for column in relation.columns]
    return UnknownName(message, sqlstate="42703", position=position, hint=_nearest(parts[-1][0], names))


def _nearest(name: str, names: list[str]) -> str | None:
    folded = {other.casefold(): other for other in names}
    near = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else None
