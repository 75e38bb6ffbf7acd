"""What fired: each judgement that somebody should know of, with its weight and with what it follows from.

Rule 1: a finding is a judgement that is not ok. It has no words and no readings of its own.
Rule 2: its severity is read from one table, by status, kind and rule. What is merely not known is a condition of its
        own: it is never critical, and it never stands for the trouble that was seen before it.
Rule 3: trouble that follows from other trouble of the same instance names its causes, nearest first. Only trouble that
        is seen explains trouble that is seen: what nobody can judge is no explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import instance_of, subject
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import AnyReading, Knowledge


class Severity(StrEnum):
    """How much somebody needs to know of it, from least to most."""

    INFO = "info"
    WARN = "warn"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 2 for critical."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}

BY_STATUS = {
    Status.OK: Severity.INFO,
    Status.STALE: Severity.INFO,
    Status.UNKNOWN: Severity.WARN,
    Status.DEGRADED: Severity.WARN,
    Status.DOWN: Severity.CRITICAL,
}
"""What a status weighs where the next tables say nothing else."""

BY_RULE = {
    ("gateway", "never started"): Severity.WARN,
    ("gateway", "crash loop"): Severity.CRITICAL,
    ("gateway", "stopped by signal"): Severity.CRITICAL,
    ("gateway", "defunct"): Severity.CRITICAL,
    ("gateway", "loop silent"): Severity.CRITICAL,
    ("scheduler", "nothing runs"): Severity.CRITICAL,
    ("job", "runner absent"): Severity.WARN,
    ("job", "forgotten"): Severity.INFO,
    ("kanban", "blocked in silence"): Severity.INFO,
    ("board", "blocked in silence"): Severity.INFO,
    ("board", "ambiguous"): Severity.INFO,
    ("host", "clock stepped"): Severity.INFO,
    ("listener", "public"): Severity.CRITICAL,
    ("exposure", "exposed"): Severity.CRITICAL,
    ("unit", "not found"): Severity.WARN,
    ("unit", "off"): Severity.WARN,
    ("timer", "not found"): Severity.WARN,
    ("timer", "off"): Severity.WARN,
    ("credential", "shared"): Severity.INFO,
    ("credential", "of a person"): Severity.INFO,
    ("forge", "token of a person"): Severity.INFO,
}
"""Rules that weigh more or less than their status."""

NOBODY: Mapping[str, str] = MappingProxyType({})
STALE_WARNS = frozenset({"gateway", "scheduler", "host"})
"""Kinds of which old knowledge is itself a warning: an agent may have died since."""

VAGUE = frozenset({Status.UNKNOWN, Status.STALE})

FOLLOWS = {
    ("scheduler", "runner absent"): "gateway",
    ("job", "runner absent"): "gateway",
    ("job", "overdue"): "cron",
    ("job", "missed"): "cron",
    ("gateway", "ticker dead"): "cron",
    ("model", "rate-limited"): "gateway",
    ("model", "pool exhausted"): "gateway",
    ("instance", "halted"): "gateway",
    ("scheduler", "halted"): "gateway",
    ("ledger", "behind"): "sessions",
    ("credential", "readable by others"): "credentials",
    ("credential", "committed"): "credentials",
    ("credential", "expired"): "credentials",
}
"""Which trouble follows from which part of the same instance, when that part is in trouble too."""

FOLLOWS_OWNER = frozenset(
    {
        *(("unit", rule) for rule in ("failed", "off", "restarting")),
        ("listener", "public"),
        *(("reviews", rule) for rule in ("doubt", "not judged", "not whole")),
        *(("board", rule) for rule in ("doubt", "not placed", "not whole")),
        ("work", "doubt"),
    }
)
"""Which trouble follows from that of the subject it stands for: a unit that failed, from the gateway it ran; a listener
that others can reach, from the way that begins at it; what is not known of work, from the forge that does not tell."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired on readings."""

    subject: str
    kind: str
    instance: str
    rule: str
    status: Status
    severity: Severity
    knowledge: Knowledge
    reason: str
    since: datetime | None
    """Since when it is so, where the readings say it."""
    because: tuple[AnyReading, ...] = ()
    causes: tuple[str, ...] = ()
    """Subjects whose trouble this follows from, nearest first; the last one is the root."""

    @property
    def id(self) -> str:
        """The same for as long as the same rule holds for the same subject."""
        return f"{self.subject}#{self.rule}"

    @property
    def vague(self) -> bool:
        """Whether it says only that something is not known."""
        return self.status in VAGUE


def severity_of(kind: str, rule: str, status: Status) -> Severity:
    """Look up how much a status under a rule weighs."""
    if status is Status.STALE and kind in STALE_WARNS:
        return Severity.WARN
    found = BY_RULE.get((kind, rule), BY_STATUS[status])
    return min(found, Severity.WARN, key=lambda each: each.rank) if status in VAGUE else found


def find(judgements: Iterable[Judgement], owners: Mapping[str, str] = NOBODY) -> tuple[Finding, ...]:
    """Return a finding for each judgement that is not ok, by subject.

    ``owners`` are the subjects that others stand for. What is retired, or not there yet, is no finding.
    """
    judged = (each for each in judgements if each.knowledge is not Knowledge.RETIRED)
    trouble = {each.subject: each for each in judged if each.status is not Status.OK}
    rules = {name: (each.rule, each.status) for name, each in trouble.items()}
    return tuple(_finding(trouble[name], causes(name, rules, owners)) for name in sorted(trouble))


def _finding(judgement: Judgement, chain: tuple[str, ...]) -> Finding:
    name = judgement.subject
    kind = kind_of(name)
    severity = severity_of(kind, judgement.rule, judgement.status)
    return Finding(
        name,
        kind,
        instance_of(name),
        judgement.rule,
        judgement.status,
        severity,
        judgement.knowledge,
        judgement.reason,
        judgement.since,
        judgement.because or judgement.doubts,
        chain,
    )


def causes(name: str, trouble: Mapping[str, tuple[str, Status]], owners: Mapping[str, str] = NOBODY) -> tuple[str, ...]:
    """Follow the trouble of a subject up to where it began, among the rules that hold and their statuses.

    Where two explain each other, the first by name counts as the beginning, whoever asks.
    """
    path = [name]
    while (cause := _cause(path[-1], trouble, owners)) is not None and cause not in path:
        path.append(cause)
    root = path[-1] if cause is None else min(path[path.index(cause) :])
    return tuple(path[1 : path.index(root) + 1])


def _cause(name: str, trouble: Mapping[str, tuple[str, Status]], owners: Mapping[str, str]) -> str | None:
    rule = (kind_of(name), trouble[name][0])
    part = FOLLOWS.get(rule)
    cause = subject(instance_of(name), part) if part else owners.get(name, name) if rule in FOLLOWS_OWNER else name
    explains = cause in trouble and trouble[cause][1] not in VAGUE
    return cause if explains and cause != name else None
