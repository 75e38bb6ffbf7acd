"""Git repositories: what is committed, what is not, and whether the remote has it. Looking leaves no trace in them."""

from __future__ import annotations

from quarterdeck.sources.git.source import GitSource

__all__ = ["GitSource"]
