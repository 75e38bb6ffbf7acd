"""Views over whatever is known."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, Policy, subject
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.truth.tables import TABLES
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import Json, as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from tests.truth.cast import JOB, NOW, ORIGIN, ago, place, readings, worlds

NORTH, SOUTH = Instance("north", "north"), Instance("south", "The South")
FIXED = {"name", "status", "state"}
"""Keys of every row that a column of the same name leaves alone."""
GONE: dict[Field[Any], object] = {F.LOCK_HOLDER: None, F.RECORDED_PROCESS: "gone", F.RUNNER_ALIVE: False}


def _snapshot(world: dict[Key, AnyReading], *instances: Instance, **more: Any) -> Snapshot:
    return Snapshot(7, ago(1), instances or (NORTH,), world, **more)


def _view(name: str, snapshot: Snapshot, instance: str = "all", now: datetime = NOW) -> View:
    return VIEWS[name].make(Judged(snapshot, now), Asked(instance), None)


def _two(spoiled: dict[Field[Any], object]) -> Snapshot:
    return _snapshot(readings() | readings(spoiled, instance="south"), NORTH, SOUTH)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(worlds(tuple(TABLES)), st.integers(-100, 500), st.sampled_from(list(VIEWS)))
def test_a_view_never_raises_whatever_the_readings(world: dict[Key, AnyReading], later: int, name: str) -> None:
    """Any readings at any moment make a view, and the view makes JSON."""
    json.dumps(as_json(_view(name, _snapshot(world), now=NOW + timedelta(seconds=later))))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(worlds(tuple(TABLES)), st.sampled_from(list(VIEWS)))
def test_every_figure_and_every_cell_comes_from_a_reading(world: dict[Key, AnyReading], name: str) -> None:
    """In the JSON of any view, each column has its reading in the row, and each figure has readings or no value."""
    view = _view(name, _snapshot(world))
    data = as_json(view)
    for row, told in zip(view.rows, data["rows"], strict=True):
        behind = {(r["subject"], r["field"]): r for r in told["readings"]}
        for cell in row.cells:
            if cell.reading is None:
                continue
            reading = behind[cell.reading.subject, cell.reading.field]
            assert {"source", "locator", "observed_at", "fresh_for_s"} <= reading.keys()
            assert told[cell.column.key] == reading.get("value") or cell.column.key in FIXED
        assert told["status"] != "ok" or told["readings"] or told["knowledge"] == "retired"
    for figure in data["figures"]:
        assert figure["value"] is None or figure["readings"]


@pytest.mark.parametrize("name", list(VIEWS))
def test_the_contract_of_every_view(name: str) -> None:
    """Every view speaks the published JSON."""
    data = as_json(_view(name, _snapshot(readings({F.LOCK_HOLDER: Reason.OBSERVER}))))
    assert {"view", "generated_at", "at", "filter", "status", "knowledge", "rows"} <= data.keys()
    assert (data["view"], data["generated_at"], data["at"]) == (
        name,
        "2026-11-21T03:04:10.000Z",
        "2026-11-21T03:04:11.000Z",
    )
    lost = next((r for row in data["rows"] for r in row["readings"] if r["field"] == "lock_holder"), None)
    assert lost is None or (
        lost["unavailable"] == {"reason": "observer", "detail": "spoiled by the test"} and "last" in lost
    )


def test_the_brief_names_the_object_and_opens_its_chain() -> None:
    """A red line carries the subject and the readings that made it red, with their sources."""
    row = as_json(_view("brief", _snapshot(readings(GONE))))["rows"][0]
    assert (row["subject"], row["status"]) == ("hermes:north/gateway", "down")
    assert {"lock_holder", "recorded_state"} <= {link["field"] for link in row["why"]}
    assert all(link["source"] and link["locator"] for link in row["why"])


def test_what_follows_from_a_cause_is_folded_under_it() -> None:
    """A dead gateway is one line; the scheduler and the jobs that wait for it hang from that line."""
    rows = as_json(_view("brief", _snapshot(readings(GONE))))["rows"]
    assert [row["subject"] for row in rows] == ["hermes:north/gateway"]
    assert rows[0]["folded"] == ["hermes:north/cron", f"hermes:north/cron/{JOB}"]


def test_worst_comes_first() -> None:
    """Down before degraded before unknown."""
    world = (
        readings(GONE)
        | readings({F.HALTED: True}, instance="south")
        | readings({F.SESSIONS_TOTAL: Reason.CORRUPT}, instance="west")
    )
    rows = _view("brief", _snapshot(world, NORTH, SOUTH, Instance("west", "west"))).rows
    ranks = [row.judgement.status.rank for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] == 4
    assert ranks[-1] == 2


def test_all_is_well_when_every_subject_is_known_and_well() -> None:
    """A healthy instance has an ok brief with nothing in it."""
    view = _view("brief", _snapshot(readings()))
    assert (view.rollup.status, view.rows, view.headline) == ("ok", (), "All is well.")


def test_nothing_watched_is_not_well() -> None:
    """A machine may be well: without an agent every view is unknown, and says that none is watched."""
    disk = {F.DISK_TOTAL: 100.0, F.DISK_FREE: 50.0, F.INODES_FREE_SHARE: None}
    name = "host:deck/disk//"
    well = {(name, field.name): field.known(name, ORIGIN, value, NOW) for field, value in disk.items()}
    for world in ({}, well):
        for each in VIEWS:
            view = _view(each, Snapshot(1, NOW, (), world))
            assert (view.rollup.status, view.headline) == ("unknown", "No agent is watched.")


def test_an_instance_nobody_could_read_still_has_its_rows() -> None:
    """Without a single reading, an instance's gateway and cron are unknown rows, not absent ones."""
    view = _view("agents", _snapshot({}))
    assert [(row.subject, row.judgement.status) for row in view.rows] == [("hermes:north/gateway", "unknown")]


