"""``quarterdeck units``: systemd units for the exporter and the hub, ready to be put in place.

Rule 1: a unit may do what its program needs and nothing else. What a setting is for, and why one is missing that one
        would expect, stands beside it in the unit.
Rule 2: nothing is installed and nothing is started here. The units are printed, or put into a folder that was named,
        and a file that somebody else wrote is never replaced.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quarterdeck.errors import QuarterdeckError, UsageError
from quarterdeck.settings import discover
from quarterdeck.settings.readers import ID
from quarterdeck.settings.table import SNAPSHOTS

SIGNATURE: Final = "# Written by `quarterdeck units`. Keep your own changes in a drop-in: systemctl edit NAME"
GROUP: Final = "quarterdeck"
HUB_USER: Final = "quarterdeck"
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

    @property
    def is_system(self) -> bool:
        """Whether the system's service manager runs them, and not the user's own."""
        return self.scope == "system"


def exporter(order: Order) -> tuple[Unit, Unit]:
    """Return the exporter's service and its timer."""
    name = f"quarterdeck-export-{order.id}"
    arguments = ("export", "--home", str(order.home), "--id", order.id, "--out", str(order.snapshot))
    service = _file(
        {
            "Unit": (f"Description=Quarterdeck exporter of {order.id}",),
            "Service": (
                "Type=oneshot",
                *((f"User={order.user}", f"Group={GROUP}") if order.is_system else ()),
                "UMask=0077",
                _command(order, arguments),
                "TimeoutStartSec=20",
                "MemoryMax=128M",
                "TasksMax=16",
                "",
                *_where_it_writes(order),
                *FILES,
                "ProtectHome=read-only",
                f"ReadOnlyPaths={_quoted(order.home)}",
                *_private_tmp(order),
                "",
                *SYSTEM_CALLS,
                *(PRIVILEGED if order.is_system else ()),
                "",
                "# The name of a user may be asked of a local service. Nothing else is talked to, and no network.",
                "RestrictAddressFamilies=AF_UNIX",
                "IPAddressDeny=any",
                *(("PrivateNetwork=yes",) if order.is_system else ()),
                "",
                *PROC,
            ),
        }
    )
    return Unit(f"{name}.service", service), Unit(f"{name}.timer", _timer(order))


def hub(order: Order) -> Unit:
    """Return the hub's service."""
    text = _file(
        {
            "Unit": ("Description=Quarterdeck", "After=network.target"),
            "Service": (
                "Type=exec",
                *((f"User={HUB_USER}", f"Group={GROUP}") if order.is_system else ()),
                "UMask=0077",
                _command(order, ("up",)),
                "Restart=on-failure",
                "RestartSec=2s",
                "TimeoutStopSec=20",
                "MemoryMax=512M",
                "TasksMax=256",
                "",
                *_where_the_hub_writes(order),
                *FILES,
                *(("ProtectHome=yes",) if order.is_system else ("ProtectHome=read-only",)),
                "PrivateTmp=yes",
                "",
                *SYSTEM_CALLS,
                *(PRIVILEGED if order.is_system else ()),
                "",
                "# Pages are served on loopback only. Netlink tells which addresses this host has.",
                "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
                "IPAddressDeny=any",
                "IPAddressAllow=localhost",
                "",
                *PROC,
            ),
            "Install": (f"WantedBy={'multi-user' if order.is_system else 'default'}.target",),
        }
    )
    return Unit("quarterdeck.service", text)


def steps(order: Order) -> tuple[str, ...]:
    """Return what a person does with the units, as lines for a shell."""
    write = f"{shlex.quote(str(order.python))} -m quarterdeck units --scope {order.scope}"
    write += f" --home {shlex.quote(str(order.home))} --id {order.id}"
    start = f"enable --now quarterdeck-export-{order.id}.timer quarterdeck.service"
    if order.is_system:
        return (
            f"sudo groupadd --system {GROUP}",
            f"sudo useradd --system --gid {GROUP} --home-dir /var/lib/quarterdeck {HUB_USER}",
            f"sudo {write} --out /etc/systemd/system",
            "sudo systemctl daemon-reload",
            f"sudo systemctl {start}",
        )
    folder = shlex.quote(str(order.snapshot.parent))
    return (
        f"sudo groupadd --system {GROUP}",
        f"sudo install -d -m 2750 -o {order.user} -g {GROUP} {folder}",
        f"mkdir -p ~/.config/systemd/user && {write} --out ~/.config/systemd/user",
        "systemctl --user daemon-reload",
        f"systemctl --user {start}",
        "loginctl enable-linger  # so that it also runs while you are not logged in",
    )


def _timer(order: Order) -> str:
    return _file(
        {
            "Unit": (f"Description=Quarterdeck exporter of {order.id}, every 30 seconds",),
            "Timer": (
                "# Facts live for 90 s, so that one run may fail before anything turns stale. A run that was missed is",
                "# not made up for: the next one sees the same home.",
                "OnActiveSec=1s",
                "OnUnitActiveSec=30s",
                "AccuracySec=1s",
                "Persistent=no",
            ),
            "Install": ("WantedBy=timers.target",),
        }
    )


