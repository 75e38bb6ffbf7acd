"""The parts that all units are made of: what a unit may do is what its program needs, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.cli.reach import NOBODY, Reach

SIGNATURE: Final = "# Written by `quarterdeck units`. Keep your own changes in a drop-in: systemctl edit NAME"
GROUP: Final = "quarterdeck"
HUB_USER: Final = "quarterdeck"
HUB_STATE: Final = Path("/var/lib/quarterdeck")
RUNTIME: Final = Path("/run/quarterdeck")
EVERYBODYS: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 -- nothing is put there; it is what PrivateTmp= hides

SYSTEM_CALLS: Final = (
    "NoNewPrivileges=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "# What is in memory when a program dies is not written anywhere.",
    "LimitCORE=0",
)
"""Walls that every service manager can build, a user's own too."""

FILES: Final = (
    "# Everything else is read-only. A user's own service manager builds this wall where the kernel lets it, and goes",
    "# on without it where not.",
    "ProtectSystem=strict",
)

PRIVILEGED: Final = (
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RemoveIPC=yes",
    "KeyringMode=private",
)
"""Walls that only the system's service manager can build."""

PROC: Final = (
    "# Who holds a gateway's lock stands in /proc/locks, which ProcSubset=pid would hide, and how that process is in",
    "# /proc/PID, which ProtectProc= would hide where the gateway runs under another name.",
    "ProcSubset=all",
    "ProtectProc=default",
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One file for systemd."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """Which units are wanted."""

    scope: str
    id: str
    home: Path
    user: str
    python: Path
    snapshot: Path
    reach: Reach = NOBODY
    """What the settings of the hub ask of its unit."""
    config: Path | None = None
    """The settings file that the hub is told to read; None for the one it finds."""
    passwords: Path | None = None
    """A file with passwords of database servers, in the form of ``~/.pgpass``."""

    @property
    def is_system(self) -> bool:
        """Whether the system's service manager runs them, and not the user's own."""
        return self.scope == "system"

    @property
    def state(self) -> Path:
        """Where the hub keeps what it remembers."""
        return HUB_STATE if self.is_system else Path("~/.local/state/quarterdeck").expanduser()

    @property
    def runtime(self) -> Path:
        """The folder that the hub gets for as long as it runs."""
        return RUNTIME if self.is_system else Path(f"/run/user/{os.getuid()}/quarterdeck")


def unit_file(sections: Mapping[str, Sequence[str]]) -> str:
    parts = ["\n".join((f"[{name}]", *lines)) for name, lines in sections.items()]
    return "\n\n".join((SIGNATURE, *parts)) + "\n"


def command(order: Order, arguments: Sequence[str]) -> str:
    words = (str(order.python), "-I", "-m", "quarterdeck", *arguments)
    return "ExecStart=" + " ".join(quoted(word).replace("$", "$$") for word in words)


def private_tmp(order: Order, *paths: Path) -> tuple[str, ...]:
    shared = [place for place in EVERYBODYS for path in (order.python, *paths) if path.is_relative_to(place)]
    if shared:
        return (f"# No PrivateTmp=: it would hide what lies in {shared[0]}.",)
    return ("PrivateTmp=yes",)


def quoted(path: Path | str) -> str:
    """Write a path as systemd reads it: one word, without specifiers."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s'\";#]", text) else text