@pytest.mark.parametrize("name", list(VIEWS))
def test_the_filter_keeps_its_instance_and_what_belongs_to_none(name: str) -> None:
    """With a filter, only that instance's rows and the rows of all remain; side by side stays whole."""
    host = {("host:deck", "load_1m"): F.LOAD_1M.known("host:deck", ORIGIN, 1.0, NOW)}
    snapshot = _snapshot(readings() | readings(GONE, instance="south") | host, NORTH, SOUTH)
    data = as_json(_view(name, snapshot, "south"))
    assert {row["instance"] for row in data["rows"]} <= {"south", "all"}
    assert all(set(side["instances"]) == {"north", "south"} for side in data["side_by_side"])


def _figure(snapshot: Snapshot, key: str) -> Json:
    return next(f for f in as_json(_view("brief", snapshot))["figures"] if f["figure"] == key)


def test_a_total_over_incomplete_sources_is_shown_as_a_lower_bound() -> None:
    """One of two databases unreadable: at least the other's count, and the figure says so."""
    figure = _figure(_two({F.SESSIONS_24H: Reason.CORRUPT}), "sessions_24h")
    assert (figure["value"], figure["at_least"], figure["text"], figure["note"]) == (
        12,
        True,
        "≥12",
        "1 of 2 sources unknown",
    )


def test_no_known_source_means_no_figure() -> None:
    """When nothing could be read, there is no number at all, least of all a zero."""
    figure = _figure(_snapshot({}), "sessions_24h")
    assert (figure["value"], figure["text"]) == (None, "unknown")


def test_a_cost_with_unpriced_sessions_is_a_lower_bound() -> None:
    """Sessions whose price nobody knows make the cost a lower bound."""
    assert _figure(_snapshot(readings({F.UNPRICED_24H: 3})), "cost_24h_usd")["text"] == "≥$0.50"
    assert _figure(_snapshot(readings()), "cost_24h_usd")["text"] == "$0.50"
    sides = {
        side["title"]: side["instances"] for side in as_json(_view("brief", _two({F.UNPRICED_24H: 3})))["side_by_side"]
    }
    assert [sides["Cost, 24 h"][one]["text"] for one in ("north", "south")] == ["$0.50", "≥$0.50"]


