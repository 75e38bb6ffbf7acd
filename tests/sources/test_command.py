"""Running a program: it ends in time, it says no more than it may, and it leaves nothing behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from quarterdeck.sources.command import Answer, run
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

PATH = {"PATH": os.environ["PATH"]}


def shell(script: str, limit_s: float = 10.0, output_limit: int = 100_000) -> Answer:
    return run(("sh", "-c", script), PATH, limit_s, output_limit=output_limit)


def test_a_program_answers() -> None:
    """What it says, what it complains of and how it ended are kept apart."""
    assert shell("echo said; echo complained >&2; exit 3") == Answer(3, b"said\n", b"complained\n")


def test_it_has_no_input_and_only_the_environment_it_is_given() -> None:
    """Nothing of our own environment, and nothing to read from, reaches the program."""
    answer = run(("sh", "-c", "cat; env"), PATH | {"GIVEN": "1"}, 10.0)
    names = {line.partition("=")[0] for line in answer.out.decode().splitlines()}
    assert {"GIVEN", "PATH"} <= names <= {"GIVEN", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}


def test_both_streams_can_be_full() -> None:
    """A program that fills one stream while the other is read is not waited for in vain."""
    answer = shell("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero", output_limit=1_000_000)
    assert (len(answer.out), len(answer.err)) == (300_000, 300_000)


def test_a_program_that_is_not_there_is_missing() -> None:
    """Without the program, that is the reason."""
    with pytest.raises(SourceError) as missing:
        run(("no-such-program",), PATH, 1.0)
    assert (missing.value.reason, missing.value.detail) == (Reason.MISSING, "there is no no-such-program on this host")


def test_a_program_that_may_not_be_run_is_denied(tmp_path: Path) -> None:
    """A file that cannot be run is denied, not missing."""
    (tmp_path / "plain").write_text("")
    with pytest.raises(SourceError) as denied:
        run((str(tmp_path / "plain"),), PATH, 1.0)
    assert denied.value.reason is Reason.DENIED


def test_what_is_no_program_is_a_reason_too(tmp_path: Path) -> None:
    """A file the kernel cannot make anything of is our problem, and said so."""
    (tmp_path / "junk").write_bytes(b"\0junk")
    (tmp_path / "junk").chmod(0o755)
    with pytest.raises(SourceError) as junk:
        run((str(tmp_path / "junk"),), PATH, 1.0)
    assert junk.value.reason is Reason.OBSERVER


HANGS = {
    "waits": "echo $$ > {pid}; exec sleep 60",
    "waits with its streams closed": "echo $$ > {pid}; exec sleep 60 >&- 2>&-",
    "ignores being asked to end": "trap '' TERM INT HUP; echo $$ > {pid}; while :; do sleep 1; done",
    "ends, but leaves another behind": "sleep 60 & echo $! > {pid}",
}


@pytest.mark.parametrize("script", HANGS.values(), ids=HANGS.keys())
def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path, script: str) -> None:
    """When the time is over the answer is a timeout, and no process is left."""
    pid = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(SourceError) as hung:
        shell(script.format(pid=pid), limit_s=0.7)
    assert hung.value.reason is Reason.TIMEOUT
    assert time.monotonic() - began < 3
    assert not is_alive(int(pid.read_text()))


def is_alive(pid: int) -> bool:
    """Whether a process still runs; it may take a moment to be gone, and longer to be buried."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.01)
    return True


def test_a_program_that_says_too_much_is_killed() -> None:
    """An endless answer is refused, rather than cut off and taken for all there is."""
    with pytest.raises(SourceError) as much:
        shell("while :; do echo more and more; done", output_limit=10_000)
    assert much.value.reason is Reason.CORRUPT


def test_no_descriptor_is_left_open() -> None:
    """Whether a program answers, hangs or is not there, nothing stays open here."""
    before = len(os.listdir("/proc/self/fd"))
    shell("true")
    with pytest.raises(SourceError, match="did not answer"):
        shell("sleep 60", 0.05)
    with pytest.raises(SourceError, match="there is no"):
        run(("no-such-program",), PATH, 1.0)
    assert len(os.listdir("/proc/self/fd")) == before
