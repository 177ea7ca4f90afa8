"""``queries``, ``top``, ``timeline``, ``kill``, ``metrics``: what other processes did and do, for people and for Prometheus."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.cli.running import HANSE, environment, hanse

SQL = "SELECT count(*) AS n FROM ref.customers WHERE name <> 'canary'"


@pytest.fixture
def asked(world: Path, tmp_path: Path) -> Path:
    """A folder whose configuration keeps what is asked, and something that was."""
    config = yaml.safe_load((world / "hanse.yaml").read_text(encoding="utf-8"))
    for source in config["sources"].values():
        source["path"] = str(world / source["path"])
    (tmp_path / "hanse.yaml").write_text(yaml.safe_dump({**config, "engine": {"state": ".hanse"}}), encoding="utf-8")
    assert hanse(tmp_path, "query", SQL).code == 0
    assert hanse(tmp_path, "query", "SELECT nothing FROM nowhere").code == 1
    return tmp_path


def listed(folder: Path, *args: str) -> list[dict[str, object]]:
    done = hanse(folder, "queries", "--format", "json", *args)
    assert done.code == 0, done.err
    found: list[dict[str, object]] = json.loads(done.out)
    return found


def test_queries_are_listed(asked: Path) -> None:
    failed, finished = listed(asked)
    assert (failed["state"], failed["error"]) == ("failed", "42P01")
    assert (finished["state"], finished["rows"], finished["error"]) == ("finished", 1, None)
    assert "canary" not in json.dumps(finished)
    took = [float(str(one["ms"])) for one in listed(asked, "--by", "time")]
    assert took == sorted(took, reverse=True)
    assert [one["state"] for one in listed(asked, "-n", "1")] == ["failed"]
    assert [one["state"] for one in listed(asked, "--state", "finished")] == ["finished"]


def test_a_timeline_is_drawn(asked: Path) -> None:
    id = str(listed(asked, "--state", "finished")[0]["id"])
    done = hanse(asked, "timeline", id[:6])
    assert (done.code, done.out) == (0, f"wrote timeline-{id[:8]}.html\n")
    text = (asked / f"timeline-{id[:8]}.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert id in text
    shown = hanse(asked, "timeline", id, "--format", "svg", "-o", "-")
    assert shown.out.startswith("<svg")
    unknown = hanse(asked, "timeline", "ffffff")
    assert (unknown.code, unknown.first) == (1, "error 42704: no query begins with ffffff")
    nowhere = hanse(asked, "timeline", id, "-o", "no/such/folder.html")
    assert (nowhere.code, nowhere.err) == (
        1,
        "error 58030: cannot write no/such/folder.html: No such file or directory\n",
    )


def test_top_prints_once_where_nobody_watches(asked: Path) -> None:
    done = hanse(asked, "top", "--by", "rows")
    assert (done.code, done.err) == (0, "")
    assert "0 running" in done.out
    assert "most rows" in done.out
    assert "failed 42P01" in done.out


def test_top_is_live_on_a_terminal(asked: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [HANSE, "top", "--every", "0.2"],
        cwd=asked,
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        close_fds=True,
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 20
    while seen.count(b"running,") < 3 and time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    ended = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < ended:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
    assert process.wait(10) == 0
    os.close(master)
    assert seen.count(b"running,") >= 3
    assert b"\x1b[?1049h" in seen  # the alternate screen: what was on the terminal comes back, and nothing flickers
    assert b"\x1b[2J" not in seen.split(b"running,", 2)[2]
    assert b"Traceback" not in seen


def test_kill_of_what_does_not_run(asked: Path) -> None:
    done = hanse(asked, "kill", "abcdef")
    assert (done.code, done.first) == (1, "error 42704: no running query begins with abcdef")


def test_metrics_of_all_processes(asked: Path) -> None:
    done = hanse(asked, "metrics")
    assert (done.code, done.err) == (0, "")
    assert 'hanse_queries_total{error="",kind="query",state="finished"} 1.0' in done.out
    assert 'hanse_queries_total{error="42",kind="query",state="failed"} 1.0' in done.out


def test_metrics_over_http(asked: Path) -> None:
    process = subprocess.Popen(
        [HANSE, "metrics", "--listen", "127.0.0.1:19473"],
        cwd=asked,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "metrics at http://127.0.0.1:19473/metrics; Ctrl-C ends it\n"
        with urllib.request.urlopen("http://127.0.0.1:19473/metrics", timeout=10) as answer:
            assert 'state="finished"} 1.0' in answer.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "command", [("queries",), ("top", "--once"), ("timeline", "abcd"), ("kill", "abcd"), ("metrics",)]
)
def test_without_a_folder_there_is_nothing_to_tell(world: Path, command: tuple[str, ...]) -> None:
    done = hanse(world, *command)
    assert (done.code, done.first) == (2, "error F0000: queries of other processes are not kept")
