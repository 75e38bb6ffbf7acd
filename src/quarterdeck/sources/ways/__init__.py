"""What passes connections on at this machine: proxies, containers, tunnels and sockets that systemd holds."""

from __future__ import annotations

from quarterdeck.sources.ways.caddy import Caddy
from quarterdeck.sources.ways.containers import Containers
from quarterdeck.sources.ways.nginx import Nginx
from quarterdeck.sources.ways.programs import Programs
from quarterdeck.sources.ways.sockets import Sockets
from quarterdeck.sources.ways.source import WaysSource

__all__ = ["Caddy", "Containers", "Nginx", "Programs", "Sockets", "WaysSource"]
