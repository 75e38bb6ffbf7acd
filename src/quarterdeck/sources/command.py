"""The one way a program is run to look at something: bounded in time, in output and in what it may reach.

Rule 1: a program that does not answer in time is killed with everything it started, and its silence is a timeout.
Rule 2: a program that says more than it may is killed too: what has been cut off must not pass for all there is.
Rule 3: it gets no terminal, and no input and no environment but what it is given.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol

from quarterdeck.sources.files import SourceError, failure, human
from quarterdeck.truth.reading import Reason

OUTPUT_LIMIT = 8_000_000
CHUNK = 1 << 16
INPUT_CHUNK = 1 << 24
GRACE_S = 1.0
"""How long a killed program may take to be gone. One that hangs in the kernel stays, and is left to it."""


class Answer(NamedTuple):
    """What a program said, and the code it ended with."""

    code: int
    out: bytes
    err: bytes


class Runner(Protocol):
    """Runs a program and returns its answer, or raises ``SourceError`` when there is none."""

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        """Run ``argv`` for at most ``limit_s`` seconds."""


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    limit_s: float,
    *,
    output_limit: int = OUTPUT_LIMIT,
    said: bytes | None = None,
) -> Answer:
    """Run a program to its end. ``said`` is what it reads, held in memory and not in a file.

    Raises:
        SourceError: when it is not there, may not be run, does not end in time or says too much.
    """
    deadline = time.monotonic() + limit_s
    with _input(said) as stdin:
        process = _start(argv, environment, stdin)
    try:
        out, err = _drain(process, deadline, output_limit)
        return Answer(process.wait(max(0.0, deadline - time.monotonic())), out, err)
    except subprocess.TimeoutExpired:
        raise SourceError(Reason.TIMEOUT, f"{argv[0]} did not answer within {limit_s:g} s") from None
    finally:
        _end(process)


@contextmanager
def _input(said: bytes | None) -> Iterator[int]:
    """Hold what a program reads: nothing, or a text of which there is no file."""
    if said is None:
        yield subprocess.DEVNULL
        return
    with os.fdopen(os.memfd_create("input"), "wb+", buffering=0) as held:
        for at in range(0, len(said), INPUT_CHUNK):
            held.write(said[at : at + INPUT_CHUNK])
        held.seek(0)
        yield held.fileno()


def _start(argv: Sequence[str], environment: Mapping[str, str], stdin: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SourceError(Reason.MISSING, f"there is no {argv[0]} on this host") from None
    except PermissionError:
        raise SourceError(Reason.DENIED, f"{argv[0]} may not be run by this user") from None
    except OSError as error:
        raise failure(error) from None


def _drain(process: subprocess.Popen[bytes], deadline: float, limit: int) -> tuple[bytes, bytes]:
    """Read both streams to their ends; a program that fills one of them is never waited for on the other."""
    heard: dict[int, bytearray] = {}
    with selectors.PollSelector() as selector:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                selector.register(stream.fileno(), selectors.EVENT_READ)
                heard[stream.fileno()] = bytearray()
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(process.args, 0)
            for key, _ in ready:
                chunk = os.read(key.fd, CHUNK)
                heard[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
            if sum(map(len, heard.values())) > limit:
                raise SourceError(Reason.CORRUPT, f"it said more than the {human(limit)} it may say")
    out, err = heard.values()
    return bytes(out), bytes(err)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind: neither the program and what it started, nor its streams."""
    if process.returncode is None:
        # Not reaped yet, so its number is still its own, and so is the group of all it started.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
