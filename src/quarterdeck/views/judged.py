"""A snapshot with every subject judged at one moment, once, for all views.

Rule: every view speaks from the same judgements, so that no two pages can disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import ALL, Instance, instance_of, subject
from quarterdeck.truth.judgement import Activity, Facts, Judgement, Status
from quarterdeck.truth.reading import Knowledge
from quarterdeck.truth.rollup import Rollup, roll_up
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds

ALWAYS = ("gateway", "cron", "sessions", "model")
"""Parts every instance has a row for, even when nothing could be read of it."""


@dataclass(frozen=True)
class Judged:
    """Judgements of all subjects of a snapshot at ``now``."""

    snapshot: Snapshot
    now: datetime
    past: bool = False
    """Whether ``now`` is a moment that is over, and the snapshot what was known then."""

    @cached_property
    def instances(self) -> dict[str, Instance]:
        """Return the instances by id, in the order of the settings."""
        return {instance.id: instance for instance in self.snapshot.instances}

    @cached_property
    def judgements(self) -> dict[str, Judgement]:
        """Judge every subject that was reported, or that must have a row."""
        subjects = dict.fromkeys(subject(one, part) for one in self.instances for part in ALWAYS)
        subjects |= dict.fromkeys(name for name, _ in self.snapshot.readings)
        judged = {name: self._judge(name) for name in subjects}
        return judged | {name: _gone(name, at) for name, at in self.snapshot.gone.items() if name not in judged}

    @cached_property
    def reported(self) -> dict[str, list[str]]:
        """Return the names of all fields reported of each subject."""
        found: dict[str, list[str]] = {}
        for name, field in self.snapshot.readings:
            found.setdefault(name, []).append(field)
        return found

    def facts(self, name: str) -> Facts:
        """Return the facts of a subject, for cells and wording."""
        return Facts(name, self.snapshot.readings, self.now, self._thresholds(name))

    def of(self, *kinds: str, instance: str = ALL) -> list[str]:
        """Return the subjects of some kinds that match the filter, in a stable order."""
        return sorted(name for name in self.judgements if kind_of(name) in kinds and matches(name, instance))

    def rollup(self, names: Iterable[str]) -> Rollup:
        """Roll up some subjects."""
        return roll_up(self.judgements[name] for name in names)

    def _judge(self, name: str) -> Judgement:
        return judge_subject(name, self.snapshot.readings, self.now, self._thresholds(name))

    def _thresholds(self, name: str) -> Thresholds:
        instance = self.instances.get(instance_of(name))
        return instance.thresholds if instance else Thresholds()


def matches(name: str, instance: str) -> bool:
    """Whether a subject passes the filter; those of no single instance always do."""
    return instance == ALL or instance_of(name) in (instance, ALL)


def needs_somebody(judgement: Judgement) -> bool:
    """Whether a subject belongs among those that need attention."""
    return judgement.status is not Status.OK


def _gone(name: str, at: datetime) -> Judgement:
    """A subject its source no longer reports: removed, which is not the same as unreadable."""
    reason = "no longer reported by its source, which answered"
    return Judgement(name, "gone", Status.OK, None, Knowledge.RETIRED, reason, at, (), ())


def working(judgement: Judgement) -> bool:
    """Whether a subject is seen to be working."""
    return judgement.activity is Activity.BUSY
