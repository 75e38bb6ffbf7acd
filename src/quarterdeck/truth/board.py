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
Rule 6: a claim is kept by moving: its branch, or the card itself. A moment that lies ahead proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import Linked
from quarterdeck.truth.judgement import Facts, NotKnown, Say, explain, listed, words
from quarterdeck.truth.reading import AnyReading, Reason

DONE, REVIEW, BLOCKED = "done", "in review", "blocked"
PROGRESS, ASSIGNED, UNASSIGNED = "in progress", "assigned", "unassigned"
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
    """What does not agree, in words; while it is unplaced, as far as that is known."""


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


class Signal(NamedTuple):
    """A row of the table of lanes: when it holds, the card stands there."""

    lane: str
    when: Callable[[Facts], bool]
    say: Say


class Ambiguity(NamedTuple):
    """A row of the table of ambiguities: when it holds, and which lane it puts forward, if any."""

    id: str
    when: Callable[[Facts], bool]
    lane: str | Callable[[Facts], str | None] | None
    say: Say


# --- what the rows ask ----------------------------------------------------------------------------------------------


def _pulls(f: Facts) -> tuple[Linked, ...]:
    """The open pull requests that close it, all of them."""
    found = f[G.CARD_PULLS]
    if not f[G.CARD_PULLS_WHOLE]:
        raise _lacking(f, G.CARD_PULLS, "the list of pull requests was cut, or changed while it was read")
    return found


def _lacking(f: Facts, field: Field[Any], detail: str) -> NotKnown:
    return NotKnown(field.unavailable(f.subject, f.reading(field).origin, Reason.MISSING, detail, f.now))


def _ready(f: Facts) -> tuple[Linked, ...]:
    """Those of them that somebody may look at."""
    return tuple(pull for pull in _pulls(f) if not pull.draft)


def _begun(f: Facts) -> bool:
    """Whether somebody is seen to be at it: by a branch that claims it, or by a draft."""
    return f[G.CARD_CLAIM] is not None or any(pull.draft for pull in _pulls(f))


def _present(f: Facts) -> tuple[str, ...]:
    """Those who are to do it, and can."""
    absent = f[G.CARD_ABSENT]
    return tuple(who for who in f[G.CARD_ASSIGNEES] if who not in absent)


def _held(f: Facts) -> str:
    """The lane of a card that nobody is at."""
    return ASSIGNED if _present(f) else UNASSIGNED


def _touched(f: Facts) -> bool:
    """Whether anybody has touched it: only then it is known what blocks it."""
    return bool(f[G.CARD_ASSIGNEES] or f[G.CARD_SAYS] or _pulls(f) or f[G.CARD_CLAIM] is not None)


def _waits(f: Facts) -> tuple[str, ...]:
    """What it depends on."""
    return f[G.CARD_BLOCKERS] if _touched(f) else ()


def _links(among: tuple[Linked, ...], one: str, many: str) -> str:
    """Name pull requests, and say what they do."""
    return f"{listed(tuple(pull.ref for pull in among))} {one if len(among) == 1 else many}"


def _at_it(f: Facts) -> str:
    claim = f[G.CARD_CLAIM]
    return (
        f"{claim.branch} claims it"
        if claim is not None
        else _links(_pulls(f), "is to close it, a draft", "are to close it, drafts")
    )


# --- the lanes ------------------------------------------------------------------------------------------------------

SIGNALS: Final = (
    Signal(DONE, lambda f: not f[G.CARD_OPEN], "it is closed"),
    Signal(REVIEW, lambda f: bool(_ready(f)), lambda f: _links(_ready(f), "closes it", "close it")),
    Signal(BLOCKED, lambda f: BLOCKED in f[G.CARD_SAYS], "a label says that it is blocked"),
    Signal(BLOCKED, lambda f: bool(_waits(f)), lambda f: f"it depends on {listed(_waits(f))}"),
    Signal(PROGRESS, lambda f: PROGRESS in f[G.CARD_SAYS], "a label says that it is in progress"),
    Signal(PROGRESS, lambda f: _begun(f) and bool(_present(f)), _at_it),
    Signal(ASSIGNED, lambda f: bool(_present(f)), lambda f: f"given to {listed(_present(f))}"),
    Signal(UNASSIGNED, lambda f: not _present(f), "nobody is to do it"),
)
"""Read from the top; the first that holds is where the card stands."""


