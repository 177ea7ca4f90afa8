"""Functions in FROM: what PostgreSQL 15 takes, and the columns that it yields. Data only, in the words of
``bind.signatures``; the result is a list of columns, each a name and a type."""

TABLES = """
generate_series(int4, int4) -> generate_series int4
generate_series(int8, int8) -> generate_series int8
generate_series(num, num) -> generate_series same
generate_series(int4, int4, int4) -> generate_series int4
generate_series(int8, int8, int8) -> generate_series int8
generate_series(num, num, num) -> generate_series same
generate_series(ts, ts, interval) -> generate_series ts
generate_series(tstz, tstz, interval) -> generate_series tstz
unnest(T[]) -> unnest T
json_each(json) -> key text; value json
jsonb_each(json) -> key text; value json
json_each_text(json) -> key text; value text
jsonb_each_text(json) -> key text; value text
json_array_elements(json) -> value json
jsonb_array_elements(json) -> value json
json_array_elements_text(json) -> value text
jsonb_array_elements_text(json) -> value text
json_object_keys(json) -> json_object_keys text
jsonb_object_keys(json) -> jsonb_object_keys text
regexp_split_to_table(text, text) -> regexp_split_to_table text
regexp_split_to_table(text, text, text) -> regexp_split_to_table text
regexp_matches(text, text) -> regexp_matches text[]
regexp_matches(text, text, text) -> regexp_matches text[]
string_to_table(text, text) -> string_to_table text
string_to_table(text, text, text) -> string_to_table text
generate_subscripts(T[], int4) -> generate_subscripts int4
"""
