"""Where a card stands on the board, whether its signals agree, and through which gates it has gone.

A card is an issue. The board is a projection: nothing of it is kept by hand, and nothing of it can be moved here.

Rule 1: a card stands in one lane, that of the first signal of ``SIGNALS`` which holds: closed, an open pull request
        that closes it, something that blocks it, somebody who is at it, somebody who is to do it, nobody.
Rule 2: signals that do not agree are not settled by guessing. The card is ambiguous, says why (``AMBIGUITIES``), and
        stands in the least advanced of the lanes that are put forward. A card that nobody may begin is further from
        done than one that nobody has: blocked comes before all others.
Rule 3: a signal that cannot be read leaves the card in no lane at all: ``UNPLACED``. So it never advances by what is
        not known. A list of pull requests that was cut may lack the one that counts, and is one that cannot be read.
Rule 4: what blocks a card is asked of cards that somebody touched only: of one that nobody has, that no label says
        anything of and that no pull request names, it is not asked for, and changes nothing.
Rule 5: a gate (``GATES``) is open, or says what is missing; the first that is not open is what the card waits for.
        The last but one is open only when a pull request that closes the card has met all that it must.
Rule 6: a claim is kept by moving: its branch, or the card itself. A moment that lies ahead proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import Claim, Linked
from quarterdeck.truth.judgement import Facts, NotKnown, explain, listed, words
from quarterdeck.truth.reading import AnyReading, Reason
from quarterdeck.truth.reviews import conditions

DONE, REVIEW, BLOCKED = "done", "in review", "blocked"
PROGRESS, ASSIGNED, UNASSIGNED = "in progress", "assigned", "unassigned"
READY: Final = "ready"
"""What a label says of a card that may be begun; it is no lane."""
LANES: Final = (UNASSIGNED, ASSIGNED, PROGRESS, BLOCKED, REVIEW, DONE)
"""The lanes as a page shows them."""
UNPLACED: Final = "unknown"
"""Where a card stands while a signal cannot be read."""
ADVANCE: Final = (UNPLACED, BLOCKED, UNASSIGNED, ASSIGNED, PROGRESS, REVIEW, DONE)
"""From the least advanced on."""


class Placed(NamedTuple):
    """Where a card stands, and why."""

    lane: str
    """One of ``LANES``, or ``UNPLACED``."""
    by: str
    """The signal, in words; why there is none where it is unplaced."""
    ambiguities: tuple[str, ...]
    """What does not agree, in words. Of one that is unplaced nothing is said."""


class Gate(NamedTuple):
    """One gate on the way of a card."""

    id: str
    text: str
    """What opens it."""
    met: bool | None
    """Whether it is open; None while that is not known."""
    missing: str | None
    """What is missing, or why it is not known; None when it is open."""
    readings: tuple[AnyReading, ...]
    """What it rests on."""


class Seen(NamedTuple):
    """The signals of an open card. All of them are known."""

    facts: Facts
    said: frozenset[str]
    """What its labels say."""
    pulls: tuple[Linked, ...]
    """The open pull requests that close it, all of them."""
    ready: tuple[Linked, ...]
    """Those of them that somebody may look at: no drafts."""
    claim: Claim | None
    assignees: tuple[str, ...]
    absent: tuple[str, ...]
    present: tuple[str, ...]
    """Those who are to do it, and can."""

    @property
    def touched(self) -> bool:
        """Whether anybody has touched it: only then it is known what blocks it."""
        return bool(self.assignees or self.said or self.pulls or self.claim is not None)

    @property
    def waits(self) -> tuple[str, ...]:
        """What it depends on."""
        return self.facts[G.CARD_BLOCKERS] if self.touched else ()

    @property
    def blocked(self) -> bool:
        """Whether anything says that it may not be begun."""
        return BLOCKED in self.said or bool(self.waits)

    @property
    def begun(self) -> bool:
        """Whether somebody is seen to be at it: by a branch that claims it, or by a draft."""
        return self.claim is not None or len(self.pulls) > len(self.ready)

    @property
    def held(self) -> str:
        """The lane it is in as long as nobody is at it."""
        return ASSIGNED if self.present else UNASSIGNED


def seen(f: Facts) -> Seen:
    """Return the signals of an open card.

    Raises:
        NotKnown: when one of them cannot be read.
    """
    pulls, assignees, absent = f[G.CARD_PULLS], f[G.CARD_ASSIGNEES], f[G.CARD_ABSENT]
    if not f[G.CARD_PULLS_WHOLE]:
        raise _lacking(f, G.CARD_PULLS, "the list of pull requests was cut, or changed while it was read")
    ready = tuple(pull for pull in pulls if not pull.draft)
    present = tuple(who for who in assignees if who not in absent) if absent else assignees
    return Seen(f, frozenset(f[G.CARD_SAYS]), pulls, ready, f[G.CARD_CLAIM], assignees, absent, present)


def _lacking(f: Facts, field: Field[Any], detail: str) -> NotKnown:
    return NotKnown(field.unavailable(f.subject, f.reading(field).origin, Reason.MISSING, detail, f.now))


# --- the lanes ------------------------------------------------------------------------------------------------------

When = Callable[[Seen], bool]
Say = str | Callable[[Seen], str]


class Signal(NamedTuple):
    """A row of the table of lanes: when it holds, an open card stands there."""

    lane: str
    when: When
    say: Say


class Ambiguity(NamedTuple):
    """A row of the table of ambiguities: when it holds, and which lane it puts forward, if any."""

    id: str
    when: When
    lane: str | Callable[[Seen], str | None] | None
    say: Say


def _links(among: tuple[Linked, ...], one: str, many: str) -> str:
    """Name pull requests, and say what they do."""
    return f"{listed(tuple(pull.ref for pull in among))} {one if len(among) == 1 else many}"


def _at_it(s: Seen) -> str:
    if s.claim is not None:
        return f"{s.claim.branch} claims it"
    return _links(s.pulls, "is to close it, a draft", "are to close it, drafts")


SIGNALS: Final = (
    Signal(REVIEW, lambda s: bool(s.ready), lambda s: _links(s.ready, "closes it", "close it")),
    Signal(BLOCKED, lambda s: BLOCKED in s.said, "a label says that it is blocked"),
    Signal(BLOCKED, lambda s: bool(s.waits), lambda s: f"it depends on {listed(s.waits)}"),
    Signal(PROGRESS, lambda s: PROGRESS in s.said, "a label says that it is in progress"),
    Signal(PROGRESS, lambda s: s.begun and bool(s.present), _at_it),
    Signal(ASSIGNED, lambda s: bool(s.present), lambda s: f"given to {listed(s.present)}"),
    Signal(UNASSIGNED, lambda s: not s.present, "nobody is to do it"),
)
"""Read from the top; the first that holds is where an open card stands. One that is closed is done."""


def _least(lanes: list[str]) -> str:
    return min(lanes, key=ADVANCE.index)


def _of_words(s: Seen) -> str:
    """The least advanced lane that its labels put it in, unless something blocks it."""
    return BLOCKED if s.blocked else _least([s.held if word == READY else word for word in s.said])


def _overtaken(s: Seen) -> bool:
    """Whether a label says that less was done than a pull request shows."""
    return bool(s.said & {READY, PROGRESS, BLOCKED}) if s.ready else READY in s.said and bool(s.pulls)


def _silent(s: Seen) -> bool:
    return BLOCKED in s.said and not s.waits and not s.facts[G.CARD_EXPLAINED]


AMBIGUITIES: Final = (
    Ambiguity(
        "labels",
        lambda s: len(s.said) > 1,
        _of_words,
        lambda s: f"its labels say several things: {', '.join(sorted(s.said))}",
    ),
    Ambiguity(
        "nobody",
        lambda s: not s.assignees and not s.ready and (PROGRESS in s.said or s.begun),
        UNASSIGNED,
        "somebody is at it, and it is assigned to nobody",
    ),
    Ambiguity(
        "absent",
        lambda s: bool(s.absent),
        lambda s: None if s.ready or s.present else UNASSIGNED,
        lambda s: f"it is assigned to an account that is gone or not active: {listed(s.absent)}",
    ),
    Ambiguity("silent", _silent, BLOCKED, "a label says that it is blocked, and nothing says by what"),
    Ambiguity(
        "no pull request",
        lambda s: REVIEW in s.said and not s.ready,
        None,
        "a label says that it is in review, and no open pull request closes it",
    ),
    Ambiguity(
        "several",
        lambda s: len(s.pulls) > 1,
        None,
        lambda s: _links(s.pulls, "closes it", "all say that they close it"),
    ),
    Ambiguity(
        "overtaken",
        _overtaken,
        _of_words,
        lambda s: f"a label says {', '.join(sorted(s.said))}, and {_links(s.pulls, 'is', 'are')} open",
    ),
    Ambiguity("not done", lambda s: DONE in s.said, None, "a label says that it is done, and it is open"),
)
"""All that hold are told. A closed card has none: that it is closed is the forge's own word."""


