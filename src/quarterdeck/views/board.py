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
from quarterdeck.views.of_forge import said
from quarterdeck.views.rows import row
from quarterdeck.views.work_pages import Board, CardTold, Choices, Lane

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
    """Where a card stands on the page."""

    lane: str
    """By what is known now."""
    was: str | None
    """As last known, where it cannot be placed now."""
    at: datetime | None
    """When that was."""
    troubled: bool

    @property
    def place(self) -> str:
        """The lane it is shown in."""
        return self.was or self.lane


def stand(f: Facts, judgement: Judgement) -> Stand:
    """Return where a card stands; of one that cannot be placed, also where it stood."""
    troubled = of_forge.troubled(judgement.status)
    lane = judgement.rule if judgement.rule in truth.LANES else truth.lane(f)
    if lane != truth.UNPLACED:
        return Stand(lane, None, None, troubled)
    then = of_forge.as_last_known(f)
    was = truth.UNPLACED if then is None else truth.lane(then[0])
    if then is None or was == truth.UNPLACED:
        return Stand(lane, None, None, troubled)
    return Stand(lane, was, then[1], troubled)


def board(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the board over a filter."""
    names = of_forge.there(judged, "card")
    found = [name for name in names if _matches(judged, name, asked)]
    page = _page(judged, asked, names, _sorted(judged, found))
    rows = [row(judged, name, COLUMNS) for name in page.told]
    view = Page(judged, asked).view("board", "Board", names, rows=rows, columns=COLUMNS)
    if page.hidden:
        headline, lede = of_forge.headline_of(page.hidden, past=judged.past)
        return replace(view, headline=headline if judged.instances else view.headline, lede=lede, board=page)
    return replace(
        view,
        headline=_headline(judged, names),
        lede=_lede(found, names),
        gaps=tuple(of_forge.gaps(judged, G.BOARD_WHOLE)),
        board=page,
        needing=sum(judged.noted(name, stand).troubled for name in names),
    )


def _page(judged: Judged, asked: Asked, names: Sequence[str], lanes: Mapping[str, Sequence[str]]) -> Board:
    """Choose the cards that are shown, and tell them."""
    chosen = asked.word("lane")
    shown, refusal = of_forge.stretch(asked, len(lanes[chosen]) if chosen else 0, ROWS)
    on_page = {chosen: of_forge.part(lanes[chosen], shown)} if chosen else _side_by_side(lanes)
    cards = [name for each in on_page.values() for name in each]
    if asked.open is not None and asked.open not in cards and asked.open in names:
        cards.append(asked.open)  # whoever was led to a card sees it, wherever it stands
    agents = of_forge.accounts(judged) if cards else {}
    return Board(
        tuple(_lane(judged, lane, lanes[lane], part) for lane, part in on_page.items()),
        chosen,
        {name: _told(judged, name, agents) for name in cards},
        _choices(judged, names),
        shown,
        of_forge.hidden(judged),
        refusal,
    )


def _side_by_side(lanes: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the first cards of each lane that is open; of what is done, how much there is."""
    few: dict[str, Sequence[str]] = {lane: lanes[lane][:FEW] for lane in OPEN_LANES} | {truth.DONE: ()}
    return few | ({truth.UNPLACED: lanes[truth.UNPLACED][:FEW]} if lanes[truth.UNPLACED] else {})


def _matches(judged: Judged, name: str, asked: Asked) -> bool:
    """Whether a card is among those asked for. What costs least is looked at first."""
    word = asked.word
    if (wanted := word("repo")) and repo_of(name) != wanted:
        return False
    if (wanted := word("milestone")) and said(judged, name, G.CARD_MILESTONE, None) != wanted:
        return False
    if (wanted := word("assignee")) and wanted not in said(judged, name, G.CARD_ASSIGNEES, ()):
        return False
    if (wanted := word("label")) and wanted not in said(judged, name, G.CARD_LABELS, ()):
        return False
    wanted = word("q")
    return not wanted or of_forge.has_words(wanted, ref_of(name), said(judged, name, G.CARD_TITLE, ""))


def _sorted(judged: Judged, found: Iterable[str]) -> dict[str, list[str]]:
    """Part cards by lane: those that need somebody first, then by when they moved."""
    lanes: dict[str, list[str]] = {lane: [] for lane in (*truth.LANES, truth.UNPLACED)}
    for name in found:
        lanes[judged.noted(name, stand).place].append(name)
    for lane, cards in lanes.items():
        direction = -1 if lane in NEWEST_FIRST else 1

        def place(name: str, direction: int = direction) -> tuple[bool, float, str]:
            moved = said(judged, name, G.CARD_MOVED_AT, None)
            return not judged.noted(name, stand).troubled, direction * (moved.timestamp() if moved else 0.0), name

        cards.sort(key=place)
    return lanes


def _lane(judged: Judged, lane: str, cards: Sequence[str], shown: Sequence[str]) -> Lane:
    return Lane(lane, tuple(shown), len(cards), sum(judged.noted(name, stand).troubled for name in cards))


def _choices(judged: Judged, names: Sequence[str]) -> tuple[Choices, ...]:
    def each(field: Field[tuple[str, ...]]) -> Iterable[str]:
        return (value for name in names for value in said(judged, name, field, ()))

    milestones = (said(judged, name, G.CARD_MILESTONE, None) for name in names)
    return (
        of_forge.choices("repo", "Repository", map(repo_of, names)),
        of_forge.choices("milestone", "Milestone", filter(None, milestones)),
        of_forge.choices("label", "Label", each(G.CARD_LABELS)),
        of_forge.choices("assignee", "Assigned to", each(G.CARD_ASSIGNEES)),
    )


# --- what is said of all of them ------------------------------------------------------------------------------------


def _headline(judged: Judged, names: Sequence[str]) -> str:
    stands = [judged.noted(name, stand) for name in names]
    marked = sum(each.troubled for each in stands)
    vague = sum(each.lane == truth.UNPLACED for each in stands)
    if not names:
        return "No issue is known."
    if vague == len(names):
        return "No card can be placed now."
    needs = (
        f"{marked:,} {'card needs' if marked == 1 else 'cards need'} somebody" if marked else "No card needs anybody"
    )
    cannot = f"; {vague:,} cannot be placed" if vague else ""
    return f"{needs}{cannot}."


def _lede(found: Sequence[str], names: Sequence[str]) -> str:
    if not names:
        return "Issues of the watched repositories come here by themselves."
    of = f"{len(found):,} of {len(names):,} cards match." if len(found) < len(names) else f"{len(names):,} cards."
    return f"{of} Each stands where the signals of the forge put it; nothing can be moved here."


# --- one of them ------------------------------------------------------------------------------------------------------


def _told(judged: Judged, name: str, agents: Mapping[str, str]) -> CardTold:
    """Return all that is told of one. What cannot be placed now tells how it was."""
    stands, facts = judged.noted(name, stand), judged.facts(name)
    before = of_forge.as_last_known(facts)
    if stands.was is not None and before is not None:
        facts = before[0]
    gates, claim = truth.gates(facts), said(judged, name, G.CARD_CLAIM, None)
    return CardTold(
        ref=ref_of(name),
        title=said(judged, name, G.CARD_TITLE, ""),
        lane=stands.lane,
        was=stands.was,
        known_at=stands.at,
        marks=tuple(mark for mark, (_, holds) in MARKS.items() if _holds(holds, facts)),
        ambiguities=truth.ambiguities(facts),
        people=tuple(of_forge.person(login, agents) for login in said(judged, name, G.CARD_ASSIGNEES, ())),
        labels=said(judged, name, G.CARD_LABELS, ()),
        milestone=said(judged, name, G.CARD_MILESTONE, None),
        pulls=said(judged, name, G.CARD_PULLS, ()),
        claim=claim,
        claimed_by=None if claim is None or claim.who is None else of_forge.person(claim.who, agents),
        lapsed=_holds(truth.run_out, facts),
        blockers=said(judged, name, G.CARD_BLOCKERS, ()),
        gates=gates,
        next=truth.next_gate(gates),
    )


def _holds(look: Callable[[Facts], bool], facts: Facts) -> bool:
    """Whether something is known to be so; what is not known is no mark."""
    try:
        return look(facts)
    except NotKnown:
        return False
