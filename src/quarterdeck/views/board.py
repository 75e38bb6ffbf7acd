"""Board: every issue that a forge tells of, in the lane in which its signals put it.

Rule 1: nothing here is kept by hand, and nothing can be moved. The lane of a card follows from the forge, and by which
        signal is said on the card (``truth.board``).
Rule 2: a card whose signals do not agree, that is blocked and nothing says by what, that is ready and cannot be begun,
        or that nobody has moved for too long is marked, in words, and stands before the others of its lane.
Rule 3: side by side a lane shows some cards and says how many there are; by itself it shows all of them, page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from quarterdeck.truth import board as truth
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import ref_of, repo_of
from quarterdeck.truth.judgement import Facts, Judgement, NotKnown
from quarterdeck.views import of_forge
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, View
from quarterdeck.views.of_forge import told
from quarterdeck.views.rows import row
from quarterdeck.views.work_pages import Board, CardTold, Choices, Lane, Person

ROWS: Final = 50
FEW: Final = 8
"""Cards a lane shows beside the others."""
OPEN_LANES: Final = tuple(lane for lane in truth.LANES if lane != truth.DONE)
NEWEST_FIRST: Final = (truth.UNASSIGNED, truth.DONE)
"""Lanes in which nobody is waited for: what came last stands first."""
PARAMS: Final = {
    "q": Param("Only cards whose repository, number or title has these words."),
    "repo": Param("Only cards of this repository, such as `acme/tools`."),
    "milestone": Param("Only cards of this milestone."),
    "label": Param("Only cards with this label."),
    "assignee": Param("Only cards that are assigned to this account."),
    "lane": Param("Only this lane, all of it.", (*truth.LANES, truth.UNPLACED)),
    "after": of_forge.AFTER,
}
MARKS: Final[Mapping[str, tuple[str, Any]]] = {
    "no reason": ("blocked, and nothing says by what", truth.silent),
    "not runnable": ("ready, and cannot be begun", truth.stuck),
    "still": ("nobody has moved it for too long", truth.still),
}
"""What must not be overlooked, beside that signals do not agree: its name, what it means, and when it is so."""


def _column(title: str, field: Field[Any]) -> Column:
    return Column(field.name, title, {"card": field})


COLUMNS: Final = (
    _column("Opened", G.CARD_OPENED_AT),
    _column("Opened by", G.CARD_AUTHOR),
    _column("Moved", G.CARD_MOVED_AT),
    _column("Closed", G.CARD_CLOSED_AT),
    _column("Open", G.CARD_OPEN),
    _column("Assigned to", G.CARD_ASSIGNEES),
    _column("Agents", G.CARD_AGENTS),
    _column("Gone or not active", G.CARD_ABSENT),
    _column("Labels", G.CARD_LABELS),
    _column("Labels say", G.CARD_SAYS),
    _column("Sorted", G.CARD_TRIAGED),
    _column("Milestone", G.CARD_MILESTONE),
    _column("Claim", G.CARD_CLAIM),
    _column("Pull requests", G.CARD_PULLS),
    _column("All of them read", G.CARD_PULLS_WHOLE),
    _column("Depends on", G.CARD_BLOCKERS),
    _column("Says what blocks it", G.CARD_EXPLAINED),
)


class Stand(NamedTuple):
    """Where a card stands on the page, and by what it can be found."""

    lane: str
    """By what is known now."""
    was: str | None
    """As last known, where it cannot be placed now."""
    at: datetime | None
    """When that was."""
    troubled: bool
    moved: float
    """When it last moved, in seconds, so that it can be put in order."""
    repo: str
    milestone: str | None
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    words: str
    """Its repository, number and title in small letters."""

    @property
    def place(self) -> str:
        """The lane it is shown in."""
        return self.was or self.lane


def stand(f: Facts, judgement: Judgement) -> Stand:
    """Return where a card stands; of one that cannot be placed, also where it stood."""
    lane, was, at = judgement.rule if judgement.rule in truth.LANES else truth.lane(f), None, None
    then = of_forge.as_last_known(f) if lane == truth.UNPLACED else None
    if then is not None:
        before = truth.lane(then[0])
        was, at = (None, None) if before == truth.UNPLACED else (before, then[1])
    moved = told(f, G.CARD_MOVED_AT, None)
    return Stand(
        lane,
        was,
        at,
        of_forge.troubled(judgement.status),
        moved.timestamp() if moved else 0.0,
        repo_of(f.subject),
        told(f, G.CARD_MILESTONE, None),
        told(f, G.CARD_LABELS, ()),
        told(f, G.CARD_ASSIGNEES, ()),
        f"{ref_of(f.subject)} {told(f, G.CARD_TITLE, '')}".casefold(),
    )


Stands = Sequence[tuple[str, Stand]]


def board(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the board over a filter."""
    cards = [(name, judged.noted(name, stand)) for name in of_forge.there(judged, "card")]
    found = [each for each in cards if _matches(each[1], asked)]
    page = _page(judged, asked, cards, _sorted(found))
    about = of_forge.about(judged, "board") if judged.past else []
    rows = [*(row(judged, name, COLUMNS) for name in page.told), *(row(judged, name) for name in about)]
    names = [*(name for name, _ in cards), *about]
    view = Page(judged, asked).view("board", "Board", names, rows=rows, columns=COLUMNS)
    if page.hidden:
        headline, lede = of_forge.headline_of(page.hidden, past=judged.past)
        return replace(view, headline=headline if judged.instances else view.headline, lede=lede, board=page)
    whole = of_forge.all_read(judged, G.BOARD_WHOLE, G.ISSUES_WHOLE)
    return replace(
        view,
        headline=_headline(cards, whole=whole),
        lede=of_forge.with_filter(_lede(len(found), len(cards), whole=whole), asked),
        gaps=tuple(of_forge.gaps(judged, G.BOARD_WHOLE)),
        board=page,
        needing=sum(each.troubled for _, each in cards),
    )


