"""Many findings, few incidents: what went wrong together is said once, with what it shares.

Rule 1: every finding is in exactly one incident, and most are alone in theirs.
Rule 2: what follows from other trouble belongs to the incident of its root.
Rule 3: roots belong together when they share something that may be behind them (a host, a provider, a model, a release
        of the agent, a parent) and began within a few minutes of the first of them. Which of these may be behind a
        kind of trouble is a table: a refused login is no reason for a full disk.
Rule 4: roots of which nobody knows when they began belong together only when the same rule holds for them. Roots that
        are merely not known belong together when they are the same instance's and for the same reason.
Rule 5: where a finding could be in several, it goes where most others are; then the order of the table decides. So the
        order of the findings does not matter, and a finding that shares nothing changes nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf
from typing import NamedTuple

from quarterdeck.truth.findings import Finding, Severity
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.reading import Unavailable

TOGETHER = timedelta(minutes=5)
"""How long after the first of them a trouble may begin and still be taken to be one with it."""


class Share(StrEnum):
    """What findings may have in common, the more telling first."""

    PARENT = "parent"
    PROVIDER = "provider"
    MODEL = "model"
    HOST = "host"
    VERSION = "version"
    KNOWLEDGE = "knowledge"


_PRECEDENCE = {share: place for place, share in enumerate(Share)}


class Tie(NamedTuple):
    """One thing that findings share."""

    share: Share
    value: str


class Setting(NamedTuple):
    """Where an instance lives, as far as anybody said; None where nobody did."""

    host: str | None = None
    provider: str | None = None
    model: str | None = None
    version: str | None = None
    parent: str | None = None
    """The instance whose profile it is; itself where it is none."""


HOME = (Share.HOST, Share.PARENT, Share.VERSION)
CALLS = (Share.PROVIDER, Share.MODEL)

BEHIND: Mapping[str | tuple[str, str], tuple[Share, ...]] = {
    ("gateway", "rate-limited"): CALLS,
    ("gateway", "pool exhausted"): CALLS,
    ("gateway", "stuck"): CALLS,
    ("gateway", "platform failed"): (Share.HOST,),
    ("gateway", "platform away"): (Share.HOST,),
    ("job", "failing"): (Share.PARENT, *CALLS, Share.HOST),
    ("job", "drifting"): (Share.PARENT, *CALLS, Share.HOST),
    "instance": HOME,
    "gateway": HOME,
    "scheduler": HOME,
    "sessions": HOME,
    "logs": (*HOME, *CALLS),
    "model": CALLS,
    "credentials": (Share.PROVIDER, Share.PARENT),
    ("credential", "shared"): (Share.HOST,),
    ("credential", "of a person"): (Share.HOST,),
    "job": (Share.PARENT, Share.HOST),
    "host": (Share.HOST,),
    "disk": (Share.HOST,),
    "listener": (Share.HOST,),
    "tailnet": (Share.HOST,),
    "exposure": (Share.HOST,),
    "unit": (Share.PARENT,),
    "timer": (Share.PARENT,),
}
"""What may be behind a kind of trouble, or behind a rule of it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings that are one matter."""

    id: str
    lead: Finding
    """The worst of them, and among equals the first."""
    members: tuple[Finding, ...]
    """All of them, the lead first."""
    tie: Tie | None = None
    """What the roots share; None when there is one root."""
    message: str = ""
    """Names the shared thing and how many it concerns; nothing for a finding that stands alone."""

    @property
    def severity(self) -> Severity:
        """The severity of the worst member."""
        return max((each.severity for each in self.members), key=lambda each: each.rank)

    @property
    def since(self) -> datetime | None:
        """When the first member began; None when no reading says."""
        return min((each.since for each in self.members if each.since is not None), default=None)


def incidents(
    findings: Iterable[Finding], settings: Mapping[str, Setting], window: timedelta = TOGETHER
) -> tuple[Incident, ...]:
    """Group findings, the worst incident first."""
    ordered = sorted(findings, key=lambda each: each.id)
    by_subject = {each.subject: each for each in ordered}
    followers: dict[str, list[Finding]] = {}
    roots = list[Finding]()
    for each in ordered:
        root = by_subject.get(each.causes[-1]) if each.causes else None
        if root is None or root is each:
            roots.append(each)
        else:
            followers.setdefault(root.id, []).append(each)
    found = [_incident(tie, group, followers) for tie, group in _grouped(roots, settings, window)]
    return tuple(sorted(found, key=_worst_first))


def _worst_first(incident: Incident) -> tuple[int, int, float, str]:
    lead = incident.lead
    return -incident.severity.rank, -lead.status.rank, _moment(lead.since), lead.subject


def _lead_first(finding: Finding) -> tuple[int, int, int, float, str]:
    return len(finding.causes), -finding.severity.rank, -finding.status.rank, _moment(finding.since), finding.id


def _moment(at: datetime | None) -> float:
    """When it began, for sorting; what nobody knows comes last."""
    return inf if at is None else at.timestamp()


def _incident(tie: Tie | None, roots: Sequence[Finding], followers: Mapping[str, Sequence[Finding]]) -> Incident:
    members = sorted((*roots, *(each for root in roots for each in followers.get(root.id, ()))), key=_lead_first)
    lead = members[0]
    if tie is None:
        return Incident(lead.id, lead, tuple(members))
    first = min(roots, key=lambda each: (_moment(each.since), each.id))
    began = "unknown" if first.since is None else f"{first.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Incident(f"{tie.share}:{tie.value}#{began}#{first.rule}", lead, tuple(members), tie, _message(tie, roots))


# --- which roots belong together -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Cluster:
    """Roots that share one thing and began together; those that went elsewhere are no longer counted."""

    tie: Tie
    roots: list[Finding]
    live: int
    owners: Counter[str]

    @property
    def rank(self) -> tuple[int, int, str, float, str]:
        """The largest first; then the more telling."""
        first = self.roots[0]
        return -self.live, _PRECEDENCE[self.tie.share], self.tie.value, _moment(first.since), first.id

    @property
    def worth(self) -> bool:
        """Whether it says anything: several must share it, and what is one home's own is several only as jobs."""
        return self.live > 1 and len(self.owners) > 1


