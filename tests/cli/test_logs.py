"""What is logged: one form for everything, a line each, with nothing in it that must not be."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access import request_id
from quarterdeck.cli.logs import WIDEST, Events, Formatter, Lines, is_journal, is_kept
from tests.fakes import broken_command
from tests.fakes.broken_command import SECRET

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HEAD = "timestamp=2026-03-01T12:00:00.250000Z"


def clean(text: str) -> str:
    """Redact as the real redaction does, but know one secret only."""
    return text.replace(SECRET, "[redacted]")


def lines(*, journal: bool = False) -> Lines:
    return Lines(clean, now=lambda: NOON, journal=journal)


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    raised = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("lib", logging.ERROR, "x.py", 1, message, args, raised)


@contextmanager
def request() -> Iterator[str]:
    begun = request_id.begin()
    try:
        yield request_id.current()
    finally:
        request_id.end(begun)


def test_our_events_and_those_of_libraries_have_one_form() -> None:
    """An event of ours and a message of a library are lines of the same form: moment, level, event, then the rest."""
    out = io.StringIO()
    Events(lines(), out).warning("source lost", source="north", detail="did not answer within 2 s")
    said = out.getvalue()
    assert said == f'{HEAD} level=warning event="source lost" source=north detail="did not answer within 2 s"\n'
    theirs = Formatter(lines()).format(record("%s of %d", "one", 2))
    assert theirs == f'{HEAD} level=error event="one of 2" logger=lib'


def test_a_line_names_the_request_it_belongs_to() -> None:
    """While a request is answered, every line has its name, also in threads asked by name; outside of it none has."""
    with request() as first:
        assert f"event=x request={first}" in lines().line("info", "x", {})
    with request() as second:
        assert second != first
    assert "request" not in lines().line("info", "x", {})
    assert re.fullmatch(r"[0-9a-f]{6}-[0-9a-f]+", first)


INJECTED = {
    "a line": "ok\ntimestamp=2026 level=info event=forged",
    "a return": "ok\rforged",
    "a colour": "\x1b[2J\x1b[31mred",
    "a terminal's title": "\x1b]0;owned\x07",
    "a direction": "user\u202egnp.exe",
    "an isolate": "\u2066x\u2069",
    "a separator": "a\u2028b\u2029c\x85d",
    "half a sign": "\ud800",
    "nothing": "a\x00b",
    "another field": 'x" level=info admin="yes',
    "a backslash": "\\n",
    "a widthless space": "a\u200bb",
}


@pytest.mark.parametrize("hostile", INJECTED.values(), ids=INJECTED.keys())
def test_nothing_that_is_logged_begins_another_line(hostile: str) -> None:
    """Line breaks, escapes for terminals, signs that turn the direction and quotes are written as what they are."""
    for line in (
        lines().line("warning", hostile, {"name": hostile, hostile: "x"}),
        Formatter(lines()).format(record("%s", hostile)),
    ):
        assert line.isprintable()
        assert fields(line)["event"] == hostile


def fields(line: str) -> dict[str, str]:
    """Read a line as whoever collects logs does."""
    found = {}
    while line:
        match = re.match(r'([A-Za-z0-9_.-]+)=(?:"((?:[^"\\]|\\.)*)"|([^" ]*))(?: |$)', line)
        assert match, line
        found[match[1]] = match[3] if match[2] is None else re.sub(ESCAPE, unescaped, match[2])
        line = line[match.end() :]
    return found


ESCAPE = r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(["\\]))'


def unescaped(found: re.Match[str]) -> str:
    return found[4] or chr(int(found[1] or found[2] or found[3], 16))


@given(st.text(max_size=60), st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=40)))
def test_whatever_is_logged_can_be_read_back(event: str, more: dict[str, str]) -> None:
    """Any event with any fields is one printable line, and is found in it again unchanged."""
    line = Lines(str, now=lambda: NOON).line("info", event, more)
    assert line.isprintable()
    assert fields(line) == {**more, "timestamp": HEAD.partition("=")[2], "level": "info", "event": event}


def test_an_error_is_its_type_and_place() -> None:
    """The text of an error, which may quote what was read, is logged neither with it nor as a part of a message."""
    with pytest.raises(LookupError) as raised:
        broken_command.run([])
    place = r'error="LookupError in tests\.fakes\.broken_command, line \d+"'
    loud = Lines(str, now=lambda: NOON)
    said = Formatter(loud).format(record("it failed", error=raised.value))
    assert re.search(place, said)
    for line in (
        said,
        Formatter(loud).format(record("it failed: %s", raised.value)),
        loud.line("error", "failed", {"error": raised.value}),
    ):
        assert SECRET not in line
        assert "LookupError in tests.fakes.broken_command" in line


def test_redaction_sees_everything_and_comes_last() -> None:
    """A secret is redacted in an event, in a value, in a field's name beside it, and in what a library says."""
    assert SECRET not in lines().line("info", f"with {SECRET}", {"a": f"b{SECRET}c", "number": 7})
    assert SECRET not in Formatter(lines()).format(record("%s", {"token": SECRET}))
    keyed = Lines(lambda text: re.sub(r"password=\S+", "password=[redacted]", text), now=lambda: NOON)
    assert "hunter" not in keyed.line("info", "x", {"password": "hunter"})
    seen: list[str] = []

    def watching(text: str) -> str:
        seen.append(text)
        return text

    Lines(watching, now=lambda: NOON).line("info", "x", {"key": "a\nb"})
    assert "a\nb" in seen, "redaction looks at a value before its signs are written as numbers"
    assert seen[-1].startswith("timestamp="), "and at the whole line at the end"


