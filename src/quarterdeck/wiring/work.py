"""What waits on each forge for the operator, how its board stands, and what each agent works on, as readings.

Rule 1: it is a source like any other, whose witness is what the forges' own sources say. It asks nobody, and holds
        nothing that the forge does not.
Rule 2: what was found is told as a lower bound; that nothing was found is told only when everything could be read.
        A forge that does not answer makes nobody free and no queue empty.
Rule 3: a pull request or a card is judged anew when something else is known of it, or when time alone may change what
        is said of it, and never for longer at a stretch than a look may take: what has not been judged yet is unknown.
Rule 4: what is told of an agent names what that agent is at, and nothing else of a forge: whoever may see this agent
        alone is told it too. Why it is not known is said in words and numbers of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import work
from quarterdeck.truth.board import DONE, UNPLACED, moved_at, placed, silent, still, stuck
from quarterdeck.truth.fields import FIELDS, Field, kind_of
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Facts, NotKnown, counted, explain, judge, listed
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Reason, Unavailable
from quarterdeck.truth.reviews import class_of, need, waits_for
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import TABLES
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge
from quarterdeck.wiring.tally import NOT_YET, Card, Lost, Of, Pull, at_work, board, reviews

T = TypeVar("T")

EVERY_S: Final = 5.0
WORK_S: Final = 1.0
"""Seconds of judging in one look."""
AGAIN: Final = timedelta(seconds=30)
"""After so long everything is added up and said anew, though nothing was learnt."""
AT_MOST: Final[Mapping[str, timedelta]] = {"pull": timedelta(minutes=2), "card": timedelta(minutes=5)}
"""After so long a pull request or a card is judged anew, whatever is known of it."""
SPREAD: Final = 1_024
FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
OFF: Final[Mapping[str, Reason]] = {"denied": Reason.DENIED, "no answer": Reason.TIMEOUT}

Subjects = Mapping[str, Fields]


class Heard(NamedTuple):
    """How well a forge was heard: why not all its pull requests, or issues, are known; None when they are."""

    pulls: Lost | None
    issues: Lost | None
    either: Lost | None
    """Why not all of both are known, without a word of the forge and without a name."""
    whole: frozenset[str] = frozenset()
    """Repositories of which all open issues are known (``truth.work.Seen``)."""


TORN: Final[Lost] = (Reason.MISSING, "its lists were cut, or changed while they were read")
UNTOLD: Final = "its forge could not be read"


class Kept(NamedTuple):
    """What was made of what is known of a pull request or a card, and until when it holds."""

    fields: Fields
    made: Pull | Card
    turns_at: datetime
    """Until when it holds as long as nothing else is known, and nothing known expires."""
    until: datetime
    """Until when it holds as long as nothing else is known."""


class Work:
    """What follows from all forges together, as a source."""

    name = "work"
    budget_s = 5.0
    every_s = EVERY_S

    def __init__(self, forges: Iterable[Forge], monotonic: Callable[[], float]) -> None:
        self._forges, self._monotonic = {one.subject: one for one in forges}, monotonic
        self._snapshot: Callable[[], Snapshot | None] = lambda: None
        self._kept: dict[str, Kept] = {}
        self._waiting: tuple[str, ...] = ()
        self._repos: list[str] = []
        self._before: tuple[Mapping[str, Heard], datetime, list[AnyReading]] | None = None

    @property
    def expected(self) -> tuple[Key, ...]:
        """What it brings, whatever it finds."""
        names = [f"{one}/{kind}" for one in self._forges for kind in ("reviews", "board")]
        names += [subject(agent, "work") for agent in self._agents()]
        return tuple((name, field.name) for name in names for field in FIELDS.values() if field.of == kind_of(name))

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Name where the newest snapshot is found."""
        self._snapshot = snapshot

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing."""
        return ()

    def look(self, now: datetime) -> list[AnyReading]:
        """Say what follows from the newest snapshot; before anything was collected, nothing does."""
        snapshot = self._snapshot()
        return [] if snapshot is None or not snapshot.version else self.readings(snapshot, now)

    def readings(self, snapshot: Snapshot, now: datetime, *, work_s: float = WORK_S) -> list[AnyReading]:
        """Return what follows from a snapshot. What followed from the same a moment ago is not added up again.

        ``work_s`` are the seconds after which what has not been judged is left for the next time.
        """
        subjects = _subjects(snapshot)
        moved = self._judge(subjects, snapshot.thresholds, now, self._monotonic() + work_s)
        heard = self._heard(subjects, now)
        before = self._before
        if before is not None and not moved and before[0] == heard and timedelta(0) <= now - before[1] < AGAIN:
            return before[2]
        found = list(self._follows(heard, snapshot.thresholds, now))
        self._before = (heard, now, found)
        return found

    def _agents(self) -> dict[str, list[str]]:
        """Return the agents that have an account somewhere, and on which forges."""
        found: dict[str, list[str]] = {}
        for name, forge in self._forges.items():
            for agent in dict.fromkeys(forge.agents.values()):
                found.setdefault(agent, []).append(name)
        return found

    def _judge(self, subjects: Subjects, thresholds: Thresholds, now: datetime, end: float) -> bool:
        """Judge what can have changed, until the time is over; return whether anything did."""
        before, kept, late, repos = self._kept, dict[str, Kept](), list[str](), list[str]()
        for name, fields in subjects.items():
            one = before.get(name)
            if one is not None:
                if one.fields is not fields or now > one.until:
                    one = _again(one, fields, now)
                if one is None:
                    late.append(name)
                else:
                    kept[name] = one
            elif name.startswith("forge:") and _base(name) in self._forges:
                (late if kind_of(name) in MAKERS else repos).append(name)
        readings, judged = Grouped(subjects), 0
        for name in late:
            kept[name] = _made(Facts(name, readings, now, thresholds), subjects[name], self._forges[_base(name)])
            judged += 1
            if self._monotonic() > end:
                break
        self._kept, self._waiting, self._repos = kept, tuple(late[judged:]), repos
        return len(late) > 0 or kept.keys() != before.keys()

    def _heard(self, subjects: Subjects, now: datetime) -> dict[str, Heard]:
        """Say of every forge how well it was heard."""
        readings, repos = Grouped(subjects), dict[str, list[str]]()
        for name in self._repos:
            if kind_of(name) == "repo":
                repos.setdefault(_base(name), []).append(name)
        return {name: _how_heard(name, repos.get(name, ()), readings, now) for name in self._forges}

    def _follows(self, heard: Mapping[str, Heard], thresholds: Thresholds, now: datetime) -> Iterator[AnyReading]:
        pulls: dict[str, dict[str, Pull]] = {name: {} for name in self._forges}
        cards: dict[str, dict[str, Card]] = {name: {} for name in self._forges}
        for name, kept in self._kept.items():
            if isinstance(kept.made, Pull):
                pulls[_base(name)][name] = kept.made
            else:
                cards[_base(name)][name] = kept.made
        waiting = Counter((_base(name), kind_of(name)) for name in self._waiting)
        for name, of in heard.items():
            yield from reviews(Of(name, waiting[name, "pull"], of.pulls, now), pulls[name], thresholds)
            yield from board(Of(name, waiting[name, "card"], of.issues, now), cards[name])
        late = {name for name, _ in waiting}
        lost = {name: of.either or (NOT_YET if name in late else None) for name, of in heard.items()}
        whole = frozenset[str]().union(*(of.whole for of in heard.values()))
        yield from at_work(self._agents(), pulls, cards, lost, whole, now=now)


# --- what still holds -------------------------------------------------------------------------------------------------


def _again(before: Kept, fields: Fields, now: datetime) -> Kept | None:
    """Return what was made before once more, when all it was made of is the same, or was only seen again."""
    if now > before.turns_at:
        return None
    if before.fields == fields:
        return before._replace(fields=fields) if now <= before.until else None
    if not before.made.known or before.fields.keys() != fields.keys():
        return None
    for field, reading in fields.items():
        old = before.fields[field]
        if not isinstance(reading, Known) or reading.knowledge(now) is Knowledge.STALE:
            return None
        if not isinstance(old, Known) or reading.value != old.value:
            return None
    return before._replace(fields=fields, until=min(before.turns_at, _expires_at(fields, now)))


def _expires_at(fields: Fields, now: datetime) -> datetime:
    """When the first reading expires that has not yet."""
    found = FOR_EVER
    for reading in fields.values():
        if isinstance(reading, Known) and now <= (at := reading.observed_at + reading.fresh_for) < found:
            found = at
    return found


# --- what is made of each ---------------------------------------------------------------------------------------------


def _made(f: Facts, fields: Fields, forge: Forge) -> Kept:
    made, turns_at = MAKERS[f.kind](f, forge.agents)
    latest = f.now + AT_MOST[f.kind] * (SPREAD + hash(f.subject) % SPREAD) / (2 * SPREAD)
    turns_at = min(turns_at, latest)
    return Kept(fields, made, turns_at, min(turns_at, _expires_at(fields, f.now)))


def _pull(f: Facts, accounts: work.Accounts) -> tuple[Pull, datetime]:
    judgement = judge(TABLES.get("pull", ()), f)
    since = waits_for(f, judgement).since
    who, signs = _attempt(work.author, f, accounts), _attempt(work.signs_of_pull, f, accounts)
    return Pull(class_of(judgement), need(f, judgement), since, who, signs), FOR_EVER


def _card(f: Facts, accounts: work.Accounts) -> tuple[Card, datetime]:
    where = placed(f)
    issue, signs = _attempt(work.signs_of_card, f, accounts) or (None, None)
    is_silent, is_stuck, is_still = (_attempt(look, f) is True for look in (silent, stuck, still))
    made = Card(where.lane, len(where.ambiguities) > 0, is_silent, is_stuck, is_still, issue, signs)
    return made, FOR_EVER if where.lane in (DONE, UNPLACED) else _attempt(_turns_at, f) or FOR_EVER


def _turns_at(f: Facts) -> datetime:
    """When a card will have been still for too long, should nobody move it."""
    at = moved_at(f)
    limits = (f.thresholds.lease_s, f.thresholds.work_still_s)
    return min(
        (turn for turn in (at + timedelta(seconds=limit) for limit in limits) if turn >= f.now), default=FOR_EVER
    )


MAKERS: Final[Mapping[str, Callable[[Facts, work.Accounts], tuple[Pull | Card, datetime]]]] = {
    "pull": _pull,
    "card": _card,
}


def _attempt(look: Callable[..., T], *args: object) -> T | None:
    """Look; None where that cannot be known."""
    try:
        return look(*args)
    except NotKnown:
        return None


# --- how well a forge was heard ---------------------------------------------------------------------------------------


def _how_heard(name: str, repos: Iterable[str], readings: Grouped, now: datetime) -> Heard:
    facts = Facts(name, readings, now)
    try:
        answers, whole = facts[G.FORGE_ANSWERS], facts[G.FORGE_WHOLE]
    except NotKnown as unknown:
        lost = _lost(unknown.reading, now)
        return Heard(lost, lost, (lost[0], UNTOLD))
    if answers != "yes":
        lost = OFF.get(answers, Reason.MISSING), f"the forge does not answer as it should: {answers}"
        return Heard(lost, lost, lost)
    of = [Facts(repo, readings, now) for repo in repos]
    pulls, issues = _unread(of, G.PULLS_WHOLE), _unread(of, G.ISSUES_WHOLE)
    if pulls or issues:
        return Heard(_named(pulls), _named(issues), _numbered(len({*pulls, *issues}), len(of)))
    if not whole:
        return Heard(TORN, TORN, TORN)
    read = (f.subject.replace("/repo/", "/card/", 1) for f in of if f.get(G.ISSUES_WHOLE))
    return Heard(None, None, None, frozenset(map(work.key, read)))


def _unread(repos: Iterable[Facts], field: Field[bool]) -> list[str]:
    """Say which repositories could not be read whole. In one that is archived nothing is open that could be done."""
    open_ = (f for f in repos if f.get(G.REPO_STATE) != "archived")
    return [f.subject.partition("/repo/")[2] for f in open_ if f.get(field) is not True]


def _named(repos: Sequence[str]) -> Lost | None:
    return (Reason.MISSING, f"could not be read whole: {listed(repos)}") if repos else None


def _numbered(repos: int, of: int) -> Lost:
    return Reason.MISSING, f"{repos:,} of {counted(of, 'repository', 'repositories')} could not be read whole"


def _lost(reading: AnyReading, now: datetime) -> Lost:
    reason = reading.reason if isinstance(reading, Unavailable) else Reason.TIMEOUT
    return reason, explain(reading, now)


def _base(name: str) -> str:
    return name.partition("/")[0]


def _subjects(snapshot: Snapshot) -> Subjects:
    readings = snapshot.readings
    return (readings if isinstance(readings, Grouped) else Grouped.of(readings)).subjects
