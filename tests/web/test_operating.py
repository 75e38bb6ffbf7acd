"""What those who operate a hub read of it: readiness with its reasons, and figures as Prometheus parses them."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from quarterdeck.access.identity import Permission, Person, Role
from quarterdeck.cli.logs import Formatter, Lines
from quarterdeck.sources.collector import Tally
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.views.judged import Judged
from quarterdeck.web.answers import Answer
from quarterdeck.web.app import Ask, Route, create_app
from quarterdeck.web.metrics import OTHERS, WORDS, Figures, Meter
from quarterdeck.web.operating import Operating
from tests.fakes.broken_command import SECRET
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW, ORIGIN, readings

HOSTILE = 'x"} 1\nquarterdeck_forged{a="\\'
SUBJECT = "quarterdeck:deck/history"


@dataclass
class FakeCollector:
    """Counts as the collector does."""

    tallies: dict[str, Tally] = field(default_factory=dict)


@dataclass
class FakeGuard:
    """Counts as the guard does."""

    answered: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass
class FakePart:
    """Something nobody can be served without, well or not."""

    said: str | None = None

    def trouble(self) -> str | None:
        """What is wrong."""
        return self.said


def remembering(values: Mapping[Field[object], object]) -> dict[Key, AnyReading]:
    """Readings of our own history."""
    given = {F.HISTORY_RECORDING: True, F.HISTORY_TROUBLE: None, F.HISTORY_BYTES: 4_096.0, **values}
    return {
        (SUBJECT, f.name): f.unavailable(SUBJECT, ORIGIN, value, "it said nothing", NOW)
        if isinstance(value, Reason)
        else f.known(SUBJECT, ORIGIN, value, NOW)
        for f, value in given.items()
    }


def snapshot(more: Mapping[Key, AnyReading] | None = None) -> Snapshot:
    instances = (Instance("north", "North"), Instance("south", HOSTILE))
    spoiled: dict[Field[object], object] = {F.SESSIONS_TOTAL: Reason.CORRUPT}
    found = readings() | readings(spoiled, instance="south") | remembering({F.HISTORY_NEWEST_AT: NOW})
    job = subject("south", "cron", "77")
    hostile = {(job, "name"): F.JOB_NAME.known(job, ORIGIN, HOSTILE, NOW)}
    looks = {"host": Look("host", NOW, 3.0, answered=True), "slow": Look("slow", NOW, 50.0, answered=False)}
    return Snapshot(7, NOW, instances, {**found, **hostile, **(more or {})}, looks)


class Deck:
    """A hub with what is around it."""

    def __init__(self, seen: Snapshot | None = None, *parts: FakePart, remembers: bool = True) -> None:
        self.hub = FakeHub(seen or snapshot(), NOW)
        self.collector = FakeCollector({"host": Tally(10, 0, 30.0), "slow": Tally(4, 3, 8_000.0)})
        self.guard = FakeGuard(12, {"stranger": 3, "host": 1})
        self.operating = Operating(
            self.hub, self.collector, remembers=remembers, parts=parts, signed_in=lambda: self.signed_in
        )
        self.signed_in: int | None = 2
        self.front = create_app(self.hub, self.operating.routes())

    def get(self, path: str, person: Person | None = None) -> tuple[int, str]:
        app = let_in(self.front, person) if person else let_in(self.front)
        with TestClient(app, base_url="http://127.0.0.1:8710", raise_server_exceptions=False) as client:
            answer = client.get(path)
        return answer.status_code, answer.text

    def measured(self) -> dict[str, float]:
        self.operating.of(self.front, self.guard)
        status, text = self.get("/metrics")
        assert status == 200, text
        return parsed(text)


def parsed(text: str) -> dict[str, float]:
    """Read figures as Prometheus does."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found, f"{name} is there twice"
            found[name] = sample.value
    return found


