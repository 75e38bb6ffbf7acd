"""In which zone the agent reckons.

Rule 1: the zone that its configuration names, when there is such a zone; else the host's, as the agent has it.
Rule 2: an agent may be told another one by its environment, which is not read. But it writes its offset down with every
        run: where that contradicts, the zone is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer
from quarterdeck.sources.hermes.jobs import Job
from quarterdeck.sources.zone import HOST_CLOCK, host_zone, is_zone
from quarterdeck.truth.reading import Reason

__all__ = ["HOST_CLOCK", "Zone", "agreed", "reckoned_in"]


class Zone(NamedTuple):
    """A zone, and whether the configuration names it."""

    name: str
    configured: bool


def reckoned_in(configured: str | None) -> Zone:
    """Return the zone of an agent with this configuration."""
    if configured is not None and is_zone(configured):
        return Zone(configured, configured=True)
    return Zone(host_zone(), configured=False)


def agreed(zone: Zone, jobs: Answer[tuple[Job, ...]]) -> str:
    """Return the name of a zone, unless the agent's own times contradict it."""
    written = _newest(() if isinstance(jobs, SourceError) else jobs)
    if written is not None and written.astimezone(ZoneInfo(zone.name)).utcoffset() != written.utcoffset():
        detail = "the agent wrote its last run down with another offset: it has been told another zone, or restarted"
        raise SourceError(Reason.MISSING, detail)
    return zone.name


def _newest(jobs: Iterable[Job]) -> datetime | None:
    """Return when the agent last wrote down a run, with the offset it wrote."""
    texts = (job.entry.get("last_run_at") for job in jobs)
    return max((at for text in texts if isinstance(text, str) and (at := _aware(text))), default=None)


def _aware(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:  # another fact is made of it, and says so
        return None
    return found if found.tzinfo else None
