"""``quarterdeck units``: systemd units for the exporter and the hub, ready to be put in place.

Rule 1: a unit may do what its program needs and nothing else. What a setting is for, and why one is missing that one
        would expect, stands beside it in the unit.
Rule 2: nothing is installed and nothing is started here. The units are printed, or put into a folder that was named,
        and a file that somebody else wrote is never replaced.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from quarterdeck import settings
from quarterdeck.cli.reach import NOBODY, reach_of
from quarterdeck.cli.unit import (
    FILES,
    GROUP,
    HUB_USER,
    PRIVILEGED,
    PROC,
    SIGNATURE,
    SYSTEM_CALLS,
    Order,
    Unit,
    command,
    private_tmp,
    quoted,
    unit_file,
)
from quarterdeck.cli.units_hub import hub, missing
from quarterdeck.errors import QuarterdeckError, UsageError
from quarterdeck.settings import discover
from quarterdeck.settings.readers import ID
from quarterdeck.settings.table import SNAPSHOTS

SYSTEM_SETTINGS: Final = Path("/etc/quarterdeck/quarterdeck.toml")
HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome= takes from a unit of the system."""


def exporter(order: Order) -> tuple[Unit, Unit]:
    """Return the exporter's service and its timer."""
    name = f"quarterdeck-export-{order.id}"
    arguments = ("export", "--home", str(order.home), "--id", order.id, "--out", str(order.snapshot))
    service = unit_file(
        {
            "Unit": (f"Description=Quarterdeck exporter of {order.id}",),
            "Service": (
                "Type=oneshot",
                *((f"User={order.user}", f"Group={GROUP}") if order.is_system else ()),
                "UMask=0077",
                command(order, arguments),
                "TimeoutStartSec=20",
                "MemoryMax=128M",
                "TasksMax=16",
                "",
                *_where_it_writes(order),
                *FILES,
                "ProtectHome=read-only",
                f"ReadOnlyPaths={quoted(order.home)}",
                *private_tmp(order, order.home, order.snapshot),
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


def steps(order: Order) -> tuple[str, ...]:
    """Return what a person does with the units, as lines for a shell."""
    write = f"{shlex.quote(str(order.python))} -m quarterdeck units --scope {order.scope}"
    write += f" --home {shlex.quote(str(order.home))} --id {order.id}"
    write += "".join(
        f" {word} {shlex.quote(str(file))}"
        for word, file in (("--config", order.config), ("--passwords", order.passwords))
        if file is not None
    )
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
        "mkdir -p -m 700 ~/.local/state/quarterdeck",
        f"mkdir -p ~/.config/systemd/user && {write} --out ~/.config/systemd/user",
        "systemctl --user daemon-reload",
        f"systemctl --user {start}",
        "loginctl enable-linger  # so that it also runs while you are not logged in",
    )


def _timer(order: Order) -> str:
    return unit_file(
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


def _where_it_writes(order: Order) -> tuple[str, ...]:
    folder = order.snapshot.parent
    if order.is_system and folder.parent == Path(SNAPSHOTS):
        return (
            f"# The snapshot: whoever is in the group {GROUP} may read it.",
            f"StateDirectory={Path(SNAPSHOTS).name}/{folder.name}",
            "StateDirectoryMode=0750",
        )
    return ("# The snapshot.", f"ReadWritePaths=-{quoted(folder)}")


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    try:
        wanted = _parser().parse_args(argv)
        order = _order(wanted)
        for line in missing(order.reach):
            sys.stderr.write(f"quarterdeck units: not allowed yet: {line}\n")
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
    parser.add_argument(
        "--config", metavar="FILE", help=f"the hub's settings (in the system scope {SYSTEM_SETTINGS}, if it is there)"
    )
    parser.add_argument("--passwords", metavar="FILE", help="passwords of database servers, in the form of ~/.pgpass")
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
    order = Order(wanted.scope, identity, home, user, Path(sys.executable), snapshot)
    return order if wanted.part == "exporter" else _with_hub(order, wanted.config, wanted.passwords)


def _with_hub(order: Order, config: str | None, passwords: str | None) -> Order:
    """Add what the settings of the hub ask of its unit."""
    file = Path(config).absolute() if config else None
    if file is None and order.is_system and SYSTEM_SETTINGS.is_file():
        file = SYSTEM_SETTINGS
    # Without a file of its own, the system's hub knows nothing of what this user has decided.
    reach = reach_of(settings.load(file)) if file is not None or not order.is_system else NOBODY
    handed = Path(passwords).absolute() if passwords else None
    for path in filter(None, (file, handed, order.python, order.python.resolve(), *reach.secrets)):
        if not str(path).isprintable():
            raise UsageError("A path holds a line break or something else unprintable", "Give the file a plain name.")
        if order.is_system and any(path.is_relative_to(hidden) for hidden in HIDDEN):
            raise UsageError(
                f"{path} lies in a home, which no service of the system sees",
                "Put settings and secrets into /etc/quarterdeck and the program into /opt/quarterdeck, "
                "or choose --scope user.",
            )
    return replace(order, reach=reach, config=file, passwords=handed)


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