def test_figures_say_what_was_counted() -> None:
    """Looks, answers, readings, subjects, findings, streams, requests, sessions and history each have their figure."""
    found = Deck().measured()
    assert found["quarterdeck_look_seconds_count{source=slow}"] == 4
    assert found["quarterdeck_look_seconds_sum{source=slow}"] == 8
    assert found["quarterdeck_looks_unanswered_total{source=slow}"] == 3
    assert found["quarterdeck_source_answers{source=slow}"] == 0
    assert found["quarterdeck_source_answers{source=host}"] == 1
    assert found["quarterdeck_snapshots_total"] == 7
    assert found["quarterdeck_snapshot_age_seconds"] == 0
    assert found["quarterdeck_agents"] == 2
    assert found["quarterdeck_streams"] == 0
    assert found["quarterdeck_sessions"] == 2
    assert found["quarterdeck_requests_answered_total"] == 12
    assert found["quarterdeck_requests_refused_total{reason=stranger}"] == 3
    assert found["quarterdeck_history_recording"] == 1
    assert found["quarterdeck_history_bytes"] == 4096
    assert found["quarterdeck_history_lag_seconds"] == 0
    assert found["quarterdeck_ready"] == 1
    assert found["process_resident_memory_bytes"] > 1_000_000


def test_figures_are_those_of_the_pages() -> None:
    """Readings, subjects and findings are counted from the very judgements the pages show, every word with a figure."""
    deck = Deck()
    found, judged = deck.measured(), Judged(deck.hub.snapshot, NOW)
    for status in Status:
        expected = sum(each.status is status for each in judged.judgements.values())
        assert found[f"quarterdeck_subjects{{status={status}}}"] == expected
    assert sum(
        found[f"quarterdeck_readings{{knowledge={word}}}"] for word in ("fresh", "late", "stale", "unknown")
    ) == (len(deck.hub.snapshot.readings))
    assert found["quarterdeck_readings{knowledge=unknown}"] >= 1
    assert {name for name in found if "findings" in name} == {
        f"quarterdeck_findings{{severity={word}}}" for word in ("info", "warn", "critical")
    }


def test_what_is_not_known_has_no_figure() -> None:
    """There is no zero for sessions that could not be counted, a history that is not known, or a door without one."""
    deck = Deck(snapshot(remembering({F.HISTORY_BYTES: Reason.TIMEOUT, F.HISTORY_NEWEST_AT: None})))
    deck.signed_in = None
    found = deck.measured()
    assert "quarterdeck_agent_sessions{agent=north}" in found
    assert "quarterdeck_agent_sessions{agent=south}" not in found
    for name in ("quarterdeck_history_bytes", "quarterdeck_history_lag_seconds", "quarterdeck_sessions"):
        assert name not in found


def test_figures_grow_old_with_what_they_are_of() -> None:
    """When the collector has stopped, readings are counted as stale, and what was known of the history is left out."""
    deck = Deck()
    deck.hub.wait(3_600)
    found = deck.measured()
    assert found["quarterdeck_snapshot_age_seconds"] == 3_600
    assert found["quarterdeck_readings{knowledge=fresh}"] < found["quarterdeck_readings{knowledge=stale}"]
    assert "quarterdeck_history_bytes" not in found
    assert found["quarterdeck_ready"] == 0


def test_no_text_that_was_read_is_a_label() -> None:
    """Names of jobs and of people's making, hostile ones too, are nowhere in the figures; labels are names from the
    settings and words of ours.
    """
    deck = Deck()
    deck.operating.of(deck.front, deck.guard)
    text = deck.get("/metrics")[1]
    assert "forged" not in text
    assert HOSTILE not in text


def test_refusals_cannot_make_figures_without_end() -> None:
    """However many reasons somebody counts, a fixed number is told apart and the rest is one figure."""
    deck = Deck()
    deck.guard.refused = {f"reason {number:04}": 1 for number in range(1_000)}
    reasons = {name: value for name, value in deck.measured().items() if "refused" in name}
    assert len(reasons) == WORDS + 1
    assert reasons[f"quarterdeck_requests_refused_total{{reason={OTHERS}}}"] == 1_000 - WORDS


def test_figures_are_made_once_for_all_who_ask_within_a_second() -> None:
    """Who asks again and again gets the same answer, for longer the more there was to count."""
    now, made = [0.0], list[float]()

    def judged() -> Judged:
        made.append(now[0])
        now[0] += 0.2
        return Judged(snapshot(), NOW)

    meter = Meter(Figures(judged=judged, tallies=dict, streams=lambda: 0), monotonic=lambda: now[0])
    for moment in (0.0, 0.5, 1.0, 4.1, 4.3, 9.0):
        now[0] = max(now[0], moment)
        meter.text()
    assert made == [0.0, 4.3, 9.0]


def test_figures_are_for_those_who_may_see_all() -> None:
    """Who may see one agent only gets none of these figures, and is told so."""
    deck = Deck()
    deck.operating.of(deck.front, deck.guard)
    status, said = deck.get("/metrics", Person("tailnet", "me", Role.OPERATOR, instances=frozenset({"north"})))
    assert status == 403
    assert "only some of them" in said


