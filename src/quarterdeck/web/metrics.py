"""What Prometheus may know of this hub: figures, by name of a source or an agent at most.

Rule 1: a figure is read from what is in memory when it is asked for. What is not known is left out: there is no zero
        for it.
Rule 2: labels are few and bounded: names of sources and agents from the settings, and words of our own. No text that
        was read anywhere is ever a label.
Rule 3: asking often costs nothing more: the same answer is given out for a while that grows with what making it took.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from quarterdeck import __version__
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.findings import Severity, find
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import CURRENT, Status
from quarterdeck.truth.reading import AnyReading, Knowledge, Known
from quarterdeck.views.judged import Judged, grouped
from quarterdeck.views.trouble import kinds
from quarterdeck.web.health import Part, history, ready

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
LIVES_S: Final = 1.0
REST: Final = 20.0
"""An answer is given out for this many times what making it took."""
WORDS: Final = 32
"""Reasons of refusal that are told apart; there are fewer, and who writes a new one cannot make it many."""
OTHERS: Final = "other"
W = TypeVar("W", bound=StrEnum)
OF_KNOWLEDGE: Final = (Knowledge.FRESH, Knowledge.LATE, Knowledge.STALE, Knowledge.UNKNOWN)


class Tally(Protocol):
    """How the looks at one source went."""

    @property
    def looks(self) -> int:
        """How many there were."""

    @property
    def unanswered(self) -> int:
        """How many of them brought no answer."""

    @property
    def took_ms(self) -> float:
        """How long they took together."""


class Counts(Protocol):
    """What the guard has counted."""

    @property
    def answered(self) -> int:
        """Requests that were let in."""

    @property
    def refused(self) -> Mapping[str, int]:
        """Requests that were not, by a word of ours for the reason."""


class Figures(NamedTuple):
    """Where the figures are read. What is None does not exist here, and has no figure."""

    judged: Callable[[], Judged]
    tallies: Callable[[], Mapping[str, Tally]]
    streams: Callable[[], int]
    guard: Counts | None = None
    signed_in: Callable[[], int | None] | None = None
    """Sessions of people that are open; None while that is not known."""
    parts: Sequence[Part] = ()
    """What else has to be well for this hub to be fit to be asked."""
    remembers: bool = False


class Meter:
    """Makes the answer, in a thread of whoever asks."""

    def __init__(self, figures: Figures, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._registry = CollectorRegistry()
        self._registry.register(_Now(figures))
        ProcessCollector(registry=self._registry)
        self._making = threading.Lock()
        self._made, self._until = b"", -1.0

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        with self._making:
            began = self._monotonic()
            if began >= self._until:
                self._made = generate_latest(self._registry)
                took = self._monotonic() - began
                self._until = began + took + max(LIVES_S, REST * took)
            return self._made


class _Now(Collector):
    """All figures of ours, read when they are asked for."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        figures, judged = self._figures, self._figures.judged()
        yield InfoMetricFamily("quarterdeck_build", "Which release this is.", {"version": __version__})
        yield from _collection(judged)
        yield from _looks(figures.tallies(), judged)
        yield from _knowledge(judged)
        yield from _agents(judged)
        yield from _history(history(judged.snapshot), judged.now)
        yield from _door(figures)
        well, _ = ready(judged.snapshot, judged.now, figures.parts, remembers=figures.remembers)
        yield GaugeMetricFamily("quarterdeck_ready", "Whether this hub is fit to be asked.", int(well))


def _collection(judged: Judged) -> Iterator[Metric]:
    snapshot = judged.snapshot
    yield CounterMetricFamily("quarterdeck_snapshots", "Collections that were published.", snapshot.version)
    if snapshot.version:
        age = (judged.now - snapshot.generated_at).total_seconds()
        yield GaugeMetricFamily("quarterdeck_snapshot_age_seconds", "Age of the newest collection.", age)
    yield GaugeMetricFamily("quarterdeck_agents", "Agents that are watched.", len(snapshot.instances))


