"""Services of every kind and temper, asked over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from quarterdeck.http import Limits, Looker
from quarterdeck.sources.services import ServiceSource
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Service
from tests.fakes.certificates import certificate
from tests.fakes.ollama import FakeOllama
from tests.fakes.rude_server import RudeServer, closed_port

NOW: Final = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
QUICK: Final = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=20_000)


def service(kind: str, **more: Any) -> Service:
    """The settings of a service."""
    return Service("it", "It", kind, **more)


def source(one: Service, **more: Any) -> ServiceSource:
    """Ask with little patience."""
    return ServiceSource(one, looker=Looker(QUICK, authorities=one.authorities), **more)


class Seen:
    """What one look found, by field, and what follows from it."""

    def __init__(self, of: ServiceSource, at: datetime = NOW) -> None:
        readings = list(of.look(at))
        self.readings: dict[Key, AnyReading] = {(each.subject, each.field): each for each in readings}
        self.fields = {each.field: each for each in readings}
        self.judgement: Judgement = judge_subject(readings[0].subject, self.readings, at, Thresholds())

    def __getitem__(self, field: Field[Any]) -> Any:
        """Return a known value, or the reason why it is not known."""
        reading = self.fields[field.name]
        return reading.value if isinstance(reading, Known) else reading.reason

    @property
    def said(self) -> tuple[str, str]:
        """The status and the rule."""
        return self.judgement.status.value, self.judgement.rule


def test_a_page_that_answers() -> None:
    """Status, time, release and address are told; it is well."""
    with RudeServer("well", body=b'{"build": {"version": "1.2.3"}}') as server:
        seen = Seen(source(service("http", url=f"{server.address}/health", version="/build/version", instance="north")))
        assert seen[F.SERVICE_ADDRESS] == f"127.0.0.1:{server.port}"
    assert (seen[F.OUTCOME], seen[F.HTTP_STATUS], seen[F.STATUS_EXPECTED]) == ("answered", 200, True)
    assert (seen[F.SERVICE_VERSION], seen[F.LAST_ANSWER_AT], seen[F.TLS_EXPIRES_AT]) == ("1.2.3", NOW, None)
    assert 0 < seen[F.LATENCY] < 800
    assert seen.said == ("ok", "answers")
    assert {subject for subject, _ in seen.readings} == {"hermes:north/service/it"}


def test_a_release_in_a_head_of_the_answer() -> None:
    """A release can be read from a head, in whatever letters its name is written."""
    with RudeServer("well") as server:
        assert Seen(source(service("http", url=server.address, version="x-VERSION")))[F.SERVICE_VERSION] == "1.4.2"


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[" * 100_000, b'{"version": null}', b'{"version": {"a": 1}}', b'{"version": "a b c \\u0000"}',
     b'{"version": "sk-' + b"abcdefghijklmnopqrst" + b'"}', b'{"version": true}', b"\xff\xfe", b"a" * 30_000],
)  # fmt: skip
def test_a_release_that_is_none_takes_nothing_with_it(body: bytes) -> None:
    """Whatever stands where the release should, the service has answered and is well; the release is unknown."""
    with RudeServer("well", body=body) as server:
        seen = Seen(source(service("http", url=server.address, version="/version")))
    assert seen[F.SERVICE_VERSION] in (Reason.CORRUPT, Reason.MISSING, Reason.SCHEMA)
    assert seen.said == ("ok", "answers")
    assert all("sk-" not in str(reading) for reading in seen.fields.values())


@pytest.mark.parametrize(
    ("manner", "outcome"),
    [("silent", "no answer"), ("dripping", "no answer"), ("garbage", "not http"), ("reset", "cut off")],
)
def test_not_to_answer_is_seen_and_is_down(manner: str, outcome: str) -> None:
    """A service that does not answer as it should is down, for what was seen; what it would have told is unknown."""
    with RudeServer(manner) as server:
        seen = Seen(source(service("http", url=server.address, version="/version")))
    assert seen[F.OUTCOME] == outcome
    assert seen.said == ("down", "silent")
    assert isinstance(seen[F.LATENCY], Reason)
    assert isinstance(seen[F.SERVICE_VERSION], Reason)


def test_who_went_silent_is_down_since_the_last_answer() -> None:
    """When it last answered is kept as long as we ask; before a first answer there is none."""
    with RudeServer("well") as server:
        asked = source(service("tcp", address=f"127.0.0.1:{server.port}"))
        assert Seen(asked)[F.LAST_ANSWER_AT] == NOW
    later = Seen(asked, NOW + timedelta(minutes=3))
    assert (later[F.OUTCOME], later[F.LAST_ANSWER_AT], later.judgement.since) == ("refused", NOW, NOW)
    never = Seen(source(service("tcp", address=f"127.0.0.1:{closed_port()}")))
    assert (never[F.LAST_ANSWER_AT], never.said) == (None, ("down", "silent"))


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://no-such-name.invalid/"])
def test_what_we_cannot_ask_is_unknown_and_not_down(url: str) -> None:
    """An address that may not be asked, or a name that leads nowhere, says nothing of the service."""
    seen = Seen(source(service("http", url=url)))
    assert isinstance(seen[F.OUTCOME], Reason)
    assert seen.judgement.status == "unknown"


@pytest.mark.parametrize(
    ("head", "expect", "said"),
    [
        (b"HTTP/1.1 500 X\r\n", None, ("down", "server error")),
        (b"HTTP/1.1 404 X\r\n", None, ("degraded", "other status")),
        (b"HTTP/1.1 302 X\r\nLocation: /login\r\n", None, ("ok", "answers")),
        (b"HTTP/1.1 401 X\r\n", 401, ("ok", "answers")),
        (b"HTTP/1.1 200 X\r\n", 401, ("degraded", "other status")),
        (b"HTTP/1.1 500 X\r\n", 500, ("ok", "answers")),
    ],
)
def test_the_status_that_is_right_is_for_the_settings_to_say(head: bytes, expect: int, said: tuple[str, str]) -> None:
    """Any status from 200 to 399 is right unless one was named; a server's own error is worse than another status."""
    with RudeServer("well", head=head) as server:
        assert Seen(source(service("http", url=server.address, expect=expect))).said == said


