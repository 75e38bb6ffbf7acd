"""Alerts, changes and timelines: what views make of what is remembered."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Blind, Change, Run, Said
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Reason
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import TABLES
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import Json, as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.when import moment_of, span_of
from tests.fakes.memory import FakeMemory
from tests.truth.cast import JOB, NOW, ORIGIN, ago, readings, worlds

NORTH, SOUTH = Instance("north", "north"), Instance("south", "south")
GATEWAY = "hermes:north/gateway"
GONE: dict[Field[Any], object] = {F.LOCK_HOLDER: None, F.RECORDED_PROCESS: "gone", F.RUNNER_ALIVE: False}
BEFORE = timedelta(seconds=10)
SINCE = "2026-11-21T03:04:01Z"


def snapshot(world: dict[Key, AnyReading], *instances: Instance, at: datetime = NOW, **more: Any) -> Snapshot:
    return Snapshot(7, at, instances or (NORTH,), world, **more)


def change(seconds: float, status: Status, before: Status | None = Status.OK, **more: Any) -> Change:
    return Change(
        more.pop("subject", GATEWAY),
        ago(seconds),
        status,
        None,
        more.pop("knowledge", Knowledge.FRESH),
        more.pop("rule", "killed"),
        more.pop("reason", "stopped without a clean shutdown"),
        more.pop("since", None),
        before,
    )


def view(name: str, now: Snapshot, memory: FakeMemory | None = None, **words: str) -> View:
    spec = VIEWS[name]
    asked = Asked(words.pop("instance", "all"), words=tuple(sorted(words.items())))
    recalled = spec.recall(memory, asked, NOW) if memory is not None and spec.recall is not None else None
    return spec.make(Judged(now, NOW), asked, recalled)


def data(name: str, now: Snapshot, memory: FakeMemory | None = None, **words: str) -> Json:
    told: Json = json.loads(json.dumps(as_json(view(name, now, memory, **words))))
    return told


# --- alerts --------------------------------------------------------------------------------------------------------


def test_what_is_open_comes_most_severe_first() -> None:
    """A dead gateway before a job that fails before a board that is blocked in silence."""
    told = data("alerts", snapshot(readings(GONE) | readings({F.LAST_RESULT: "error"}, instance="south"), NORTH, SOUTH))
    assert [row["incident"]["severity"] for row in told["rows"]] == ["critical", "warn"]
    assert told["headline"] == "1 critical, 1 warning."


def test_the_severity_filter_shows_that_severity_and_counts_all() -> None:
    """Only warnings are shown, and the headline and the figures still say that something is critical."""
    now = snapshot(readings(GONE) | readings({F.LAST_RESULT: "error"}, instance="south"), NORTH, SOUTH)
    told = data("alerts", now, severity="warn")
    assert [row["subject"] for row in told["rows"]] == [f"hermes:south/cron/{JOB}"]
    assert told["headline"] == "1 critical, 1 warning."
    assert {f["figure"]: f["text"] for f in told["figures"]} == {"critical": "1", "warn": "1", "info": "0"}


def test_a_count_of_alerts_is_a_lower_bound_while_something_cannot_be_judged() -> None:
    """Nobody knows whether what is unknown is an alert."""
    told = data("alerts", snapshot(readings({F.SESSIONS_TOTAL: Reason.CORRUPT})))
    figures = {f["figure"]: f for f in told["figures"]}
    assert (figures["critical"]["text"], figures["critical"]["at_least"]) == ("≥0", True)


def test_the_alerts_are_the_lines_of_the_brief() -> None:
    """The brief and the alerts tell the same incidents under the same ids."""
    now = snapshot(readings(GONE) | readings({F.LAST_RESULT: "error"}, instance="south"), NORTH, SOUTH)
    ids = [{row["incident"]["id"] for row in data(name, now)["rows"]} for name in ("brief", "alerts")]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def test_what_is_over_says_how_long_it_took_to_recover() -> None:
    """A gateway that was down for twelve minutes is told with its beginning, its end and its length."""
    memory = FakeMemory(
        [(ago(90_000), snapshot(readings()))],
        [change(600, Status.DOWN, since=ago(750)), change(30, Status.OK, Status.DOWN, rule="idle")],
    )
    (over,) = data("alerts", snapshot(readings()), memory)["closed"]["incidents"]
    (episode,) = over["episodes"]
    assert (over["severity"], episode["ending"], episode["lasted_s"]) == ("critical", "resolved", 720.0)
    assert (episode["name"], episode["reason"]) == ("Gateway of north", "stopped without a clean shutdown")


def test_an_alert_during_which_nobody_looked_says_so() -> None:
    """The interval in which Quarterdeck was off stands in the alert it touches."""
    memory = FakeMemory(
        [(ago(90_000), snapshot(readings()))],
        [change(600, Status.DOWN), change(30, Status.OK, Status.DOWN)],
        [Blind(ago(300), ago(200), "not running")],
    )
    (over,) = data("alerts", snapshot(readings()), memory)["closed"]["incidents"]
    assert [each["why"] for each in over["episodes"][0]["not_looked"]] == ["not running"]


def test_the_span_of_what_is_over_can_be_chosen() -> None:
    """What ended two days ago is among the alerts of a week, not of a day."""
    memory = FakeMemory(
        [(ago(900_000), snapshot(readings()))],
        [change(172_900, Status.DOWN), change(172_800, Status.OK, Status.DOWN)],
    )
    spans = {
        span: len(data("alerts", snapshot(readings()), memory, span=span)["closed"]["incidents"])
        for span in ("24h", "7d")
    }
    assert spans == {"24h": 0, "7d": 1}


def test_without_memory_what_is_open_is_told_and_what_is_over_is_not_claimed() -> None:
    """No memory is not an empty memory."""
    told = data("alerts", snapshot(readings(GONE)))
    assert len(told["rows"]) == 1
    assert "closed" not in told


def test_ten_thousand_alerts_are_a_view() -> None:
    """A fleet in which every gateway died at another time is ten thousand alerts, none of them left out."""
    homes = [Instance(f"i{n}", f"i{n}") for n in range(2_500)]
    world: dict[Key, AnyReading] = {}
    for n, home in enumerate(homes):
        world |= readings(
            {
                **GONE,
                F.RECORDED_AT: ago(90_000 + 400 * n),
                F.LAST_EXIT_AT: None,
                F.HEARTBEAT_AT: None,
                F.MALFORMED: 1,
                F.LAST_RESULT: "error",
            },
            instance=home.id,
        )
    judged = Judged(snapshot(world, *homes), NOW)
    made = VIEWS["alerts"].make(judged, Asked(), None)
    assert sum(1 + len(row.folded) for row in made.rows) == 10_000


# --- changes -------------------------------------------------------------------------------------------------------


def before(world: dict[Key, AnyReading] | None = None) -> FakeMemory:
    """A memory that knew everything to be well ten seconds ago."""
    at = NOW - BEFORE
    return FakeMemory([(at, snapshot(world or readings(at=at), at=at))])


def test_what_became_worse_is_told_before_what_became_better() -> None:
    """South recovered, north died: north first, with what waits for it beneath, each with what it was and is."""
    was = readings(at=NOW - BEFORE) | readings({F.LAST_RESULT: "error"}, instance="south", at=NOW - BEFORE)
    at = NOW - BEFORE
    memory = FakeMemory([(at, snapshot(was, NORTH, SOUTH, at=at))])
    now = snapshot(readings(GONE) | readings(instance="south"), NORTH, SOUTH)
    told = data("changes", now, memory, since=SINCE)["changes"]
    assert {(each["subject"], each["what"], each["under"]) for each in told["subjects"]} == {
        (GATEWAY, "worse", None),
        ("hermes:north/cron", "worse", GATEWAY),
        (f"hermes:north/cron/{JOB}", "worse", GATEWAY),
        (f"hermes:south/cron/{JOB}", "better", None),
    }
    assert told["count"] == 2
    assert told["digest"][0].startswith("Since 2026-11-21 03:04 UTC, 10 s ago: 2 changes.")
    assert told["digest"][1].endswith("; 2 more with it [north]")
    assert "degraded → ok" in told["digest"][2]


def test_a_moment_long_after_the_last_look_is_compared_with_that_look() -> None:
    """Who looked at a page on which all had grown old is told what changed since it was last known."""
    at = NOW - timedelta(seconds=10)
    memory = FakeMemory([(at - timedelta(hours=1), snapshot(readings(at=at), at=at - timedelta(hours=1)))])
    memory.snapshots.append((at - timedelta(minutes=30), snapshot(readings(at=at), at=at - timedelta(minutes=30))))
    told = data("changes", snapshot(readings()), memory, since="2026-11-21T03:04:01Z")["changes"]
    assert told["since"] == "2026-11-21T02:34:01.000Z"


def test_what_came_and_went_is_told_though_both_moments_agree() -> None:
    """A gateway that was down in between is a change, though it is well again."""
    memory = before()
    memory.changed = [change(6, Status.DOWN), change(1, Status.OK, Status.DOWN, rule="idle")]
    (turn,) = data("changes", snapshot(readings()), memory, since=SINCE)["changes"]["subjects"]
    assert (turn["what"], turn["through"], turn["told"]) == (
        "came and went",
        ["down", "ok"],
        "ok → down → ok, as before",
    )


def test_what_is_new_and_what_is_gone_are_told() -> None:
    """A job that was declared since and one that was taken away are changes."""
    old, new = f"hermes:north/cron/{JOB}", "hermes:north/cron/77"
    now = {(new if name == old else name, field): reading for (name, field), reading in readings().items()}
    told = data("changes", snapshot(now, gone={old: ago(6)}), before(), since=SINCE)["changes"]["subjects"]
    assert {(each["subject"], each["what"]) for each in told} == {(old, "gone"), (new, "new")}


def test_figures_of_both_moments_are_those_of_the_pages() -> None:
    """The figures then and now are what the brief said and says."""
    memory = before(readings({F.SESSIONS_24H: 5}, at=NOW - BEFORE))
    now = snapshot(readings())
    pairs = {each["figure"]: each for each in data("changes", now, memory, since=SINCE)["changes"]["figures"]}
    brief = {each["figure"]: each["text"] for each in data("brief", now)["figures"]}
    assert {key: each["now_text"] for key, each in pairs.items()} == brief
    assert (pairs["sessions_24h"]["then_text"], pairs["sessions_24h"]["now_text"]) == ("5", "12")


def test_nothing_changed_is_said() -> None:
    """Two moments that agree are no change, and one line."""
    told = data("changes", snapshot(readings()), before(), since=SINCE)
    assert told["headline"] == "Nothing changed."
    assert told["changes"]["digest"] == ["Since 2026-11-21 03:04 UTC, 10 s ago: 0 changes. Known at 03:04:11 UTC."]


@given(st.integers(0, 40), st.booleans())
def test_the_digest_has_ten_lines_at_most(jobs: int, moved: bool) -> None:
    """However much changed, the digest is ten lines, and says how many it leaves out."""
    names = [f"hermes:north/cron/{n:02}" for n in range(jobs)]
    world = readings({F.SESSIONS_24H: 99} if moved else None)
    for name in names:
        world |= {(name, field): reading for (of, field), reading in readings().items() if of.endswith(JOB)}
    told = data("changes", snapshot(world), before(), since=SINCE)["changes"]
    assert len(told["digest"]) <= 10
    said = sum(line.startswith("Job") for line in told["digest"])
    assert said == jobs or f"and {jobs - said} more" in told["digest"]


def test_memory_that_begins_later_is_compared_with_its_beginning() -> None:
    """Asked for a week with a memory of seconds, the comparison is over seconds and says so."""
    told = data("changes", snapshot(readings()), before(), since="7d")["changes"]
    assert told["since"] == told["known_since"]


@pytest.mark.parametrize("since", ["yesterday", "2027-01-01T00:00:00Z", "0h", "-1h"])
def test_a_moment_that_is_none_is_asked_back(since: str) -> None:
    """What cannot be read as a moment that is over is not taken for another one."""
    told = data("changes", snapshot(readings()), before(), since=since)
    assert told["headline"].startswith("Since when?")
    assert "changes" not in told


def test_without_memory_nothing_is_compared() -> None:
    """Without a memory the page says that nothing is remembered, not that nothing changed."""
    assert data("changes", snapshot(readings()))["headline"] == "Nothing is remembered to compare with."
    assert data("changes", snapshot(readings()), FakeMemory())["headline"] == "Nothing is remembered to compare with."


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(worlds(tuple(TABLES)), worlds(tuple(TABLES)))
def test_any_two_moments_can_be_compared(was: dict[Key, AnyReading], after: dict[Key, AnyReading]) -> None:
    """Whatever was known then and is known now, what differs is told and nothing else."""
    told = data("changes", snapshot(after), before(was), since=SINCE)["changes"]
    for each in told["subjects"]:
        assert each["then"] is None or each["now"] is None or each["then"] != each["now"]


# --- timeline ------------------------------------------------------------------------------------------------------


def test_a_timeline_has_both_clocks_and_marks_what_came_late() -> None:
    """A death known an hour after it happened is marked; a recovery is not, however old the last message is."""
    memory = FakeMemory(
        [(ago(90_000), snapshot(readings()))],
        [
            change(3_600, Status.DOWN, since=ago(7_200)),
            change(60, Status.OK, Status.DOWN, rule="idle", since=ago(9_000)),
        ],
    )
    events = data("timeline", snapshot(readings()), memory, subject=GATEWAY)["timeline"]["events"]
    assert [(each["change"]["status"], each["late"]) for each in events] == [("ok", False), ("down", True)]
    assert (events[1]["known_at"], events[1]["true_at"]) == ("2026-11-21T02:04:11.000Z", "2026-11-21T01:04:11.000Z")


def test_runs_and_our_own_gaps_stand_in_the_timeline() -> None:
    """A job's runs and the time in which nobody looked are entries in their order."""
    name = f"hermes:north/cron/{JOB}"
    memory = FakeMemory(
        [(ago(90_000), snapshot(readings()))],
        [change(30, Status.DEGRADED, subject=name, rule="failing")],
        [Blind(ago(3_000), ago(2_000), "not running")],
        {name: [Run(ago(5_000), ago(4_900), "ok"), Run(ago(100), ago(40), "error")]},
    )
    events = data("timeline", snapshot(readings()), memory, subject=name)["timeline"]["events"]
    kinds = [next(kind for kind in ("change", "run", "not_looked") if each[kind]) for each in events]
    assert kinds == ["change", "run", "not_looked", "run"]


