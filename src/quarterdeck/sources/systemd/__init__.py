"""systemd's word on units and timers, of the system and of users, by asking and by nothing else."""

from __future__ import annotations

from quarterdeck.sources.systemd.gateways import Gateway, gateway_of
from quarterdeck.sources.systemd.source import SystemdSource

__all__ = ["Gateway", "SystemdSource", "gateway_of"]
