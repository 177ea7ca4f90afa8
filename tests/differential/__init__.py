"""The differential fuzzer: random tables over every kind of source, random queries, and one answer for all of them."""
