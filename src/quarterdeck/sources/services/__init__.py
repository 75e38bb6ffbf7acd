"""Whether what should answer answers: pages, ports, model servers. Units are systemd's to tell of."""

from __future__ import annotations

from quarterdeck.sources.services.source import ServiceSource

__all__ = ["ServiceSource"]