def test_a_slow_answer() -> None:
    """An answer that takes longer than the settings allow is degraded, with its time."""
    with RudeServer("well") as server:
        seen = Seen(source(service("http", url=server.address, slow_s=0.000_001)))
    assert seen.said == ("degraded", "slow")
    assert seen.judgement.reason.startswith("slow: answers in ")


def test_certificates(tmp_path: Path) -> None:
    """A certificate that is trusted has its end; near that end it is degraded; one that cannot be trusted is down."""
    reasons = []
    for days, said in ((90, ("ok", "answers")), (3, ("degraded", "certificate ends")), (-1, ("down", "silent"))):
        folder = tmp_path / str(days)
        folder.mkdir()
        made = certificate(folder, days=days)
        with RudeServer("well", tls=made.context) as server:
            seen = Seen(source(service("http", url=server.address, authorities=made.authorities)), datetime.now(UTC))
        assert seen.said == said
        reasons.append(seen.judgement.reason)
    assert reasons[-1] == "cannot be trusted: its certificate has expired"


def test_what_is_not_deployed_is_asked_nothing_and_is_never_well() -> None:
    """An entry by hand is listed as such; nobody is asked, and it counts nowhere."""
    with RudeServer("well") as server:
        seen = Seen(source(service("http", url=server.address, deployed=False)))
        assert server.heard == []
    assert seen.judgement.status != "ok"
    assert (seen.judgement.knowledge, seen.judgement.rule) == ("retired", "not deployed")


def test_a_unit_is_not_asked_twice() -> None:
    """A service that is a unit only names it, and is judged by what systemd says of that unit."""
    asked = source(service("unit", unit="caddy.service"), unit="systemd:user/caddy.service")
    seen = Seen(asked)
    assert (seen[F.SERVICE_UNIT], F.OUTCOME.name in seen.fields) == ("systemd:user/caddy.service", False)
    assert seen.judgement.status == "unknown"
    unit, origin = "systemd:user/caddy.service", next(iter(seen.fields.values())).origin
    for state, sub, said in (
        ("active", "running", ("ok", "unit active")),
        ("failed", "failed", ("down", "unit failed")),
        ("activating", "auto-restart", ("degraded", "unit restarting")),
    ):
        told = {
            F.LOAD_STATE: "loaded", F.ACTIVE_STATE: state, F.SUB_STATE: sub, F.RESULT: None, F.RESTARTS: 2,
            F.TRIGGERED: False, F.ENTERED_AT: NOW,
        }  # fmt: skip
        world = seen.readings | {
            (unit, field.name): field.known(unit, origin, value, NOW) for field, value in told.items()
        }
        found = judge_subject("service:it", world, NOW, Thresholds())
        assert (found.status.value, found.rule) == said


# --- model servers -------------------------------------------------------------------------------------------------


