"""Which pull requests and which claims a card has, and what is asked of cards because of it.

Rule 1: a card is linked to the open pull requests whose words close it, wherever they are.
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
from quarterdeck.truth.reading import AnyReading

OF_PULLS: Final = (G.CARD_PULLS, G.CARD_PULLS_WHOLE)
Closers: TypeAlias = dict[str, list[Linked]]


class _Work(NamedTuple):
    """What is known of the work on a card."""

    pulls: tuple[Linked, ...]
    pulls_whole: bool
    claim: object
    lost: Failure | None
    """Why the pull requests of its repository are not known."""
    claim_lost: Failure | None
    is_read: bool
    """Whether pull requests and branches were ever listed."""


def link(look: Look, details: Details) -> None:
    """Say of every card who works on it, and ask what it depends on."""
    memory, now = look.memory, look.now
    closers = _closers(memory)
    for name, held in memory.read_repos().items():
        for number, card in held.cards.items():
            pulls = closers.get(f"{name.lower()}#{number}") if closers else None
            _link(held, number, card, tuple(pulls[:FEW]) if pulls else (), look)
            if card.listed:
                is_worked = card.open and (card.is_touched or bool(pulls) or number in held.claims)
                details.card(held, number, card, is_worked=is_worked)
                if memory.issues_at == now and held.listed_at is not None:
                    card.listed = again(card.listed, now, early=look.is_early(number))


def _closers(memory: Memory) -> Closers:
    closers: Closers = {}
    for name, held in memory.read_repos().items():
        for number, pull in held.pulls.items():
            row = pull.row
            for ref in row.closes if row is not None else ():
                linked = Linked(f"{name}#{number}", row is not None and row.draft, row and row.item.author)
                closers.setdefault(ref.lower(), []).append(linked)
    return closers


def _link(held: HeldRepo, number: int, card: HeldCard, pulls: tuple[Linked, ...], look: Look) -> None:
    work = _Work(
        pulls, held.pulls_whole, held.claims.get(number), held.failure, held.branches_failure,
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
