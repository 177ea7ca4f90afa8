"""TPC-H and TPC-DS over tables that are spread over several kinds of source, against DuckDB's own answers."""
