"""What of the catalog follows from the rest of it: PostgreSQL's views of pg_catalog and of the information schema.

They are filled once, when the catalog is. Columns that a query here does not have are NULL. Everything is read only,
and says so.
Sources: PostgreSQL's manual, System Views and The Information Schema.
"""

_NAMESPACE = "JOIN cat.pg_namespace n ON n.oid = c.relnamespace"
_USER = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
_NUMBERS = {
    "pg_stat_all_tables": "true",
    "pg_stat_user_tables": _USER,
    "pg_stat_sys_tables": f"NOT ({_USER})",
    "pg_statio_all_tables": "true",
    "pg_statio_user_tables": _USER,
}
_CONSTRAINED = """FROM cat.pg_constraint k JOIN cat.pg_class c ON c.oid = k.conrelid JOIN cat.pg_namespace n ON n.oid
  = c.relnamespace
  CROSS JOIN cat.pg_database d"""
_PLACED = "(SELECT k.*, unnest(k.conkey) AS num, generate_subscripts(k.conkey, 1) AS place FROM cat.pg_constraint k)"
_COLUMNS = f"""FROM cat.pg_attribute a JOIN cat.pg_class c ON c.oid = a.attrelid {_NAMESPACE}
  JOIN cat.pg_type t ON t.oid = a.atttypid CROSS JOIN cat.pg_database d
  WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped"""
_TABLE = "d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name"
_GRANTS = f"'hanse' AS grantor, 'PUBLIC' AS grantee, {_TABLE}"
_ELEMENTS = _COLUMNS.replace("CROSS JOIN", "JOIN cat.pg_type e ON e.oid = t.typelem CROSS JOIN")
_TYPED = """CASE WHEN t.typcategory = 'A' THEN 'ARRAY' ELSE pg.format_type(t.oid, NULL) END AS data_type"""

