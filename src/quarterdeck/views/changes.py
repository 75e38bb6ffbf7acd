"""Changes: what is different from a moment ago, such as the operator's last visit, and what happened in between.

Rule 1: both sides are judged by the same tables and counted by the same figures as every page.
Rule 2: what went away and came back is told as well: a comparison of two moments does not see it.
Rule 3: the digest is the same facts in at most ten lines, the worst first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from quarterdeck.truth.incidents import Incident
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.truth.judgement import Judgement, Status, words
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.reading import Knowledge
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.brief import figures_of
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall
from quarterdeck.views.remembered import Diff, Pair, Turn
from quarterdeck.views.rows import build, title_of
from quarterdeck.views.trouble import kinds, open_incidents
from quarterdeck.views.when import moment_of

MOST = 2_000
LINES = 10
STILL = timedelta(minutes=2)
"""When nothing was recorded for so long before the moment, what is compared with is the last that was known."""
STEPS = 5
DEFAULT = "8h"
PARAMS = {"since": Param("The moment to compare with: RFC 3339, or how long ago, such as 8h or 7d.", (), DEFAULT)}
FOLDED = frozenset({"worse", "new", "other"})
OURS = ("source:", "quarterdeck:")
ORDER = {"worse": 0, "new": 1, "other": 2, "came and went": 3, "gone": 4, "better": 5}


class Recalled(NamedTuple):
    """What memory says of a moment and of what followed."""

    since: datetime
    began: datetime | None
    then: Snapshot | None
    changes: Sequence[Change]
    blind: Sequence[Blind]


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled | None:
    """Fetch what was known then; nothing when no moment can be read from what was asked."""
    since, began = moment_of(asked.word("since", DEFAULT), now), memory.began()
    if since is None or since >= now:
        return None
    since = since if began is None else min(max(since, began), now)
    since, then = memory.moment(since) or since, memory.snapshot_at(since)
    if then is not None and since - then.generated_at > STILL:
        since = then.generated_at
    instance = None if asked.instance == ALL else asked.instance
    changes = memory.changes(since, now, instance=instance, limit=MOST)
    return Recalled(since, began, then, changes, memory.blind(since, now))


def changes(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return what changed over a filter."""
    names = judged.of(*kinds(judged), instance=asked.instance)
    view = Page(judged, asked).view("changes", "Changes", names, rows=())
    moment = moment_of(asked.word("since", DEFAULT), judged.now)
    if not judged.instances:
        return view
    if moment is None or moment >= judged.now:
        return replace(view, headline="Since when? Name a moment that is over, or how long ago, such as 8h.")
    if recalled is None:
        return replace(view, headline="Nothing is remembered to compare with.")
    diff = _diff(judged, asked, recalled)
    there = [turn.subject for turn in diff.turns if turn.now is not None]
    return replace(view, headline=_headline(diff), rows=build(judged, there), diff=diff)


def _headline(diff: Diff) -> str:
    if not diff.compared:
        return "Nothing is remembered to compare with."
    n = len(diff.told)
    return "Nothing changed." if not n else f"{n:,} {'change' if n == 1 else 'changes'}."


def _diff(judged: Judged, asked: Asked, recalled: Recalled) -> Diff:
    then = None if recalled.then is None else Judged(recalled.then, recalled.since, past=True)
    turns: tuple[Turn, ...] = () if then is None else tuple(_turns(judged, then, asked.instance, recalled.changes))
    diff = Diff(
        asked=asked.word("since", DEFAULT),
        since=recalled.since,
        known_since=recalled.began,
        compared=then is not None,
        turns=turns,
        figures=() if then is None else tuple(_pairs(judged, then, asked.instance)),
        blind=tuple(recalled.blind),
        complete=len(recalled.changes) < MOST,
        digest=(),
    )
    return replace(diff, digest=tuple(_digest(diff, judged)))


def _turns(now: Judged, then: Judged, instance: str, told: Iterable[Change]) -> list[Turn]:
    """Compare every subject of either moment; those that are the same and never changed are left out."""
    through: dict[str, list[Status]] = {}
    for change in told:  # newest first
        through.setdefault(change.subject, []).insert(0, change.status)
    before, after = _present(then, instance), _present(now, instance)
    subjects = sorted({*before, *after})
    turns = (
        Turn(
            name,
            title_of(now if name in after else then, name),
            instance_of(name),
            before.get(name),
            after.get(name),
            tuple(through.get(name, ())),
        )
        for name in subjects
    )
    found = sorted((turn for turn in turns if _differs(turn) and not _ours(turn)), key=_worst_first)
    return _folded(found, open_incidents(now, instance))


