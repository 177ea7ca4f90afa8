"""Execution over scripted sources: what a real source cannot be made to do on demand (stall, fail late, never end)."""

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from hanse.errors import Cancelled, InternalError, SourceUnreachable
from hanse.execute.executor import Run, execute
from hanse.execute.instances import InstancePool
from hanse.execute.queue import BYTES_MAX
from hanse.execute.report import Report
from hanse.ir import types as t
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, RequestGraph, SqlText
from hanse.settings import EngineSettings
from hanse.spi.arrow import wire_schema
from hanse.spi.duckdb.dialect import DuckDBDialect

ID = Column(1, "id", t.INT64)
NAME = Column(2, "name", t.TEXT)


class ScriptedSource:
    """A source whose answers are a function from request to batches."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.cancelled = threading.Event()
        self.closed = 0
        self.sent = 0
        self.snapshot = "scripted"

    def begin(self, context):
        return self

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        for batch in self.answer(self, request):
            self.sent += 1
            yield batch

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed += 1


def batch(columns: tuple[Column, ...], *values: list) -> pa.RecordBatch:
    schema = wire_schema(columns)
    return pa.RecordBatch.from_arrays([pa.array(v, f.type) for v, f in zip(values, schema, strict=True)], schema=schema)


def request(fragment: int, columns: tuple[Column, ...] = (ID, NAME), source: str = "s") -> Request:
    return Request(fragment, source, SqlText(("select",)), columns, ())


@pytest.fixture
def pool() -> Iterator[InstancePool]:
    pool = InstancePool(EngineSettings(memory_limit="200MB", instances=1))
    yield pool
    pool.close()


def start(pool: InstancePool, graph: RequestGraph, timeout_s: float = 0, **sources: ScriptedSource):
    began = time.monotonic()
    run = Run(
        connectors=sources,
        kinds=dict.fromkeys(sources, "scripted"),
        snapshot_version=1,
        dialect=DuckDBDialect(),
        parameters=(),
        timezone="UTC",
        batch_rows=1000,
        timeout_s=timeout_s,
        report=Report("0" * 32),
        elapsed=lambda: (time.monotonic() - began) * 1000,
    )
    return execute(graph, pool, run)


def numbered(count: int):
    def answer(source, request):
        for i in range(count):
            yield batch(request.columns, [i], [f"n{i}"])

    return answer


def direct(count: int = 1) -> RequestGraph:
    return RequestGraph((request(1),), (ID, NAME), None, direct=1)


def test_a_direct_answer_is_the_sources_rows_under_the_users_names(pool) -> None:
    source = ScriptedSource(numbered(3))
    result = start(pool, direct(), s=source)
    assert result.schema.names == ["id", "name"]
    assert result.fetchall() == [(0, "n0"), (1, "n1"), (2, "n2")]
    report = result.report.to_dict()
    assert report["complete"]
    assert (report["sources"][0]["rows"], report["sources"][0]["batches"]) == (3, 3)
    assert report["bytes_moved"] == report["sources"][0]["bytes"] > 0
    assert report["sources"][0]["snapshot"] == "scripted"
    assert source.closed == 1
    assert not source.cancelled.is_set()


def test_the_coordinator_joins_two_fragments(pool) -> None:
    sql = SqlText(("SELECT f1.c1, f2.c2 FROM f1 JOIN f2 ON f1.c1 = f2.c1 ORDER BY 1",))
    graph = RequestGraph((request(1, source="a"), request(2, source="b")), (ID, NAME), sql)
    result = start(pool, graph, a=ScriptedSource(numbered(3)), b=ScriptedSource(numbered(2)))
    assert result.fetchall() == [(0, "n0"), (1, "n1")]
    assert result.report.rows_moved == 5


def test_the_coordinator_does_not_wait_for_the_whole_of_what_is_slow_or_much(pool) -> None:
    go_on = threading.Event()

    def much(source, request):
        yield batch(request.columns, list(range(10_000)), ["x" * 10] * 10_000)
        yield from slow(source, request)

    def slow(source, request):
        yield batch(request.columns, [1], ["x"])
        assert go_on.wait(10)

    for answer in (much, slow):
        go_on.clear()
        graph = RequestGraph((request(1),), (ID,), SqlText(("SELECT c1 FROM f1 LIMIT 1",)))
        with start(pool, graph, s=ScriptedSource(answer)) as result:
            assert next(iter(result)).num_rows == 1
            assert not go_on.is_set()
            go_on.set()


def test_rows_that_arrive_are_filtered_by_the_rules_of_the_coordinator_alone(pool) -> None:
    """NaN is greater than every number; by pyarrow's rules it is not."""

    def answer(source, request):
        yield batch(request.columns, [1, 2], [float("nan"), 0.5])

    number = Column(2, "x", t.FLOAT64)
    graph = RequestGraph((request(1, (ID, number)),), (ID,), SqlText(("SELECT c1 FROM f1 WHERE c2 > 1",)))
    assert start(pool, graph, s=ScriptedSource(answer)).fetchall() == [(1,)]


