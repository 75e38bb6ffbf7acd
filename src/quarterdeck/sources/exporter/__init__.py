"""Snapshots that an instance's own user writes, so that nobody else needs to read its home."""

from __future__ import annotations
