"""What the design promises about speed, measured: one file per promise, the peer or the floor beside every figure."""

from __future__ import annotations
