"""Thousands of pull requests and issues drown nothing: pages that tell of everything tell of all of them at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.forge import PARTS, card, pull
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.web.metrics import Figures, Meter
from tests.fakes import work
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW

MANY = 3_000
DOWN = "the forge did not answer"


def large() -> Snapshot:
    """What is known while the forge answers: one of everything, and thousands that nobody has touched."""
    told = work.world(NOW)
    told |= {pull("main", work.TOOLS, 1_000 + n): work.a_pull(NOW, 1_000 + n, "A change") for n in range(50)}
    idea = work.a_card(NOW, 1_000, "An idea")
    told |= {card("main", work.SITE, 1_000 + n): idea for n in range(MANY)}
    return work.snapshot(NOW, told)


def page(name: str, snapshot: Snapshot, memory: FakeMemory | None = None, **words: str) -> Any:
    """A page as the API tells it."""
    spec, asked, now = VIEWS[name], Asked(words=tuple(words.items())), snapshot.generated_at
    recalled = spec.recall(memory, asked, now) if memory is not None and spec.recall is not None else None
    return as_json(spec.make(Judged(snapshot, now), asked, recalled))


def kinds(rows: Any) -> set[str]:
    return {kind_of(subject) for row in rows for subject in (row["subject"], *row.get("folded", ()))}


def test_a_forge_that_is_down_is_no_flood_of_alerts() -> None:
    """Nothing can be told of thousands of issues: neither the brief nor the alerts have a line for one of them."""
    down = work.unanswered(large(), NOW + timedelta(minutes=1))
    for name in ("brief", "alerts"):
        told = page(name, down)
        assert not kinds(told["rows"]) & PARTS
        assert any(row["subject"] == work.FORGE for row in told["rows"]), "the forge itself is a line"


def test_the_brief_counts_none_of_them() -> None:
    """The brief says how well everything is known: a thousand issues more do not change what it says."""
    few, many = page("brief", work.snapshot(NOW)), page("brief", large())
    assert few["knowledge"] == many["knowledge"]
    assert few["headline"] == many["headline"]


def test_a_forge_that_is_watched_for_the_first_time_is_no_flood_of_changes() -> None:
    """Since yesterday thousands of issues have become known: that is no change of any of them."""
    before = replace(large(), readings=Grouped({}), generated_at=NOW - timedelta(hours=8))
    told = page("changes", large(), FakeMemory([(before.generated_at, before)]), since="8h")
    changed = kinds(told["changes"]["subjects"])
    assert not changed & PARTS
    assert "forge" in changed


def test_the_timeline_of_a_pull_request_says_who_keeps_its_history() -> None:
    """What is not kept here is not told as if nothing had happened."""
    told = page("timeline", large(), FakeMemory(), subject=pull("main", work.TOOLS, 1))
    assert "The forge keeps its history" in told["headline"]
    assert told["rows"], "what is known of it now is shown"


def test_what_somebody_should_know_of_is_counted_as_the_alerts_are() -> None:
    """The figures for Prometheus count no finding of a single issue either."""
    down = work.unanswered(large(), NOW + timedelta(minutes=1))
    judged = Judged(down, down.generated_at)
    text = Meter(Figures(lambda: judged, dict, lambda: 0)).text().decode()
    found = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("quarterdeck_findings{")]
    assert 0 < sum(found) < MANY / 10