def test_a_fragment_read_twice_is_an_error_not_an_empty_relation(pool) -> None:
    graph = RequestGraph((request(1),), (ID,), SqlText(("SELECT a.c1 FROM f1 a JOIN f1 b USING (c1)",)))
    with pytest.raises(InternalError, match="read twice"):
        start(pool, graph, s=ScriptedSource(numbered(3))).fetchall()


def test_a_source_that_fails_in_the_middle_fails_the_query_and_frees_everything(pool) -> None:
    def answer(source, request):
        yield batch(request.columns, [1], ["x"])
        raise SourceUnreachable("connection lost", source="s")

    for graph in (direct(), RequestGraph((request(1),), (ID, NAME), SqlText(("SELECT * FROM f1",)))):
        source = ScriptedSource(answer)
        result = start(pool, graph, s=source)
        with pytest.raises(SourceUnreachable, match="connection lost"):
            result.fetchall()
        assert not result.report.complete
        assert source.closed == 1
        assert source.cancelled.wait(1)


def test_a_batch_of_another_type_is_refused(pool) -> None:
    def answer(source, request):
        yield pa.record_batch({"c1": pa.array([1], pa.int32()), "c2": pa.array(["x"])})

    with pytest.raises(InternalError, match="f1 yields"):
        start(pool, direct(), s=ScriptedSource(answer)).fetchall()


def endless(source, request):
    while not source.cancelled.is_set():
        yield batch(request.columns, [1] * 1000, ["x" * 100] * 1000)


def settled(source: ScriptedSource) -> int:
    """How many batches the source has sent once it sends no more; fails if it goes on for 10 s."""
    for _ in range(20):
        held = source.sent
        time.sleep(0.5)
        if source.sent == held:
            return held
    raise AssertionError("the source is never stopped")


@pytest.mark.parametrize("through_coordinator", [False, True])
def test_a_reader_that_stops_stops_the_source_within_its_queue(pool, through_coordinator: bool) -> None:
    graph = RequestGraph((request(1),), (ID, NAME), SqlText(("SELECT * FROM f1",))) if through_coordinator else direct()
    source = ScriptedSource(endless)
    result = start(pool, graph, s=source)
    rows = iter(result)
    next(rows)
    held = settled(source)
    queues = 3 if through_coordinator else 1
    assert held * batch((ID, NAME), [1] * 1000, ["x" * 100] * 1000).nbytes < (queues + 1) * BYTES_MAX
    began = time.monotonic()
    result.close()
    assert source.cancelled.wait(1)
    assert time.monotonic() - began < 1.5
    assert not result.report.complete


def test_the_right_side_of_a_join_is_read_first_and_the_left_one_streams(pool) -> None:
    """DuckDB counts every stream as one row; which side it would make the hash table of is then a matter of luck."""
    left, seen = ScriptedSource(endless), []

    def right(source, request):
        for number in range(3):
            yield batch(request.columns, [number], ["right"])
            seen.append(settled(left))

    sql = SqlText(("SELECT f1.c1, f2.c2 FROM f1 JOIN f2 ON f1.c1 = f2.c1",))
    graph = RequestGraph((request(1, source="big"), request(2, source="small")), (ID, NAME), sql, as_written=True)
    result = start(pool, graph, big=left, small=ScriptedSource(right))
    assert next(iter(result)).column(1)[0].as_py() == "right"
    result.close()
    size = batch((ID, NAME), [1] * 1000, ["x" * 100] * 1000).nbytes
    assert max(seen) * size < BYTES_MAX + 2 * size


@pytest.mark.parametrize("through_coordinator", [False, True])
def test_a_deadline_ends_a_source_that_sends_nothing(pool, through_coordinator: bool) -> None:
    def silent(source, request):
        source.cancelled.wait(10)
        return
        yield

    graph = RequestGraph((request(1),), (ID, NAME), SqlText(("SELECT * FROM f1",))) if through_coordinator else direct()
    source = ScriptedSource(silent)
    began = time.monotonic()
    with pytest.raises(Cancelled, match=r"statement timeout of 0\.3 s"):
        start(pool, graph, timeout_s=0.3, s=source).fetchall()
    assert time.monotonic() - began < 1.3
    assert source.cancelled.is_set()


def test_a_closed_result_frees_the_only_instance_for_the_next_query(pool) -> None:
    graph = RequestGraph((request(1),), (ID, NAME), SqlText(("SELECT * FROM f1",)))
    for _ in range(3):
        source = ScriptedSource(endless)
        with start(pool, graph, s=source) as result:
            next(iter(result))
    again = start(pool, graph, s=ScriptedSource(numbered(2)))
    assert len(again.fetchall()) == 2


def test_an_answer_that_needs_no_more_rows_is_complete_and_ends_its_source(pool) -> None:
    graph = RequestGraph((request(1),), (ID, NAME), SqlText(("SELECT * FROM f1 LIMIT 2",)))
    source = ScriptedSource(endless)
    result = start(pool, graph, s=source)
    assert len(result.fetchall()) == 2
    assert result.report.complete
    assert source.cancelled.wait(1)