def test_a_model_server() -> None:
    """Models that are there, in memory and missing are told, and its release; a name without a tag means the latest."""
    with FakeOllama("llama3:8b", "tiny:latest", running=("tiny:latest",)) as server:
        seen = Seen(source(service("model-server", url=server.url, models=("tiny", "llama3:8b"))))
        assert seen[F.MODELS_PRESENT] == ("llama3:8b", "tiny:latest")
        assert (seen[F.MODELS_RUNNING], seen[F.MODELS_MISSING]) == (("tiny:latest",), ())
        assert (seen[F.SERVICE_VERSION], seen[F.MODEL_LOAD]) == ("0.12.3", None)
        assert seen.said == ("ok", "answers")
        assert Seen(source(service("model-server", url=server.url, models=("mistral",)))).said == (
            "degraded",
            "models missing",
        )
        assert {question.split()[0] for question in server.asked} == {"GET"}


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/api/version"])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"models": 7}', b'{"models": [{"name": 3}]}', b"a" * 30_000, b"\x00\xff"]
)
def test_a_model_server_that_answers_nonsense(path: str, body: bytes) -> None:
    """What makes no sense is unknown by itself; the other answers and the server itself stay known."""
    with FakeOllama("tiny:latest") as server:
        server.spoilt[path] = (200, body)
        seen = Seen(source(service("model-server", url=server.url)))
    by_path = {"/api/tags": F.MODELS_PRESENT, "/api/ps": F.MODELS_RUNNING, "/api/version": F.SERVICE_VERSION}
    lost = {field.name for field in by_path.values() if isinstance(seen[field], Reason)}
    assert lost == {by_path[path].name}
    assert seen[F.OUTCOME] == "answered"


def test_no_models_at_all() -> None:
    """A server without models says so, or says null, and that is an answer."""
    with FakeOllama() as server:
        server.spoilt["/api/ps"] = (200, b'{"models": null}')
        seen = Seen(source(service("model-server", url=server.url)))
    assert (seen[F.MODELS_PRESENT], seen[F.MODELS_RUNNING]) == ((), ())


def loads(server: FakeOllama) -> list[str]:
    """The questions that changed something."""
    return [question for question in server.asked if not question.startswith("GET")]


def test_a_model_is_loaded_only_when_the_operator_named_it_and_then_seldom() -> None:
    """Loading is tried once, then not again before its time; what came of it and when is told meanwhile."""
    with FakeOllama("tiny:latest") as server:
        asked = source(service("model-server", url=server.url, load="tiny:latest", load_every_s=600))
        first = Seen(asked)
        assert (first[F.MODEL_LOAD], first[F.MODEL_LOADED_AT]) == ("loads", NOW)
        assert first[F.MODEL_LOAD_S] >= 0
        between = Seen(asked, NOW + timedelta(seconds=599))
        assert (between[F.MODEL_LOAD], between[F.MODEL_LOADED_AT]) == ("loads", NOW)
        assert loads(server) == ["POST /api/generate tiny:latest"]
        assert Seen(asked, NOW + timedelta(seconds=600))[F.MODEL_LOADED_AT] == NOW + timedelta(seconds=600)
        assert len(loads(server)) == 2


def test_a_model_in_memory_is_not_loaded() -> None:
    """While the model is in memory anyway nothing is changed, not even how long it stays there."""
    with FakeOllama("tiny:latest", running=("tiny:latest",)) as server:
        seen = Seen(source(service("model-server", url=server.url, load="tiny")))
        assert (seen[F.MODEL_LOAD], seen.said) == ("in memory", ("ok", "answers"))
        assert loads(server) == []


def test_what_is_in_memory_must_be_known_before_anything_is_loaded() -> None:
    """When the server does not say what it runs, nothing is loaded: doubt means no."""
    with FakeOllama("tiny:latest") as server:
        server.spoilt["/api/ps"] = (500, b"")
        Seen(source(service("model-server", url=server.url, load="tiny:latest")))
        assert loads(server) == []


@pytest.mark.parametrize(
    ("model", "load_s", "within_s", "load"),
    [("absent:latest", 0.0, 1.0, "fails"), ("tiny:latest", 0.3, 0.1, "slow"), ("tiny:latest", 3.0, 0.1, "slow")],
)
def test_a_model_that_does_not_load_in_time(model: str, load_s: float, within_s: float, load: str) -> None:
    """A model that is not there, is late, or does not come at all is degraded; the server still answers."""
    with FakeOllama("tiny:latest", load_s=load_s) as server:
        seen = Seen(source(service("model-server", url=server.url, load=model, load_within_s=within_s)))
    assert (seen[F.MODEL_LOAD], seen.said) == (load, ("degraded", "model does not load"))


def test_what_it_brings_in_any_case() -> None:
    """The facts it is expected to bring are among those it brings, and its budget covers all it may wait for."""
    with RudeServer("silent") as server:
        for one in (
            service("http", url=server.address),
            service("tcp", address=f"127.0.0.1:{server.port}"),
            service("unit", unit="x.service"),
            service("http", deployed=False),
        ):
            asked = source(one)
            assert set(asked.expected) <= Seen(asked).readings.keys()
            assert asked.watched() == ()
            assert (asked.name, asked.every_s) == ("service:it", 30.0)
    assert ServiceSource(service("model-server", url="http://x", load="m", load_within_s=60)).budget_s > 90