def test_a_reading_that_became_another_stands_in_the_timeline() -> None:
    """The state file that said running and says stopped is told with both, and with who says so."""
    told = (F.RECORDED_STATE.known(GATEWAY, ORIGIN, word, ago(60)) for word in ("running", "stopped"))
    was, now = told
    lost = F.RECORDED_STATE.unavailable(GATEWAY, ORIGIN, Reason.CORRUPT, "half a file", ago(30))
    memory = FakeMemory(
        [(ago(90_000), snapshot(readings()))], heard=[Said(ago(60), now, was), Said(ago(30), lost, now)]
    )
    events = data("timeline", snapshot(readings()), memory, subject=GATEWAY)["timeline"]["events"]
    assert [each["said"]["text"] for each in events] == [
        "recorded state: stopped → unknown",
        "recorded state: running → stopped",
    ]
    assert (events[0]["said"]["source"], events[0]["said"]["locator"]) == ORIGIN


def test_uptime_leaves_out_when_nobody_looked() -> None:
    """Down for one of the three hours that were seen of four: well two thirds, and an hour not looked at."""
    memory = FakeMemory(
        [(ago(4 * 3_600), snapshot(readings()))],
        [change(3_600, Status.DOWN)],
        [Blind(ago(3 * 3_600), ago(2 * 3_600), "not running")],
    )
    share = data("timeline", snapshot(readings(GONE)), memory, subject=GATEWAY)["timeline"]["uptime"]
    assert share["text"] == "well 66.7 %, down 33.3 % of 3 h; 60 min not looked at"