def test_before_everything_has_begun_there_are_no_figures() -> None:
    """Asked before the guard is there, it says so and invents nothing."""
    assert Deck().get("/metrics")[0] == 503


def test_ready_when_collected_and_recorded() -> None:
    """A hub with a young collection and a history that records is ready."""
    assert Deck().get("/readyz") == (200, "ready\n")
    unkept = replace(snapshot(), readings={})
    assert Deck(unkept, remembers=False).get("/readyz") == (200, "ready\n"), "who records nothing needs no history"


NOT_READY: dict[str, tuple[Snapshot, tuple[FakePart, ...], float, str]] = {
    "nothing yet": (replace(snapshot(), version=0), (), 0, "nothing has been collected yet"),
    "stopped": (snapshot(), (), 101, "the newest collection is 101 s old"),
    "clock set back": (snapshot(), (), -60, "the newest collection is from the future: the clock was set back"),
    "not recording": (
        snapshot(remembering({F.HISTORY_RECORDING: False, F.HISTORY_TROUBLE: "disk full"})),
        (),
        0,
        "nothing is recorded: disk full",
    ),
    "not open yet": (
        snapshot(remembering({F.HISTORY_RECORDING: False})),
        (),
        0,
        "nothing is recorded: the history is not open yet",
    ),
    "unknown": (
        snapshot(remembering({F.HISTORY_RECORDING: Reason.TIMEOUT})),
        (),
        0,
        "it is not known whether anything is recorded: it said nothing",
    ),
    "never said": (replace(snapshot(), readings={}), (), 0, "it is not known whether anything is recorded"),
    "another part": (snapshot(), (FakePart(), FakePart("the ledger cannot be read: damaged")), 0, "the ledger cannot"),
}


@pytest.mark.parametrize(("seen", "parts", "later", "why"), NOT_READY.values(), ids=NOT_READY.keys())
def test_not_ready_with_the_reason(seen: Snapshot, parts: tuple[FakePart, ...], later: float, why: str) -> None:
    """Whatever is missing, old, refused or unknown makes it 503, and the reason stands in the answer."""
    deck = Deck(seen, *parts)
    deck.hub.now += timedelta(seconds=later)
    status, said = deck.get("/readyz")
    assert status == 503
    assert said.startswith("not ready:\n")
    assert f"- {why}" in said


def test_a_history_that_another_hub_records_is_well() -> None:
    """Where another hub records, this one is ready all the same."""
    elsewhere = remembering({F.HISTORY_RECORDING: False, F.HISTORY_TROUBLE: "another hub records"})
    assert Deck(snapshot(elsewhere)).get("/readyz")[0] == 200


def test_both_take_somebody_who_may_look() -> None:
    """Neither is open to strangers: the routes ask for the right to look."""
    routes = Deck().operating.routes()
    assert {(path, method, str(route.permission)) for path, by in routes.items() for method, route in by.items()} == {
        ("/readyz", "GET", "look"),
        ("/metrics", "GET", "look"),
    }


async def broken(_ask: Ask) -> Answer:
    """Fail as no handler should, with a text that quotes what was read."""
    raise LookupError(SECRET)


def test_a_failed_request_is_found_in_the_log_by_its_name() -> None:
    """What whoever asked is told names the request, and the line in the log has the same name; neither quotes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Formatter(Lines(str)))
    logger = logging.getLogger("quarterdeck.web.app")
    logger.addHandler(handler)
    front = create_app(FakeHub(snapshot(), NOW), {"/broken": {"GET": Route(Permission.LOOK, broken)}})
    with TestClient(let_in(front), base_url="http://127.0.0.1:8710", raise_server_exceptions=False) as client:
        told = [client.get("/broken").json()["error"]["detail"] for _ in range(2)]
    logger.removeHandler(handler)
    names = [re.search(r"at request ([0-9a-f]+-[0-9a-f]+)\.", detail) for detail in told]
    lines = out.getvalue().splitlines()
    assert len({found[1] for found in names if found}) == len(lines) == 2
    assert [f" request={found[1]} " in line for found, line in zip(names, lines, strict=True) if found] == [True, True]
    assert SECRET not in out.getvalue() + "".join(told)
    assert "LookupError in tests.web.test_operating" in lines[0]
