"""The values that travel along the arrow: types, expressions, plans, fragments; one walk, one check, one printer.

Nothing here does anything: a stage is a function over these values, and every value prints itself (``ir.text``).
"""
