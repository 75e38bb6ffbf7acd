"""What all views share: filter, roll-up, counts for the navigation, headline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import Knowledge
from quarterdeck.truth.rollup import Rollup
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged, needs_somebody
from quarterdeck.views.lazy import judgements_of
from quarterdeck.views.model import Choice, Column, Figure, Gap, Row, Side, View

KINDS = {
    "agents": ("gateway", "work"),
    "cron": ("scheduler", "job", "timer"),
    "products": ("service",),
    "ops": (
        *("instance", "sessions", "ledger", "model", "credentials", "kanban", "inventory", "logs", "repository"),
        "redaction",
        *("host", "disk", "listener", "tailnet", "unit"),
    ),
    "credentials": ("credential",),
    "exposure": ("exposure", "network", "forwarder"),
    "coverage": ("source",),
    "reviews": ("forge",),
    "board": (),
}
"""Kinds that each view is first to show; the number beside its name counts those of them that need somebody. Beside
them, of pull requests those count that wait for the operator, and of cards those that need somebody."""

NOBODY = "No agent is watched."

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True, slots=True)
class Page:
    """Builds the view of one page over one filter."""

    judged: Judged
    asked: Asked

    @property
    def instance(self) -> str:
        """The filter: an instance's id, or ``all``."""
        return self.asked.instance

    def view(
        self,
        name: str,
        title: str,
        names: Iterable[str],
        *,
        rows: Sequence[Row],
        columns: tuple[Column, ...] = (),
        figures: tuple[Figure, ...] = (),
        sides: tuple[Side, ...] = (),
        gaps: tuple[Gap, ...] = (),
    ) -> View:
        """Put a page together."""
        snapshot, rollup = self.judged.snapshot, self.judged.rollup(names)
        if not snapshot.instances:  # a machine without an agent may be well; that says nothing of any agent
            rollup = at_best(rollup, Status.UNKNOWN)
        return View(
            name=name,
            title=title,
            headline=headline(rollup, judgements_of(rows)) if snapshot.instances else NOBODY,
            lede=lede(rollup),
            generated_at=snapshot.generated_at,
            at=self.judged.now,
            version=snapshot.version,
            asked=self.asked,
            past=self.judged.past,
            choices=self._choices(),
            rollup=rollup,
            columns=columns,
            rows=rows,
            trouble=self._trouble(),
            figures=figures,
            sides=sides,
            gaps=gaps,
            looks=tuple(sorted(snapshot.looks.values(), key=lambda look: look.source)),
        )

    def _choices(self) -> tuple[Choice, ...]:
        ids = [(ALL, "All"), *((one.id, one.label) for one in self.judged.snapshot.instances)]
        return tuple(Choice(id_, label, id_ == self.instance) for id_, label in ids)

    def _trouble(self) -> Mapping[str, int]:
        found = {
            page: sum(needs_somebody(self.judged.judgements[n]) for n in self.judged.of(*kinds, instance=self.instance))
            for page, kinds in KINDS.items()
        }
        found["reviews"] += sum(
            len(self.judged.facts(name).get(G.REVIEWS_YOURS) or ()) for name in self._all("reviews")
        )
        found["board"] += self.judged.cards_in_need
        return found

    def _all(self, kind: str) -> Sequence[str]:
        return self.judged.of(kind, instance=self.instance)


def at_best(rollup: Rollup, status: Status) -> Rollup:
    """Return a roll-up that is no better than ``status``."""
    return Rollup(max(rollup.status, status, key=lambda each: each.rank), rollup.counts)


def headline(rollup: Rollup, judgements: Sequence[Judgement]) -> str:
    """Say in one sentence what an operator needs to know first."""
    if rollup.total == 0:
        return "Nothing is watched yet."
    judgements = [j for j in judgements if j.knowledge is not Knowledge.RETIRED]
    bad = sum(j.status in (Status.DOWN, Status.DEGRADED) for j in judgements)
    vague = sum(j.status in (Status.UNKNOWN, Status.STALE) for j in judgements)
    if not bad and not vague:
        return "All is well."
    needs = f"{_number(bad)} {'thing needs' if bad == 1 else 'things need'} you" if bad else ""
    cannot = f"{_number(vague)} cannot be judged" if vague else ""
    return f"{needs}, {cannot.lower()}." if needs and cannot else f"{needs or cannot}."


def lede(rollup: Rollup) -> str:
    """Say how well everything on the page is known."""
    order = (Knowledge.FRESH, Knowledge.LATE, Knowledge.STALE, Knowledge.UNKNOWN, Knowledge.PAUSED, Knowledge.RETIRED)
    parts = [f"{rollup.counts[k]} {k}" for k in order if rollup.counts.get(k)]
    return f"Of {rollup.total} {'subject' if rollup.total == 1 else 'subjects'}: {', '.join(parts)}." if parts else ""


def _number(value: int) -> str:
    return NUMBERS[value] if value < len(NUMBERS) else f"{value:,}"
