"""BLAKE2, as the interpreter itself brings it.

Rule: ``hashlib`` is not loaded for it. That one opens a library of several megabytes first, and the exporter starts
every 30 seconds on somebody's machine.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b, blake2s
except ImportError:  # an interpreter that was built otherwise
    from hashlib import blake2b, blake2s

__all__ = ["blake2b", "blake2s"]