def test_a_line_that_cannot_be_redacted_is_withheld() -> None:
    """When redaction itself fails, nothing of the line is logged but that there was one, and what failed."""

    def broken(text: str) -> str:
        raise RecursionError(text)

    line = Lines(broken, now=lambda: NOON).line("warning", f"with {SECRET}", {"a": SECRET})
    assert SECRET not in line
    assert line.startswith(f'{HEAD} level=warning event="a line is withheld: it could not be redacted" error=')


def test_a_value_is_bounded() -> None:
    """Of a value that is very long its beginning is logged, and how much was left out."""
    line = lines().line("info", "x", {"long": "y" * 1_000_000})
    assert len(line) < WIDEST + 200
    assert f"… ({1_000_000 - WIDEST} more)" in line


def test_a_message_that_cannot_be_put_together_is_logged_all_the_same() -> None:
    """A library whose message does not fit its parts is not quoted on standard error by the logging of Python."""
    line = Formatter(lines()).format(record("%d of %d", SECRET))
    assert fields(line)["event"] == "a message that cannot be put together (TypeError)"
    assert SECRET not in line


def test_the_journal_is_told_the_weight_of_a_line(tmp_path: Path) -> None:
    """Where the stream is the one systemd named, each line begins with its weight; elsewhere none does."""
    assert lines(journal=True).line("error", "x", {}).startswith(f"<3>{HEAD}")
    with (tmp_path / "out").open("w") as stream:
        about = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:1"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_what_a_service_manager_began_speaks_to_more_than_one() -> None:
    """A process that a service manager began is known by its own number, wherever its words go; a program that was
    begun in a terminal under the same manager is not taken for one.
    """
    assert is_kept(io.StringIO(), {"SYSTEMD_EXEC_PID": str(os.getpid())})
    assert not is_kept(io.StringIO(), {"SYSTEMD_EXEC_PID": "1", "INVOCATION_ID": "x"})


def test_a_stream_that_is_gone_stops_nobody() -> None:
    """When nobody reads the log any more, lines are lost and counted; whoever logs goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as out:
        log = Events(lines(), out)
        log.warning("source lost", source="north")
        log.info("source back", source="north")
        assert log.pen.lost == 2
        with pytest.raises(BrokenPipeError):
            out.close()


PROGRAM = """
import logging, sys, threading, warnings
from quarterdeck.cli.logs import configure
from tests.fakes.broken_command import SECRET, run
log = configure(lambda text: text)
log.info("begun", port=8710)
logging.getLogger("uvicorn.error").warning("odd\\nforged")
logging.getLogger("uvicorn.error").info("not wanted")
warnings.warn("old\\nthing")
thread = threading.Thread(target=run, args=([],), name="Collector")
thread.start()
thread.join()
class Bad:
    def __del__(self):
        run([])
Bad()
"""


def test_everything_that_a_program_says_is_in_one_form() -> None:
    """Events, libraries, warnings, threads that fail, what nobody could catch: each is a line, and none quotes."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True)
    said = [fields(line) for line in done.stderr.splitlines()]
    assert [(one["level"], one["event"].splitlines()[0][:46]) for one in said] == [
        ("info", "begun"),
        ("warning", "odd"),
        ("warning", "<string>:9: UserWarning: old"),
        ("error", "Collector has ended by a mistake of its own"),
        ("error", "something failed where nobody could be told"),
    ]
    assert SECRET not in done.stderr
    assert said[3]["error"].startswith("LookupError in tests.fakes.broken_command, line ")


HANGING = """
import sys, threading
from quarterdeck.cli.logs import configure
from tests.fakes.broken_command import SECRET
configure(str)
def hang_here(what_was_read):
    sys.stdout.write("hangs\\n"); sys.stdout.flush()
    threading.Event().wait()
hang_here(SECRET)
"""


def test_a_program_that_is_killed_for_hanging_says_where() -> None:
    """When a watchdog ends the program, each thread's place in our code is written down, and no value."""
    command = [sys.executable, "-c", HANGING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGABRT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == -signal.SIGABRT
    assert "in hang_here" in said
    assert SECRET not in said
