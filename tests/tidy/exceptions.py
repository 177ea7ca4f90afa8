"""What may break a house rule, and why. These lists only shrink.

An entry that is not needed any more fails the tests, and a number is a ceiling that the next change may lower but not
raise. Paths are written from the project's folder.
"""

# Files that hold one table of data and nothing else: no limit of size.
DATA_TABLES: frozenset[str] = frozenset()

# path -> lines it may have, above the limit for everybody else
LONG_FILES: dict[str, int] = {}

# "path:Class.function" -> lines it may have, above the limit for everybody else
LONG_FUNCTIONS: dict[str, int] = {}

# "path:Class.function" -> parameters it may have
MANY_PARAMETERS: dict[str, int] = {}

# "path:module" -> why the import stands inside a function
LOCAL_IMPORTS: dict[str, str] = {}

# path -> why a test there may be skipped at run time
SKIPS: dict[str, str] = {
    "tests/conftest.py": "a server that the caller gave may come without its certificate's authority",
    "tests/unit/benchmarks/test_peers.py": "the engines beside ours take minutes and a gigabyte, where a folder is named for them",
}
