"""Coverage: what is not seen, and why. A page that is empty only when nothing is hidden.

Rule 1: whatever could not be read is listed once for each place and reason, with the facts that hang on it.
Rule 2: what cannot be known in principle (a release that writes no heartbeat, a policy that keeps names out, a terminal
        that leaves no trace) is listed too. A gap that nobody mentions is taken for coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import ALL, Instance, instance_of, subject
from quarterdeck.truth.judgement import Facts, Status
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page, at_best
from quarterdeck.views.judged import Judged, matches
from quarterdeck.views.model import Gap, View
from quarterdeck.views.rows import build_whole
from quarterdeck.views.words import ADVICE

Limit = tuple[str, str, Callable[[Facts, Instance], bool]]

LIMITS: tuple[Limit, ...] = (
    (
        "no exporter",
        "It is read from its home by this user. Without an exporter it goes dark when the hub runs as somebody else.",
        lambda f, _: f.get(F.LEARNT_BY) == "home",
    ),
    (
        "no heartbeat",
        "This release of the agent writes none: an event loop that hangs cannot be told from one that waits.",
        lambda f, _: f.get(F.HEARTBEAT_EXPECTED) is False,
    ),
    (
        "no ticker heartbeat",
        "This release of the agent writes none: a dead scheduler shows only when a job is overdue.",
        lambda f, _: f.get(F.TICKER_EXPECTED) is False,
    ),
    (
        "no unit",
        "No systemd unit is known to run this gateway: no restart by systemd can be counted.",
        lambda f, _: f.get(F.UNIT) is None,
    ),
    (
        "names of jobs",
        "They are not read, because the agent names a job after its prompt. `policy.job_names = true` shows them.",
        lambda _, one: not one.policy.job_names,
    ),
    (
        "terminals",
        "Whether somebody's terminal still waits for an answer leaves no trace; only the gateway's own turns do.",
        lambda _f, _i: True,
    ),
)
"""What cannot be known of an instance, and when that is so."""

FORGE_LIMITS = (
    (
        "its release",
        "It is none of those this was made for (Gitea 1.20 to 1.25, Forgejo 7 to 16): what it tells may be misread.",
        "",
        G.FORGE_KNOWN_RELEASE,
    ),
    (
        "its lists",
        "One was cut, or changed while it was read. What is missing from it is not called gone, and sums are at least.",
        "The next looks mend it. Else watch fewer repositories: `repos` and `without` under `[[forges]]`.",
        G.FORGE_WHOLE,
    ),
)
"""What is said of a forge when it says no to one of its fields: what, why, and what can be done."""
FEW = 3
"""Readings that stand for the thousands of a forge."""

NOT_WATCHED = (
    (
        "restores and emergency bundles",
        "Whether a backup can be restored, and how old an emergency bundle is, is not looked at.",
        "Watch the timer that makes a bundle: name it under `[units]`.",
    ),
    (
        "containers",
        "An engine is asked which ports it publishes, no more. A gateway in one is seen as far as its kernel is ours.",
        "Name what runs in one under `[[services]]`, with `url` or `address`: then it is asked whether it answers.",
    ),
    (
        "firewalls",
        "What a firewall lets through is not asked. A way in counts as one, also when a firewall should close it.",
        "",
    ),
)
"""What nobody looks at, whatever the settings: what, why, and what can be done instead."""


def coverage(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the coverage view over a filter."""
    names = judged.of("source", instance=asked.instance)
    unread = _unread(judged, asked.instance)
    gaps = (
        *_most_first(unread),
        *_unnamed(judged, asked.instance),
        *_limits(judged, asked.instance),
        *_of_forges(judged),
        *_unasked(judged),
        *_nowhere(),
    )
    rows = build_whole(judged, names)
    view = Page(judged, asked).view("coverage", "Coverage", names, rows=rows, gaps=gaps)
    if not judged.instances:
        return view
    lost = sum(each.number for each in unread.values())
    said = (
        f"{lost:,} {'fact' if lost == 1 else 'facts'} could not be read."
        if lost
        else "All that is looked at can be read."
    )
    return replace(view, headline=said, rollup=at_best(view.rollup, Status.UNKNOWN) if lost else view.rollup)


class Lost:
    """What could not be read at one place, for one reason."""

    def __init__(self) -> None:
        self.number = 0
        self.readings: list[Unavailable[object]] = []
        """All of them, but of what a forge has by the thousand: there a few stand for all."""
        self.repos: set[str] = set()

    def add(self, reading: Unavailable[object], *, few: bool) -> None:
        """Count one."""
        self.number += 1
        if not few or len(self.readings) < FEW:
            self.readings.append(reading)

    def gap(self, owner: str, source: str, place: str, why: tuple[Reason, str]) -> Gap:
        """Say it in one line."""
        reason, detail = why
        facts = "1 fact" if self.number == 1 else f"{self.number:,} facts"
        if self.repos:
            (*_, last) = self.repos
            place = f"{source}: {last if len(self.repos) == 1 else f'{len(self.repos):,} repositories'}"
        return Gap(owner, place, f"{reason}: {detail} ({facts})", ADVICE[reason], tuple(self.readings))


Where = tuple[str, str, str, tuple[Reason, str]]


