"""Whose process would run what a home wants run.

Rule: a gateway is alive when the kernel says that a process holds its lock, and for no other reason. Where the kernel
cannot be asked, ``alive`` is None and ``reason`` says why: not knowing is not the same as a gateway that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quarterdeck.truth.reading import Origin, Reason

GATEWAY_LOCK = Origin("kernel locks", "gateway.lock")


@dataclass(frozen=True, slots=True)
class Runner:
    """The gateway process that would run an instance's jobs: its own, or the one that serves its profile."""

    alive: bool | None
    """Whether there is one; None when that could not be told."""
    pid: int | None = None
    started_at: datetime | None = None
    """When it started; None when there is none, or when that could not be told."""
    schema_version: int | None = None
    """Schema of the session database; None while it is not known."""
    reason: Reason | None = None
    """Why ``alive`` could not be told; set exactly when it is None."""
    detail: str = ""
    origin: Origin = GATEWAY_LOCK
    """The witness of ``alive``."""

    def __post_init__(self) -> None:
        """Refuse ignorance without a reason, and a reason without ignorance.

        Raises:
            ValueError: when ``alive`` and ``reason`` contradict each other.
        """
        if (self.alive is None) != (self.reason is not None):
            msg = "A runner that could not be told needs a reason, and only such a one has it."
            raise ValueError(msg)
