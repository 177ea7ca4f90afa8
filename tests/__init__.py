"""Everything that proves Hanse right; the folders say how."""
