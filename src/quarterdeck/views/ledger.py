"""What pages of the session ledger tell beside their rows: plain data made of what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from quarterdeck.truth.past import Facets, SessionDetail, Step
from quarterdeck.truth.reading import Reading


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """What a page of the ledger carries beside its rows."""

    facets: Facets
    sort: str
    descending: bool
    next: str | None
    previous: str | None
    total: int
    exact: bool
    refusal: str
    """Why what was asked could not be answered; empty when it was."""


class Line(NamedTuple):
    """One row of the timeline."""

    turn: int
    """Counted from one; zero before the first question."""
    begins: bool
    """Whether a turn begins here."""
    step: Step
    took: timedelta | None
    """Since the row before, for what answers it."""
    share: int
    """The same in hundredths of the longest, for a bar."""
    skipped: int
    """Rows that are not told before this one."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What a session's page carries beside its row."""

    identity: str
    reading: Reading[SessionDetail] | None
    """The record, or why it could not be read; None where it was not asked."""
    lines: tuple[Line, ...] = ()
    texts: bool = False
    """Whether the policy of its instance lets texts through."""
    why_not: str = ""
    """Why there is no record to be asked for."""
