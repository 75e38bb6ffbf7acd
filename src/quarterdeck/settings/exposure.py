"""Where ways in are looked for, and what beside agents and Quarterdeck itself must stay private.

Rule 1: what is left out is looked for in its usual place. Nothing has to be named for the audit to work.
Rule 2: what is switched off is said to be so, on the page and on coverage: it is not safe for that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck.settings import readers
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.readers import Wrong

WEBHOOK: Final = 8644
_PROGRAM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Exposure(NamedTuple):
    """Where ways in are looked for."""

    caddyfile: Path | None = None
    caddy_admin: str | None = None
    """Host and port, or the path of a socket."""
    nginx_conf: Path | None = None
    containers: bool = True
    protect: tuple[int, ...] = ()
    """Further ports of this machine that must be private."""
    public: tuple[int, ...] = (WEBHOOK,)
    """Ports of agents that others are meant to reach."""
    accepted: tuple[str, ...] = ()
    """Programs whose ways the operator answers for."""


def admin(raw: object) -> str:
    """Where Caddy's admin API is: host and port, or a unix socket."""
    if isinstance(raw, str) and raw[:1] in ("/", "~"):
        return str(readers.path(raw))
    try:
        return readers.host_and_port(raw)
    except Wrong:
        fix = 'Write it like "127.0.0.1:2019" or "/run/caddy/admin.sock".'
        raise Wrong("is neither a host with a port nor the path of a socket", fix) from None


EXPOSURE: Final = Table(
    "Where ways in from beyond this machine are looked for. Listeners, Caddy, nginx, containers, tunnels and the "
    "tailnet are looked at without being named; see `quarterdeck exposure`.",
    {
        "caddyfile": Setting(
            readers.path,
            "The Caddyfile, where Caddy's admin API is off.",
            "`/etc/caddy/Caddyfile`, when it is there",
            example='"/etc/caddy/Caddyfile"',
        ),
        "caddy_admin": Setting(
            admin, "Caddy's admin API: host and port, or a socket. It is asked by `GET` only.", "`127.0.0.1:2019`"
        ),
        "nginx_conf": Setting(
            readers.path,
            "The first file of nginx's configuration.",
            "the one nginx was started with, or `/etc/nginx/nginx.conf`",
        ),
        "containers": Setting(readers.boolean, "Ask Docker and Podman which ports they publish.", "true"),
        "protect": Setting(
            readers.many(readers.port), "Further ports of this machine that must be private.", "none", example="[5432]"
        ),
        "public": Setting(
            readers.many(readers.port),
            "Ports of agents that others are meant to reach. `[]` keeps webhooks private too.",
            f"[{WEBHOOK}]",
        ),
        "accepted": Setting(
            readers.many(
                readers.matching(_PROGRAM, "the name of a program", 'Write it like "haproxy", as the page shows it.')
            ),
            "Proxies and tunnels whose ways you know and answer for, so that they leave nothing in doubt.",
            "none",
            example='["haproxy"]',
        ),
    },
    hints={"caddy": 'Did you mean "caddyfile" or "caddy_admin"?', "nginx": 'Did you mean "nginx_conf"?'},
)
