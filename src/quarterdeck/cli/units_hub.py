"""The unit of the hub: it serves people, so it may talk to those the settings name, and to nobody else.

Rule 1: it is ready when a first collection can be shown, and alive as long as collector and pages prove it.
Rule 2: its secrets are files that the service manager hands over. None is in its environment.
"""

from __future__ import annotations

from typing import Final

from quarterdeck.cli.reach import Reach, tailnet_ranges
from quarterdeck.cli.unit import (
    FILES,
    GROUP,
    HUB_STATE,
    HUB_USER,
    PRIVILEGED,
    PROC,
    SYSTEM_CALLS,
    Order,
    Unit,
    command,
    private_tmp,
    quoted,
    unit_file,
)
from quarterdeck.settings import credentials

USERS_STATE: Final = "ReadWritePaths=-%h/.local/state/quarterdeck"
WATCHDOG_S: Final = 30


def hub(order: Order) -> Unit:
    """Return the hub's service."""
    reach = order.reach
    config = () if order.config is None else ("--config", str(order.config))
    text = unit_file(
        {
            "Unit": (
                "Description=Quarterdeck",
                f"After=network.target{' tailscaled.service' if reach.tailscaled else ''}",
            ),
            "Service": (
                "# Ready when a first collection can be shown; alive as long as collector and pages prove it.",
                "Type=notify",
                "NotifyAccess=main",
                f"WatchdogSec={WATCHDOG_S}",
                *((f"User={HUB_USER}", f"Group={GROUP}") if order.is_system else ()),
                "UMask=0077",
                command(order, ("up", *config)),
                "Restart=on-failure",
                "RestartSec=5s",
                "TimeoutStartSec=60",
                "TimeoutStopSec=20",
                "TimeoutAbortSec=10",
                "MemoryMax=512M",
                "TasksMax=256",
                "",
                *_secrets(order),
                *_where_the_hub_writes(order),
                *FILES,
                *(("ProtectHome=yes",) if order.is_system else ("ProtectHome=read-only",)),
                *private_tmp(order, *reach.files, *filter(None, (reach.socket, order.config, *reach.secrets))),
                "",
                *SYSTEM_CALLS,
                *(PRIVILEGED if order.is_system else ()),
                "",
                *_whom_the_hub_reaches(reach),
                "",
                *PROC,
            ),
            "Install": (f"WantedBy={'multi-user' if order.is_system else 'default'}.target",),
        }
    )
    return Unit("quarterdeck.service", text)


def _secrets(order: Order) -> tuple[str, ...]:
    """Hand over what only its owner may read; nothing of it is ever in the environment."""
    files = {credentials.name_of(file): file for file in order.reach.secrets}
    if order.passwords is not None:
        files[credentials.PASSWORDS] = order.passwords
    # The rest of such a line is the path as it is: systemd takes no quotes off it.
    lines = [f"LoadCredential={name}:{str(file).replace('%', '%%')}" for name, file in files.items()]
    if lines:
        lines.insert(0, "# Read by the service manager and handed over, so that the files can belong to root alone.")
    if order.reach.servers_database and order.passwords is None:
        where = HUB_STATE if order.is_system else "%h"
        lines.append(f"# A password of the database server is read from {where}/.pgpass. Or hand it over: --passwords.")
    return tuple(lines)


def _whom_the_hub_reaches(reach: Reach) -> tuple[str, ...]:
    lines = [
        "# Netlink tells which addresses this host has. Whom nothing here allows, nobody talks to.",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
    ]
    if reach.tailnet:
        lines += [f"IPAddressAllow={' '.join(tailnet_ranges())}"]
    if reach.addresses:
        lines += [f"IPAddressAllow={' '.join(reach.addresses)}"]
    lines += [f"# NOT ALLOWED YET: {line}" for line in missing(reach)]
    return tuple(lines)


def missing(reach: Reach) -> tuple[str, ...]:
    """Say whom the settings name that the unit cannot let through by itself."""
    named = tuple(f"{peer.host} of {peer.why}: add IPAddressAllow= with its address" for peer in reach.names)
    if not named:
        return ()
    return (*named, "the servers that look up these names, unless they are on this host or in the tailnet")


def _where_the_hub_writes(order: Order) -> tuple[str, ...]:
    reach = order.reach
    state = ("StateDirectory=quarterdeck", "StateDirectoryMode=0700") if order.is_system else (USERS_STATE,)
    runtime = order.passwords is not None or (reach.socket is not None and reach.socket.parent == order.runtime)
    written = (*reach.files, *filter(None, (reach.socket,)))
    others = dict.fromkeys(file.parent for file in written if not file.is_relative_to(order.state))
    return (
        *state,
        *(("RuntimeDirectory=quarterdeck", "RuntimeDirectoryMode=0700") if runtime else ()),
        *(f"ReadWritePaths=-{quoted(folder)}" for folder in others if folder != order.runtime),
    )
