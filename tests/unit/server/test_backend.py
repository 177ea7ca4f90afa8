"""The protocol after the login, message by message."""

from __future__ import annotations

import struct

import duckdb
import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled
from tests.unit.server.machine import (
    SYNC,
    Machine,
    bind,
    describe,
    errors,
    execute,
    fields,
    kinds,
    parse,
    query,
    rows,
    status,
    tags,
)


def test_a_simple_query(machine) -> None:
    answer = machine.send(query("SELECT id, name FROM wh.people ORDER BY id"))
    assert kinds(answer) == "TDDDCZ"
    assert rows(answer) == [("1", "Ann"), ("2", None), ("3", "Bö")]
    assert tags(answer) == ["SELECT 3"]
    assert status(answer) == "I"


def test_several_statements_until_one_fails(machine) -> None:
    answer = machine.send(query("SELECT 1; SELECT nope; SELECT 2"))
    assert rows(answer) == [("1",)]
    assert [error["C"] for error in errors(answer)] == ["42703"]
    assert errors(answer)[0]["P"] == "18", "the position is that in the whole text"
    assert kinds(answer) == "TDCEZ"


@pytest.mark.parametrize("nothing", ["", " ; ; ", "-- nothing"])
def test_an_empty_query(machine, nothing) -> None:
    assert kinds(machine.send(query(nothing))) == "IZ"
    assert kinds(machine.send(parse(nothing), bind(), describe(), execute(), SYNC)) == "12nIZ"


def test_errors_say_what_they_say_elsewhere(machine) -> None:
    (error,) = errors(machine.send(query("SELEC 1")))
    assert error["S"] == error["V"] == "ERROR"
    assert error["C"] == "42601"
    assert error["P"] == "1"
    (error,) = errors(machine.send(query("DROP TABLE wh.people")))
    assert "Hanse only reads" in error["M"]
    assert error["H"].startswith("statements are")


def test_the_extended_protocol(machine) -> None:
    answer = machine.send(
        parse("SELECT name FROM wh.people WHERE id = $1"), describe("S"), bind(b"3"), describe(), execute(), SYNC
    )
    assert kinds(answer) == "1tT2TDCZ"
    assert answer[1][1] == struct.pack(">hI", 1, 23)
    assert rows(answer) == [("Bö",)]


def test_a_parameter_of_a_type_that_clients_do_not_have_is_a_wider_one(machine) -> None:
    answer = machine.send(
        parse("SELECT id FROM wh.people WHERE small = $1"), describe("S"), bind(b"300"), execute(), SYNC
    )
    assert answer[1][1] == struct.pack(">hI", 1, 21)
    assert (kinds(answer), rows(answer)) == ("1tT2CZ", [])
    answer = machine.send(
        parse("SELECT id FROM wh.people WHERE small = $1"), bind(struct.pack(">h", 8), formats=(1,)), execute(), SYNC
    )
    assert rows(answer) == [("2",)]


def test_a_limit_of_rows_suspends_the_portal(machine) -> None:
    machine.send(query("BEGIN"))
    machine.send(parse("SELECT n FROM wh.numbers ORDER BY n"), bind(portal="p"), SYNC)
    first = machine.send(execute(2, "p"), SYNC)
    assert (kinds(first), rows(first)) == ("DDsZ", [("0",), ("1",)])
    second = machine.send(execute(3, "p"), SYNC)
    assert rows(second) == [("2",), ("3",), ("4",)]
    last = machine.send(execute(0, "p"), SYNC)
    assert tags(last) == ["SELECT 99995"]
    assert tags(machine.send(execute(0, "p"), SYNC)) == ["SELECT 0"]
    machine.send(query("COMMIT"))
    assert errors(machine.send(execute(0, "p"), SYNC))[0]["C"] == "34000"


def test_a_portal_outside_of_a_transaction_ends_with_sync(machine) -> None:
    machine.send(parse("SELECT n FROM wh.numbers"), bind(portal="p"), execute(1, "p"), SYNC)
    assert errors(machine.send(execute(1, "p"), SYNC))[0]["C"] == "34000"
    assert machine.backend.open_answers() == []


