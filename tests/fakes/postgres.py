"""A real PostgreSQL server of Debian's, in a folder of its own, for as long as the tests run.

The server refuses to run as root; then it runs as the user its package made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

PACKAGE = "postgresql"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "log_timezone": "UTC",
}


class Server:
    """A running server. It listens on a socket in its folder, and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()

    def address(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{_user()}@/{database}?host={self.folder}"

    def database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)


def programs() -> Path | None:
    """Return where the server's programs are; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running() -> Iterator[Server]:
    """Run a server as long as the block lasts."""
    place = programs()
    assert place is not None, f"The tests need the Debian package {PACKAGE}."
    folder = Path(tempfile.mkdtemp(prefix="qd-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(_user()).pw_uid, -1)
        data = folder / "data"
        _run([place / "initdb", "-D", data, "-U", _user(), "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        options = " ".join(f"-c {name}={value or repr('')}" for name, value in SETTINGS.items())
        server = [place / "pg_ctl", "-D", data, "-w", "-s", "-l", folder / "log"]
        _run([*server, "-o", f"-k {folder} {options}", "start"])
        try:
            yield Server(folder)
        finally:
            _run([*server, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _user() -> str:
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _run(command: Sequence[object]) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["setpriv", f"--reuid={_user()}", f"--regid={_user()}", "--clear-groups", *words]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd="/")