def _grouped(
    roots: Sequence[Finding], settings: Mapping[str, Setting], window: timedelta
) -> Iterable[tuple[Tie | None, list[Finding]]]:
    """Give each root to the largest cluster it is in, the largest cluster first."""
    clusters = _clusters(roots, settings, window)
    of: dict[str, list[int]] = {}
    for number, cluster in enumerate(clusters):
        for root in cluster.roots:
            of.setdefault(root.id, []).append(number)
    waiting = [(cluster.rank, number) for number, cluster in enumerate(clusters)]
    heapq.heapify(waiting)
    taken = set[str]()
    while waiting:
        rank, number = heapq.heappop(waiting)
        cluster = clusters[number]
        if cluster.rank != rank:  # some of its roots went elsewhere since
            heapq.heappush(waiting, (cluster.rank, number))
        elif cluster.worth:
            group = [root for root in cluster.roots if root.id not in taken]
            yield cluster.tie, group
            taken.update(root.id for root in group)
            _leave(group, of, clusters)
    yield from ((None, [root]) for root in roots if root.id not in taken)


def _leave(group: Iterable[Finding], of: Mapping[str, Sequence[int]], clusters: Sequence[_Cluster]) -> None:
    """Count what went into one cluster no longer in the others."""
    for root in group:
        for number in of[root.id]:
            cluster = clusters[number]
            owner = _owner(root, cluster.tie)
            cluster.live -= 1
            cluster.owners[owner] -= 1
            if not cluster.owners[owner]:
                del cluster.owners[owner]


def _clusters(roots: Sequence[Finding], settings: Mapping[str, Setting], window: timedelta) -> list[_Cluster]:
    """Part the roots that share a thing by when they began."""
    sharing: dict[tuple[Tie, str], list[Finding]] = {}
    for root in roots:
        for tie in _ties(root, settings):
            sharing.setdefault((tie, "" if root.since is not None else root.rule), []).append(root)
    clusters = list[_Cluster]()
    for (tie, _), members in sharing.items():
        if len(members) == 1:
            continue
        for group in _together(members, window):
            if len(group) > 1:
                owners = Counter(_owner(root, tie) for root in group)
                clusters.append(_Cluster(tie, group, len(group), owners))
    return clusters


