"""The page of ways in, the ways on the other pages, and the command that looks once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from quarterdeck.cli.exposure import exit_code
from quarterdeck.settings import Settings
from quarterdeck.truth.fields import field_for
from quarterdeck.truth.findings import Severity
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Row, View
from quarterdeck.views.trouble import open_incidents
from quarterdeck.wiring.exposed import Exposed
from tests.truth.cast import NOW

HERE = "host:deck"
Facts = Mapping[str, object]
CADDY = f"{HERE}/forwarder/caddy"
LISTENER = f"{HERE}/listener/0.0.0.0:8642"
ROUTE = f"{HERE}/route/caddy/[::]:443"
QUIET: dict[str, Facts] = {
    HERE: {"load_1m": 0.1},
    f"{HERE}/disk//home": {"instances": ("north", "south")},
    f"{HERE}/network": {"sockets": (), "addresses": ("127.0.0.1",)},
    CADDY: {"found": "routes"},
}
OPEN: dict[str, Facts] = {
    f"{HERE}/network": {"sockets": ("0.0.0.0:8642", "[::]:443"), "addresses": ("127.0.0.1",)},
    LISTENER: {"public": True, "role": "api server", "of_instance": "south", "pid": 7},
    ROUTE: {"by": "caddy", "entry": "[::]:443", "open": True, "upstreams": ("127.0.0.1:9119",), "unread": ()},
}
LOST: dict[str, Facts] = {CADDY: {"found": Reason.DENIED}}


def judged(*told: Mapping[str, Facts]) -> Judged:
    """What is known of a machine with two agents, and what follows from it."""
    readings: dict[Key, AnyReading] = {}
    for name, facts in {key: value for part in (QUIET, *told) for key, value in part.items()}.items():
        for word, value in facts.items():
            field, origin = field_for(name, word), Origin(name.rpartition("/")[2] or "kernel", word)
            assert field is not None
            if isinstance(value, Reason):
                readings[name, word] = field.unavailable(name, origin, value, "may not be asked", NOW)
            else:
                readings[name, word] = field.known(name, origin, value, NOW)
    snapshot = Snapshot(1, NOW, (Instance("north", "North"), Instance("south", "South")), Grouped.of(readings))
    for reading in Exposed(Settings(), "deck", ("caddy",)).readings(snapshot, NOW):
        readings[reading.subject, reading.field] = reading
    return Judged(Snapshot(1, NOW, snapshot.instances, Grouped.of(readings)), NOW)


def view(*told: Mapping[str, Facts], name: str = "exposure", instance: str = "all") -> View:
    return VIEWS[name].make(judged(*told), Asked(instance), None)


def rows(made: View) -> dict[str, Row]:
    return {row.subject: row for row in made.rows}


def test_calm_when_everything_is_private() -> None:
    """Nothing stands out, and the page says so in one sentence."""
    made = view()
    assert made.headline == "Nothing that should be private can be reached from beyond this machine and its tailnet."
    assert {row.judgement.status for row in made.rows} == {"ok"}
    assert made.trouble["exposure"] == 0
    assert exit_code(made) == 0


def test_the_worst_comes_first_with_its_chain() -> None:
    """What can be reached stands before what cannot, with the readings that its way was put together from."""
    made = view(OPEN)
    assert made.headline == "2 of 4 can be reached from beyond this machine and its tailnet."
    first = made.rows[0]
    assert (first.name, first.judgement.reason) == (
        "Ways to North",
        "its dashboard can be reached from beyond: [::]:443 → caddy → 127.0.0.1:9119",
    )
    because = {(reading.subject, reading.field) for reading in first.judgement.because}
    assert {("hermes:north/exposure", "exposed"), (ROUTE, "entry"), (ROUTE, "upstreams")} <= because
    south = rows(made)["hermes:south/exposure"]
    assert (f"{HERE}/network", "sockets") in {(each.subject, each.field) for each in south.judgement.because}
    assert exit_code(made) == 1


def test_a_way_is_critical_on_the_brief() -> None:
    """Every page tells of it; the listener it begins at is part of it and no matter of its own."""
    found = {member.subject: each for each in open_incidents(judged(OPEN), "all") for member in each.members}
    assert found["hermes:north/exposure"].severity is Severity.CRITICAL
    assert found[LISTENER] is found["hermes:south/exposure"]
    assert LISTENER not in {row.subject for row in view(OPEN, name="brief").rows}
    assert "hermes:north/exposure" in {row.subject for row in view(OPEN, name="brief").rows}


def test_who_cannot_tell_is_said_once() -> None:
    """A proxy that may not be asked leaves everything unknown, for one reason that is said once, and on coverage."""
    made = view(LOST)
    assert made.headline == "4 of 4 may be reachable from beyond: not every way could be followed."
    assert {row.judgement.status for row in made.rows if row.kind == "exposure"} == {"unknown"}
    assert exit_code(made) == 3
    matters = [each for each in open_incidents(judged(LOST), "all") if CADDY in {one.subject for one in each.members}]
    assert [len(each.members) for each in matters] == [5]
    gaps = [gap for gap in view(LOST, name="coverage").gaps if gap.place == "found"]
    assert any("denied: may not be asked" in gap.why for gap in gaps)


def test_what_is_switched_off_stands_on_coverage() -> None:
    """A witness that the settings do not let us ask is a gap: a way through it would not be seen."""
    off: dict[str, Facts] = {f"{HERE}/forwarder/containers": {"found": "not asked"}}
    gaps = {gap.place: gap for gap in view(off, name="coverage").gaps if "ways in" in gap.why}
    assert gaps.keys() == {"containers"}
    assert gaps["containers"].fix
    assert rows(view(off))[f"{HERE}/forwarder/containers"].judgement.knowledge == "retired"


def test_nobody_looked_is_not_private() -> None:
    """Without a single word on what is protected there is nothing to be calm about."""
    made = VIEWS["exposure"].make(Judged(Snapshot(1, NOW, (), {}), NOW), Asked(), None)
    assert exit_code(made) == 3


def test_each_agent_has_a_line_on_ops() -> None:
    """Side by side, every agent says how it stands with the ways to it."""
    side = next(side for side in view(OPEN, name="ops").sides if side.title == "Exposure")
    cells = {one: cell.status for one in ("north", "south") if isinstance(cell := side.cells[one], Judgement)}
    assert cells == {"north": "degraded", "south": "degraded"}


def test_a_filter_shows_an_agent_and_what_is_shared() -> None:
    """Who looks at one agent sees its ways and the machine's, and those of no other agent."""
    found = rows(view(OPEN, instance="north"))
    assert "hermes:north/exposure" in found
    assert "hermes:south/exposure" not in found
    assert {CADDY, ROUTE, f"{HERE}/exposure", "quarterdeck:deck/exposure"} <= found.keys()


@pytest.mark.parametrize("told", [{}, OPEN, LOST])
def test_the_page_as_data(told: Mapping[str, Facts]) -> None:
    """What programs read holds every way, and is JSON."""
    data = json.loads(json.dumps(as_json(view(told))))
    found = {row["subject"]: row for row in data["rows"]}
    ways = found["hermes:north/exposure"]["exposed"]
    assert ways == ([["[::]:443", "caddy", "127.0.0.1:9119"]] if told is OPEN else [])


def test_names_are_for_people() -> None:
    """Each row says in words what it is about."""
    found = rows(view(OPEN))
    assert [
        found[name].name for name in ("quarterdeck:deck/exposure", f"{HERE}/exposure", CADDY, f"{HERE}/network")
    ] == [*("Ways to Quarterdeck", "Ways to deck", "Ways through caddy", "Sockets of deck")]
