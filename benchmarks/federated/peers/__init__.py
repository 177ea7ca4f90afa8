"""The engines that are measured: each opens over sources, answers SQL with rows, and can be closed."""