def test_after_an_error_everything_is_skipped_up_to_sync(machine) -> None:
    answer = machine.send(parse("SELECT nope"), bind(), execute(), query("SELECT 1"), SYNC, query("SELECT 2"))
    assert kinds(answer) == "EZTDCZ"
    assert rows(answer) == [("2",)]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([bind(name="nowhere")], "26000"),
        ([describe("S", "nowhere")], "26000"),
        ([execute(0, "nowhere")], "34000"),
        ([parse("SELECT 1", "a"), parse("SELECT 1", "a")], "42P05"),
        ([parse("SELECT 1"), bind(portal="a"), bind(portal="a")], "42P03"),
        ([parse("SELECT 1; SELECT 2")], "42601"),
        ([parse("SELECT $1::int"), bind()], "08P01"),
        ([parse("SELECT $1::int"), bind(b"x")], "22P02"),
        ([parse("SELECT $1::int"), bind(b"\xff")], "22021"),
        ([parse("SELECT $1::int"), bind(b"12345", formats=(1,))], "22P03"),
        ([parse("SELECT $1::int"), bind(b"1", formats=(7,))], "22023"),
        ([parse("SELECT $1", types=(600,))], "0A000"),
        ([parse("SELECT 1"), bind(wanted=(1, 1))], "08P01"),
        ([(b"F", b"")], "0A000"),
    ],
)
def test_what_is_wrong_is_an_error(machine, messages, code) -> None:
    assert [error["C"] for error in errors(machine.send(*messages, SYNC))] == [code]


def test_transactions_are_a_status(machine) -> None:
    assert status(machine.send(query("BEGIN"))) == "T"
    again = machine.send(query("BEGIN"))
    assert [fields(body)["C"] for kind, body in again if kind == "N"] == ["25001"]
    assert status(machine.send(query("SELECT nope"))) == "E"
    assert errors(machine.send(query("SELECT 1")))[0]["C"] == "25P02"
    ended = machine.send(query("COMMIT"))
    assert (tags(ended), status(ended)) == (["ROLLBACK"], "I")
    late = machine.send(query("ROLLBACK"))
    assert [fields(body)["C"] for kind, body in late if kind == "N"] == ["25P01"]


def test_savepoints_bring_a_failed_transaction_back(machine) -> None:
    machine.send(query("BEGIN; SAVEPOINT a"))
    machine.send(query("SELECT nope"))
    back = machine.send(query("ROLLBACK TO SAVEPOINT a"))
    assert (tags(back), status(back)) == (["ROLLBACK"], "T")
    machine.send(query("ROLLBACK"))
    assert errors(machine.send(query("SAVEPOINT a")))[0]["C"] == "25P01"


def test_variables_are_set_shown_and_told(machine) -> None:
    answer = machine.send(query("SET TimeZone = 'Europe/Berlin'; SELECT timestamptz '2026-07-01 00:00:00+00'"))
    assert rows(answer) == [("2026-07-01 02:00:00+02",)]
    assert ("S", b"TimeZone\0Europe/Berlin\0") in answer
    assert rows(machine.send(query("SHOW timezone"))) == [("Europe/Berlin",)]
    machine.send(query("RESET ALL"))
    assert rows(machine.send(query("SHOW time zone"))) == [("UTC",)]


def test_set_is_undone_with_its_transaction(machine) -> None:
    machine.send(query("SET hanse.pushdown = off; BEGIN; SET hanse.pushdown = on; SET LOCAL statement_timeout = '5s'"))
    assert rows(machine.send(query("SHOW statement_timeout"))) == [("5s",)]
    machine.send(query("ROLLBACK"))
    assert rows(machine.send(query("SHOW hanse.pushdown"))) == [("off",)]
    assert rows(machine.send(query("SHOW statement_timeout"))) == [("0",)]
    machine.send(query("BEGIN; SET LOCAL application_name = 'x'; SET hanse.pushdown = on; COMMIT"))
    assert rows(machine.send(query("SHOW application_name"))) == [("",)]
    assert rows(machine.send(query("SHOW pushdown"))) == [("on",)]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SET nonsense = 1", "42704"),
        ("SET hanse.pushdown = maybe", "22023"),
        ("SET timezone = 'Nowhere/Here'", "22023"),
        ("SET client_encoding = 'LATIN1'", "22023"),
        ("SET bytea_output = escape", "22023"),
        ("SET statement_timeout = 'soon'", "22023"),
        ("SET server_version = '9'", "55P02"),
        ("SHOW nonsense", "42704"),
        ("KILL 'abcd1234'", "42501"),
        ("DECLARE c CURSOR FOR SELECT 1", "25P01"),
        ("PREPARE a AS DELETE FROM wh.people", "42601"),
        ("EXECUTE nope", "26000"),
        ("FETCH nope", "34000"),
        ("CLOSE nope", "34000"),
        ("PREPARE a (nonsense) AS SELECT 1", "42704"),
        ("COPY wh.people TO '/tmp/x'", "42601"),
        ("SELECT * FROM read_text('/etc/passwd')", "42883"),
        ("ATTACH '/etc/passwd'", "42601"),
        ("INSTALL httpfs", "42601"),
    ],
)
def test_what_a_session_may_not_do(machine, statement, code) -> None:
    assert [error["C"] for error in errors(machine.send(query(statement)))] == [code]


