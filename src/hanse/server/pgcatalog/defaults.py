"""What rows of pg_catalog have in common here: everything is there, is read only, and is owned by one role."""

from collections.abc import Iterable
from typing import Any

from hanse.server.pgcatalog.naming import Oids

Row = dict[str, Any]
Rows = dict[str, list[Row]]
OWNER = 10
"""The oid of the role that owns everything (BOOTSTRAP_SUPERUSERID)."""
OWNER_NAME = "hanse"
DATABASE: Row = {
    "datdba": OWNER,
    "encoding": 6,
    "datlocprovider": "c",
    "datistemplate": False,
    "datallowconn": True,
    "datconnlimit": -1,
    "datfrozenxid": 0,
    "datminmxid": 0,
    "dattablespace": 1663,
    "datcollate": "C.UTF-8",
    "datctype": "C.UTF-8",
}
INDEX: Row = {
    "indnullsnotdistinct": False,
    "indisexclusion": False,
    "indimmediate": True,
    "indisclustered": False,
    "indisvalid": True,
    "indcheckxmin": False,
    "indisready": True,
    "indislive": True,
    "indisreplident": False,
}
RELATION: Row = {
    "reltype": 0,
    "reloftype": 0,
    "relowner": OWNER,
    "relam": 0,
    "reltablespace": 0,
    "relpages": 0,
    "reltuples": -1.0,
    "relallvisible": 0,
    "reltoastrelid": 0,
    "relhasindex": False,
    "relisshared": False,
    "relpersistence": "p",
    "relchecks": 0,
    "relhasrules": False,
    "relhastriggers": False,
    "relhassubclass": False,
    "relrowsecurity": False,
    "relforcerowsecurity": False,
    "relispopulated": True,
    "relreplident": "d",
    "relispartition": False,
    "relrewrite": 0,
    "relfrozenxid": 0,
    "relminmxid": 0,
}
ATTRIBUTE: Row = {
    "attstattarget": -1,
    "attndims": 0,
    "attcacheoff": -1,
    "atttypmod": -1,
    "attstorage": "p",
    "attcompression": "",
    "attnotnull": False,
    "atthasdef": False,
    "atthasmissing": False,
    "attidentity": "",
    "attgenerated": "",
    "attisdropped": False,
    "attislocal": True,
    "attinhcount": 0,
    "attcollation": 0,
}
CONSTRAINT: Row = {
    "condeferrable": False,
    "condeferred": False,
    "convalidated": True,
    "contypid": 0,
    "conindid": 0,
    "conparentid": 0,
    "confrelid": 0,
    "confupdtype": " ",
    "confdeltype": " ",
    "confmatchtype": " ",
    "conislocal": True,
    "coninhcount": 0,
    "connoinherit": True,
}


def roles(users: Iterable[str]) -> list[Row]:
    """The rows of pg_authid: the owner of everything, and everybody who may log in."""
    oids = Oids()
    found: list[Row] = [_role(OWNER, OWNER_NAME, is_owner=True)]
    return found + [_role(oids("role", name), name) for name in users if name != OWNER_NAME]


def _role(oid: int, name: str, is_owner: bool = False) -> Row:
    return {
        "oid": oid,
        "rolname": name,
        "rolsuper": is_owner,
        "rolinherit": True,
        "rolcreaterole": False,
        "rolcreatedb": False,
        "rolcanlogin": not is_owner,
        "rolreplication": False,
        "rolbypassrls": False,
        "rolconnlimit": -1,
    }