def _folded(turns: Sequence[Turn], found: Iterable[Incident]) -> list[Turn]:
    """Put what is part of one incident under the first of it that became so too."""
    became = {turn.subject for turn in turns if turn.what in FOLDED}
    leads: dict[str, str] = {}
    for incident in found:
        together = [each.subject for each in incident.members if each.subject in became]
        leads |= dict.fromkeys(together[1:], together[0] if together else "")
    return [turn._replace(under=leads.get(turn.subject, "")) for turn in turns]


def _ours(turn: Turn) -> bool:
    """Whether it is a part of us that came or went: a look from the terminal has no memory of its own."""
    return turn.subject.startswith(OURS) and (turn.then is None or turn.now is None)


def _present(judged: Judged, instance: str) -> dict[str, Judgement]:
    """Return what is there over a filter; a tombstone is the memory of something that is not."""
    verdicts = ((name, judged.judgements[name]) for name in judged.of(*kinds(judged), instance=instance))
    return {name: each for name, each in verdicts if each.knowledge is not Knowledge.RETIRED}


def _differs(turn: Turn) -> bool:
    if turn.then is None or turn.now is None or turn.then.status is not turn.now.status:
        return True
    if turn.now.status is not Status.OK and turn.then.rule != turn.now.rule:
        return True
    return any(status is not turn.now.status for status in turn.through)


def _worst_first(turn: Turn) -> tuple[int, int, str]:
    rank = turn.now.status.rank if turn.now is not None else -1
    return ORDER[turn.what], -rank, turn.subject


def _pairs(now: Judged, then: Judged, instance: str) -> Iterable[Pair]:
    for make in figures_of(now):
        before, after = make(then, instance), make(now, instance)
        yield Pair(after.key, after.title, before.text, after.text, before.value, after.value, after.readings)


def became(turn: Turn) -> str:
    """Say what became of a subject: ``ok → down, killed``."""
    if turn.now is None:
        return "gone" if turn.then is None or turn.then.status is Status.OK else f"gone, was {turn.then.status}"
    if turn.then is None:
        return f"new, {turn.now.status}: {turn.now.reason}"
    if turn.what == "came and went":
        path = " → ".join(_runs((*turn.through, turn.now.status)))
        return f"{turn.then.status} → {path}, as before"
    if turn.what == "other":
        return f"{turn.now.status}, now: {turn.now.reason}"
    return f"{turn.then.status} → {turn.now.status}: {turn.now.reason}"


def with_it(diff: Diff, turn: Turn) -> str:
    """Say how many more changes are told under one."""
    number = len(diff.beneath(turn))
    return f"; {number:,} more with it" if number else ""


def _runs(path: Iterable[Status]) -> list[Status]:
    """Leave out what only repeats the step before; of a long way the last steps are told."""
    return [status for status, _ in groupby(path)][-STEPS:]


def _digest(diff: Diff, judged: Judged) -> Iterable[str]:
    """Say the same in ten lines: the span, the changes, and the figures that moved."""
    age = words(judged.now - diff.since)
    if not diff.compared:
        yield "Nothing is remembered to compare with."
        return
    told = diff.told
    n = len(told)
    hidden = sum((min(each.ended_at, judged.now) - max(each.began_at, diff.since) for each in diff.blind), timedelta())
    long = words(hidden) if hidden >= timedelta(seconds=1) else "less than a second"
    unseen = f"; not looked at for {long}" if diff.blind else ""
    yield (
        f"Since {diff.since:%Y-%m-%d %H:%M} UTC, {age} ago: {n:,} {'change' if n == 1 else 'changes'}{unseen}."
        f" Known at {judged.now:%H:%M:%S} UTC."
    )
    moved = [f"{each.title} {each.then} → {each.now}" for each in diff.figures if each.then != each.now]
    room = LINES - 1 - bool(moved)
    lines = [f"{turn.name}: {became(turn)}{with_it(diff, turn)} [{turn.instance}]" for turn in told[:LINES]]
    shown = n if n <= room else room - 1
    yield from lines[:shown]
    if n > shown:
        yield f"and {n - shown:,} more"
    if moved:
        yield "; ".join(moved)