@pytest.mark.parametrize(
    ("statement", "lines"),
    [
        ("COPY (SELECT id, name FROM wh.people ORDER BY id) TO STDOUT", ["1\tAnn\n", "2\t\\N\n", "3\tBö\n"]),
        (
            "COPY (SELECT name, id FROM wh.people ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
            ["name,id\n", "Ann,1\n", ",2\n", "Bö,3\n"],
        ),
        ("COPY (SELECT E'a\\tb\\n\\\\' AS t) TO STDOUT", ["a\\tb\\n\\\\\n"]),
        ("COPY (SELECT 'a,b' AS x, '' AS y, 'q\"q' AS z) TO STDOUT WITH CSV", ['"a,b","","q""q"\n']),
        (
            "COPY (SELECT 'a;b' AS x, NULL AS y, 1) TO STDOUT WITH (FORMAT csv, DELIMITER ';', NULL 'none')",
            ['"a;b";none;1\n'],
        ),
        ("COPY wh.people (id) TO STDOUT", ["1\n", "2\n", "3\n"]),
        ("COPY (SELECT 1 WHERE false) TO STDOUT", []),
    ],
)
def test_rows_are_copied_out(machine, statement, lines) -> None:
    for answer in (machine.send(query(statement)), machine.send(parse(statement), bind(), describe(), execute(), SYNC)):
        assert [body.decode() for kind, body in answer if kind == "d"] == lines
        assert kinds(answer).replace("d", "").lstrip("12n") == "HcCZ"
        assert tags(answer) == [f"COPY {len(lines) - ('HEADER' in statement)}"]


def test_rows_are_copied_out_in_binary(machine) -> None:
    answer = machine.send(query("COPY (SELECT id FROM wh.people ORDER BY id) TO STDOUT (FORMAT binary)"))
    sent = [body for kind, body in answer if kind == "d"]
    head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert sent == [head + struct.pack(">hii", 1, 4, 1), *(struct.pack(">hii", 1, 4, n) for n in (2, 3)), b"\xff\xff"]
    empty = machine.send(query("COPY (SELECT 1 WHERE false) TO STDOUT BINARY"))
    assert [body for kind, body in empty if kind == "d"] == [head + b"\xff\xff"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("COPY wh.people FROM STDIN", "42601"),
        ("COPY (SELECT 1) TO '/tmp/x'", "42601"),
        ("COPY (SELECT 1) TO PROGRAM 'sh'", "42601"),
        ("COPY (SELECT 1 TO STDOUT", "42601"),
        ("COPY (DELETE FROM wh.people) TO STDOUT", "42601"),
        ("COPY (SELECT nope) TO STDOUT", "42703"),
        ("COPY (SELECT 1) TO STDOUT (FORMAT xml)", "42601"),
        ("COPY (SELECT 1) TO STDOUT (FORCE_QUOTE (a))", "42601"),
        ("COPY", "42601"),
    ],
)
def test_copies_that_are_refused(machine, statement, code) -> None:
    for answer in (machine.send(query(statement)), machine.send(parse(statement), bind(), execute(), SYNC)):
        assert [error["C"] for error in errors(answer)] == [code]
        assert status(answer) == "I"


def test_settings_reach_the_engine_and_are_the_sessions_own(machine, engine) -> None:
    other = Machine(engine)
    machine.send(query("SET result_rows = 2"))
    assert errors(machine.send(query("SELECT n FROM wh.numbers")))[0]["C"] == "53400"
    assert tags(other.send(query("SELECT n FROM wh.numbers"))) == ["SELECT 100000"]
    assert engine.settings.result_rows is None


def test_the_engines_own_statements(machine) -> None:
    answer = machine.send(parse("SHOW SOURCES"), describe("S"), bind(), execute(), SYNC)
    assert kinds(answer) == "1tT2DCZ"
    assert tags(answer) == ["SHOW"]
    answer = machine.send(query("EXPLAIN SELECT id FROM wh.people"))
    assert tags(answer) == ["EXPLAIN"]
    assert len(rows(answer)) > 3
    answer = machine.send(parse("EXPLAIN SELECT id FROM wh.people WHERE id = $1"), bind(b"1"), execute(), SYNC)
    assert tags(answer) == ["EXPLAIN"]


