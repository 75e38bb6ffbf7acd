"""Quarterdeck: a private command center for people who run their own AI agents."""

from __future__ import annotations

__version__ = "0.1.0"