def test_there_are_eight_figures_and_the_oldest_turn_is_the_oldest() -> None:
    """The brief has eight figures; the oldest open turn of two instances is the longer one."""
    snapshot = _snapshot(
        readings({F.OPEN_TURNS: 1, F.OPEN_TURN_SINCE: ago(60), F.OPEN_TURN_IN: "tool"})
        | readings({F.OPEN_TURNS: 1, F.OPEN_TURN_SINCE: ago(130), F.OPEN_TURN_IN: "tool"}, instance="south"),
        NORTH,
        SOUTH,
    )
    assert len(_view("brief", snapshot).figures) == 8
    assert _figure(snapshot, "oldest_open_turn_s")["value"] == 130


def test_a_subject_that_disappeared_leaves_a_tombstone() -> None:
    """Removed is not unreadable: the row is retired, says when, and counts as no trouble."""
    name = subject("north", "cron", "0ff")
    view = _view("cron", _snapshot(readings(), gone={name: ago(300)}))
    row = next(row for row in view.rows if row.subject == name)
    assert (row.judgement.status, row.judgement.knowledge, row.judgement.since) == ("ok", "retired", ago(300))
    assert view.rollup.status == "ok"


def test_a_job_is_called_by_its_id_unless_its_name_may_be_shown() -> None:
    """Without the policy no name is known; with it, the row carries the name."""
    name = subject("north", "cron", JOB)
    assert _row(_view("cron", _snapshot(readings())), name).name == f"Job {JOB}"
    named = {(name, "name"): F.JOB_NAME.known(name, ORIGIN, "nightly summary", NOW)}
    shown = _view("cron", _snapshot(readings() | named, Instance("north", "north", policy=Policy(job_names=True))))
    assert _row(shown, name).name == "Job “nightly summary”"


def _row(view: View, name: str) -> Any:
    return next(row for row in view.rows if row.subject == name)


def test_a_stale_cell_is_shown_only_as_old() -> None:
    """Past its life, a value carries the word old; with a failure after it, unknown and what it was."""
    cells = {c.column.key: c.shown(NOW) for c in _view("agents", _snapshot(readings(at=ago(1_000)))).rows[0].cells}
    assert cells["model"] is not None
    assert cells["model"].text == "big-model (old)"


def test_the_snapshot_says_when_it_was_made_and_what_each_source_cost() -> None:
    """Cost and answer of every source are part of every view."""
    looks = {
        "host": Look("host", ago(1), 3.5, answered=True),
        "slow": Look("slow", ago(1), 5_000, answered=False, detail="no answer within 5 s"),
    }
    data = as_json(_view("brief", _snapshot(readings(), looks=looks)))
    assert [(s["source"], s["answered"], s["took_ms"]) for s in data["sources"]] == [
        ("host", True, 3.5),
        ("slow", False, 5_000),
    ]


def test_every_row_can_be_followed() -> None:
    """Each row of each view offers something to paste or to open."""
    for name in VIEWS:
        for row in _view(name, _snapshot(readings(GONE))).rows:
            assert any(link.kind in ("id", "path", "command") for link in row.links)


def test_no_two_views_disagree() -> None:
    """The same subject has the same status and words in every view that shows it."""
    snapshot = _snapshot(readings(GONE | {F.TICKER_AT: ago(900)}))
    said: dict[str, set[tuple[str, str]]] = {}
    for name in VIEWS:
        for row in _view(name, snapshot).rows:
            said.setdefault(row.subject, set()).add((row.judgement.status, row.judgement.reason))
    assert all(len(words) == 1 for words in said.values())
    assert place(F.LOCK_HOLDER) in said


def test_coverage_lists_what_could_not_be_read_once_for_each_reason() -> None:
    """Two facts lost at one place are one gap, with both readings behind it, the largest first."""
    world = readings({F.SESSIONS_TOTAL: Reason.SCHEMA, F.SESSIONS_24H: Reason.SCHEMA})
    gaps = as_json(_view("coverage", _snapshot(world)))["gaps"]
    assert gaps[0]["why"] == "schema: spoiled by the test (2 facts)"
    assert {r["field"] for r in gaps[0]["readings"]} == {"total", "started_24h"}
    assert "newer Quarterdeck" in gaps[0]["fix"]


