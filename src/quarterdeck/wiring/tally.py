"""What many pull requests and cards come to: the queue of reviews and the board of a forge, the work of an agent.

Rule 1: what was found is told, as a lower bound where not everything could be read (``whole`` is no then).
Rule 2: that nothing was found is told only when everything could be read. Otherwise it is not known, and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import work
from quarterdeck.truth.board import UNPLACED
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import ref_of
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason
from quarterdeck.truth.reviews import UNKNOWN
from quarterdeck.truth.shapes import ITEMS_LIMIT
from quarterdeck.truth.thresholds import Thresholds

Lost = tuple[Reason, str]
NOT_YET: Final[Lost] = (Reason.NEVER_SEEN, "not all of it has been judged yet")
LAST: Final = datetime.max.replace(tzinfo=UTC)


class Pull(NamedTuple):
    """What counts of a pull request."""

    of_class: str
    need: str
    since: datetime | None
    """Since when somebody is waited for."""
    who: str | None
    """Whose it is (``truth.work.account``); None where that cannot be read."""
    signs: tuple[work.Sign, ...] | None
    """Which issues its author is at; None where that cannot be read."""

    @property
    def known(self) -> bool:
        """Whether all of it is."""
        return self.of_class != UNKNOWN and self.read

    @property
    def read(self) -> bool:
        """Whether it is known to be there now."""
        return self.signs is not None


class Card(NamedTuple):
    """What counts of a card."""

    lane: str
    ambiguous: bool
    silent: bool
    stuck: bool
    still: bool
    issue: work.Issue | None
    signs: tuple[work.Sign, ...] | None
    """Who is at it; None where that cannot be read."""

    @property
    def known(self) -> bool:
        """Whether all of it is."""
        return self.lane != UNPLACED and self.signs is not None


class Of(NamedTuple):
    """The forge something is told of."""

    forge: str
    waiting: int
    """How many things of it have not been judged yet."""
    lost: Lost | None
    """Why not all of them are known; None when they are."""
    now: datetime

    def said(self, kind: str, locator: str) -> Said:
        """Tell of a part of it."""
        return Said(f"{self.forge}/{kind}", Origin(self.forge.replace(":", " "), locator), self.now)


class Said(NamedTuple):
    """What is told of one subject."""

    subject: str
    origin: Origin
    at: datetime

    def know(self, field: Field[Any], value: object) -> AnyReading:
        """Tell a value."""
        return field.known(self.subject, self.origin, value, self.at)

    def found(self, field: Field[Any], value: object, lost: Lost | None, *, nothing: bool | None = None) -> AnyReading:
        """Tell what was found; where that is nothing, only when nothing was lost."""
        if lost is not None and (not value if nothing is None else nothing):
            return field.unavailable(self.subject, self.origin, *lost, self.at)
        return self.know(field, value)


def _first_of(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(items[:ITEMS_LIMIT])


def _in_doubt(unknown: int, of: int, what: str) -> Lost | None:
    return (Reason.MISSING, f"{unknown:,} of {of:,} {what} cannot be judged now") if unknown else None


def reviews(of: Of, pulls: Mapping[str, Pull], thresholds: Thresholds) -> Iterator[AnyReading]:
    """Tell what waits on a forge."""
    said = of.said("reviews", "pull requests")
    classes = Counter(pull.of_class for pull in pulls.values())
    classes[UNKNOWN] += of.waiting
    total, unknown = classes.total(), classes[UNKNOWN]
    lost = of.lost or _in_doubt(unknown, total, "pull requests")
    wait = [(name, pull) for name, pull in pulls.items() if pull.need == "judgement" and pull.of_class != UNKNOWN]
    yours = sorted((pull.since or LAST, ref_of(name)) for name, pull in wait)
    long = [ref for since, ref in yours if (of.now - since).total_seconds() > thresholds.review_wait_s]
    oldest = yours[0][0] if yours else LAST
    there = sum(pull.read for pull in pulls.values())
    yield said.found(G.REVIEWS_OPEN, there, of.lost)
    yield said.found(G.REVIEWS_YOURS, _first_of([ref for _, ref in yours]), lost)
    yield said.found(G.REVIEWS_LONG, _first_of(long), lost)
    yield said.found(G.REVIEWS_OLDEST_AT, None if oldest == LAST else oldest, lost)
    yield said.found(
        G.REVIEWS_BY_CLASS, {name: count for name, count in classes.items() if count}, of.lost, nothing=there == 0
    )
    yield said.found(G.REVIEWS_UNKNOWN, unknown, of.lost, nothing=total == 0)
    yield said.know(G.REVIEWS_WHOLE, of.lost is None and len(yours) <= ITEMS_LIMIT)


def board(of: Of, cards: Mapping[str, Card]) -> Iterator[AnyReading]:
    """Tell how the board of a forge stands."""
    said = of.said("board", "issues")
    lanes = Counter(card.lane for card in cards.values())
    lanes[UNPLACED] += of.waiting
    total, unknown = lanes.total(), lanes[UNPLACED]
    lost = of.lost or _in_doubt(unknown, total, "cards")
    found = {field: sorted(ref_of(name) for name, card in cards.items() if has(card)) for field, has in TROUBLE.items()}
    yield said.found(
        G.BOARD_LANES, {lane: count for lane, count in lanes.items() if count}, of.lost, nothing=total == unknown
    )
    yield said.found(G.BOARD_AMBIGUOUS, sum(card.ambiguous for card in cards.values()), lost)
    for field, refs in found.items():
        yield said.found(field, _first_of(refs), lost)
    yield said.found(G.BOARD_UNKNOWN, unknown, of.lost, nothing=total == 0)
    yield said.know(G.BOARD_WHOLE, of.lost is None and all(len(refs) <= ITEMS_LIMIT for refs in found.values()))


TROUBLE: Final[Mapping[Field[Any], Callable[[Card], bool]]] = {
    G.BOARD_SILENT: lambda card: card.silent,
    G.BOARD_STUCK: lambda card: card.stuck,
    G.BOARD_STILL: lambda card: card.still,
}


def at_work(
    agents: Mapping[str, Sequence[str]],
    pulls: Mapping[str, Mapping[str, Pull]],
    cards: Mapping[str, Mapping[str, Card]],
    heard: Mapping[str, Lost | None],
    whole: Collection[str],
    *,
    now: datetime,
) -> Iterator[AnyReading]:
    """Tell what every agent is at; ``agents`` says on which forges it has an account.

    ``whole`` are the repositories of which all open issues are known (``truth.work.Seen``).
    """
    issues = {work.key(name): one.issue for of in cards.values() for name, one in of.items() if one.issue is not None}
    signs = [sign for one in _all(pulls, cards) for sign in one.signs or ()]
    known = frozenset(work.key(name) for of in cards.values() for name in of)
    tasks = work.tasks(work.Seen(issues, known, whole), signs)
    unread = {forge: heard[forge] or _unread(pulls[forge], cards[forge]) for forge in heard}
    returned: dict[str, list[str]] = {}
    doubtful: dict[str, int] = {}
    for of in pulls.values():
        for name, pull in of.items():
            if pull.who is not None and pull.of_class == UNKNOWN:
                doubtful[pull.who] = doubtful.get(pull.who, 0) + 1
            elif pull.who is not None and pull.need == "author" and pull.of_class != "draft":
                returned.setdefault(pull.who, []).append(ref_of(name))
    for agent, forges in agents.items():
        who = f"agent {agent}"
        lost = next((unread[forge] for forge in forges if unread[forge] is not None), None)
        origin = Origin("forge", ", ".join(forge.partition(":")[2] for forge in forges))
        said = Said(subject(agent, "work"), origin, now)
        task = tasks.get(who, work.NOBODY)
        yield from _task(said, task, lost or _gone(task))
        waits = tuple(sorted(returned.get(who, ())))
        mine = doubtful.get(who, 0)
        doubt = (Reason.MISSING, f"{mine:,} of its pull requests cannot be judged now") if mine else None
        yield said.found(G.PULLS_RETURNED, _first_of(waits), lost or doubt)


def _all(pulls: Mapping[str, Mapping[str, Pull]], cards: Mapping[str, Mapping[str, Card]]) -> Iterator[Pull | Card]:
    for of_forge in pulls.values():
        yield from of_forge.values()
    for cards_of_forge in cards.values():
        yield from cards_of_forge.values()


def _unread(pulls: Mapping[str, Pull], cards: Mapping[str, Card]) -> Lost | None:
    """Why it is not known who is at what, though the forge was heard; None when it is."""
    unread = sum(one.signs is None for of in (pulls, cards) for one in of.values())
    return _in_doubt(unread, len(pulls) + len(cards), "pull requests and cards")


def _gone(task: work.Task) -> Lost | None:
    """Why it is not known what an agent is at, though all was read; None when it is."""
    if not task.missing:
        return None
    issues = "an issue that is" if task.missing == 1 else f"{task.missing:,} issues that are"
    return Reason.MISSING, f"it is at {issues} not among the open ones: closed long ago, or not listed yet"


def _task(said: Said, task: work.Task, lost: Lost | None) -> Iterator[AnyReading]:
    sign = task.sign
    yield said.found(G.TASK, task.at[0] if task.at else None, lost)
    yield said.found(G.TASK_LINK, task.link, lost, nothing=sign is None)
    yield said.found(G.TASK_BY, None if sign is None else sign.by, lost)
    yield said.found(G.TASK_SINCE, None if sign is None else sign.at, lost, nothing=sign is None)
    yield said.found(G.TASKS_CLAIMED, _first_of(task.at), lost)
    yield said.found(G.TASKS_ASSIGNED, task.assigned, lost)
    yield said.found(G.TASKS_CLOSED, _first_of(task.closed), lost)
    yield said.found(G.TASKS_OTHERS, _first_of(task.others), lost)
    yield said.found(G.TASKS_SHARED, _first_of(task.shared), lost)
    yield said.know(G.WORK_WHOLE, lost is None)
