"""TPC-H's tables, made once by DuckDB's generator, and copied once into each source; kept in the folder for later runs."""

import contextlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import duckdb
import psycopg
import pymysql

from benchmarks.federated.splits import INDEXES, PRIMARY_KEYS, TABLES, Place, Split
from tests.servers.databases import Database

BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """One source of a split as it is reached: by URL, or in a folder."""

    name: str
    kind: str
    tables: tuple[str, ...]
    url: str

    @property
    def database(self) -> str:
        """The name of the database, or the folder."""
        return urlsplit(self.url).path.strip("/") if self.kind != "files" else self.url

    def through(self, ports: Mapping[str, int]) -> "Source":
        """The same source by the port of a proxy."""
        port = ports.get(self.name)
        if port is None:
            return self
        parts = urlsplit(self.url)
        place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
        return Source(self.name, self.kind, self.tables, urlunsplit(parts._replace(netloc=place)))


class Tpch:
    """The data of one scale: the generator's own database, which also says what the answers are."""

    def __init__(self, folder: Path, scale: float, postgres: str, mysql: str) -> None:
        self.scale = scale
        self.folder = folder / f"sf{scale:g}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.postgres, self.mysql = postgres, mysql
        self._prefix = f"tpch_{scale:g}".replace(".", "_")
        file = self.folder / "tpch.duckdb"
        if not file.exists():
            _generate(file, scale)
        self.reference = duckdb.connect(str(file), read_only=True)
        self.reference.execute(f"LOAD '{extension('tpch')}'")
        self.reference.execute("SET integer_division = true")
        rows = self.reference.execute("SELECT query_nr, query FROM tpch_queries()").fetchall()
        self.queries: dict[int, str] = {number: text.strip().rstrip(";") for number, text in rows}

    def sources(self, split: Split) -> list[Source]:
        """The sources of a split, filled if they are not yet."""
        return [self._source(split, name, place) for name, place in split.places.items()]

    def _source(self, split: Split, name: str, place: Place) -> Source:
        database = f"{self._prefix}_{split.name.lower()}_{name}"
        match place.kind:
            case "postgres":
                url = self._in_postgres(database, place.tables)
            case "mysql":
                url = self._in_mysql(database, place.tables)
            case _:
                url = str(self._in_files(split.name, place.tables))
        return Source(name, place.kind, place.tables, url)

    def _in_postgres(self, database: str, tables: Iterable[str]) -> str:
        """A copy of the database with all tables, without those that live elsewhere."""
        admin, url = Database("", self.postgres), named(self.postgres, database)
        whole = f"{self._prefix}_all"
        if not self._exists(admin, whole):
            self._fill_postgres(admin, whole)
        if not self._exists(admin, database):
            admin.run(f"CREATE DATABASE {database}_new TEMPLATE {whole} STRATEGY FILE_COPY")
            dropped = ", ".join(table for table in TABLES if table not in tables)
            Database("", named(self.postgres, f"{database}_new")).run(f"DROP TABLE {dropped}")
            admin.run(f"ALTER DATABASE {database}_new RENAME TO {database}")
        return url

    @staticmethod
    def _exists(admin: Database, database: str) -> bool:
        """Whether a database is complete; half of one goes."""
        admin.run(f"DROP DATABASE IF EXISTS {database}_new")
        return bool(admin.rows(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))

    def _fill_postgres(self, admin: Database, database: str) -> None:
        admin.run(f"CREATE DATABASE {database}_new")
        with contextlib.closing(psycopg.connect(named(admin.url, f"{database}_new"), autocommit=True)) as connection:
            for table in TABLES:
                _say(f"copying {table} into PostgreSQL")
                connection.execute(f"CREATE TABLE {table} ({self._columns(table, 'text')})")
                csv = self._csv(table)
                command = f"COPY {table} FROM STDIN (FORMAT csv)"
                with connection.cursor() as cursor, csv.open("rb") as file, cursor.copy(command) as copy:
                    while block := file.read(BLOCK):
                        copy.write(block)
                csv.unlink()
                connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({PRIMARY_KEYS[table]})")
                for column in INDEXES.get(table, ()):
                    connection.execute(f"CREATE INDEX ON {table} ({column})")
                connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
        admin.run(f"ALTER DATABASE {database}_new RENAME TO {database}")

    def _in_mysql(self, database: str, tables: Iterable[str]) -> str:
        url, marker = named(self.mysql, database), self.folder / f"{database}.loaded"
        if marker.exists():
            return url
        Database("", self.mysql).run(
            f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database} CHARACTER SET utf8mb4"
        )
        parts = urlsplit(url)
        with (
            contextlib.closing(
                pymysql.connect(
                    host="127.0.0.1",
                    port=parts.port or 0,
                    user=parts.username,
                    password=parts.password or "",
                    database=database,
                    local_infile=True,
                    autocommit=True,
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            for table in tables:
                _say(f"copying {table} into MariaDB")
                keys = [f"PRIMARY KEY ({PRIMARY_KEYS[table]})", *(f"KEY ({one})" for one in INDEXES.get(table, ()))]
                cursor.execute(f"CREATE TABLE {table} ({self._columns(table, 'varchar(200)')}, {', '.join(keys)})")
                csv = self._csv(table)
                cursor.execute(
                    f"LOAD DATA LOCAL INFILE '{csv}' INTO TABLE {table} CHARACTER SET utf8mb4 "
                    "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
                )
                csv.unlink()
                cursor.execute(f"ANALYZE TABLE {table}")
        marker.touch()
        return url

    def _in_files(self, split: str, tables: Iterable[str]) -> Path:
        folder = self.folder / f"lake_{split}"
        folder.mkdir(exist_ok=True)
        for table in tables:
            if not (folder / f"{table}.parquet").exists():
                self.reference.execute(f"COPY {table} TO '{folder / 'new'}' (FORMAT parquet)")
                (folder / "new").rename(folder / f"{table}.parquet")
        return folder

    def _csv(self, table: str) -> Path:
        file = self.folder / f"{table}.csv"
        self.reference.execute(f"COPY {table} TO '{file}' (FORMAT csv, HEADER false)")
        return file

    def _columns(self, table: str, text: str) -> str:
        rows = self.reference.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index", [table]
        ).fetchall()
        return ", ".join(f"{name} {text if type == 'VARCHAR' else type} NOT NULL" for name, type in rows)


def extension(name: str) -> Path:
    """The file of an extension of DuckDB that was installed as a package; raises ModuleNotFoundError."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the package duckdb-extension-{name.replace('_', '-')} is not installed")
    return Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def _generate(file: Path, scale: float) -> None:
    _say(f"generating TPC-H at scale {scale:g}")
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as connection:
        connection.execute(f"LOAD '{extension('tpch')}'")
        connection.execute(f"CALL dbgen(sf={scale})")
    unfinished.rename(file)


def named(url: str, database: str) -> str:
    """The URL of another database at the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _say(text: str) -> None:
    print(f"# {text}", flush=True)