def _said(f: Facts) -> frozenset[str]:
    return frozenset(f[G.CARD_SAYS])


def _of_word(f: Facts, word: str) -> str:
    """The lane that a label puts a card in."""
    return _held(f) if word == "ready" else word


def _least(lanes: list[str]) -> str:
    return min(lanes, key=ADVANCE.index)


def _of_words(f: Facts) -> str:
    return _least([_of_word(f, word) for word in _said(f)])


def _disagree(f: Facts) -> bool:
    """Whether a label says that less was done than a pull request shows."""
    said = _said(f)
    return bool(said & {"ready", PROGRESS, BLOCKED}) if _ready(f) else "ready" in said and bool(_pulls(f))


def silent(f: Facts) -> bool:
    """Whether it is blocked by a label alone: nothing it depends on, and no word of what it is."""
    return f[G.CARD_OPEN] and BLOCKED in f[G.CARD_SAYS] and not f[G.CARD_BLOCKERS] and not f[G.CARD_EXPLAINED]


AMBIGUITIES: Final = (
    Ambiguity(
        "labels",
        lambda f: len(_said(f)) > 1,
        _of_words,
        lambda f: f"its labels say several things: {', '.join(sorted(_said(f)))}",
    ),
    Ambiguity(
        "nobody",
        lambda f: not f[G.CARD_ASSIGNEES] and not _ready(f) and (PROGRESS in f[G.CARD_SAYS] or _begun(f)),
        UNASSIGNED,
        "somebody is at it, and it is assigned to nobody",
    ),
    Ambiguity(
        "absent",
        lambda f: bool(f[G.CARD_ABSENT]),
        lambda f: None if _ready(f) or _present(f) else UNASSIGNED,
        lambda f: f"it is assigned to an account that is gone or not active: {listed(f[G.CARD_ABSENT])}",
    ),
    Ambiguity("silent", silent, BLOCKED, "a label says that it is blocked, and nothing says by what"),
    Ambiguity(
        "no pull request",
        lambda f: REVIEW in f[G.CARD_SAYS] and not _ready(f),
        None,
        "a label says that it is in review, and no open pull request closes it",
    ),
    Ambiguity(
        "several",
        lambda f: len(_pulls(f)) > 1,
        None,
        lambda f: _links(_pulls(f), "closes it", "all say that they close it"),
    ),
    Ambiguity(
        "overtaken",
        _disagree,
        _of_words,
        lambda f: f"a label says {', '.join(sorted(_said(f)))}, and {_links(_pulls(f), 'is', 'are')} open",
    ),
    Ambiguity(
        "not done",
        lambda f: DONE in f[G.CARD_SAYS],
        None,
        "a label says that it is done, and it is open",
    ),
)
"""All that hold are told. A closed card has none: that it is closed is the forge's own word."""


def _in_words(say: Say, f: Facts) -> str:
    return say if isinstance(say, str) else say(f)


def _put_forward(one: Ambiguity, f: Facts) -> str | None:
    return one.lane(f) if callable(one.lane) else one.lane


def place(f: Facts) -> Placed:
    """Return where a card stands.

    Raises:
        NotKnown: when a signal that is needed for that cannot be read.
    """
    signal = next(signal for signal in SIGNALS if signal.when(f))
    if signal.lane == DONE or not _touched(f):
        return Placed(signal.lane, _in_words(signal.say, f), ())
    found = [one for one in AMBIGUITIES if one.when(f)]
    lanes = [signal.lane, *(lane for lane in (_put_forward(one, f) for one in found) if lane is not None)]
    return Placed(_least(lanes), _in_words(signal.say, f), tuple(_in_words(one.say, f) for one in found))