def _looks(tallies: Mapping[str, Tally], judged: Judged) -> Iterator[Metric]:
    took = SummaryMetricFamily("quarterdeck_look_seconds", "Looks at a source and their time.", labels=["source"])
    lost = CounterMetricFamily("quarterdeck_looks_unanswered", "Looks that brought no answer.", labels=["source"])
    answers = GaugeMetricFamily("quarterdeck_source_answers", "Whether the last look was answered.", labels=["source"])
    for name, tally in tallies.items():
        took.add_metric([name], tally.looks, tally.took_ms / 1000)
        lost.add_metric([name], tally.unanswered)
    for name, look in judged.snapshot.looks.items():
        answers.add_metric([name], int(look.answered))
    return iter((took, lost, answers))


def _knowledge(judged: Judged) -> Iterator[Metric]:
    now, counted = judged.now, Counter[Knowledge]()
    for fields in grouped(judged.snapshot).values():
        counted.update(reading.knowledge(now) for reading in fields.values())
    yield _by("quarterdeck_readings", "Facts, by how well they are known.", "knowledge", OF_KNOWLEDGE, counted)
    statuses = Counter(each.status for each in judged.judgements.values())
    yield _by("quarterdeck_subjects", "What is judged, by its status.", "status", Status, statuses)
    told = (judged.judgements[name] for name in judged.of(*kinds(judged)))
    weights = Counter(each.severity for each in find(told))
    yield _by("quarterdeck_findings", "What somebody should know of, by weight.", "severity", Severity, weights)


def _by(name: str, about: str, label: str, words: Iterable[W], counted: Mapping[W, int]) -> Metric:
    """Return a gauge with a figure for each word there is, also for those of which there is none now."""
    gauge = GaugeMetricFamily(name, about, labels=[label])
    for word in words:
        gauge.add_metric([str(word)], counted.get(word, 0))
    return gauge


def _agents(judged: Judged) -> Iterator[Metric]:
    total = GaugeMetricFamily("quarterdeck_agent_sessions", "Sessions in an agent's database.", labels=["agent"])
    fields = judged.fields
    for one in judged.snapshot.instances:
        reading = fields.get(subject(one.id, "sessions"), {}).get(F.SESSIONS_TOTAL.name)
        if (number := _number(reading, judged.now)) is not None:
            total.add_metric([one.id], number)
    yield total


def _history(said: Mapping[str, AnyReading], now: datetime) -> Iterator[Metric]:
    def known(field: Field[object]) -> object:
        reading = said.get(field.name)
        return reading.value if isinstance(reading, Known) and reading.knowledge(now) in CURRENT else None

    recording, size, newest = (known(field) for field in (F.HISTORY_RECORDING, F.HISTORY_BYTES, F.HISTORY_NEWEST_AT))
    if isinstance(recording, bool):
        yield GaugeMetricFamily("quarterdeck_history_recording", "Whether what is seen is recorded.", int(recording))
    if isinstance(size, int | float):
        yield GaugeMetricFamily("quarterdeck_history_bytes", "Size of the history with its logs.", size)
    if isinstance(newest, datetime):
        lag = (now - newest).total_seconds()
        yield GaugeMetricFamily("quarterdeck_history_lag_seconds", "Age of what was recorded last.", lag)


def _door(figures: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily("quarterdeck_streams", "Pages that are open and kept up to date.", figures.streams())
    inside = None if figures.signed_in is None else figures.signed_in()
    if inside is not None:
        yield GaugeMetricFamily("quarterdeck_sessions", "Sessions of people that are open.", inside)
    if figures.guard is not None:
        yield CounterMetricFamily("quarterdeck_requests_answered", "Requests let in.", figures.guard.answered)
        refused = CounterMetricFamily("quarterdeck_requests_refused", "Requests not let in.", labels=["reason"])
        for reason, number in _few(figures.guard.refused).items():
            refused.add_metric([reason], number)
        yield refused


def _few(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return counts by at most ``WORDS`` words; the rest together."""
    given = sorted(dict(counts).items())
    found = dict(given[:WORDS])
    if rest := sum(number for _, number in given[WORDS:]):
        found[OTHERS] = found.get(OTHERS, 0) + rest
    return found


def _number(reading: AnyReading | None, now: datetime) -> float | None:
    if not isinstance(reading, Known) or reading.knowledge(now) not in CURRENT:
        return None
    return reading.value if isinstance(reading.value, int | float) else None
