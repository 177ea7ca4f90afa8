"""The command line: one file per family of commands, all over the public Engine."""
