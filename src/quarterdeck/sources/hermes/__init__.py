"""The Hermes agent, read from its home: files, databases and kernel, never its own commands."""

from __future__ import annotations

from quarterdeck.sources.hermes.source import HermesSource

__all__ = ["HermesSource"]