def test_a_subject_that_is_gone_still_has_its_timeline() -> None:
    """What was removed is remembered, with its removal."""
    name = "hermes:north/cron/0ff"
    gone = change(60, Status.OK, Status.DEGRADED, subject=name, rule="gone", knowledge=Knowledge.RETIRED)
    memory = FakeMemory([(ago(90_000), snapshot(readings()))], [gone])
    told = data("timeline", snapshot(readings()), memory, subject=name)
    assert told["headline"] == "Job 0ff"
    assert told["timeline"]["events"][0]["change"]["knowledge"] == "retired"


def test_a_timeline_asks_of_which_subject() -> None:
    """Without a subject there is nothing to tell, and one nobody knows is not invented."""
    memory = before()
    assert data("timeline", snapshot(readings()), memory)["headline"] == "Of which subject?"
    told = data("timeline", snapshot(readings()), memory, subject="hermes:nowhere/gateway")
    assert told["headline"] == "Nothing is known of this subject."
    assert told["timeline"]["uptime"] is None


def test_every_row_leads_to_its_timeline() -> None:
    """Each row of each view links to the timeline of its subject, its id quoted for an address."""
    name = "host:deck/listener/[::]:9119"
    world = readings() | {
        (name, "public"): F.LISTENER_PUBLIC.known(name, next(iter(readings().values())).origin, True, NOW)
    }
    for each in VIEWS:
        for row in view(each, snapshot(world), before()).rows:
            assert any(link.href and link.href.startswith("/timeline?subject=") for link in row.links), (each, row)
    (row,) = [row for row in view("ops", snapshot(world)).rows if row.subject == name]
    assert "/timeline?subject=host:deck/listener/%5B::%5D:9119" in [link.href for link in row.links]


# --- moments in words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("8h", NOW - timedelta(hours=8)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-21T01:00:00Z", datetime.fromisoformat("2026-11-21T01:00:00+00:00")),
        ("2026-11-21T01:00:00 02:00", datetime.fromisoformat("2026-11-21T01:00:00+02:00")),
        ("2026-02-30T01:00:00Z", None),
        ("2026-11-21T01:00:00", None),
        ("99999d", NOW - timedelta(days=99_999)),
        ("999999w", None),
        ("h", None),
        ("", None),
    ],
)
def test_moments_are_read_strictly(text: str, moment: datetime | None) -> None:
    """A moment has its zone or is a span before now; everything else is none."""
    assert moment_of(text, NOW) == moment


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    """Reading a moment never fails."""
    found = moment_of(text, NOW)
    assert found is None or found.tzinfo is not None
    assert span_of(text) is None or span_of(text) == NOW - (found or NOW)
