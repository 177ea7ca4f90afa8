"""Every function that a statement about the catalog may call: how the catalog database spells it, and what it returns.

Nothing else can be called: the catalog database has functions that read files, and clients know none of them. What needs the
session (``current_user``, ``current_setting``) is in ``session``; what returns sets, in ``sets``. Sources: PostgreSQL's manual,
System Information Functions, System Administration Functions, String Functions, Array Functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hanse.server.pgcatalog import types as t

FIRST = -1
"""Returns what its first argument is of."""
LIST = -2
"""Returns a list of what its first argument is of."""
ITEM = -3
"""Returns an item of its first argument."""


@dataclass(frozen=True, slots=True)
class Function:
    """``spelled`` is its name in the catalog database; ``returns`` an oid, FIRST, LIST, ITEM, or None: as its carrier says."""

    spelled: str
    returns: int | None = None


def _builtin(returns: int | None, *names: str) -> dict[str, Function]:
    return {name: Function(name, returns) for name in names}


def _macros(returns: int | None, *names: str) -> dict[str, Function]:
    return {name: Function(f"pg.{name}", returns) for name in names}


FUNCTIONS: Mapping[str, Function] = {
    **_builtin(t.TEXT, "lower", "upper", "concat", "concat_ws", "replace", "left", "right", "lpad", "rpad", "repeat"),
    **_builtin(t.TEXT, "split_part", "reverse", "chr", "md5", "translate", "regexp_replace", "substr", "substring"),
    **_builtin(t.TEXT, "ltrim", "rtrim", "string_agg", "array_to_string"),
    **_builtin(t.INT4, "length", "strpos", "ascii"),
    **_builtin(t.INT8, "count", "row_number", "rank", "dense_rank"),
    **_builtin(t.BOOL, "bool_and", "bool_or", "starts_with"),
    **_builtin(t.FLOAT8, "random"),
    **_builtin(None, "abs", "round", "floor", "ceil", "sum", "avg", "date_trunc", "date_part"),
    **_builtin(
        FIRST, "coalesce", "nullif", "greatest", "least", "max", "min", "lag", "lead", "first_value", "last_value"
    ),
    **_builtin(LIST, "array_agg"),
    "every": Function("bool_and", t.BOOL),
    "char_length": Function("length", t.INT4),
    "character_length": Function("length", t.INT4),
    "octet_length": Function("strlen", t.INT4),
    "btrim": Function("trim", t.TEXT),
    "array_append": Function("list_append", FIRST),
    "array_cat": Function("list_concat", FIRST),
    "cardinality": Function("len", t.INT4),
    "json_build_object": Function("json_object", 114),
    "jsonb_build_object": Function("json_object", 3802),
    "json_agg": Function("json_group_array", 114),
    "to_json": Function("to_json", 114),
    "row_to_json": Function("to_json", 114),
    **_macros(FIRST, "array_remove"),
    **_macros(1009, "string_to_array", "parse_ident"),
    **_macros(t.INT4, "array_length", "array_ndims", "pg_char_to_encoding", "inet_server_port", "inet_client_port"),
    **_macros(t.TEXT, "quote_ident", "quote_literal", "quote_nullable", "format_type", "col_description"),
    **_macros(t.TEXT, "obj_description", "shobj_description", "pg_get_expr", "pg_get_constraintdef", "pg_get_indexdef"),
    **_macros(t.TEXT, "pg_get_viewdef", "pg_get_ruledef", "pg_get_triggerdef", "pg_get_partkeydef", "pg_size_pretty"),
    **_macros(t.TEXT, "pg_get_function_result", "pg_get_function_arguments", "pg_get_function_identity_arguments"),
    **_macros(t.TEXT, "pg_get_functiondef", "pg_get_serial_sequence", "pg_get_statisticsobjdef_columns"),
    **_macros(t.TEXT, "pg_get_statisticsobjdef", "pg_get_partition_constraintdef", "pg_tablespace_location"),
    **_macros(t.TEXT, "pg_export_snapshot", "pg_collation_actual_version", "pg_database_collation_actual_version"),
    **_macros(t.TEXT, "pg_describe_object", "inet_server_addr", "inet_client_addr", "pg_walfile_name", "to_char"),
    **_macros(t.NAME, "pg_get_userbyid", "pg_encoding_to_char", "getdatabaseencoding"),
    **_macros(t.INT8, "pg_database_size", "pg_table_size", "pg_relation_size", "pg_total_relation_size"),
    **_macros(t.INT8, "pg_indexes_size", "pg_tablespace_size", "pg_stat_get_numscans", "txid_current"),
    **_macros(t.INT8, "pg_sequence_last_value", "pg_stat_get_live_tuples", "pg_stat_get_tuples_inserted"),
    **_macros(t.INT4, "age", "pg_trigger_depth"),
    **_macros(t.VOID, "pg_advisory_unlock_all"),
    **_macros(t.OID, "pg_my_temp_schema", "pg_partition_root", "pg_relation_filenode"),
    **_macros(
        t.BOOL, "pg_type_is_visible", "pg_function_is_visible", "pg_operator_is_visible", "pg_opclass_is_visible"
    ),
    **_macros(t.BOOL, "pg_collation_is_visible", "pg_conversion_is_visible", "pg_statistics_obj_is_visible"),
    **_macros(t.BOOL, "pg_ts_config_is_visible", "pg_ts_dict_is_visible", "pg_opfamily_is_visible"),
    **_macros(t.BOOL, "pg_relation_is_publishable", "pg_is_other_temp_schema"),
    **_macros(t.BOOL, "pg_is_in_recovery", "pg_is_wal_replay_paused", "row_security_active"),
    **_macros(t.BOOL, "has_table_privilege", "has_schema_privilege", "has_database_privilege", "has_column_privilege"),
    **_macros(t.BOOL, "has_any_column_privilege", "has_function_privilege", "has_sequence_privilege"),
    **_macros(
        t.BOOL, "has_language_privilege", "has_tablespace_privilege", "has_type_privilege", "has_server_privilege"
    ),
    **_macros(t.BOOL, "has_foreign_data_wrapper_privilege", "pg_has_role", "pg_index_column_has_property"),
    **_macros(t.BOOL, "pg_indexam_has_property", "pg_index_has_property", "pg_column_is_updatable"),
    **_macros(t.INT4, "pg_relation_is_updatable"),
    **_macros(t.TIMESTAMPTZ, "pg_postmaster_start_time", "pg_conf_load_time", "pg_last_xact_replay_timestamp"),
    "pg_table_is_visible": Function("pg.table_is_visible", t.BOOL),
}
