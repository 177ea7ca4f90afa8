"""Golden files: what a stage makes of a statement, as text that a person reads."""
