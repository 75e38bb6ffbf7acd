"""The live view in a terminal, and in a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck.cli.watch import Window, changed
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from tests.truth.cast import JOB, NOW, readings

LIMIT_S = 20.0
ALTERNATE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which an agent has never run."""
    folder = tmp_path / "north"
    (folder / "cron").mkdir(parents=True)
    (folder / "config.yaml").write_text("model:\n  default: big-model\n")
    (folder / "cron" / "jobs.json").write_text(json.dumps({"jobs": []}))
    return folder


class Terminal:
    """A terminal of some size with a program in it."""

    def __init__(self, *words: str, rows: int = 24, columns: int = 100) -> None:
        self.handle, inner = pty.openpty()
        self.resize(rows, columns, tell=False)
        self.before = termios.tcgetattr(self.handle)
        environment = os.environ | {"TERM": "xterm-256color", "NO_COLOR": ""}
        environment.pop("COLUMNS", None)
        command = ["setsid", "--ctty", sys.executable, "-m", "quarterdeck", *words]  # so that Ctrl-C is a signal
        self.program = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
        os.close(inner)
        self.seen = b""

    def resize(self, rows: int, columns: int, *, tell: bool = True) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.program.send_signal(signal.SIGWINCH)

    def read(self, seconds: float) -> bytes:
        """Take what is written within some seconds."""
        until, got = time.monotonic() + seconds, b""
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.handle], [], [], left)[0]:
                break
            try:
                got += os.read(self.handle, 65_536)
            except OSError:  # the program has left its terminal
                break
        self.seen += got
        return got

    def until(self, text: bytes) -> None:
        """Read until something was written."""
        end = time.monotonic() + LIMIT_S
        while text not in self.seen and time.monotonic() < end:
            self.read(0.2)
        assert text in self.seen, self.seen[-2_000:]

    def ended(self) -> int:
        """Wait for the end."""
        end = time.monotonic() + LIMIT_S
        while self.program.poll() is None and time.monotonic() < end:
            self.read(0.2)
        self.read(0.2)
        return self.program.wait(0.1)


@contextmanager
def terminal(*words: str, rows: int = 24) -> Iterator[Terminal]:
    """A terminal that is gone afterwards, with its program."""
    opened = Terminal(*words, rows=rows)
    try:
        yield opened
    finally:
        opened.program.kill()
        opened.program.wait(LIMIT_S)
        os.close(opened.handle)


@pytest.mark.parametrize("key", [b"q", b"\x04", b"\x03"])
def test_a_key_ends_it_and_the_terminal_is_as_it_was(home: Path, key: bytes) -> None:
    """It shows the view on a screen of its own; q, Ctrl-D or Ctrl-C end it with 0 and give the terminal back."""
    with terminal("watch", "brief", "--home", str(home)) as shown:
        shown.until(b"Gateway of north")
        assert ALTERNATE in shown.seen
        os.write(shown.handle, key)
        assert shown.ended() == 0
        assert shown.seen.rindex(BACK) > shown.seen.rindex(ALTERNATE)
        assert b"\x1b[?25h" in shown.seen[shown.seen.rindex(b"\x1b[?25l") :]
        assert termios.tcgetattr(shown.handle) == shown.before
        assert b"Traceback" not in shown.seen


def test_being_ended_gives_the_terminal_back(home: Path) -> None:
    """A SIGTERM ends it in order."""
    with terminal("watch", "agents", "--home", str(home)) as shown:
        shown.until(b"Gateway of north")
        shown.program.terminate()
        assert shown.ended() == 0
        assert BACK in shown.seen
        assert termios.tcgetattr(shown.handle) == shown.before


def test_another_size_is_drawn_anew_and_keys_move_through_what_has_no_room(home: Path) -> None:
    """Made eight lines high, it says how much is below; a key moves on."""
    with terminal("watch", "ops", "--home", str(home), "--every", "60") as shown:
        shown.until(b"north")
        shown.read(1)
        shown.seen = b""
        shown.resize(8, 80)
        shown.until(b"more below")
        (before,) = re.findall(rb"(\d+) more below", shown.seen)[-1:]
        shown.seen = b""
        os.write(shown.handle, b"j")
        shown.until(b"%d more below" % (int(before) - 1))
        os.write(shown.handle, b"q")
        assert shown.ended() == 0


def test_nothing_is_drawn_while_nothing_changes(home: Path) -> None:
    """Between two looks the terminal gets not one byte."""
    with terminal("watch", "agents", "--home", str(home), "--every", "60") as shown:
        shown.until(b"Gateway of north")
        shown.read(1.5)
        assert shown.read(2) == b""


def test_in_a_pipe_a_change_is_a_line(home: Path) -> None:
    """Without a terminal it prints the view, then a line for what changed, and ends in order with SIGTERM."""
    command = [sys.executable, "-m", "quarterdeck", "watch", "ops", "--home", str(home), "--every", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            lines = list[str]()
            while not any("Home of north" in line for line in lines):
                lines.append(running.stdout.readline())
                assert lines[-1], lines
            (home / "ESTOP").touch()
            while "Home of north  halted" not in lines[-1]:
                lines.append(running.stdout.readline())
                assert lines[-1], lines
            assert re.match(r"\d\d:\d\d:\d\d  ok → degraded  Home of north", lines[-1])
            assert not any("\x1b" in line for line in lines)
        finally:
            running.terminate()
        assert running.wait(LIMIT_S) == 0


def test_what_appears_changes_and_goes_is_a_line_each() -> None:
    """A row that is new, one that changed and one that is no longer there are told; the others are not."""

    def view(world: object) -> tuple[object, Judged]:
        judged = Judged(Snapshot(7, NOW, (Instance("north", "north"),), world), NOW)  # type: ignore[arg-type]
        return VIEWS["cron"].make(judged, Asked(), None), judged

    made, judged = view(readings({F.LAST_RESULT: "error"}))
    before = {
        "hermes:north/cron": ("ok", "idle"),
        f"hermes:north/cron/{JOB}": ("ok", "idle"),
        "hermes:x": ("down", "y"),
    }
    now = {row.subject: (row.judgement.status.value, row.judgement.rule) for row in made.rows}  # type: ignore[attr-defined]
    assert list(changed(before, now, made, judged)) == [  # type: ignore[arg-type]
        f"03:04:11  ok → degraded  Job {JOB}  its last run failed: no error class known",
        "03:04:11  down → gone  hermes:x  no longer watched",
    ]


@pytest.mark.parametrize(("lines", "height"), [(5, 10), (10, 10), (11, 10), (100, 10), (3, 2)])
def test_a_window_reaches_every_line_and_no_further(lines: int, height: int) -> None:
    """Moving down shows every line once at least, never more lines than there is room for, and stops at the end."""
    window = Window([f"line {n}" for n in range(lines)])
    seen = set(window.shown(height))
    for _ in range(lines):
        window.move("j", height)
        assert len(window.shown(height)) <= height
        seen |= set(window.shown(height))
    assert {f"line {n}" for n in range(lines)} <= seen
    end = window.shown(height)
    assert not window.move("x", height)
    window.move("j", height)
    assert window.shown(height) == end
    for _ in range(lines):
        window.move("k", height)
    assert window.shown(height)[0] == "line 0"
