"""The tailnet as this host's own daemon tells of it, over its local socket, by asking and by nothing else."""

from __future__ import annotations

from quarterdeck.sources.tailnet.source import TailnetSource

__all__ = ["TailnetSource"]
