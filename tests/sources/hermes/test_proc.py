from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.sources.hermes.proc import (
    WHOLE_MACHINE,
    Kernel,
    match,
    parse_locks,
    parse_process,
)
from quarterdeck.truth.reading import Reason

BOOTED = 1_790_000_000
HOLDER = 4_242


@dataclass
class Steady:
    """A clock that stands still until it is moved."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


@dataclass
class FakeProc:
    """A folder that says what /proc would say."""

    root: Path

    def __post_init__(self) -> None:
        self.write("stat", f"cpu  1 2 3\nbtime {BOOTED}\nprocesses 9\n")
        self.locks()
        self.namespace(WHOLE_MACHINE)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def locks(self, *lines: str) -> None:
        self.write("locks", "".join(f"{number}: {line}\n" for number, line in enumerate(lines, start=1)))

    def namespace(self, name: str) -> None:
        link = self.root / "self" / "ns" / "pid"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(name)

    def process(self, pid: int, state: str = "S", ticks: int = 500, comm: str = "hermes") -> None:
        before = " ".join(["1"] * 18)
        self.write(f"{pid}/stat", f"{pid} ({comm}) {state} {before} {ticks} 77 88\n")
        self.write(f"{pid}/status", f"Name:\t{comm}\nNSpid:\t{pid}\n")


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.lock"
    path.touch()
    return path


def line(path: Path, pid: int = HOLDER, kind: str = "FLOCK  ADVISORY  WRITE", device: int | None = None) -> str:
    found = path.stat()
    device = found.st_dev if device is None else device
    return f"{kind} {pid} {os.major(device):02x}:{os.minor(device):02x}:{found.st_ino} 0 EOF"


def kernel(proc: FakeProc, *, exists: Callable[[int], bool] = lambda _: False, root: str = "/") -> Kernel:
    return Kernel(proc.root, Path(root), exists, Steady())


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that holds the lock, as a gateway does."""
    code = "import fcntl,sys,time;f=open(sys.argv[1],'a+');fcntl.flock(f,2);print('held',flush=True);time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_real_kernel_names_the_holder(lock: Path) -> None:
    """While a process holds the lock the kernel names it and its start; when it is killed, nobody holds it."""
    real = Kernel(steady=Steady())
    assert real.holder(lock) is None
    with holding(lock) as process:
        before = time.time()
        real = Kernel()
        assert real.holder(lock) == process.pid
        found = real.process(process.pid)
        assert found is not None
        assert found.state in {"sleeping", "running"}
        assert -2 < before - found.started_at.timestamp() < 60
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        stopped = real.process(process.pid)
        assert stopped is not None
        assert stopped.state == "stopped"
        assert real.inner_pid(process.pid) == process.pid
        assert real.arguments(process.pid)[0] == sys.executable
    assert Kernel().holder(lock) is None
    assert Kernel().process(process.pid) is None
    assert real.identify(process.pid, found.ticks) == "gone"


