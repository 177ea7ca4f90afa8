"""Real PostgreSQL and MariaDB for the tests: found or installed, started on free ports of loopback, stopped whatever happens.

    packages   where the server programs are; as root, `apt-get` brings what is missing
    postgres   how one PostgreSQL is made, started and stopped       mariadb   the same for MariaDB
    keeper     a process of its own that owns one server and outlives nobody: when its stdin closes, the server stops
    running    starts keepers and hands out their URLs, unless HANSE_TEST_PG_URL / HANSE_TEST_MYSQL_URL name a server
    databases  fresh databases on a server, dropped afterwards

`scripts/with_servers.py COMMAND ...` starts both once and runs a command; the fixtures are in `tests/conftest.py`.
"""
