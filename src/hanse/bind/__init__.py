"""Names to columns, syntax to a typed plan: every coercion explicit, every function resolved. No I/O."""
