"""From a snapshot to the rows of pg_catalog, as columns by relation. What a relation has besides is NULL.

The names and meanings of columns are those of PostgreSQL's manual, System Catalogs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from hanse.ir.tables import ForeignKey, Table
from hanse.server.pgcatalog import seed, types
from hanse.server.pgcatalog.defaults import ATTRIBUTE, CONSTRAINT, DATABASE, INDEX, OWNER, RELATION, Row, Rows
from hanse.server.pgcatalog.naming import PUBLIC, Named, Oids, named, quoted, schemas
from hanse.spi.snapshot import Snapshot

DATABASE_OID = 5
PUBLIC_OID = 2200
_HEAP, _BTREE = 2, 403
_WORDS = {"p": "PRIMARY KEY", "u": "UNIQUE"}


class Filling:
    """Collects the rows of one snapshot. ``rows`` are those of relations, ``names`` tells which names find which table."""

    def __init__(self, snapshot: Snapshot, database: str) -> None:
        """Fill everything but the roles."""
        self.rows: Rows = defaultdict(list)
        self._oids = Oids()
        self._namespaces = {"pg_catalog": 11, **self._system_namespaces()}
        self._add_database(database)
        self._add_namespaces(snapshot)
        self._add_system_relations()
        tables = list(named(snapshot))
        self._tables = {_key(one.table): one for one in tables}
        self._rivals: dict[str, list[str]] = defaultdict(list)
        self._indexes: dict[tuple[str, str, str, frozenset[str]], int] = {}
        """The index of each table by the columns that it has."""
        for one in tables:
            self._rivals[one.table.name].append(one.schema)
        for one in tables:
            self._add_table(one)
        for one in tables:
            for key in one.table.foreign_keys:
                self._add_foreign_key(one, key)

    def _system_namespaces(self) -> dict[str, int]:
        return {str(row[1]): int(row[0] or 0) for row in seed.ROWS["pg_namespace"]}

    def _add_database(self, name: str) -> None:
        self.rows["pg_database"].append({**DATABASE, "oid": DATABASE_OID, "datname": name})

    def _add_namespaces(self, snapshot: Snapshot) -> None:
        for name in dict.fromkeys((PUBLIC, *schemas(snapshot))):
            self._namespaces[name] = PUBLIC_OID if name == PUBLIC else self._oids("schema", name)
            self.rows["pg_namespace"].append({"oid": self._namespaces[name], "nspname": name, "nspowner": OWNER})

    def _add_system_relations(self) -> None:
        for relation in seed.RELATIONS.values():
            kind: Row = {
                "relam": _HEAP if relation.kind == "r" else 0,
                "relreplident": "n",
                "relkind": relation.kind,
                "relnatts": len(relation.columns),
                "relhasrules": relation.kind == "v",
            }
            self._relation(relation.oid, relation.name, relation.schema, kind)
            is_first = relation.schema == seed.CATALOG
            self._name(relation.oid, relation.name, relation.schema, is_first, [relation.schema])
            for place, (column, type) in enumerate(relation.columns.items(), 1):
                self._attribute(relation.oid, column, place, types.described(types.named(type) or types.TEXT), False)

    def _name(self, oid: int, name: str, schema: str, is_alone: bool, rivals: list[str]) -> None:
        """What finds it: its name ``is_alone``, or the first of its ``rivals``, schemas with that name, in the search path."""
        found = {"oid": oid, "relname": name, "schema": schema, "alone": is_alone, "rivals": rivals}
        self.rows["names"].append(found)

    def _relation(self, oid: int, name: str, schema: str, more: Row) -> None:
        namespace = self._namespaces[schema]
        self.rows["pg_class"].append(
            {**RELATION, "oid": oid, "relname": name, "relnamespace": namespace, "relfilenode": oid, **more}
        )

    def _attribute(self, relation: int, name: str, place: int, type: types.PgType, not_null: bool) -> None:
        collation = 100 if type.oid in (types.TEXT, types.VARCHAR) else 950 if type.oid == types.NAME else 0
        self.rows["pg_attribute"].append(
            {
                **ATTRIBUTE,
                "attrelid": relation,
                "attname": name,
                "attnum": place,
                "atttypid": type.oid,
                "attlen": type.length,
                "atttypmod": type.modifier,
                "attnotnull": not_null,
                "attbyval": type.oid in types.BY_VALUE,
                "attalign": types.ALIGNMENTS.get(type.oid, "i"),
                "attndims": 1 if types.ARRAYS.get(types.ELEMENTS.get(type.oid, 0)) == type.oid else 0,
                "attcollation": collation,
                "attstorage": types.STORAGES.get(type.oid, "p"),
            }
        )

    def _add_table(self, one: Named) -> None:
        table, oid = one.table, self._oid(one.table)
        kind: Row = {
            "relkind": "v" if table.is_view else "r",
            "relnatts": len(table.columns),
            "reltuples": float(-1 if table.row_count is None else table.row_count),
            "relhasrules": table.is_view,
            "relam": 0 if table.is_view else _HEAP,
            "relreplident": "n" if table.is_view else "d",
            "relhasindex": bool(table.primary_key or table.unique_keys or table.indexes),
        }
        self._relation(oid, table.name, one.schema, kind)
        self._name(oid, table.name, one.schema, one.is_alone, self._rivals[table.name])
        self._describe(oid, 0, table.comment)
        keys = set(table.primary_key)
        for place, column in enumerate(table.columns, 1):
            is_not_null = not column.nullable or column.name in keys
            self._attribute(oid, column.name, place, types.of_ours(column.type), is_not_null)
            self._describe(oid, place, column.comment)
        self._add_keys(one)

    def _describe(self, relation: int, place: int, text: str) -> None:
        if text:
            self.rows["pg_description"].append(
                {"objoid": relation, "classoid": 1259, "objsubid": place, "description": text}
            )

    def _add_keys(self, one: Named) -> None:
        table = one.table
        seen: set[tuple[str, ...]] = set()
        for columns, kind in _keys(table):
            if columns in seen or not _has(table, columns):
                continue
            seen.add(columns)
            name = _key_name(table.name, columns, kind)
            index = self._add_index(one, name, columns, kind)
            if kind in ("p", "u"):
                self._constraint(one, name, kind, columns, {"conindid": index})
                self._define(one, name, f"{_WORDS[kind]} ({', '.join(map(quoted, columns))})")

    def _add_index(self, one: Named, name: str, columns: tuple[str, ...], kind: str) -> int:
        table, places = one.table, self._places(one.table, columns)
        oid = self._oids("index", *_key(table), name)
        self._relation(
            oid, name, one.schema, {"relkind": "i", "relnatts": len(columns), "relam": _BTREE, "relreplident": "n"}
        )
        self._name(oid, name, one.schema, one.is_alone, self._rivals[table.name])
        self._indexes[(*_key(table), frozenset(columns))] = oid
        for place, column in enumerate(columns, 1):
            self._attribute(oid, column, place, types.of_ours(table.column(column).type), False)
        unique = "UNIQUE " if kind in ("p", "u") else ""
        listed = ", ".join(map(quoted, columns))
        place_of = f"{quoted(one.schema)}.{quoted(table.name)}"
        definition = f"CREATE {unique}INDEX {quoted(name)} ON {place_of} USING btree ({listed})"
        self.rows["indexes"].append({"oid": oid, "definition": definition})
        self.rows["pg_index"].append(
            {
                **INDEX,
                "indexrelid": oid,
                "indrelid": self._oid(table),
                "indnatts": len(columns),
                "indnkeyatts": len(columns),
                "indisunique": kind in ("p", "u"),
                "indisprimary": kind == "p",
                "indkey": places,
                "indcollation": [0] * len(columns),
                "indclass": [0] * len(columns),
                "indoption": [0] * len(columns),
            }
        )
        return oid

    def _constraint(self, one: Named, name: str, kind: str, columns: Sequence[str], more: Row) -> None:
        self.rows["pg_constraint"].append(
            {
                **CONSTRAINT,
                "oid": self._oids("constraint", *_key(one.table), name),
                "conname": name,
                "connamespace": self._namespaces[one.schema],
                "contype": kind,
                "conrelid": self._oid(one.table),
                "conkey": self._places(one.table, columns),
                "confkey": None,
                **more,
            }
        )

    def _add_foreign_key(self, one: Named, key: ForeignKey) -> None:
        """What somebody meant, and nothing enforces, is a constraint that is not valid."""
        other = self._tables.get((one.table.source, key.schema, key.table))
        if other is None or not (_has(one.table, key.columns) and _has(other.table, key.referenced)):
            return
        name = _key_name(one.table.name, key.columns, "f")
        referenced = self._places(other.table, key.referenced)
        columns, theirs = (", ".join(map(quoted, names)) for names in (key.columns, key.referenced))
        place = f"{quoted(other.schema)}.{quoted(other.table.name)}"
        unsure = "" if key.enforced else " NOT VALID"
        self._define(one, name, f"FOREIGN KEY ({columns}) REFERENCES {place}({theirs}){unsure}")
        index = self._indexes.get((*_key(other.table), frozenset(key.referenced)), 0)
        more = {
            "confrelid": self._oid(other.table),
            "confkey": referenced,
            "convalidated": key.enforced,
            "conindid": index,
        }
        self._constraint(
            one, name, "f", key.columns, {**more, "confupdtype": "a", "confdeltype": "a", "confmatchtype": "s"}
        )

    def _define(self, one: Named, name: str, definition: str) -> None:
        oid = self._oids("constraint", *_key(one.table), name)
        self.rows["constraints"].append({"oid": oid, "definition": definition})

    def _oid(self, table: Table) -> int:
        return self._oids("table", *_key(table))

    def _places(self, table: Table, columns: Sequence[str]) -> list[int]:
        names = [column.name for column in table.columns]
        return [names.index(column) + 1 for column in columns]


def _key(table: Table) -> tuple[str, str, str]:
    return table.source, table.schema, table.name


def _has(table: Table, columns: Sequence[str]) -> bool:
    return set(columns) <= {column.name for column in table.columns}


def _keys(table: Table) -> Iterable[tuple[tuple[str, ...], str]]:
    if table.primary_key:
        yield table.primary_key, "p"
    yield from ((columns, "u") for columns in table.unique_keys)
    yield from ((columns, "i") for columns in table.indexes)


def _key_name(table: str, columns: Sequence[str], kind: str) -> str:
    """As PostgreSQL names what nobody named (ChooseIndexName)."""
    ends = {"p": "pkey", "u": "key", "i": "idx", "f": "fkey"}
    return "_".join((table, *(columns if kind != "p" else ()), ends[kind]))
