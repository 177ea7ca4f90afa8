"""The catalog queries: a fixed number of them for any number of tables. For PostgreSQL 14 and later."""

SERVER = """
SELECT current_setting('server_version_num')::int4, current_setting('server_version'), d.encoding_name,
       d.facts->>'datcollate', coalesce(d.facts->>'datlocprovider', 'c'), coalesce(current_schema(), 'public'),
       version() ~ 'linux'
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
       has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),
       CASE WHEN c.relkind IN ('r', 'm') AND m.amname = 'heap' AND NOT c.relhassubclass AND NOT c.relrowsecurity
                 AND has_table_privilege(c.oid, 'SELECT') THEN c.relpages END
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_am AS m ON m.oid = c.relam
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
"""One row per relation that people name: partitions are part of their parent. The last column is the number of pages where
rows can be told apart by their place: in a heap of its own, all of which we may read."""

COLUMNS = """
SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attndims::int4, a.attcollation,
       NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND k.contype = 'n'
                                   AND NOT k.convalidated AND a.attnum = ANY (k.conkey)),
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
  AND (c.relkind = 'p' OR NOT c.relhassubclass)
ORDER BY i.indexrelid
"""
"""Unique keys that hold at every moment for every row: no partial, expression or deferrable ones, and none of a table whose
rows are also those of tables that inherit from it."""

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

STATISTICS = """
WITH shown AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
), size AS (
  SELECT CASE WHEN count(*) <= 1000 THEN 100 WHEN count(*) <= 10000 THEN 20 ELSE 5 END AS points
  FROM pg_stats AS s WHERE s.schemaname NOT IN ('pg_catalog', 'information_schema')
)
SELECT DISTINCT ON (shown.oid, s.attname) shown.oid, s.attname, s.null_frac, s.avg_width, s.n_distinct, s.correlation,
       CASE WHEN s.avg_width <= 64 THEN (s.most_common_vals::text::text[])[:size.points] END,
       CASE WHEN s.avg_width <= 64 THEN s.most_common_freqs[:size.points] END,
       CASE WHEN s.avg_width <= 64 THEN ARRAY(
         SELECT bound FROM unnest(s.histogram_bounds::text::text[]) WITH ORDINALITY AS b(bound, place)
         WHERE (place - 1) % greatest(1, (array_length(s.histogram_bounds::text::text[], 1) - 1) / size.points) = 0
         ORDER BY place) END
FROM pg_stats AS s JOIN shown ON shown.nspname = s.schemaname AND shown.relname = s.tablename CROSS JOIN size
ORDER BY shown.oid, s.attname, s.inherited DESC
"""
"""One row per column that ANALYZE has seen, of tables that may be read. The more columns, the fewer points of each; none
of columns of long values. Rows with those of children come first, for that is what a query reads."""

TIMES = """
SELECT relid, extract(epoch FROM greatest(last_analyze, last_autoanalyze))::float8
FROM pg_stat_user_tables WHERE greatest(last_analyze, last_autoanalyze) IS NOT NULL
"""

INDEXES = """
SELECT i.indrelid,
       (SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
        WHERE k.place <= i.indnkeyatts)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
WHERE i.indisvalid AND i.indisready AND i.indpred IS NULL AND m.amname IN ('btree', 'hash')
  AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY i.indexrelid
"""
"""Indexes that find rows by value, with NULL where an expression stands."""

FOREIGN_KEYS = """
SELECT k.conrelid, n.nspname, r.relname,
       (SELECT array_agg(a.attname::text ORDER BY c.place) FROM unnest(k.conkey) WITH ORDINALITY AS c(number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.number),
       (SELECT array_agg(a.attname::text ORDER BY c.place) FROM unnest(k.confkey) WITH ORDINALITY AS c(number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.number),
       coalesce(to_jsonb(k)->>'conenforced', 'true')::bool AND NOT coalesce(to_jsonb(k)->>'conperiod', 'false')::bool
       AND o.relkind = 'r' AND NOT o.relhassubclass
       AND r.relkind = 'r' AND NOT r.relrowsecurity
       AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
       AND NOT EXISTS (SELECT FROM pg_subscription_rel AS s WHERE s.srrelid IN (k.conrelid, k.confrelid))
FROM pg_constraint AS k JOIN pg_class AS r ON r.oid = k.confrelid JOIN pg_namespace AS n ON n.oid = r.relnamespace
JOIN pg_class AS o ON o.oid = k.conrelid
WHERE k.contype = 'f' AND k.convalidated AND k.conparentid = 0
ORDER BY k.oid
"""
"""With whether every row that can be seen keeps it: not where triggers are disabled, rows are applied by a subscription (which
fires none), a policy hides rows of the referred table, or rows are also those of tables that inherit or are partitions. A
deferred one is kept by whatever is committed."""

FOREIGN = """
WITH RECURSIVE far AS (
  SELECT oid FROM pg_class WHERE relkind = 'f'
  UNION
  SELECT above.oid FROM far CROSS JOIN LATERAL (
    SELECT inhparent AS oid FROM pg_inherits WHERE inhrelid = far.oid
    UNION ALL
    SELECT r.ev_class FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = far.oid
  ) AS above JOIN pg_class AS c ON c.oid = above.oid AND c.relkind <> 'm'
)
SELECT oid FROM far
"""
"""Relations with rows of other servers: foreign tables, what they are partitions of, and views of such. What a materialized
view took from them is here."""
