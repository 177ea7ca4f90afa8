"""The catalog queries: a fixed number of them for any number of tables. For PostgreSQL 14 and later."""

SERVER = """
SELECT current_setting('server_version_num')::int4, current_setting('server_version'), d.encoding_name,
       d.facts->>'datcollate', coalesce(d.facts->>'datlocprovider', 'c'), coalesce(current_schema(), 'public')
FROM (SELECT pg_encoding_to_char(encoding) AS encoding_name, to_jsonb(d) AS facts
      FROM pg_database AS d WHERE datname = current_database()) AS d
"""

TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'),
       CASE WHEN c.relkind = 'p' AND c.reltuples <= 0 THEN
         (SELECT CASE WHEN bool_and(leaf.reltuples >= 0) THEN sum(leaf.reltuples) END
          FROM pg_partition_tree(c.oid) AS tree JOIN pg_class AS leaf ON leaf.oid = tree.relid WHERE tree.isleaf)
       ELSE c.reltuples END::float8,
       pg_stat_get_live_tuples(c.oid),
       has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
"""One row per relation that people name: partitions are part of their parent."""

COLUMNS = """
SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attndims::int4, a.attcollation, NOT a.attnotnull,
       format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum),
       has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT')
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY a.attrelid, a.attnum
"""

KEYS = """
SELECT i.indrelid, i.indisprimary,
       (SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= i.indnkeyatts)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY i.indexrelid
"""
"""Unique keys that hold at every moment for every row: no partial, expression or deferrable ones."""

TYPES = """
SELECT t.oid, t.typname, t.typtype::text, t.typbasetype, t.typtypmod, CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0 END,
       t.typndims, t.typnamespace = 'pg_catalog'::regnamespace
FROM pg_type AS t LEFT JOIN pg_type AS e ON e.oid = t.typelem
WHERE t.typtype <> 'c' AND coalesce(e.typtype, 'b') <> 'c'
"""

LABELS = "SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum GROUP BY enumtypid"

COLLATIONS = """
SELECT oid, collname, collisdeterministic, collprovider::text, to_jsonb(c)->>'collcollate'
FROM pg_collation AS c
"""