def _unread(judged: Judged, instance: str) -> dict[Where, Lost]:
    """What could not be read. What lies in the repositories of a forge is one place for each reason."""
    found: dict[Where, Lost] = {}
    for name, told in judged.fields.items():
        missing = [reading for reading in told.values() if isinstance(reading, Unavailable)]
        if not missing or not matches(name, instance):
            continue
        owner, repo, lost, before = instance_of(name), _repo(name), Lost(), None
        for reading in missing:
            if before is None or not _is_alike(reading, before):
                source, locator = reading.origin
                where = (owner, source, "" if repo else locator, (reading.reason, reading.detail))
                lost = found[where] if where in found else found.setdefault(where, Lost())
                lost.repos |= {repo} if repo else set()
            lost.add(reading, few=repo is not None)
            before = reading
    return found


def _is_alike(one: Unavailable[object], other: Unavailable[object]) -> bool:
    """Whether two readings of a subject failed alike. Asked of the same objects, as it is asked a million times."""
    return one.origin is other.origin and one.reason is other.reason and one.detail is other.detail


def _repo(name: str) -> str | None:
    """Return in which repository of a forge something lies; None for what lies in none."""
    kind = kind_of(name)
    if kind in forge.PASSING:
        return forge.repo_of(name)
    return name.split("/", 2)[-1] if kind in forge.PARTS else None


def _most_first(lost: Mapping[Where, Lost]) -> Iterator[Gap]:
    for where, each in sorted(lost.items(), key=lambda item: (-item[1].number, item[0])):
        yield each.gap(*where)


def _limits(judged: Judged, instance: str) -> Iterator[Gap]:
    for one in judged.snapshot.instances:
        if instance not in (ALL, one.id):
            continue
        facts = judged.facts(subject(one.id))
        for what, why, holds in LIMITS:
            facts.asked = {}
            if holds(facts, one):
                yield Gap(one.id, what, why, "", tuple(r for r in facts.asked.values() if isinstance(r, Known)))


def _of_forges(judged: Judged) -> Iterator[Gap]:
    """What a forge does not tell, or told in part."""
    for name in judged.of("forge"):
        for what, why, fix, field in FORGE_LIMITS:
            reading = judged.facts(name).reading(field)
            if isinstance(reading, Known) and reading.value is False:
                yield Gap(ALL, f"{name}: {what}", why, fix, (reading,))
        whose, scopes = (judged.facts(name).reading(field) for field in (G.TOKEN_LOGIN, G.TOKEN_SCOPES))
        has_one = isinstance(scopes, Known) and scopes.value != ()  # of none at all, an empty list is told
        if has_one and isinstance(whose, Known) and whose.value is None:
            why = "The forge does not say whose the token is: whether it is a person's or an admin's is not known."
            yield Gap(ALL, f"{name}: its token", why, "Make one that may also `read:user`.", (whose,))
        pulls = (each for each in judged.of("pull") if each.startswith(f"{name}/"))
        rules = (judged.facts(pull).reading(G.PULL_RULE) for pull in pulls)
        partly = next((each for each in rules if isinstance(each, Known) and not each.value.whole), None)
        if partly is not None:
            why = (
                "Whether a rejection, an open request or an outdated branch keeps a pull request from being merged is "
            )
            why += "told to admins of its repository only. A token of ours is none, so it is said to be not known."
            yield Gap(ALL, f"{name}: what branches ask", why, "", (partly,))


def _unasked(judged: Judged) -> Iterator[Gap]:
    """Who is not asked for ways in, because the settings say so."""
    for name in judged.of("forwarder"):
        reading = judged.facts(name).reading(F.FORWARDER_FOUND)
        if isinstance(reading, Known) and reading.value == "not asked":
            why = "Not asked for ways in, by the settings: one through it would not be seen."
            yield Gap(ALL, name.rpartition("/")[2], why, "Switch it on under `[exposure]`.", (reading,))


def _nowhere() -> Iterator[Gap]:
    return (Gap(ALL, what, why, fix, ()) for what, why, fix in NOT_WATCHED)


def _unnamed(judged: Judged, instance: str) -> Iterator[Gap]:
    """What only the operator can name, and has not."""
    for one in judged.snapshot.instances:
        if instance in (ALL, one.id) and not any(
            instance_of(name) == one.id for name in judged.of("repository", instance=one.id)
        ):
            why = "No repository of it is named: whether it is backed up is not known."
            yield Gap(one.id, "backup", why, "Name it under `[[repositories]]`, with `instance` and `path`.", ())
    yield from _no_forge(judged)
    if not judged.of("tailnet"):
        why = "No socket of its daemon is known: this host's addresses there, and what it serves, are not seen."
        fix = "Where there is one, name it under `[access]` as `tailscaled`. Its usual place is looked at at the start."
        yield Gap(ALL, "the tailnet", why, fix, ())
    if not judged.of("service"):
        why = "None is named: beside the agents' own listeners, nothing is asked whether it answers."
        yield Gap(ALL, "services", why, "Name them under `[[services]]`.", ())


def _no_forge(judged: Judged) -> Iterator[Gap]:
    if judged.snapshot.partial:
        why = "You see some agents only: what is on a forge is not shown to you, beside what these agents are at."
        yield Gap(ALL, "reviews and tasks", why, "", ())
    elif not judged.of("forge"):
        why = "No forge is named: pull requests that wait, and who works on what, are not seen."
        yield Gap(ALL, "reviews and tasks", why, "Name it under `[[forges]]`, with `id`, `url` and `token_file`.", ())
