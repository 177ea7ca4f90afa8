"""At a terminal: the shell, live progress, and what a terminal is never sent."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cli.running import HANSE, environment

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_=>]|\r")
SLOW = "SELECT count(*) FROM lake.numbers a, lake.numbers b WHERE a.n * b.n = 7"


class Terminal:
    """A process at a pseudo terminal: type, and wait for what it shows."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.seen = ""

    def type(self, keys: str) -> None:
        """Press keys; Enter is a carriage return."""
        os.write(self._descriptor, keys.encode())

    def until(self, text: str, seconds: float = 30) -> str:
        """What is shown until the text appears; it is not looked at again."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen!r}"
            self._read(0.1)
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def ready(self) -> None:
        """Wait for the prompt, and until nothing more is drawn."""
        self.until("hanse>")
        while self._read(0.5):
            pass
        self.seen = ""

    def ended(self, seconds: float = 30) -> int:
        """The exit code, when the process has ended; all that it showed is in ``seen``."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the other side is closed
            return False
        if b"\x1b[6n" in data:  # where is the cursor?
            os.write(self._descriptor, b"\x1b[1;1R")
        self.seen += ESCAPE.sub("", data.decode(errors="replace"))
        return bool(data)


@contextlib.contextmanager
def terminal(folder: Path, *args: str, **more: str) -> Iterator[Terminal]:
    """Run a command with its three streams on a terminal of its own."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 160))
    process = subprocess.Popen(
        [HANSE, *args],
        cwd=folder,
        env=environment(**more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # makes it the controlling terminal
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def test_the_shell(world: Path, tmp_path: Path) -> None:
    with terminal(world, "query", XDG_STATE_HOME=str(tmp_path)) as shell:
        shell.ready()
        shell.type("SELECT 'a;' AS x,\r")
        shell.type("count(*) AS n FROM wh.orders;\r")
        assert "a; | 100" in shell.until("bytes moved")
        shell.ready()
        shell.type("\\d\r")
        shell.until("(5 rows)")
        shell.ready()
        shell.type("\\d customers\r")
        assert "region" in shell.until("(3 rows)")
        shell.ready()
        shell.type("\\s\r")
        assert "SQLite" in shell.until("(3 rows)")
        shell.ready()
        shell.type("SELECT nothing FROM wh.orders;\r")
        shell.until('error 42703: column "nothing" does not exist')
        shell.until("^")
        shell.ready()
        shell.type(SLOW + ";\r")
        time.sleep(2)
        shell.type("\x03")
        shell.until("cancelled", 5)
        shell.ready()
        shell.type("SELECT 6 * 7 AS answer;\r")
        shell.until("42")
        shell.ready()
        shell.type("\x04")
        assert shell.ended() == 0
    history = tmp_path / "hanse" / "history"
    assert "count(*) AS n FROM wh.orders;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_the_shell_forgets_a_line_at_ctrl_c(world: Path, tmp_path: Path) -> None:
    with terminal(world, "shell", XDG_STATE_HOME=str(tmp_path)) as shell:
        shell.ready()
        shell.type("SELECT 'never ended\r")
        shell.type("\x03")
        shell.ready()
        shell.type("SELECT 'ended' || '!' AS e;\r")
        shell.until("ended!")
        shell.ready()
        shell.type("\\q\r")
        assert shell.ended() == 0


def test_progress_of_a_slow_query_and_ctrl_c(world: Path) -> None:
    with terminal(world, "query", SLOW) as query:
        shown = query.until("in place", 30)
        assert "source" in shown and "MB/s" in shown
        query.process.send_signal(signal.SIGINT)
        assert query.ended(5) == 130
        assert query.seen.rstrip().endswith("cancelled")


def test_a_terminal_gets_no_binary_data_and_no_control_characters(world: Path) -> None:
    with terminal(world, "query", "--format", "parquet", "SELECT 1") as refused:
        assert refused.ended() == 1
        assert refused.seen == "error 42000: parquet is binary\nhint: give a file with -o, or a pipe\n"
    with terminal(world, "query", r"SELECT E'\x1b]0;title\x07' AS t") as escaped:
        assert escaped.ended() == 0
        assert r"\x1B]0;title\x07" in escaped.seen
