"""Which pull requests and which claims a card has, and what is asked of cards because of it.

Rule 1: a card is linked to the open pull requests whose words close it, wherever they are. Where one of them was
        seen last in a repository that cannot be read now, it is not known which they are; where its list is not
        whole, neither are they.
Rule 2: what a card depends on is asked only where somebody has to do with it: a backlog of thousands costs nothing.
Rule 3: what says the same as before is not made anew. It is told again when a search has just told what moved: of
        pull requests that is all; that a branch was made or deleted may go unseen until the branches are on tour.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from quarterdeck.sources.forge.details import Details
from quarterdeck.sources.forge.look import Look
from quarterdeck.sources.forge.memory import Failure, HeldCard, HeldRepo, Memory
from quarterdeck.sources.forge.readings import NOT_READ, again, failed
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.forge import FEW, Linked
from quarterdeck.truth.reading import AnyReading, Reason

Why: TypeAlias = tuple[Reason, str]
OF_PULLS: Final = (G.CARD_PULLS, G.CARD_PULLS_WHOLE)
AWAY: Final = (Reason.MISSING, "a pull request that says it closes this is in a repository that is not shown any more")
NEVER: Final = (Reason.BUSY, "a pull request that says it closes this is in a repository that is to be read anew")


class Closers(NamedTuple):
    """Pull requests that say they close one issue."""

    pulls: list[Linked]
    lost: list[Why]
    """Why some of them cannot be read now."""
    torn: list[str]
    """Repositories of some of them of which the list is not whole."""


NONE: Final = Closers([], [], [])


class _Work(NamedTuple):
    """What is known of the work on a card."""

    pulls: tuple[Linked, ...]
    pulls_whole: bool
    claim: object
    lost: Why | None
    """Why its pull requests are not known."""
    claim_lost: Failure | None
    is_read: bool
    """Whether pull requests and branches were ever listed."""


def link(look: Look, details: Details) -> None:
    """Say of every card who works on it, and ask what it depends on."""
    memory, now = look.memory, look.now
    closers = _closers(memory)
    for name, held in memory.read_repos().items():
        for number, card in held.cards.items():
            found = closers.get(f"{name.lower()}#{number}", NONE) if closers else NONE
            _link(held, number, card, found, look)
            if card.listed:
                is_worked = card.open and (card.is_touched or bool(found.pulls) or number in held.claims)
                details.card(held, number, card, is_worked=is_worked)
                if memory.issues_at == now and held.listed_at is not None:
                    card.listed = again(card.listed, now, early=look.is_early(number))


def _closers(memory: Memory) -> dict[str, Closers]:
    closers: dict[str, Closers] = {}
    for name, held in memory.repos.items():
        lost = _lost(held)
        for number, pull in held.pulls.items() if not held.row.archived else ():
            row = pull.row
            for ref in row.closes if row is not None else ():
                linked = Linked(f"{name}#{number}", row is not None and row.draft, row and row.item.author)
                found = closers.setdefault(ref.lower(), Closers([], [], []))
                found.pulls.append(linked)
                if lost is not None:
                    found.lost.append(lost)
                elif not held.pulls_whole:
                    found.torn.append(name)
    return closers


def _lost(held: HeldRepo) -> Why | None:
    """Say why the pull requests of a repository are not known any more; None where they are."""
    if held.gone_at is not None:
        return AWAY
    if held.failure is not None:
        return held.failure[:2]
    return NEVER if held.pulls_at is None else None


def _link(held: HeldRepo, number: int, card: HeldCard, found: Closers, look: Look) -> None:
    work = _Work(
        tuple(found.pulls[:FEW]), held.pulls_whole and not found.torn, held.claims.get(number),
        held.failure[:2] if held.failure is not None else next(iter(found.lost), None), held.branches_failure,
        held.pulls_at is not None and held.branches_at is not None,
    )  # fmt: skip
    if work != card.work or not card.linked:
        card.work, card.linked = work, _readings(card, work, look)
    elif work.lost is None and work.claim_lost is None and look.memory.issues_at == look.now:
        card.linked = again(card.linked, look.now, early=look.is_early(number))


def _readings(card: HeldCard, work: _Work, look: Look) -> tuple[AnyReading, ...]:
    first, maker, now = card.listed[0], look.maker, look.now
    subject, origin = first.subject, first.origin
    pulls_lost = work.lost or (None if work.is_read else NOT_READ)
    claim_lost = work.claim_lost or (None if work.is_read else NOT_READ)
    told: list[AnyReading] = []
    if pulls_lost is None:
        said = ((G.CARD_PULLS, work.pulls), (G.CARD_PULLS_WHOLE, work.pulls_whole))
        told += maker.known(subject, origin, said, now)
    else:
        told += failed(OF_PULLS, subject, origin, pulls_lost, now)
    if claim_lost is None:
        told += maker.known(subject, origin, ((G.CARD_CLAIM, work.claim),), now)
    else:
        told += failed((G.CARD_CLAIM,), subject, origin, claim_lost, now)
    return tuple(told)