def _in_words(say: Say, s: Seen) -> str:
    return say if isinstance(say, str) else say(s)


def _put_forward(one: Ambiguity, s: Seen) -> str | None:
    return one.lane(s) if callable(one.lane) else one.lane


def place(f: Facts) -> Placed:
    """Return where a card stands.

    Raises:
        NotKnown: when a signal that is needed for that cannot be read.
    """
    if not f[G.CARD_OPEN]:
        return Placed(DONE, "it is closed", ())
    s = seen(f)
    if not s.touched:
        return NEW
    signal = next(signal for signal in SIGNALS if signal.when(s))
    found = [one for one in AMBIGUITIES if one.when(s)]
    lanes = [signal.lane, *(lane for lane in (_put_forward(one, s) for one in found) if lane is not None)]
    return Placed(_least(lanes), _in_words(signal.say, s), tuple(_in_words(one.say, s) for one in found))


NEW: Final = Placed(UNASSIGNED, "nobody has touched it", ())


def placed(f: Facts) -> Placed:
    """Return where a card stands; what cannot be read leaves it unplaced."""
    try:
        return place(f)
    except NotKnown as unknown:
        return Placed(UNPLACED, explain(unknown.reading, f.now), ())


def lane(f: Facts) -> str:
    """Return the one lane of a card, or ``UNPLACED``."""
    return placed(f).lane


