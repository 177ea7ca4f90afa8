"""The functions of PostgreSQL that the catalog database has as macros, in its schema ``pg``.

Macros are not hygienic: an argument ``oid`` that a macro uses in a subquery is captured by a column ``oid`` there,
and ``c.oid`` by an alias ``c``. So what is read here are views whose names, columns and aliases all begin with ``z_``.
Arguments that do not matter are still there, so that a wrong number of them is an error.
"""

VIEWS = {
    "z_names": "SELECT oid AS z_oid, relname AS z_name, schema AS z_schema, alone AS z_alone, rivals AS z_rivals FROM pg.names",
    "z_types": "SELECT oid AS z_oid, typname AS z_name, base AS z_base, suffix AS z_suffix FROM pg.formats",
    "z_constraints": "SELECT oid AS z_oid, definition AS z_text FROM pg.constraints",
    "z_indexes": "SELECT oid AS z_oid, definition AS z_text FROM pg.indexes",
    "z_descriptions": "SELECT objoid AS z_of, objsubid AS z_place, description AS z_text FROM cat.pg_description",
    "z_columns": "SELECT attrelid AS z_of, attnum AS z_place, attname AS z_name FROM cat.pg_attribute",
    "z_roles": "SELECT oid AS z_oid, rolname AS z_name FROM cat.pg_authid",
    "z_schemas": "SELECT oid AS z_oid, nspname AS z_name FROM cat.pg_namespace",
    "z_functions": "SELECT oid AS z_oid, proname AS z_name FROM cat.pg_proc",
}
"""What macros read."""
NO_ANSWER = (
    "pg_get_ruledef(a, b := NULL)",
    "pg_get_triggerdef(a, b := NULL)",
    "pg_get_partkeydef(a)",
    "pg_get_function_result(a)",
    "pg_get_function_arguments(a)",
    "pg_get_function_identity_arguments(a)",
    "pg_get_functiondef(a)",
    "pg_get_serial_sequence(a, b)",
    "pg_get_statisticsobjdef_columns(a)",
    "pg_get_statisticsobjdef(a)",
    "pg_get_partition_constraintdef(a)",
    "pg_get_viewdef(a, b := NULL)",
    "pg_get_expr(a, b, c := NULL)",
    "shobj_description(a, b)",
    "pg_collation_actual_version(a)",
    "pg_database_collation_actual_version(a)",
    "pg_describe_object(a, b, c)",
    "inet_server_addr()",
    "inet_client_addr()",
    "pg_walfile_name(a)",
)
"""Those that return text, and have none."""
NUMBERS = (
    "pg_database_size(a)",
    "pg_table_size(a)",
    "pg_relation_size(a, b := NULL)",
    "pg_total_relation_size(a)",
    "pg_indexes_size(a)",
    "pg_tablespace_size(a)",
    "pg_stat_get_numscans(a)",
    "pg_stat_get_live_tuples(a)",
    "pg_stat_get_tuples_inserted(a)",
)
"""Those that count what nobody counts here: 0."""
VISIBLE = (
    "pg_function_is_visible(a)",
    "pg_operator_is_visible(a)",
    "pg_opclass_is_visible(a)",
    "pg_opfamily_is_visible(a)",
    "pg_collation_is_visible(a)",
    "pg_conversion_is_visible(a)",
    "pg_statistics_obj_is_visible(a)",
    "pg_ts_config_is_visible(a)",
    "pg_ts_dict_is_visible(a)",
    "pg_indexam_has_property(a, b)",
    "pg_index_has_property(a, b)",
    "pg_has_role(a, b, c := NULL)",
    "has_database_privilege(a, b, c := NULL)",
    "has_function_privilege(a, b, c := NULL)",
    "has_language_privilege(a, b, c := NULL)",
    "has_type_privilege(a, b, c := NULL)",
    "has_tablespace_privilege(a, b, c := NULL)",
)
"""Those that are true of everything that is there."""
FALSE = (
    "pg_relation_is_publishable(a)",
    "pg_is_other_temp_schema(a)",
    "pg_is_in_recovery()",
    "pg_is_wal_replay_paused()",
    "row_security_active(a)",
    "pg_column_is_updatable(a, b, c := NULL)",
    "has_sequence_privilege(a, b, c := NULL)",
    "has_server_privilege(a, b, c := NULL)",
    "has_foreign_data_wrapper_privilege(a, b, c := NULL)",
)
READING = (
    "has_table_privilege(a, b, c := NULL)",
    "has_schema_privilege(a, b, c := NULL)",
    "has_any_column_privilege(a, b, c := NULL)",
)
"""Rights: to read is all that anybody has."""
OTHERS = r"""
may_read(p) AS coalesce(regexp_matches(lower(p), '(^|,)\s*(select|usage)'), true)
has_column_privilege(a, b, c, d := NULL) AS pg.may_read(coalesce(d, c)::VARCHAR)
string_to_array(s, d) AS CASE WHEN s = '' THEN [] ELSE string_split(s, d) END
parts(s) AS list_transform(regexp_extract_all(s, '"(?:[^"]|"")*"|[^".\s]+'), lambda z_p:
  CASE WHEN starts_with(z_p, '"') THEN replace(z_p[2:-2], '""', '"') ELSE lower(z_p) END)
parse_ident(s) AS pg.parts(s)
array_remove(l, v) AS list_filter(l, lambda z_v: z_v IS DISTINCT FROM v)
array_length(l, d) AS CASE WHEN d = 1 THEN nullif(len(l), 0)::INTEGER END
array_ndims(l) AS CASE WHEN len(l) > 0 THEN 1 END
item(l, i) AS CASE WHEN i > 0 THEN list_extract(l, i) END
expanded(l) AS list_transform(l, lambda z_v, z_i: struct_pack(x := z_v, n := z_i::INTEGER))
array_text(l) AS '{' || array_to_string(l, ',') || '}'
quote_ident(s) AS CASE WHEN regexp_full_match(s, '[a-z_][a-z0-9_$]*')
  AND NOT list_contains(RESERVED, s::VARCHAR) THEN s ELSE '"' || replace(s, '"', '""') || '"' END
quote_literal(s) AS '''' || replace(s::VARCHAR, '''', '''''') || ''''
quote_nullable(s) AS coalesce('''' || replace(s::VARCHAR, '''', '''''') || '''', 'NULL')
to_char(v, f) AS v::VARCHAR
format_type(o, m) AS CASE WHEN o IS NULL THEN NULL WHEN o = 0 THEN '-' ELSE coalesce((SELECT CASE
    WHEN coalesce(m, -1) < 0 THEN z_f.z_base
    WHEN z_f.z_base = 'numeric' THEN 'numeric(' || ((m - 4) >> 16)::VARCHAR || ',' || ((m - 4) & 65535)::VARCHAR || ')'
    WHEN z_f.z_base IN ('character varying', 'character') THEN z_f.z_base || '(' || (m - 4)::VARCHAR || ')'
    ELSE z_f.z_base END || z_f.z_suffix FROM pg.z_types z_f WHERE z_f.z_oid = o::BIGINT), '???') END
obj_description(o, c := NULL) AS (SELECT first(z_d.z_text) FROM pg.z_descriptions z_d
  WHERE z_d.z_of = o AND z_d.z_place = 0)
col_description(o, n) AS (SELECT first(z_d.z_text) FROM pg.z_descriptions z_d WHERE z_d.z_of = o AND z_d.z_place = n)
pg_get_constraintdef(o, p := NULL) AS (SELECT first(z_d.z_text) FROM pg.z_constraints z_d WHERE z_d.z_oid = o)
pg_get_indexdef(o, n := 0, p := NULL) AS CASE WHEN n = 0 THEN (SELECT first(z_d.z_text) FROM pg.z_indexes z_d
  WHERE z_d.z_oid = o) ELSE (SELECT first(z_a.z_name) FROM pg.z_columns z_a WHERE z_a.z_of = o AND z_a.z_place = n) END
pg_get_userbyid(o) AS coalesce((SELECT first(z_r.z_name) FROM pg.z_roles z_r WHERE z_r.z_oid = o),
  'unknown (OID=' || o::VARCHAR || ')')
role_named(n) AS (SELECT first(z_r.z_oid) FROM pg.z_roles z_r WHERE z_r.z_name = n)
pg_encoding_to_char(n) AS CASE WHEN n = 6 THEN 'UTF8' WHEN n = 0 THEN 'SQL_ASCII' ELSE '' END
pg_char_to_encoding(n) AS CASE WHEN upper(n) IN ('UTF8', 'UTF-8', 'UNICODE') THEN 6 WHEN n = 'SQL_ASCII' THEN 0 ELSE -1 END
getdatabaseencoding() AS 'UTF8'
pg_size_pretty(n) AS n::VARCHAR || ' bytes'
pg_tablespace_location(o) AS ''
pg_export_snapshot() AS '00000003-00000001-1'
pg_my_temp_schema() AS 0::UINTEGER
pg_partition_root(o) AS NULL::UINTEGER
pg_relation_filenode(o) AS NULL::UINTEGER
pg_sequence_last_value(o) AS NULL::BIGINT
pg_relation_is_updatable(o, i) AS 0
pg_trigger_depth() AS 0
txid_current() AS 1::BIGINT
pg_advisory_unlock_all() AS ''
age(x) AS 0
inet_server_port() AS NULL::INTEGER
inet_client_port() AS NULL::INTEGER
pg_postmaster_start_time() AS STARTED
pg_conf_load_time() AS STARTED
pg_last_xact_replay_timestamp() AS NULL::TIMESTAMP
pg_index_column_has_property(o, n, p) AS lower(p) IN ('asc', 'orderable', 'nulls_last', 'search_array', 'search_nulls')
pg_type_is_visible(o) AS EXISTS (SELECT 1 FROM pg.z_types z_t WHERE z_t.z_oid = o)
table_is_visible(o, p) AS (SELECT first(z_n.z_alone OR z_n.z_schema = list_filter(p, lambda z_s:
  list_contains(z_n.z_rivals, z_s))[1])
  FROM pg.z_names z_n WHERE z_n.z_oid = o)
class_named(s, p) AS CASE WHEN regexp_full_match(s, '\d+') THEN s::UINTEGER ELSE (SELECT first(z_n.z_oid) FROM
  pg.z_names z_n
  WHERE z_n.z_name = pg.parts(s)[-1] AND CASE WHEN len(pg.parts(s)) > 1 THEN z_n.z_schema = pg.parts(s)[-2]
  ELSE pg.table_is_visible(z_n.z_oid, p) END) END
class_text(o, p) AS CASE WHEN o = 0 THEN '-' ELSE coalesce((SELECT first(CASE WHEN pg.table_is_visible(z_n.z_oid, p) THEN ''
  ELSE pg.quote_ident(z_n.z_schema) || '.' END || pg.quote_ident(z_n.z_name)) FROM pg.z_names z_n WHERE z_n.z_oid = o),
  o::VARCHAR) END
type_named(s) AS CASE WHEN regexp_full_match(s, '\d+') THEN s::UINTEGER ELSE (SELECT first(z_f.z_oid) FROM pg.z_types z_f
  WHERE z_f.z_base || z_f.z_suffix = replace(replace(lower(s), 'pg_catalog.', ''), '"', '')
  OR z_f.z_name = replace(replace(s, 'pg_catalog.', ''), '"', '')) END
type_text(o) AS pg.format_type(o, NULL)
namespace_named(s) AS (SELECT first(z_s.z_oid) FROM pg.z_schemas z_s WHERE z_s.z_name = pg.parts(s)[1])
namespace_text(o) AS coalesce((SELECT first(pg.quote_ident(z_s.z_name)) FROM pg.z_schemas z_s WHERE z_s.z_oid = o),
  o::VARCHAR)
role_text(o) AS coalesce((SELECT first(pg.quote_ident(z_r.z_name)) FROM pg.z_roles z_r WHERE z_r.z_oid = o), o::VARCHAR)
proc_named(s) AS (SELECT first(z_p.z_oid) FROM pg.z_functions z_p WHERE z_p.z_name = pg.parts(s)[-1])
proc_text(o) AS CASE WHEN o = 0 THEN '-' ELSE coalesce((SELECT first(z_p.z_name) FROM pg.z_functions z_p WHERE
  z_p.z_oid = o),
  o::VARCHAR) END
"""


def definitions(reserved: str, started: str) -> list[str]:
    """Each macro as ``name(arguments) AS body``, in an order in which each knows those that it uses. ``reserved`` is
    the list
    of words that must be quoted and ``started`` the moment since which we are there, both as expressions."""
    joined: list[str] = []
    for line in OTHERS.strip().splitlines():
        if line.startswith(" "):
            joined[-1] += line
        else:
            joined.append(line)
    made = [f"{one} AS NULL::VARCHAR" for one in NO_ANSWER]
    made += [f"{one} AS 0::BIGINT" for one in NUMBERS]
    made += [f"{one} AS true" for one in VISIBLE]
    made += [f"{one} AS false" for one in FALSE]
    made += [one.replace("RESERVED", reserved).replace("STARTED", started) for one in joined]
    return made + [f"{one} AS pg.may_read(coalesce(c, b)::VARCHAR)" for one in READING]
