"""The real agents the tests drive, each in an environment of its own.

The rule: a test never uses an agent it happens to find on the machine. `ensure_agent` installs exactly what
`requirements/agent-*.txt` locks, by hash, under `.cache/agents/`, once per lock file. An install that was cut short
leaves no stamp, so the next one starts over; a file lock makes parallel test workers install once.

`python -m tests.real.agents` installs every version ahead of a test run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: Final = Path(__file__).resolve().parents[2]
CACHE: Final = REPOSITORY / ".cache" / "agents"
VERSIONS: Final = ("0.14.0", "0.19.0")
INSTALL_LIMIT_S: Final = 600.0
NEWEST_PYTHON: Final = (3, 13)  # the agents refuse a newer one
PYTHON_NAMES: Final = ("python3.13", "python3.12", "python3.11")


class AgentInstallError(RuntimeError):
    """The agent could not be installed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One installed version of the agent."""

    version: str
    python: Path
    hermes: Path

    @property
    def series(self) -> str:
        """The version without its patch number, as lock files and test names write it."""
        return self.version.rpartition(".")[0]


def ensure_agent(version: str) -> Agent:
    """Return the agent of that version, installing it first where needed."""
    requirements = REPOSITORY / "requirements" / f"agent-{version.rpartition('.')[0]}.txt"
    root = ensure_environment(CACHE / version, requirements, f"hermes-agent {version}")
    return Agent(version, root / "bin" / "python", root / "bin" / "hermes")


def ensure_environment(root: Path, requirements: Path, name: str) -> Path:
    """Return the folder of an environment that holds exactly what a lock names, installing it first where needed."""
    stamp, wanted = root / "installed", _stamp_for(requirements)
    root.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(root.with_name(f"{root.name}.lock")):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _install(name, root, requirements)
            stamp.write_text(wanted)
    return root


def _stamp_for(requirements: Path) -> str:
    if not requirements.is_file():
        message = f"no lock file {requirements}: only {', '.join(VERSIONS)} can be installed"
        raise AgentInstallError(message)
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold the file lock, waiting no longer than another worker's install may take."""
    deadline = time.monotonic() + INSTALL_LIMIT_S
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"{path} is still held after {INSTALL_LIMIT_S:.0f} s: is another test run hanging?"
                    raise AgentInstallError(message) from None
                time.sleep(0.2)
        yield


def _install(name: str, root: Path, requirements: Path) -> None:
    started = time.monotonic()
    _say(f"{name}: installing into {root} (time limit {INSTALL_LIMIT_S:.0f} s)")
    shutil.rmtree(root, ignore_errors=True)
    log = root.with_suffix(".log")
    _run([_host_python(), "-m", "venv", str(root)], log, started)
    # The lock file names every package, so pip need not resolve anything; older ones cannot do both extras and hashes.
    pip = [str(root / "bin" / "python"), "-m", "pip", "install", "--no-input", "--no-deps", "--require-hashes"]
    _run([*pip, "-r", str(requirements)], log, started)
    _say(f"{name}: installed in {time.monotonic() - started:.0f} s")


def _run(command: list[str], log: Path, started: float) -> None:
    """Run one install step, its words going to a log whose end is shown when it fails."""
    remaining = INSTALL_LIMIT_S - (time.monotonic() - started)
    with log.open("w") as out:
        try:
            done = subprocess.run(command, stdout=out, stderr=out, timeout=remaining, check=False)
        except subprocess.TimeoutExpired:
            message = f"{' '.join(command)} took over {remaining:.0f} s: see {log}; is the package index reachable?"
            raise AgentInstallError(message) from None
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        message = f"{' '.join(command)} failed with exit code {done.returncode}:\n{tail}"
        raise AgentInstallError(message)


def _host_python() -> str:
    """Find a Python the agents accept: the one that runs the tests, or an older one beside it."""
    if sys.version_info[:2] <= NEWEST_PYTHON:
        return sys.executable
    found = next(filter(None, map(shutil.which, PYTHON_NAMES)), None)
    if found is None:
        message = f"the agents need one of {', '.join(PYTHON_NAMES)}, and only {sys.version.split()[0]} is here"
        raise AgentInstallError(message)
    return found


def _say(line: str) -> None:
    sys.stderr.write(line + os.linesep)
    sys.stderr.flush()


if __name__ == "__main__":
    for each in VERSIONS:
        ensure_agent(each)
