"""How the tables read a heartbeat.

Rule: a beat that is missing, too old or from the future proves no life. A process younger than the
limit has not had to beat yet, so nothing is held against it.
"""

from __future__ import annotations

from datetime import datetime

from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.reading import SKEW


def older(f: Facts, beat: datetime | None, limit_s: float) -> bool:
    """Whether ``beat`` is missing, older than ``limit_s`` seconds, or from the future."""
    return beat is None or not -SKEW.total_seconds() <= f.age(beat) <= limit_s


def settled(f: Facts, started: datetime | None, limit_s: float) -> bool:
    """Whether a process started more than ``limit_s`` seconds ago; one whose start nobody knows counts as old."""
    return started is None or f.age(started) > limit_s
