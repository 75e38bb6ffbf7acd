"""A machine made of files: a /proc that says what a test wants it to say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NOBODY: Final = 65534

TABLES: Final = {
    "meminfo": "MemTotal:       16315408 kB\nMemAvailable:    8192000 kB\nHugePages_Total:       0\n",
    "loadavg": "0.42 0.30 0.25 2/512 12345\n",
    "stat": "cpu  1 2 3 4\nintr 12345 0 1 2\nctxt 99\nbtime 1763688000\nprocesses 4711\n",
    "self/mountinfo": (
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "31 22 0:28 / /dev/shm rw - tmpfs tmpfs rw\n"
        "40 22 8:1 / /srv/my\\040disk rw,noatime shared:9 master:1 - xfs /dev/sda1 rw\n"
    ),
    "net/tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
    "net/tcp6": "  sl  local_address                         remote_address                        st tx_queue\n",
    "net/fib_trie": (
        "Main:\n  +-- 0.0.0.0/0 3 0 6\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
        "Local:\n  +-- 0.0.0.0/0 2 0 2\n     +-- 127.0.0.0/8 2 0 2\n        |-- 127.0.0.0\n           /8 host LOCAL\n"
        "        |-- 127.0.0.1\n           /32 host LOCAL\n        |-- 192.0.2.7\n           /32 host LOCAL\n"
    ),
    "net/if_inet6": "00000000000000000000000000000001 01 80 10 80       lo\n",
}


def machine(place: Path, tables: Mapping[str, str | None] | None = None) -> Path:
    """Write a /proc; a table that is None is not there."""
    for name, text in {**TABLES, **(tables or {})}.items():
        if text is not None:
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return place


def row(address: str, inode: int, *, state: str = "0A", uid: int = 1000) -> str:
    """Write a row of ``net/tcp`` as the kernel does."""
    remote = "0" * len(address.partition(":")[0]) + ":0000"
    waiting = "00000000:00000000 00:00000000 00000000"
    return f"   0: {address} {remote} {state} {waiting} {uid:5}        0 {inode} 1 0 100 0 0 10 0\n"


def tcp(*rows: str, v6: bool = False) -> dict[str, str]:
    """Write a table with these rows."""
    name = "net/tcp6" if v6 else "net/tcp"
    return {name: TABLES[name] + "".join(rows)}


def process(proc: Path, pid: int, inodes: Iterable[int], *, uid: int | None = None) -> None:
    """Add a process that holds these sockets, beside files of other kinds."""
    folder = proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (folder / "0").symlink_to("/dev/null")
    (folder / "1").symlink_to("pipe:[77]")
    (folder / "2").symlink_to("socket:[not a number]")
    for number, inode in enumerate(inodes, start=3):
        (folder / str(number)).symlink_to(f"socket:[{inode}]")
    if uid is not None:
        with suppress(PermissionError):
            os.chown(proc / str(pid), uid, -1)


@contextmanager
def hidden(folder: Path) -> Iterator[None]:
    """Hide a folder for a while, and be nobody meanwhile should we be root, who sees everything."""
    me = os.geteuid()
    for parent in folder.parents:
        if parent.stat().st_uid == me and parent.name:
            parent.chmod(parent.stat().st_mode | 0o555)
    folder.chmod(0)
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)
        folder.chmod(0o755)
