"""What the kernel says of the machine: memory, load, clock, disks, and who listens."""

from __future__ import annotations

from quarterdeck.sources.host.source import HostSource

__all__ = ["HostSource"]