def test_what_runs_can_be_stopped_and_what_does_not_cannot(machine) -> None:
    machine.running.stop()
    assert rows(machine.send(query("SELECT 1"))) == [("1",)]
    machine.send(query("BEGIN"), parse("SELECT n FROM wh.numbers"), bind(portal="p"), execute(1, "p"), SYNC)
    with machine.running.busy():
        machine.running.stop(Cancelled("enough"))
        machine._handle(*execute(0, "p"))
    (error,) = errors(machine.send(SYNC))
    assert (error["C"], error["M"]) == ("57014", "enough")
    assert machine.backend.open_answers() == []


def test_forgotten_statements(machine) -> None:
    machine.send(parse("SELECT 1", "a"), parse("SELECT 2", "b"), SYNC)
    assert tags(machine.send(query("DEALLOCATE a"))) == ["DEALLOCATE"]
    assert errors(machine.send(bind(name="a"), SYNC))[0]["C"] == "26000"
    assert kinds(machine.send((b"C", b"Sb\0"), (b"C", b"Snever\0"), SYNC)) == "33Z"
    machine.send(parse("SELECT 1", "a"), SYNC)
    assert tags(machine.send(query("DISCARD ALL"))) == ["DISCARD ALL"]
    assert errors(machine.send(bind(name="a"), SYNC))[0]["C"] == "26000"


def test_what_is_said_at_the_start_is_what_reset_comes_back_to(engine) -> None:
    machine = Machine(engine, application_name="tool", options="-c hanse.pushdown=off --statement_timeout=2min")
    assert machine.backend.session.caller.client == "tool"
    machine.send(query("SET application_name = other; SET pushdown = on; RESET ALL"))
    shown = machine.send(query("SHOW application_name; SHOW statement_timeout; SHOW hanse.pushdown"))
    assert rows(shown) == [("tool",), ("2min",), ("off",)]


def test_the_search_path_decides_between_tables_of_a_name(tmp_path) -> None:
    sources = {}
    for place, name in enumerate(("one", "two")):
        path = tmp_path / f"{name}.duckdb"
        with duckdb.connect(str(path)) as store:
            store.execute(f"CREATE TABLE t AS SELECT {place + 1} AS n; CREATE TABLE {name}_alone AS SELECT 1 AS n")
        sources[name] = {"kind": "duckdb", "path": str(path)}
    with Engine({"sources": sources}) as engine:
        machine = Machine(engine)
        asked = query("SELECT n FROM t")
        assert errors(machine.send(asked))[0]["C"] == "42P09"
        for path, found in (("two", "2"), ('one, "two"', "1"), ("public, 'two', one", "2"), ("TWO", "2")):
            assert not errors(machine.send(query(f"SET search_path = {path}")))
            assert rows(machine.send(asked)) == [(found,)], "a plan is for one path"
            assert rows(machine.send(parse("SELECT n FROM t"), bind(), describe(), execute(), SYNC)) == [(found,)]
        assert rows(machine.send(query("SELECT n FROM one_alone"))) == [("1",)]
        assert rows(machine.send(query("SELECT 't'::regclass, pg_table_is_visible('one.t'::regclass)"))) == [("t", "f")]
        machine.send(query("BEGIN; SET search_path = one; ROLLBACK"))
        assert rows(machine.send(asked)) == [("2",)]
        machine.send(query("RESET search_path"))
        assert errors(machine.send(asked))[0]["C"] == "42P09"


def test_a_statement_is_described_once(engine, machine, monkeypatch) -> None:
    bound: list[str] = []
    real = type(engine._planner).described

    def counted(planner, statement, context):
        bound.append(statement.text)
        return real(planner, statement, context)

    monkeypatch.setattr(type(engine._planner), "described", counted)
    sql = "SELECT id + $1 FROM wh.people WHERE name = 'described once'"
    for _ in range(3):
        assert kinds(machine.send(parse(sql), describe("S"), SYNC)) == "1tTZ"
    assert len(bound) == 1
    machine.send(parse(sql, types=(20,)), SYNC)
    assert len(bound) == 2, "other types, other answers"
    machine.send(query("SET search_path = wh"), parse(sql), SYNC)
    assert len(bound) == 3
    engine.catalog.refresh()
    machine.send(parse(sql), SYNC)
    assert len(bound) == 4, "sources may have changed"
    machine.send(query("SET plan_cache = off"), parse(sql), parse(sql), SYNC)
    assert len(bound) == 6