def test_coverage_says_what_cannot_be_known_in_principle() -> None:
    """A release without heartbeats, an instance without an exporter and names kept out are gaps; so is the forge."""
    world = readings({F.HEARTBEAT_EXPECTED: False, F.LEARNT_BY: "home"}) | readings(
        {F.LEARNT_BY: "exporter"}, instance="south"
    )
    allowed = Instance("south", "south", policy=Policy(job_names=True))
    places = {(g["instance"], g["place"]) for g in as_json(_view("coverage", _snapshot(world, NORTH, allowed)))["gaps"]}
    assert {("north", "no heartbeat"), ("north", "no exporter"), ("north", "names of jobs")} <= places
    assert not {("south", "no heartbeat"), ("south", "no exporter"), ("south", "names of jobs")} & places
    assert {("all", "reviews and tasks"), ("all", "containers"), ("all", "services")} <= places


def test_coverage_follows_the_filter() -> None:
    """Only the chosen instance's gaps, and those of all, are listed."""
    gaps = _view("coverage", _two({F.SESSIONS_TOTAL: Reason.CORRUPT}), "north").gaps
    assert {gap.instance for gap in gaps} == {"north", "all"}


def _commands(view: View, name: str) -> dict[str, str]:
    return {link.label: link.text for link in _row(view, name).links if link.kind == "command"}


def test_a_gateway_says_how_to_bring_it_back() -> None:
    """With a unit it is systemd's to restart; without one, and gone, it is started in its home, quoted for a shell."""
    name = subject("north", "gateway")
    unit = {(name, "unit"): F.UNIT.known(name, ORIGIN, "hermes-gateway.service", NOW)}
    assert _commands(_view("ops", _snapshot(readings() | unit)), name) == {
        "Restart": "systemctl --user restart hermes-gateway.service"
    }
    home = Instance("north", "north", home=PurePath("/home/a b"))
    assert _commands(_view("ops", _snapshot(readings(GONE), home)), name) == {
        "Start": "HERMES_HOME='/home/a b' hermes gateway run"
    }
    assert _commands(_view("ops", _snapshot(readings(), home)), name) == {}


def test_a_loopback_listener_says_how_to_reach_it() -> None:
    """A dashboard on loopback carries the command that tunnels to it; one open to all needs none."""
    near, far = "host:deck/listener/127.0.0.1:9119", "host:deck/listener/0.0.0.0:9119"
    world = {
        (name, "public"): F.LISTENER_PUBLIC.known(name, ORIGIN, public, NOW)
        for name, public in ((near, False), (far, True))
    }
    view = _view("ops", _snapshot(world))
    assert _commands(view, near) == {"Tunnel": "ssh -N -L 9119:127.0.0.1:9119 deck"}
    assert _commands(view, far) == {}


def test_the_headline_counts_lines_not_consequences() -> None:
    """What merely follows from a cause is not another thing that needs somebody."""
    assert _view("brief", _snapshot(readings(GONE))).headline == "One thing needs you."
    assert _view("cron", _snapshot(readings(GONE))).headline == "Two things need you."


def test_coverage_is_not_well_while_something_could_not_be_read() -> None:
    """The headline counts the facts that were lost, and the view is unknown with them."""
    view = _view("coverage", _snapshot(readings({F.SESSIONS_TOTAL: Reason.CORRUPT})))
    assert (view.rollup.status, view.headline) == ("unknown", "1 fact could not be read.")


def test_no_open_turn_is_a_word_not_a_zero() -> None:
    """Where no turn is open there is no figure; over incomplete sources it says over how many."""
    figure = _figure(_snapshot(readings()), "oldest_open_turn_s")
    assert (figure["value"], figure["text"], figure["at_least"]) == (None, "none", False)
    assert _figure(_two({F.OPEN_TURN_SINCE: Reason.CORRUPT}), "oldest_open_turn_s")["text"] == "none in 1 of 2"


def test_a_bad_verdict_says_what_else_is_not_known() -> None:
    """A gateway that is gone, its note unreadable, is down, and the row names the file that could not be read."""
    row = _row(_view("agents", _snapshot(readings(GONE | {F.RECORDED_STATE: Reason.CORRUPT}))), "hermes:north/gateway")
    assert row.judgement.status == "down"
    assert "not known: some/file corrupt" in row.judgement.reason
