"""Pure functions that PostgreSQL does not have. Data only, in the words of ``bind.signatures``."""

MORE = """
levenshtein(text, text) -> int4
"""
