"""No error without a way out.

An error that may reach a person says two things: what happened, and what to do about it. Both are required, so that
neither can be forgotten. Whoever catches one shows `str(error)` and has said everything.

Not everything that goes wrong is an error. A source that could not be read is a reading like any other
(`quarterdeck.truth`): it is returned, never raised.
"""

from __future__ import annotations


class QuarterdeckError(Exception):
    """The parent of every error that Quarterdeck raises on purpose."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what.rstrip('.')}. {self.fix}"


class UsageError(QuarterdeckError):
    """Something was asked for that cannot be done as asked: a wrong argument, an unknown name, a missing run."""


class ConfigurationError(QuarterdeckError):
    """The settings are wrong: an unknown key, a bad value, a secret file that cannot be read."""


class MemoryUnavailableError(QuarterdeckError):
    """The history cannot be read or written now. What is known at present is not touched by that."""


class LedgerUnavailableError(QuarterdeckError):
    """The ledger cannot be read or written now: nobody comes in by it."""