def _page(judged: Judged, asked: Asked, cards: Stands, lanes: Mapping[str, Stands]) -> Board:
    """Choose the cards that are shown, and tell them."""
    chosen = asked.word("lane")
    shown, refusal = of_forge.stretch(asked, len(lanes[chosen]) if chosen else 0, ROWS)
    on_page = {chosen: of_forge.part(lanes[chosen], shown)} if chosen else _side_by_side(lanes)
    told_of = dict(each for part in on_page.values() for each in part)
    if asked.open is not None and asked.open not in told_of:  # whoever was led to a card sees it, wherever it stands
        told_of |= {name: each for name, each in cards if name == asked.open}
    return Board(
        tuple(_lane(lane, lanes[lane], part) for lane, part in on_page.items()),
        chosen,
        {name: _told(judged, name, each) for name, each in told_of.items()},
        _choices(cards),
        shown,
        of_forge.hidden(judged),
        refusal,
    )


def _side_by_side(lanes: Mapping[str, Stands]) -> dict[str, Stands]:
    """Return the first cards of each lane that is open; of what is done, how much there is."""
    few: dict[str, Stands] = {lane: lanes[lane][:FEW] for lane in OPEN_LANES} | {truth.DONE: ()}
    return few | ({truth.UNPLACED: lanes[truth.UNPLACED][:FEW]} if lanes[truth.UNPLACED] else {})


def _matches(one: Stand, asked: Asked) -> bool:
    """Whether a card is among those asked for. The lane leaves out lanes, and no cards of others."""
    if not asked.words:
        return True
    word = asked.word
    return (
        word("repo") in ("", one.repo)
        and word("milestone") in ("", one.milestone)
        and (not word("assignee") or word("assignee") in one.assignees)
        and (not word("label") or word("label") in one.labels)
        and of_forge.has_words(word("q"), one.words)
    )


def _sorted(found: Stands) -> dict[str, list[tuple[str, Stand]]]:
    """Part cards by lane: those that need somebody first, then by when they moved."""
    lanes: dict[str, list[tuple[str, Stand]]] = {lane: [] for lane in (*truth.LANES, truth.UNPLACED)}
    for each in found:
        lanes[each[1].place].append(each)
    for lane, cards in lanes.items():
        cards.sort(key=_newest if lane in NEWEST_FIRST else _longest)
    return lanes


