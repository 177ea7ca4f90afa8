"""A source that is made of others: tables spread over shards, each a source of any kind."""

from hanse.catalog.sharded.connector import plugin as plugin