def _file(sections: Mapping[str, Sequence[str]]) -> str:
    parts = ["\n".join((f"[{name}]", *lines)) for name, lines in sections.items()]
    return "\n\n".join((SIGNATURE, *parts)) + "\n"


def _command(order: Order, arguments: Sequence[str]) -> str:
    words = (str(order.python), "-I", "-m", "quarterdeck", *arguments)
    return "ExecStart=" + " ".join(_quoted(word).replace("$", "$$") for word in words)


def _where_it_writes(order: Order) -> tuple[str, ...]:
    folder = order.snapshot.parent
    if order.is_system and folder.parent == Path(SNAPSHOTS):
        return (
            f"# The snapshot: whoever is in the group {GROUP} may read it.",
            f"StateDirectory={Path(SNAPSHOTS).name}/{folder.name}",
            "StateDirectoryMode=0750",
        )
    return ("# The snapshot.", f"ReadWritePaths=-{_quoted(folder)}")


def _where_the_hub_writes(order: Order) -> tuple[str, ...]:
    if order.is_system:
        return ("StateDirectory=quarterdeck", "StateDirectoryMode=0700")
    return ("ReadWritePaths=-%h/.local/state/quarterdeck",)


def _private_tmp(order: Order) -> tuple[str, ...]:
    shared = [place for place in EVERYBODYS for path in (order.home, order.snapshot) if path.is_relative_to(place)]
    if shared:
        return (f"# No PrivateTmp=: it would hide what lies in {shared[0]}.",)
    return ("PrivateTmp=yes",)


def _quoted(path: Path | str) -> str:
    """Write a path as systemd reads it: one word, without specifiers."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s'\";#]", text) else text


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    try:
        wanted = _parser().parse_args(argv)
        order = _order(wanted)
        units = [
            *(exporter(order) if wanted.part != "hub" else ()),
            *((hub(order),) if wanted.part != "exporter" else ()),
        ]
        if wanted.out == "-":
            _print(order, units)
        else:
            _put(Path(wanted.out), units)
    except QuarterdeckError as error:
        sys.stderr.write(f"quarterdeck units: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck units", description="Print systemd units.", allow_abbrev=False)
    parser.add_argument("--scope", choices=("user", "system"), default="user", help="which service manager runs them")
    parser.add_argument("--part", choices=("all", "exporter", "hub"), default="all", help="which programs")
    parser.add_argument("--home", metavar="DIR", default="~/.hermes", help="the home to export (%(default)s)")
    parser.add_argument("--id", metavar="ID", help="the instance's id (made from the home's owner and name)")
    parser.add_argument("--user", metavar="NAME", help="who runs the exporter in the system scope (the home's owner)")
    parser.add_argument("--snapshot", metavar="FILE", help=f"what the exporter writes ({SNAPSHOTS}/ID/snapshot.json)")
    parser.add_argument("--out", metavar="DIR", default="-", help="where to put the units; - prints them (%(default)s)")
    return parser


def _order(wanted: argparse.Namespace) -> Order:
    home = Path(wanted.home).expanduser().absolute()
    if not home.is_dir():
        raise UsageError(f"There is no folder {home}", "Name the agent's home with --home, such as ~/.hermes.")
    found = discover.instance_at(home)
    identity = wanted.id or found.id
    if not ID.fullmatch(identity):
        raise UsageError(f"{identity!r} is not an id", "Use small letters, digits and hyphens, as in --id north.")
    user = wanted.user or found.user
    if user is None:
        raise UsageError(f"{home} belongs to a user without a name", "Say with --user who runs the exporter.")
    snapshot = Path(wanted.snapshot).absolute() if wanted.snapshot else Path(SNAPSHOTS, identity, "snapshot.json")
    for path in (home, snapshot):
        if not str(path).isprintable():
            raise UsageError("A path holds a line break or something else unprintable", "Give the folder a plain name.")
    return Order(wanted.scope, identity, home, user, Path(sys.executable), snapshot)


def _print(order: Order, units: Sequence[Unit]) -> None:
    lines = ["# What to do with these units:", *(f"#     {step}" for step in steps(order))]
    for unit in units:
        lines += ["", f"# ---- {unit.name} ----", unit.text.rstrip()]
    sys.stdout.write("\n".join(lines) + "\n")


def _put(folder: Path, units: Sequence[Unit]) -> None:
    try:
        for unit in units:
            _require_ours(folder / unit.name)
        for unit in units:
            (folder / unit.name).write_text(unit.text, encoding="utf-8")
            sys.stdout.write(f"{folder / unit.name}\n")
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(
            f"The units cannot be put into {folder} ({why})", "Name a folder that you may write."
        ) from None


def _require_ours(file: Path) -> None:
    if file.exists() and SIGNATURE not in file.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{file} was written by somebody else", "Move it away, or choose another folder with --out.")
