from __future__ import annotations

import subprocess
from pathlib import Path

from tests.architecture.code import TESTS

INSTALLER = TESTS / "install-packages"
WANTED = [line.split()[0] for line in (TESTS / "debian-packages.txt").read_text().splitlines() if line[:1].isalpha()]

STUB_DPKG_QUERY = """#!/bin/sh
for last; do :; done
grep --quiet --line-regexp "$last" "$(dirname "$0")/installed" && printf installed
"""


class Machine:
    """A machine as the installer sees it: the programs it would ask, answering from a folder."""

    def __init__(self, folder: Path, *, installed: list[str], user: int) -> None:
        self._folder = folder
        (folder / "installed").write_text("".join(f"{name}\n" for name in installed))
        self._program("dpkg-query", STUB_DPKG_QUERY)
        self._program("id", f"#!/bin/sh\necho {user}\n")
        self._program("apt-get", f'#!/bin/sh\necho "$@" >> {folder}/asked\n')

    def _program(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o755)

    def install(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self._folder}:/usr/bin:/bin"}
        return subprocess.run([INSTALLER], env=environment, capture_output=True, text=True, timeout=20, check=False)

    @property
    def asked(self) -> list[str]:
        asked = self._folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []


def test_says_nothing_when_everything_is_there(tmp_path: Path) -> None:
    """Where every package is installed, nothing is installed and nothing is said."""
    machine = Machine(tmp_path, installed=WANTED, user=0)
    done = machine.install()
    assert (done.returncode, done.stdout, done.stderr, machine.asked) == (0, "", "", [])


def test_installs_what_is_missing_as_root(tmp_path: Path) -> None:
    """Root gets exactly the missing packages installed."""
    machine = Machine(tmp_path, installed=WANTED[1:], user=0)
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert machine.asked == ["update", f"install --yes --no-install-recommends {WANTED[0]}"]


def test_says_what_is_missing_to_others(tmp_path: Path) -> None:
    """Whoever is not root is told which command to run, and the run stops there."""
    machine = Machine(tmp_path, installed=WANTED[1:], user=1000)
    done = machine.install()
    assert done.returncode == 1
    assert f"apt-get install --no-install-recommends {WANTED[0]}" in done.stderr
    assert machine.asked == []
