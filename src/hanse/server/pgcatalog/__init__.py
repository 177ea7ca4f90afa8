"""pg_catalog and information_schema for clients of PostgreSQL: a private database per snapshot, and what reads it.

A listener asks ``is_about_catalog`` of each statement, and lets the ``CatalogDatabase`` of the current snapshot answer
those that are.
"""

from hanse.server.pgcatalog.catalog import Answer, CatalogDatabase, Description
from hanse.server.pgcatalog.classify import About, classify, is_about_catalog
from hanse.server.pgcatalog.client import Client, Connected
from hanse.server.pgcatalog.encoding import encoded
from hanse.server.pgcatalog.shown import Named
from hanse.server.pgcatalog.types import PgType, ResultColumn, of_ours, told

__all__ = [
    "About",
    "Answer",
    "CatalogDatabase",
    "Client",
    "Connected",
    "Description",
    "Named",
    "PgType",
    "ResultColumn",
    "classify",
    "encoded",
    "is_about_catalog",
    "of_ours",
    "told",
]
