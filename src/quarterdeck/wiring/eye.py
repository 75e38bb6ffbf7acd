"""What those who remember need of those who look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from quarterdeck.sources.collector import Collector


class Eye(NamedTuple):
    """Who looks, what all is looked at, and by which clocks."""

    collector: Collector
    sources: frozenset[str]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