def _longest(each: tuple[str, Stand]) -> tuple[bool, float, str]:
    name, one = each
    return not one.troubled, one.moved, name


def _newest(each: tuple[str, Stand]) -> tuple[bool, float, str]:
    name, one = each
    return not one.troubled, -one.moved, name


def _lane(lane: str, cards: Stands, shown: Stands) -> Lane:
    return Lane(lane, tuple(name for name, _ in shown), len(cards), sum(each.troubled for _, each in cards))


def _choices(cards: Stands) -> tuple[Choices, ...]:
    return (
        of_forge.choices("repo", "Repository", (each.repo for _, each in cards)),
        of_forge.choices("milestone", "Milestone", (each.milestone for _, each in cards if each.milestone)),
        of_forge.choices("label", "Label", (label for _, each in cards for label in each.labels)),
        of_forge.choices("assignee", "Assigned to", (login for _, each in cards for login in each.assignees)),
    )


# --- what is said of all of them ------------------------------------------------------------------------------------


def _headline(cards: Stands, *, whole: bool) -> str:
    marked = sum(each.troubled for _, each in cards)
    vague = sum(each.lane == truth.UNPLACED for _, each in cards)
    if not cards:
        return "No issue is known."
    if vague == len(cards):
        return "No card can be placed now."
    needs = _needs(marked, certain=whole and not vague)
    return of_forge.found_so_far(needs, vague=f"; {vague:,} cannot be placed" if vague else "", whole=whole)


def _needs(marked: int, *, certain: bool) -> str:
    if not marked:
        return "No card needs anybody" if certain else "No card is known to need anybody"
    least = "" if certain else "At least "
    return f"{least}{marked:,} {'card needs' if marked == 1 else 'cards need'} somebody"


def _lede(found: int, of_all: int, *, whole: bool) -> str:
    if not of_all:
        return "Issues of the watched repositories come here by themselves."
    cards = "One card" if of_all == 1 else f"{of_all:,} cards"
    of = f"{found:,} of {cards.lower()} {'matches' if found == 1 else 'match'}." if found < of_all else f"{cards}."
    more = "" if whole else " There may be others."
    return f"{of}{more} Each stands where the signals of the forge put it; nothing can be moved here."


# --- one of them ------------------------------------------------------------------------------------------------------


def _told(judged: Judged, name: str, stands: Stand) -> CardTold:
    """Return all that is told of one. What cannot be placed now tells how it was."""
    facts = judged.facts(name)
    before = of_forge.as_last_known(facts) if stands.was is not None else None
    facts = facts if before is None else before[0]
    people = of_forge.people(stands.assignees, told(facts, G.CARD_AGENTS, ()))
    gates, claim = truth.gates(facts), told(facts, G.CARD_CLAIM, None)
    return CardTold(
        ref=ref_of(name),
        title=told(facts, G.CARD_TITLE, ""),
        lane=stands.lane,
        was=stands.was,
        known_at=stands.at,
        marks=tuple(mark for mark, (_, holds) in MARKS.items() if _holds(holds, facts)),
        ambiguities=truth.ambiguities(facts),
        people=people,
        labels=stands.labels,
        milestone=stands.milestone,
        pulls=told(facts, G.CARD_PULLS, ()),
        claim=claim,
        claimed_by=None if claim is None or claim.who is None else _among(claim.who, people),
        lapsed=_holds(truth.run_out, facts),
        blockers=told(facts, G.CARD_BLOCKERS, ()),
        gates=gates,
        next=truth.next_gate(gates),
    )


def _among(login: str, people: Iterable[Person]) -> Person:
    """Return an account; which agent it is, is told where it is to do the card as well."""
    return next((one for one in people if one.login.casefold() == login.casefold()), Person(login, None))


def _holds(look: Callable[[Facts], bool], facts: Facts) -> bool:
    """Whether something is known to be so; what is not known is no mark."""
    try:
        return look(facts)
    except NotKnown:
        return False
