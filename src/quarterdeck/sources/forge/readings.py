"""From what is held of a forge to readings.

Rule 1: a reading is made when something was learnt, and told again as it is. Only when a third of its life is over it
        is made anew, and only if the forge said meanwhile that nothing moved. Not all are made anew in the same look.
Rule 2: what cannot be read now is unknown for the reason of what failed, be it the forge, the repository or the detail.
Rule 3: what thousands have in common (an author, a list of labels, a moment) is held once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from quarterdeck.sources.forge import words
from quarterdeck.sources.forge.facts import Card, Item, Pull
from quarterdeck.sources.forge.memory import Failure
from quarterdeck.truth import forge as names
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import Reads
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable
from quarterdeck.truth.shapes import ITEMS_LIMIT
from quarterdeck.truth.watched import Forge

Said: TypeAlias = tuple[tuple[Field[Any], object], ...]

PARTS_OF_LIFE: Final = 3
"""After so great a part of its life a reading is made anew."""
SHARED: Final = 50_000
"""Values that are held once, at most."""
NOT_TOLD: Final = (Reason.SCHEMA, "the forge does not tell")
NOT_READ: Final = (Reason.NEVER_SEEN, "has not been read yet")
MOVED: Final = (Reason.BUSY, "it has moved since this was read; it is read again in the next look")

OFTEN: Final = frozenset({
    G.PULL_AUTHOR, G.PULL_AGENT, G.PULL_LABELS, G.PULL_ASSIGNEES, G.PULL_MILESTONE, G.PULL_BASE, G.PULL_RULE,
    G.CARD_AUTHOR, G.CARD_LABELS, G.CARD_SAYS, G.CARD_ASSIGNEES, G.CARD_ABSENT, G.CARD_AGENTS, G.CARD_MILESTONE,
    G.CARD_PULLS, G.PULL_CLOSES, G.PULL_REVIEWS, G.PULL_CHECKS, G.PULL_BLOCKERS, G.CARD_BLOCKERS,
})  # fmt: skip
"""Fields of which many subjects say the same."""


class Maker:
    """Makes readings of one forge."""

    def __init__(self, forge: Forge) -> None:
        self._forge, self._source = forge, f"forge {forge.id}"
        self._agents = {login.lower(): agent for login, agent in forge.agents.items()}
        self._values: dict[object, object] = {}

    def origin(self, locator: str) -> Origin:
        """Say where something was read: a ref, or a path of the API."""
        return Origin(self._source, locator)

    def known(self, subject: str, origin: Origin, said: Said, at: datetime) -> tuple[AnyReading, ...]:
        """Make readings of one subject, as of one moment."""
        return tuple(self._known(field, subject, origin, raw, at) for field, raw in said)

    def _known(self, field: Field[Any], subject: str, origin: Origin, raw: object, at: datetime) -> AnyReading:
        if field not in OFTEN:
            return field.known(subject, origin, raw, at)
        key = (field.name, field.of, raw)
        if key in self._values:
            return Known(subject, field.name, origin, self._values[key], at, field.fresh_for)
        reading = field.known(subject, origin, raw, at)
        if isinstance(reading, Known):
            if len(self._values) >= SHARED:
                self._values.clear()
            self._values[key] = reading.value
        return reading

    def pull(self, full_name: str, row: Pull, unmergeable: Reads | None, at: datetime) -> tuple[AnyReading, ...]:
        """Return what a list tells of a pull request."""
        item = row.item
        subject = names.pull(self._forge.id, full_name, item.number)
        labels = [label.lower() for label in item.labels]
        said = (
            (G.PULL_TITLE, item.title),
            (G.PULL_AUTHOR, item.author),
            (G.PULL_AGENT, self._agents.get((item.author or "").lower())),
            (G.PULL_DRAFT, row.draft),
            (G.PULL_LABELS, item.labels[: names.LABELS_LIMIT]),
            (G.PULL_BLOCKED_BY_LABEL, any(self._forge.sayings.get(label) == "blocked" for label in labels)),
            (G.PULL_ASSIGNEES, item.assignees[:ITEMS_LIMIT]),
            (G.PULL_MILESTONE, item.milestone),
            (G.PULL_OUTDATED, row.outdated),
            (G.PULL_CLOSES, row.closes),
            (G.PULL_UNMERGEABLE, unmergeable),
        )
        needed = (
            (G.PULL_LINK, item.link), (G.PULL_OPENED_AT, item.opened_at), (G.PULL_MOVED_AT, item.moved_at),
            (G.PULL_HEAD, row.head), (G.PULL_BRANCH, row.branch), (G.PULL_BASE, row.base),
            (G.PULL_MERGEABLE, row.mergeable),
        )  # fmt: skip
        return self._listed(subject, f"{full_name}#{item.number}", said, needed, at)

    def card(self, full_name: str, row: Card, at: datetime) -> tuple[AnyReading, ...]:
        """Return what a search tells of an issue."""
        item = row.item
        subject = names.card(self._forge.id, full_name, item.number)
        says = self.says(item)
        agents = (self._agents.get(login.lower()) for login in item.assignees)
        said = (
            (G.CARD_TITLE, item.title),
            (G.CARD_AUTHOR, item.author),
            (G.CARD_OPEN, row.open),
            (G.CARD_CLOSED_AT, row.closed_at),
            (G.CARD_LABELS, item.labels[: names.LABELS_LIMIT]),
            (G.CARD_SAYS, says),
            (G.CARD_TRIAGED, item.milestone is not None or len(says) < len(item.labels)),
            (G.CARD_ASSIGNEES, item.assignees[:ITEMS_LIMIT]),
            (G.CARD_ABSENT, row.absent[:ITEMS_LIMIT]),
            (G.CARD_AGENTS, tuple(dict.fromkeys(agent for agent in agents if agent is not None))),
            (G.CARD_MILESTONE, item.milestone),
            (G.CARD_EXPLAINED, row.explained),
        )
        needed = (
            (G.CARD_LINK, item.link), (G.CARD_OPENED_AT, item.opened_at), (G.CARD_MOVED_AT, item.moved_at),
        )  # fmt: skip
        return self._listed(subject, f"{full_name}#{item.number}", said, needed, at)

    def says(self, item: Item) -> tuple[str, ...]:
        """Return what the labels of a card say of its lane."""
        return words.sayings(item.labels[: names.LABELS_LIMIT], self._forge.sayings)

    def _listed(self, subject: str, locator: str, said: Said, needed: Said, at: datetime) -> tuple[AnyReading, ...]:
        """Make readings; a part that is ``needed`` and that the forge left out is not told."""
        origin = self.origin(locator)
        told = tuple((field, raw) for field, raw in needed if raw is not None)
        missing = (field for field, raw in needed if raw is None)
        return (
            *self.known(subject, origin, said + told, at),
            *(field.unavailable(subject, origin, *NOT_TOLD, at) for field in missing),
        )


def again(readings: tuple[AnyReading, ...], at: datetime, *, early: bool) -> tuple[AnyReading, ...]:
    """Tell again what still holds: the same objects, unless they are old; ``early`` is not to wait for that.

    They are all of one moment and one lifetime.
    """
    if not readings:
        return readings
    first = readings[0]
    if not isinstance(first, Known) or first.observed_at >= at:
        return readings
    parts = PARTS_OF_LIFE * 2 if early else PARTS_OF_LIFE
    if parts * (at - first.observed_at) < first.fresh_for:
        return readings
    return tuple(_anew(each, at) for each in readings)


def _anew(reading: AnyReading, at: datetime) -> AnyReading:
    if isinstance(reading, Known):
        return Known(reading.subject, reading.field, reading.origin, reading.value, at, reading.fresh_for)
    return Unavailable(reading.subject, reading.field, reading.origin, at, reading.reason, reading.detail, reading.last)


def lost(readings: Iterable[AnyReading], failure: Failure, at: datetime) -> tuple[AnyReading, ...]:
    """Say that nothing of this could be read, with what was last known."""
    return tuple(
        Unavailable(
            each.subject, each.field, each.origin, at, failure.reason, failure.detail,
            each if isinstance(each, Known) else each.last,
        )
        for each in readings
    )  # fmt: skip


def failed(
    fields: Iterable[Field[Any]], subject: str, origin: Origin, failure: Failure | tuple[Reason, str], at: datetime
) -> Iterator[AnyReading]:
    """Say why these fields of a subject are not known."""
    reason, detail = failure[:2]
    return (field.unavailable(subject, origin, reason, detail, at) for field in fields)


Details: TypeAlias = Mapping[str, tuple[Field[Any], ...]]
OF_PULL: Final[Details] = {
    "deeds": (G.PULL_PUSHED_AT, G.PULL_AUTO_MERGE, G.PULL_STIRRED_AT),
    "blockers": (G.PULL_BLOCKERS,),
    "reviews": (G.PULL_REVIEWS,),
    "checks": (G.PULL_CHECKS,),
    "files": (G.PULL_FILES,),
    "rule": (G.PULL_RULE,),
}
"""The details of a pull request, by the question that tells them."""
OF_CARD: Final[Details] = {"blockers": (G.CARD_BLOCKERS,)}
