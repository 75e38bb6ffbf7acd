"""Whose gateway serves an instance, and whose process would run its jobs.

Rule 1: a profile may have a gateway of its own. Where it has none, the gateway of its root home may serve it: when that
        one is alive, noted the profile among those it serves, and its configuration still asks for that. The note alone
        is not believed, for nothing ever clears it.
Rule 2: who serves a profile's messages does not yet run its jobs. Releases before 0.20 run those of the root home only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import NamedTuple, Self

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, after, attempt, given
from quarterdeck.sources.hermes.gateway import Evidence, gather, runner_of
from quarterdeck.sources.hermes.model import ConfigFile
from quarterdeck.sources.hermes.proc import Kernel
from quarterdeck.sources.hermes.release import SERVES_CRON_SINCE, Release, Releases
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Origin, Reason

ROOT_LOCK = Origin("kernel locks of the root home", "../../gateway.lock")

DEFAULT = "default"
"""The agent's own name for the root home; it stands in for an id where the root home is not watched here."""


class Serving(NamedTuple):
    """Who serves an instance."""

    by: Answer[str | None]
    """The instance whose gateway does; None when none does but its own."""
    gateway: Runner
    cron: Runner
    release: Answer[Release | None]
    """Release of the gateway that serves it."""


class RootHome:
    """The root home of a profile."""

    def __init__(self, home: Path, profile: str, identity: str, kernel: Kernel) -> None:
        self._home, self._profile, self._id, self._kernel = home, profile, identity, kernel
        self._config = ConfigFile(home)
        self._releases = Releases(kernel)

    @classmethod
    def of(cls, instance: Instance, roots: Mapping[PurePath, str], kernel: Kernel) -> Self | None:
        """Return the root home of an instance; None when it is one itself."""
        if instance.root is None or instance.profile is None:
            return None
        return cls(Path(instance.root), instance.profile, roots.get(instance.root, DEFAULT), kernel)

    def serving(self, profile_home: Path, own: Serving, now: datetime) -> Serving:
        """Say who serves the profile, which has no gateway of its own that is known to live."""
        evidence = gather(self._home, self._kernel, now)
        multiplexes = after(self._config.read(), lambda config: config.multiplexes)
        serves = attempt(_serves, evidence, multiplexes, self._profile)
        if serves is False or own.gateway.alive is None:
            return own
        if isinstance(serves, SourceError):
            unknown = Runner(None, reason=serves.reason, detail=serves.detail, origin=ROOT_LOCK)
            return Serving(serves, unknown, unknown, own.release)
        runner, release = runner_of(evidence, ROOT_LOCK), self._releases.of(evidence.process)
        by = self._id or SourceError(
            Reason.OBSERVER, "served by the gateway of its root home, which is not watched here"
        )
        return Serving(by, runner, _cron_runner(runner, release, profile_home), release)


def own_serving(evidence: Evidence, release: Answer[Release | None]) -> Serving:
    """Say what is so when only the instance's own gateway may serve it."""
    runner = runner_of(evidence)
    return Serving(None, runner, runner, release)


def _serves(evidence: Evidence, multiplexes: Answer[bool], profile: str) -> bool:
    """Say whether a gateway serves a profile."""
    recorded = given(evidence.recorded)
    if recorded is None or profile not in given(recorded.served) or given(evidence.holder) is None:
        return False
    if not given(multiplexes):
        detail = "the root home notes that it serves this profile, but its configuration does not ask for it"
        raise SourceError(Reason.OBSERVER, detail)
    return True


def _cron_runner(runner: Runner, release: Answer[Release | None], profile_home: Path) -> Runner:
    """Return the process that runs the jobs of the profile; where the release is unknown, a beat there proves it."""
    if not runner.alive:
        return runner
    if isinstance(release, Release) and not release.replaced:
        if release.number >= SERVES_CRON_SINCE:
            return runner
        return Runner(alive=False, origin=ROOT_LOCK)
    beat = attempt(files.stat_file, profile_home / "cron" / "ticker_heartbeat")
    if not isinstance(beat, SourceError) and runner.started_at and _moment(beat.mtime) > runner.started_at:
        return runner
    detail = "whether this release of the agent runs the jobs of profiles it serves is not known"
    return Runner(None, reason=Reason.OBSERVER, detail=detail, origin=ROOT_LOCK)


def _moment(mtime: float) -> datetime:
    return datetime.fromtimestamp(mtime, UTC)