def test_looking_never_takes_the_lock(lock: Path) -> None:
    """After any number of looks the lock can be had at the first try, as a starting gateway needs it."""
    for _ in range(20):
        Kernel().holder(lock)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_look_leaves_the_lock_file_as_it_was(lock: Path) -> None:
    """The lock file keeps its bytes and all of its times."""
    before = lock.stat()
    Kernel().holder(lock)
    after = lock.stat()
    assert (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_atime_ns,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def test_who_waits_does_not_hold(proc: FakeProc, lock: Path) -> None:
    """A process that is blocked on the lock is not taken for its holder."""
    proc.locks(line(lock, 7, "-> FLOCK  ADVISORY  WRITE"), line(lock))
    assert kernel(proc).holder(lock) == HOLDER
    proc.locks(line(lock, 7, "-> FLOCK  ADVISORY  WRITE"))
    assert kernel(proc).holder(lock) is None


@pytest.mark.parametrize("kind", ["POSIX  ADVISORY  WRITE", "FLOCK  ADVISORY  READ ", "LEASE  ACTIVE    WRITE"])
def test_other_locks_are_not_the_one(proc: FakeProc, lock: Path, kind: str) -> None:
    """Only an exclusive lock on the whole file counts."""
    proc.locks(line(lock, kind=kind))
    assert kernel(proc).holder(lock) is None


def test_the_same_inode_elsewhere_is_another_file(proc: FakeProc, lock: Path) -> None:
    """On a file system with a device of its own, a lock on the same inode of another one is not taken for ours."""
    proc.locks(line(lock, device=os.makedev(8, 17)))
    assert lock.stat().st_dev != os.makedev(8, 17)
    assert match(parse_locks((proc.root / "locks").read_bytes()), os.makedev(8, 1), lock.stat().st_ino, None) is None


def test_subvolumes_are_matched_by_inode() -> None:
    """Where the kernel lists a file system under another number than programs see, the inode finds the holder."""
    locks = parse_locks(
        b"1: FLOCK  ADVISORY  WRITE 4242 00:1f:257 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 08:01:257 0 EOF\n"
    )
    assert match(locks, os.makedev(0, 0x2C), 257, None) == 4242
    assert match(locks, os.makedev(0, 0x2C), 257, 4242) == 4242
    assert match(locks, os.makedev(8, 1), 257, None) == 8


def test_likely_holders_are_told_apart_by_the_record() -> None:
    """Of several locks on one inode number, the one whose process the file names is ours; without it nobody knows."""
    locks = parse_locks(b"1: FLOCK  ADVISORY  WRITE 42 00:1f:257 0 EOF\n2: FLOCK  ADVISORY  WRITE 43 00:2a:257 0 EOF\n")
    assert match(locks, os.makedev(0, 0x2C), 257, 43) == 43
    with pytest.raises(SourceError) as caught:
        match(locks, os.makedev(0, 0x2C), 257, None)
    assert caught.value.reason is Reason.OBSERVER


def test_absence_needs_two_readings(proc: FakeProc, lock: Path) -> None:
    """A lock that one reading of the list missed is found by the second."""
    proc.locks()
    looking = kernel(proc)
    other = lock.with_name("other.lock")
    other.touch()
    proc.locks(line(other))
    assert looking.holder(other) == HOLDER
    proc.locks(line(other), line(lock))
    assert looking.holder(lock) == HOLDER


def test_one_reading_serves_all_for_a_second(proc: FakeProc, lock: Path) -> None:
    """Within a second every instance is answered from one reading of the list; then it is read anew."""
    proc.locks(line(lock, 1))
    steady = Steady()
    looking = Kernel(proc.root, exists=lambda _: False, steady=steady)
    assert looking.holder(lock) == 1
    proc.locks(line(lock, 2))
    assert looking.holder(lock) == 1
    steady.at += 1
    assert looking.holder(lock) == 2


def test_a_wall_hides_what_is_behind_it(proc: FakeProc, lock: Path) -> None:
    """In a container, a lock that is not listed may be held outside when its file was mounted from there."""
    proc.namespace("pid:[4026532417]")
    with pytest.raises(SourceError) as caught:
        kernel(proc, root="/proc").holder(lock)
    assert caught.value.reason is Reason.OBSERVER
    assert kernel(proc, root=str(lock)).holder(lock) is None


def test_what_was_seen_through_a_wall_can_be_seen_to_go(proc: FakeProc, lock: Path) -> None:
    """A lock that was listed once is in our sight: when it is gone from the list, nobody holds it."""
    proc.namespace("pid:[4026532417]")
    proc.locks(line(lock))
    steady = Steady()
    looking = Kernel(proc.root, Path("/proc"), lambda _: False, steady)
    assert looking.holder(lock) == HOLDER
    proc.locks()
    steady.at += 1
    assert looking.holder(lock) is None


@pytest.mark.parametrize("name", ["locks", "self/ns/pid"])
def test_a_kernel_that_cannot_be_seen_is_our_gap(proc: FakeProc, lock: Path, name: str) -> None:
    """When /proc itself is not there, the reason is the observer's, and no holder is made up."""
    (proc.root / name).unlink()
    with pytest.raises(SourceError) as caught:
        kernel(proc).holder(lock)
    assert caught.value.reason is Reason.OBSERVER


def test_a_missing_lock_file_is_missing(proc: FakeProc, tmp_path: Path) -> None:
    """A lock file that is not there is said to be missing, not to be free."""
    with pytest.raises(SourceError) as caught:
        kernel(proc).holder(tmp_path / "gateway.lock")
    assert caught.value.reason is Reason.MISSING


@pytest.mark.parametrize("comm", ["hermes", "a) R 1 2 (b", "))", "((", ") Z 9 9"])
def test_a_process_may_have_any_name(comm: str) -> None:
    """Parentheses and spaces in a program's name do not shift the values behind it."""
    data = f"7 ({comm}) T {' '.join(['1'] * 18)} 12345 6 7\n".encode()
    found = parse_process(7, data, BOOTED, 100)
    assert (found.state, found.ticks) == ("stopped", 12345)
    assert found.started_at == datetime.fromtimestamp(BOOTED + 123.45, UTC)


@given(st.binary(max_size=200))
def test_any_description_of_a_process_ends_in_a_reason(data: bytes) -> None:
    """Whatever the kernel's file says, it is understood or refused with a reason."""
    found = attempt(parse_process, 7, data, BOOTED, 100)
    assert found.reason is Reason.SCHEMA if isinstance(found, SourceError) else found.pid == 7


@given(st.binary(max_size=500))
def test_any_list_of_locks_is_read(data: bytes) -> None:
    """Lines that are no locks are passed over."""
    parse_locks(data)


def test_hidden_is_not_gone(proc: FakeProc) -> None:
    """A process that exists but whose folder is hidden is not taken for gone."""
    with pytest.raises(SourceError) as caught:
        kernel(proc, exists=lambda _: True).process(HOLDER)
    assert caught.value.reason is Reason.DENIED
    assert kernel(proc).process(HOLDER) is None


def test_a_reused_number_is_another_process(proc: FakeProc) -> None:
    """A process that was noted down is recognised by its start: same number, other start, other process."""
    proc.process(HOLDER, ticks=500)
    looking = kernel(proc)
    assert looking.identify(HOLDER, 500) == "alive"
    assert looking.identify(HOLDER, 499) == "another"
    assert looking.identify(HOLDER + 1, 500) == "gone"


def test_a_process_in_a_container_has_two_numbers(proc: FakeProc) -> None:
    """The number a process has for itself is the innermost one."""
    proc.process(HOLDER)
    proc.write(f"{HOLDER}/status", f"Name:\thermes\nNSpid:\t{HOLDER}\t18\t7\nThreads:\t3\n")
    assert kernel(proc).inner_pid(HOLDER) == 7


def test_an_old_kernel_tells_one_number(proc: FakeProc) -> None:
    """Where the kernel does not tell namespaces apart, a process has the one number it has."""
    proc.write(f"{HOLDER}/status", "Name:\thermes\n")
    assert kernel(proc).inner_pid(HOLDER) == HOLDER


def test_no_moment_of_boot_no_moment_of_start(proc: FakeProc) -> None:
    """Without the moment of boot a start cannot be told, and that is our gap."""
    proc.process(HOLDER)
    proc.write("stat", "cpu 1 2 3\n")
    with pytest.raises(SourceError) as caught:
        kernel(proc).process(HOLDER)
    assert caught.value.reason is Reason.OBSERVER