STATEMENTS: dict[str, str] = {
    "cat.pg_tables": f"""SELECT n.nspname AS schemaname, c.relname AS tablename, pg.pg_get_userbyid(c.relowner) AS tableowner,
  c.relhasindex AS hasindexes, c.relhasrules AS hasrules, c.relhastriggers AS hastriggers, c.relrowsecurity AS rowsecurity
  FROM cat.pg_class c {_NAMESPACE} WHERE c.relkind = 'r'""",
    "cat.pg_views": f"""SELECT n.nspname AS schemaname, c.relname AS viewname, pg.pg_get_userbyid(c.relowner) AS viewowner
  FROM cat.pg_class c {_NAMESPACE} WHERE c.relkind = 'v'""",
    "cat.pg_indexes": f"""SELECT n.nspname AS schemaname, c.relname AS tablename, i.relname AS indexname,
  pg.pg_get_indexdef(i.oid) AS indexdef FROM cat.pg_index x JOIN cat.pg_class c ON c.oid = x.indrelid
  JOIN cat.pg_class i ON i.oid = x.indexrelid {_NAMESPACE}""",
    "cat.pg_roles": """SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
  rolconnlimit,
  '********' AS rolpassword, rolbypassrls, oid FROM cat.pg_authid""",
    "cat.pg_user": """SELECT rolname AS usename, oid AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper,
  rolreplication AS userepl, rolbypassrls AS usebypassrls, '********' AS passwd FROM cat.pg_authid WHERE rolcanlogin""",
    "cat.pg_stat_database": "SELECT oid AS datid, datname FROM cat.pg_database",
    **{
        f"cat.{view}": f"""SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS relname
  {", greatest(c.reltuples, 0)::BIGINT AS n_live_tup" if "statio" not in view else ""}
  FROM cat.pg_class c {_NAMESPACE} WHERE c.relkind = 'r' AND {condition}"""
        for view, condition in _NUMBERS.items()
    },
    "inf.information_schema_catalog_name": "SELECT datname AS catalog_name FROM cat.pg_database",
    "inf.schemata": """SELECT d.datname AS catalog_name, n.nspname AS schema_name, pg.pg_get_userbyid(n.nspowner) AS
  schema_owner
  FROM cat.pg_namespace n CROSS JOIN cat.pg_database d""",
    "inf.tables": f"""SELECT d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
  CASE c.relkind WHEN 'r' THEN 'BASE TABLE' ELSE 'VIEW' END AS table_type, 'NO' AS is_insertable_into, 'NO' AS is_typed
  FROM cat.pg_class c {_NAMESPACE} CROSS JOIN cat.pg_database d WHERE c.relkind IN ('r', 'v')""",
    "inf.views": f"""SELECT d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name, 'NONE' AS
  check_option,
  'NO' AS is_updatable, 'NO' AS is_insertable_into, 'NO' AS is_trigger_updatable, 'NO' AS is_trigger_deletable,
  'NO' AS is_trigger_insertable_into FROM cat.pg_class c {_NAMESPACE} CROSS JOIN cat.pg_database d WHERE c.relkind = 'v'""",
    "inf.columns": f"""SELECT d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
  a.attname AS column_name, a.attnum AS ordinal_position, CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS
  is_nullable, {_TYPED},
  CASE WHEN t.typname IN ('text', 'varchar') THEN 1073741824 END AS character_octet_length,
  CASE t.typname WHEN 'int2' THEN 16 WHEN 'int4' THEN 32 WHEN 'int8' THEN 64 WHEN 'float4' THEN 24 WHEN 'float8' THEN 53
  WHEN 'numeric' THEN CASE WHEN a.atttypmod >= 4 THEN (a.atttypmod - 4) >> 16 END END AS numeric_precision,
  CASE WHEN t.typname IN ('int2', 'int4', 'int8', 'float4', 'float8') THEN 2 WHEN t.typname = 'numeric' THEN 10 END
  AS numeric_precision_radix, CASE WHEN t.typname IN ('int2', 'int4', 'int8') THEN 0
  WHEN t.typname = 'numeric' AND a.atttypmod >= 4 THEN (a.atttypmod - 4) & 65535 END AS numeric_scale,
  CASE WHEN t.typname = 'date' THEN 0 WHEN t.typname IN ('time', 'timetz', 'timestamp', 'timestamptz', 'interval') THEN 6 END
  AS datetime_precision, d.datname AS udt_catalog, 'pg_catalog' AS udt_schema, t.typname AS udt_name,
  a.attnum::VARCHAR AS dtd_identifier, 'NO' AS is_self_referencing, 'NO' AS is_identity, 'NO' AS identity_cycle,
  'NEVER' AS is_generated, 'NO' AS is_updatable {_COLUMNS}""",
    "inf.element_types": f"""SELECT d.datname AS object_catalog, n.nspname AS object_schema, c.relname AS object_name,
  CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS object_type, a.attnum::VARCHAR AS collection_type_identifier,
  pg.format_type(e.oid, NULL) AS data_type, d.datname AS udt_catalog, 'pg_catalog' AS udt_schema, e.typname AS udt_name,
  'a' || a.attnum::VARCHAR AS dtd_identifier {_ELEMENTS}
  AND t.typcategory = 'A'""",
    "inf.table_constraints": f"""SELECT d.datname AS constraint_catalog, n.nspname AS constraint_schema, k.conname AS
  constraint_name,
  d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name, CASE k.contype WHEN 'p' THEN 'PRIMARY KEY'
  WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END AS constraint_type, 'NO' AS is_deferrable, 'NO' AS initially_deferred,
  CASE WHEN k.convalidated THEN 'YES' ELSE 'NO' END AS enforced, CASE WHEN k.contype = 'u' THEN 'YES' END AS nulls_distinct
  {_CONSTRAINED}""",
    "inf.key_column_usage": f"""SELECT d.datname AS constraint_catalog, n.nspname AS constraint_schema, k.conname AS
  constraint_name,
  d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name, a.attname AS column_name,
  k.place AS ordinal_position, CASE WHEN k.contype = 'f' THEN k.place END AS position_in_unique_constraint
  {_CONSTRAINED.replace("cat.pg_constraint", _PLACED)} JOIN cat.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num""",
    "inf.constraint_column_usage": f"""SELECT d.datname AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
  a.attname AS column_name, d.datname AS constraint_catalog, o.nspname AS constraint_schema, k.conname AS constraint_name
  FROM (SELECT k.*, CASE WHEN k.contype = 'f' THEN k.confrelid ELSE k.conrelid END AS relation,
    unnest(CASE WHEN k.contype = 'f' THEN k.confkey ELSE k.conkey END) AS num FROM cat.pg_constraint k) k
  JOIN cat.pg_class c ON c.oid = k.relation {_NAMESPACE} JOIN cat.pg_namespace o ON o.oid = k.connamespace
  JOIN cat.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num CROSS JOIN cat.pg_database d""",
    "inf.referential_constraints": f"""SELECT d.datname AS constraint_catalog, n.nspname AS constraint_schema,
  k.conname AS constraint_name, d.datname AS unique_constraint_catalog, o.nspname AS unique_constraint_schema,
  u.conname AS unique_constraint_name, 'NONE' AS match_option, 'NO ACTION' AS update_rule, 'NO ACTION' AS delete_rule
  {_CONSTRAINED} LEFT JOIN cat.pg_constraint u ON u.conrelid = k.confrelid AND u.contype IN ('p', 'u')
  AND list_sort(u.conkey) = list_sort(k.confkey) LEFT JOIN cat.pg_namespace o ON o.oid = u.connamespace
  WHERE k.contype = 'f'""",
    **{
        f"inf.{view}": f"""SELECT {_GRANTS}, 'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy
  FROM cat.pg_class c {_NAMESPACE} CROSS JOIN cat.pg_database d WHERE c.relkind IN ('r', 'v')"""
        for view in ("table_privileges", "role_table_grants")
    },
    "inf.column_privileges": f"""SELECT {_GRANTS}, a.attname AS column_name, 'SELECT' AS privilege_type, 'NO' AS is_grantable
  {_COLUMNS}""",
    "inf.enabled_roles": "SELECT rolname AS role_name FROM cat.pg_authid",
    "inf.character_sets": """SELECT 'UTF8' AS character_set_name, 'UCS' AS character_repertoire, 'UTF8' AS form_of_use,
  datname AS default_collate_catalog, 'pg_catalog' AS default_collate_schema, 'C.UTF-8' AS default_collate_name
  FROM cat.pg_database""",
    "inf.collations": """SELECT d.datname AS collation_catalog, 'pg_catalog' AS collation_schema, c.collname AS
  collation_name,
  'NO PAD' AS pad_attribute FROM cat.pg_collation c CROSS JOIN cat.pg_database d""",
}
"""By relation, the query whose rows it has."""
