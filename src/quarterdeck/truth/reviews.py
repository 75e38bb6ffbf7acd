"""What stands between a pull request and its merge, who is waited for, and whether it takes the operator's judgement.

Rule 1: every condition is shown, met or not or not known, each with the readings it follows from. What could not be
        read, and what the forge does not tell this token, leaves a condition not known: it is never met by default.
Rule 2: who is waited for follows from the class of the pull request (``truth.tables.pull``), and so does who is needed.
Rule 3: what is sensitive is never routine, nor is what no check has looked at, nor what cannot be classed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from quarterdeck.truth import checks
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.flags import is_sensitive
from quarterdeck.truth.forge import CLASSES
from quarterdeck.truth.judgement import Facts, Judgement, Status, ask, counted, explain, listed
from quarterdeck.truth.opinions import (
    approvals,
    asked_at,
    counts,
    first,
    names,
    objected_at,
    objections,
    opinions,
    outstanding,
    requested,
)
from quarterdeck.truth.reading import AnyReading

READY: Final = "ready"
SCHEDULED: Final = "ready, auto-merge scheduled"
UNKNOWN: Final = "unknown"
NEEDS: Final = ("judgement", "routine", "author", "nobody")
"""Who has to act next: the operator with judgement, the operator by routine, who opened it, or nobody of ours."""
ON: Final = ("author", "reviewer", "checks", "forge", "merger", "others", "nobody")
"""What kind of somebody is waited for; ``others`` are the issues and pull requests it depends on."""


class Condition(NamedTuple):
    """Something that must hold before a pull request may be merged."""

    id: str
    text: str
    """How it stands, in words."""
    met: bool | None
    """None when that is not known."""
    readings: tuple[AnyReading, ...]
    """What it follows from."""


class Waits(NamedTuple):
    """Who is waited for."""

    on: str
    """One of ``ON``."""
    who: tuple[str, ...]
    """Logins, teams, checks or references; none when it is anybody who may, or when nobody knows."""
    since: datetime | None
    ours: bool = False
    """Whether that is somebody whose judgement the deck is for, or may be."""


# --- what must hold --------------------------------------------------------------------------------------------------


class Stands(NamedTuple):
    """How something that must hold stands."""

    met: bool | None
    said: str


def _is(said: str) -> Stands:
    return Stands(met=True, said=said)


def _is_not(said: str) -> Stands:
    return Stands(met=False, said=said)


def _untold(said: str) -> Stands:
    return Stands(met=None, said=said)


def _draft(f: Facts) -> Iterable[Stands]:
    yield _is_not("a draft: its title says so") if f[G.PULL_DRAFT] else _is("no draft")


def _depends(f: Facts) -> Iterable[Stands]:
    on = f[G.PULL_BLOCKERS]
    yield _is_not(f"depends on {listed(on)}") if on else _is("depends on nothing that is open")


def _label(f: Facts) -> Iterable[Stands]:
    blocked = f[G.PULL_BLOCKED_BY_LABEL]
    yield Stands(not blocked, "a label says that it is blocked" if blocked else "no label says that it is blocked")


def in_conflict(f: Facts) -> bool | None:
    """Whether it conflicts with its base; None while the forge may still be computing."""
    if f[G.PULL_MERGEABLE]:
        return False
    reads = f[G.PULL_UNMERGEABLE]
    long = reads is not None and (reads.last - reads.first).total_seconds() >= f.thresholds.conflict_s
    return True if long else None


MERGES: Final = {
    True: _is_not("conflicts with its base"),
    None: _untold("cannot be merged now: a conflict, or the forge is still computing"),
    False: _is("merges without a conflict"),
}


OF_A_DRAFT: Final = _untold("not told of a draft whether it conflicts with its base")
"""Of every draft the forge says that it cannot be merged."""


def _merges(f: Facts) -> Iterable[Stands]:
    said_no = not f[G.PULL_MERGEABLE]
    yield OF_A_DRAFT if said_no and f[G.PULL_DRAFT] else MERGES[in_conflict(f)]


def _objects(f: Facts) -> Iterable[Stands]:
    now, before = objections(f, of_this_head=True), objections(f, of_this_head=False)
    yield from (_is_not(f"{each.who} asks for changes") for each in now)
    yield from (_is_not(f"{each.who} asked for changes of an older head, and has not looked again") for each in before)
    if not now and not before:
        yield _is("nobody asks for changes")


def _checked(f: Facts) -> Iterable[Stands]:
    for check in checks.wanted(f):
        yield Stands(check.state == "passed", checks.say(f, check))


def _approved(f: Facts) -> Iterable[Stands]:
    found = approvals(f)
    said = f"{found.counted} of {counted(found.needed, 'approval')}"
    if found.older and not found.older_count:
        whether = "it is not told whether it counts" if found.older_count is None else "it does not count"
        said += f"; {found.older} more of an older head: {whether}"
    if found.needed:
        yield Stands(found.enough, said)


def _heard(f: Facts) -> Iterable[Stands]:
    must = f[G.PULL_RULE].requests_block
    for each in requested(f):
        untold = "" if must else ", not told whether it must be there"
        yield (_is_not if must else _untold)(f"a review by {each.who} is waited for{untold}")


def outdated(f: Facts) -> bool | None:
    """Whether its base has moved on and the branch minds, or may mind; None when it is not told whether it has."""
    return False if f[G.PULL_RULE].outdated_blocks is False else f[G.PULL_OUTDATED]


def _up_to_date(f: Facts) -> Iterable[Stands]:
    must = f[G.PULL_RULE].outdated_blocks
    if must is False:
        return
    behind = outdated(f)
    if behind is None:
        yield _untold("not told whether its base has moved on")
    elif not behind:
        yield _is("its base has not moved on")
    else:
        untold = "" if must else ", not told whether the branch minds"
        yield (_is_not if must else _untold)(f"its base has moved on{untold}")


class Must(NamedTuple):
    """Something that must hold before a pull request may be merged."""

    id: str
    question: str
    """What is not known where it cannot be told."""
    look: Callable[[Facts], Iterable[Stands]]
    """How it stands, once for each of its parts; not at all where the branch does not ask for it."""


MUST_HOLD: Final = (
    Must("no draft", "whether it is a draft", _draft),
    Must("depends on nothing open", "what it depends on", _depends),
    Must("not blocked", "whether a label blocks it", _label),
    Must("no conflict", "whether it can be merged", _merges),
    Must("no objection", "who asks for changes", _objects),
    Must("check", "what its checks say", _checked),
    Must("approved", "who approves of it", _approved),
    Must("asked for a review", "whose review is waited for", _heard),
    Must("up to date", "whether its base has moved on", _up_to_date),
)
"""All that must hold, in the order of the classes."""


def conditions(f: Facts) -> tuple[Condition, ...]:
    """Return all that must hold before it may be merged: what is met, what is not, and what is not known."""
    return tuple(condition for must in MUST_HOLD for condition in _conditions(f, must))


def _conditions(f: Facts, must: Must) -> list[Condition]:
    found = ask(f, lambda facts: tuple(must.look(facts)))
    if found.lost is not None:
        return [Condition(must.id, f"not known {must.question}: {explain(found.lost, f.now)}", None, found.readings)]
    return [Condition(must.id, each.said, each.met, found.readings) for each in found.value or ()]


def unmet(f: Facts, must: Collection[str]) -> str:
    """Say which of these conditions are not met, for wording only."""
    return "; ".join(each.text for each in conditions(f) if each.id in must and each.met is not True)


def all_met(f: Facts) -> bool:
    """Whether every condition is known to be met.

    Raises:
        NotKnown: when one of them hangs on what is not known.
    """
    return all(each.met is True for must in MUST_HOLD for each in must.look(f))


# --- who is waited for, and who is needed ----------------------------------------------------------------------------


def class_of(judgement: Judgement) -> str:
    """Return the class a judgement by the table of pull requests says; ``unknown`` for any other."""
    return judgement.rule if judgement.rule in CLASSES else UNKNOWN


def waits_for(f: Facts, judgement: Judgement) -> Waits:
    """Say who is waited for, and since when where that is told."""
    return waiting(f, class_of(judgement))


def waiting(f: Facts, name: str) -> Waits:
    """Say who is waited for in a class."""
    look = WAITS.get(name)
    found = ask(f, look).value if look else None
    return found or Waits("nobody", (), None)


def _author(since: Callable[[Facts], datetime | None]) -> Callable[[Facts], Waits]:
    def look(f: Facts) -> Waits:
        who = f.get(G.PULL_AUTHOR)
        return Waits("author", (who,) if who else (), ask(f, since).value)

    return look


def _since_failing(f: Facts) -> datetime | None:
    return first(each.since for each in checks.failing(f))


def _since_conflict(f: Facts) -> datetime | None:
    reads = f[G.PULL_UNMERGEABLE]
    return reads.first if reads else None


def _objectors(f: Facts) -> Waits:
    found = objections(f, of_this_head=False)
    return Waits("reviewer", names(found), f.get(G.PULL_PUSHED_AT), any(each.is_ours for each in found))


def _reviewers(f: Facts) -> Waits:
    """Who was asked; and anybody, when approvals are missing that none of those can give."""
    asked = outstanding(f[G.PULL_REVIEWS])
    anybody = approvals(f).enough is not True and not any(each.official for each in asked)
    return Waits("reviewer", names(asked), asked_at(f), anybody or any(each.is_ours for each in asked))


def _running(f: Facts) -> Waits:
    found = checks.open_ones(f)
    return Waits("checks", tuple(each.name for each in found), first(checks.open_since(f, each) for each in found))


WAITS: Final[Mapping[str, Callable[[Facts], Waits]]] = MappingProxyType(
    {
        "draft": _author(lambda f: f[G.PULL_OPENED_AT]),
        "blocked": lambda f: Waits("others" if f[G.PULL_BLOCKERS] else "nobody", f[G.PULL_BLOCKERS], None),
        "conflict": _author(_since_conflict),
        "computing": lambda f: Waits("forge", (), _since_conflict(f)),
        "changes requested": _author(objected_at),
        "re-review": _objectors,
        "checks failing": _author(_since_failing),
        "checks stuck": _running,
        "checks pending": _running,
        "waiting on review": _reviewers,
        "outdated": _author(lambda _: None),
        SCHEDULED: lambda _: Waits("forge", (), None),
        READY: lambda f: Waits("merger", (), _first_of_last(f), ours=True),
    }
)
"""Who is waited for, by class."""


def _first_of_last(f: Facts) -> datetime | None:
    """Since when it may have been ready: since the last approval, else since the head is there."""
    approved = (each.at for each in opinions(f[G.PULL_REVIEWS]) if each.state == "approved" and counts(each))
    return max((at for at in approved if at is not None), default=f.get(G.PULL_PUSHED_AT))


def need(f: Facts, judgement: Judgement) -> str:
    """Say who has to act next: one of ``NEEDS``. What cannot be classed takes judgement."""
    return NEED[class_of(judgement)](f, judgement)


def takes_judgement(f: Facts) -> bool:
    """Whether it takes more than routine: it is sensitive, or may be, or no check has looked at it."""
    return is_sensitive(f) or ask(f, checks.none_ran).value is not False


def _by_care(f: Facts) -> str:
    return "judgement" if takes_judgement(f) else "routine"


def _if_ours(f: Facts, judgement: Judgement, then: str) -> str:
    return then if waits_for(f, judgement).ours else "nobody"


NEED: Final[Mapping[str, Callable[[Facts, Judgement], str]]] = MappingProxyType(
    {
        "draft": lambda *_: "author",
        "blocked": lambda _, judgement: "nobody" if judgement.status is Status.OK else "judgement",
        "conflict": lambda *_: "author",
        "computing": lambda *_: "nobody",
        "changes requested": lambda *_: "author",
        "re-review": lambda f, judgement: _if_ours(f, judgement, "judgement"),
        "checks failing": lambda *_: "author",
        "checks stuck": lambda *_: "judgement",
        "checks pending": lambda *_: "nobody",
        "waiting on review": lambda f, judgement: _if_ours(f, judgement, _by_care(f)),
        "outdated": lambda *_: "author",
        SCHEDULED: lambda f, _: "judgement" if takes_judgement(f) else "nobody",
        READY: lambda f, _: _by_care(f),
        UNKNOWN: lambda *_: "judgement",
    }
)
"""Who has to act next, by class."""
