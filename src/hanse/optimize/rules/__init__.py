"""The rules, one per file; ``optimize.phases`` lists them in the order in which they run."""