def _together(members: Sequence[Finding], window: timedelta) -> Iterable[list[Finding]]:
    """Part findings into spans that begin with their first one and are no longer than the window."""
    group = list[Finding]()
    for each in sorted(members, key=lambda one: (_moment(one.since), one.id)):
        first = group[0].since if group else None
        if group and first is not None and each.since is not None and each.since - first > window:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _owner(root: Finding, tie: Tie) -> str:
    """Whose trouble it is: parts of one home are one owner, unless it is knowledge or siblings that are shared."""
    alone = tie.share is Share.KNOWLEDGE or root.kind == "job" or root.instance == ALL
    return root.subject if alone else root.instance


def _ties(root: Finding, settings: Mapping[str, Setting]) -> Iterable[Tie]:
    """Return what may be behind a root and could be shared by others."""
    if root.vague:
        return (Tie(Share.KNOWLEDGE, f"{_whose(root, settings)} {_why(root)}"),)
    shares = BEHIND.get((root.kind, root.rule)) or BEHIND.get(root.kind, ())
    setting = settings.get(root.instance, Setting())
    values = ((share, _value(share, root, setting)) for share in shares)
    return [Tie(share, value) for share, value in values if value is not None]


def _whose(root: Finding, settings: Mapping[str, Setting]) -> str:
    """Whose silence it is: that of what a subject is part of, or of the host whose ways in nobody could follow."""
    owner = root.subject.partition("/")[0]
    if root.kind != "exposure":
        return owner
    return f"host:{settings.get(root.instance, Setting()).host or owner.partition(':')[2]}"


def _value(share: Share, root: Finding, setting: Setting) -> str | None:
    scheme, _, rest = root.subject.partition(":")
    if share is Share.HOST:
        return rest.partition("/")[0] if scheme == "host" else setting.host
    if share is Share.PARENT:
        above = root.subject.rpartition("/")[0]
        return above if root.kind in ("job", "unit", "timer") else setting.parent
    return {Share.PROVIDER: setting.provider, Share.MODEL: setting.model, Share.VERSION: setting.version}[share]


def _why(root: Finding) -> str:
    """The reason why nothing is known: that of the first reading that could not answer."""
    lost = next((each.reason.value for each in root.because if isinstance(each, Unavailable)), None)
    return lost or root.status.value


# --- in words ------------------------------------------------------------------------------------------------------

PLURALS = {
    "gateway": "gateways",
    "scheduler": "schedulers",
    "job": "jobs",
    "model": "models",
    "sessions": "session databases",
    "unit": "units",
    "timer": "timers",
    "disk": "disks",
    "listener": "listeners",
    "tailnet": "places on a tailnet",
    "exposure": "things that should be private",
    "instance": "homes",
    "logs": "logs",
    "credentials": "logins",
    "credential": "credentials",
    "forge": "forges",
    "reviews": "review queues",
    "board": "boards",
    "work": "agents' tasks",
}
SHARED = {
    Share.PARENT: "of {}",
    Share.PROVIDER: "that use the provider {}",
    Share.MODEL: "that use the model {}",
    Share.HOST: "on host {}",
    Share.VERSION: "on release {} of the agent",
    Share.KNOWLEDGE: "of {}",
}


def _message(tie: Tie, roots: Sequence[Finding]) -> str:
    kinds = {each.kind for each in roots}
    things = PLURALS.get(next(iter(kinds)), "things") if len(kinds) == 1 else "things"
    value, _, why = tie.value.partition(" ") if tie.share is Share.KNOWLEDGE else (tie.value, "", "")
    shared = SHARED[tie.share].format(_name(value) if tie.share in (Share.PARENT, Share.KNOWLEDGE) else value)
    return f"{len(roots)} {things} {shared}" + (f" are not known: {why}" if why else " went wrong together")


def _name(value: str) -> str:
    """A parent as people call it: the instance of a subject, or whose units they are."""
    scheme, _, rest = value.partition(":")
    return rest.partition("/")[0] if scheme == "hermes" else f"{scheme} {rest}".strip()