def placed(f: Facts) -> Placed:
    """Return where a card stands; what cannot be read leaves it unplaced."""
    try:
        return place(f)
    except NotKnown as unknown:
        known = tuple(_in_words(one.say, f) for one in AMBIGUITIES if _holds(one, f))
        return Placed(UNPLACED, explain(unknown.reading, f.now), known)


def _holds(one: Ambiguity, f: Facts) -> bool:
    try:
        return f[G.CARD_OPEN] and one.when(f)
    except NotKnown:
        return False


def lane(f: Facts) -> str:
    """Return the one lane of a card, or ``UNPLACED``."""
    return placed(f).lane


def ambiguities(f: Facts) -> tuple[str, ...]:
    """Return in words what does not agree."""
    return placed(f).ambiguities


# --- what needs somebody --------------------------------------------------------------------------------------------


def stuck(f: Facts) -> bool:
    """Whether a label says that it may be begun, and it may not: it depends on something, or nobody is there to."""
    if not f[G.CARD_OPEN] or "ready" not in f[G.CARD_SAYS]:
        return False
    return bool(f[G.CARD_BLOCKERS]) or BLOCKED in f[G.CARD_SAYS] or (bool(f[G.CARD_ASSIGNEES]) and not _present(f))


def moved_at(f: Facts) -> datetime:
    """Return when the card, or the branch that claims it, last moved."""
    claim = f[G.CARD_CLAIM]
    at = f[G.CARD_MOVED_AT]
    return max(at, claim.at) if claim is not None and claim.at is not None and claim.at <= f.now else at


def run_out(f: Facts) -> bool:
    """Whether a branch claims it, nothing came of it yet, and nothing has moved for longer than a lease."""
    if not f[G.CARD_OPEN] or f[G.CARD_CLAIM] is None or _ready(f) or _waits(f) or BLOCKED in f[G.CARD_SAYS]:
        return False
    return f.age(moved_at(f)) > f.thresholds.lease_s


def still(f: Facts) -> bool:
    """Whether it is in progress and nobody has moved it for too long, or its lease has run out."""
    return run_out(f) or (place(f).lane == PROGRESS and f.age(moved_at(f)) > f.thresholds.work_still_s)


# --- the gates ------------------------------------------------------------------------------------------------------


class _GateRow(NamedTuple):
    id: str
    text: str
    lacks: Callable[[Facts], str | None]
    """What is missing, in words; None when the gate is open."""


def _route(f: Facts) -> str | None:
    if _present(f):
        return f"what blocks it: {listed(_waits(f)) or 'a label says so'}" if _stopped(f) else None
    return "an assignee whose account is active" if f[G.CARD_ASSIGNEES] else "an assignee"


def _stopped(f: Facts) -> bool:
    return bool(_waits(f)) or BLOCKED in f[G.CARD_SAYS]


def _track(f: Facts) -> str | None:
    if run_out(f):
        return f"a sign of life: nothing has moved for {words(f.age(moved_at(f)))}"
    seen = _begun(f) or bool(_pulls(f)) or PROGRESS in f[G.CARD_SAYS]
    return None if seen else "a branch that claims it, a pull request, or a label that it is in progress"


def _verify(f: Facts) -> str | None:
    if _ready(f):
        return None
    return "a pull request that is no draft" if _pulls(f) else "an open pull request that closes it"


GATES: Final = (
    _GateRow("intake", "it is on the forge", lambda f: None if f[G.CARD_TITLE] else "a title"),
    _GateRow(
        "triage",
        "somebody has sorted it",
        lambda f: None if f[G.CARD_TRIAGED] else "a milestone, or a label that says what it is",
    ),
    _GateRow("route", "somebody is to do it, and nothing blocks it", _route),
    _GateRow("track", "somebody is seen to be at it", _track),
    _GateRow("verify", "an open pull request closes it", _verify),
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