def ambiguities(f: Facts) -> tuple[str, ...]:
    """Return in words what does not agree."""
    return placed(f).ambiguities


# --- what needs somebody --------------------------------------------------------------------------------------------


def silent(f: Facts) -> bool:
    """Whether it is blocked by a label alone: nothing it depends on, and no word of what it is."""
    return f[G.CARD_OPEN] and BLOCKED in f[G.CARD_SAYS] and _silent(seen(f))


def stuck(f: Facts) -> bool:
    """Whether a label says that it may be begun, and it may not: it is blocked, or nobody is there to begin."""
    if not f[G.CARD_OPEN] or READY not in f[G.CARD_SAYS]:
        return False
    s = seen(f)
    return s.blocked or (bool(s.assignees) and not s.present)


def moved_at(f: Facts) -> datetime:
    """Return when the card, or the branch that claims it, last moved."""
    claim, at = f[G.CARD_CLAIM], f[G.CARD_MOVED_AT]
    return max(at, claim.at) if claim is not None and claim.at is not None and claim.at <= f.now else at


def run_out(f: Facts) -> bool:
    """Whether a branch claims it, nothing came of it yet, and nothing has moved for longer than a lease."""
    if not f[G.CARD_OPEN] or f[G.CARD_CLAIM] is None or f.age(moved_at(f)) <= f.thresholds.lease_s:
        return False
    s = seen(f)
    return not s.ready and not s.blocked


def still(f: Facts) -> bool:
    """Whether it is in progress and nobody has moved it for too long, or its lease has run out."""
    if run_out(f):
        return True
    return f[G.CARD_OPEN] and f.age(moved_at(f)) > f.thresholds.work_still_s and place(f).lane == PROGRESS


# --- the gates ------------------------------------------------------------------------------------------------------


class _GateRow(NamedTuple):
    id: str
    text: str
    lacks: Callable[[Facts], str | None]
    """What is missing, in words; None when the gate is open."""


def _route(f: Facts) -> str | None:
    s = seen(f)
    if not s.present:
        return "an assignee whose account is active" if s.assignees else "an assignee"
    return f"an end of what blocks it: {listed(s.waits) or 'a label says so'}" if s.blocked else None


def _track(f: Facts) -> str | None:
    s = seen(f)
    if run_out(f):
        return f"a sign of life: nothing has moved for {words(f.age(moved_at(f)))}"
    if s.begun or s.pulls or PROGRESS in s.said:
        return None
    return "a branch that claims it, a pull request, or a label that it is in progress"


def _verify(f: Facts) -> str | None:
    s = seen(f)
    if not s.ready:
        return "a pull request that is no draft" if s.pulls else "an open pull request that closes it"
    left = {pull.ref: _unmet(f, pull.ref) for pull in s.ready}
    return None if "" in left.values() else "; ".join(f"{ref}: {said}" for ref, said in left.items())


def _unmet(f: Facts, ref: str) -> str:
    """What a pull request of the same forge has not met, or is not known to have."""
    pull = Facts(_pull(f.subject, ref), f.readings, f.now, f.thresholds)
    found = conditions(pull)
    f.asked |= pull.asked
    return listed([each.text for each in found if each.met is not True], 2)


def _pull(card: str, ref: str) -> str:
    return f"{card.partition('/')[0]}/pull/{ref.replace('#', '/')}"


GATES: Final = (
    _GateRow("intake", "it is on the forge", lambda f: None if f[G.CARD_TITLE] else "a title"),
    _GateRow(
        "triage",
        "somebody has sorted it",
        lambda f: None if f[G.CARD_TRIAGED] else "a milestone, or a label that says what it is",
    ),
    _GateRow("route", "somebody is to do it, and nothing blocks it", _route),
    _GateRow("track", "somebody is seen to be at it", _track),
    _GateRow("verify", "a pull request that closes it may be merged", _verify),
    _GateRow("report", "it is closed", lambda f: "its end: it is open" if f[G.CARD_OPEN] else None),
)
"""The way of a card, from the first gate to the last."""


def gates(f: Facts) -> tuple[Gate, ...]:
    """Return all gates of a card, in their order. Of one that is closed, only the last is asked."""
    return tuple(_gate(row, f) for row in GATES)


def _gate(row: _GateRow, f: Facts) -> Gate:
    f.asked = {}
    met: bool | None
    try:
        over = row is not GATES[-1] and not f[G.CARD_OPEN]
        missing = "is not asked any more: it is closed" if over else row.lacks(f)
        met = None if over else missing is None
    except NotKnown as unknown:
        met, missing = None, explain(unknown.reading, f.now)
    return Gate(row.id, row.text, met, missing, tuple(f.asked.values()))


def next_gate(found: tuple[Gate, ...]) -> Gate | None:
    """Return the first gate that is not open, or not known to be; None when the last one is open."""
    return None if found[-1].met else next(gate for gate in found if not gate.met)
