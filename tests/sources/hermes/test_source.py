from __future__ import annotations

import hashlib
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import HermesSource
from quarterdeck.sources.hermes.proc import Kernel, Process
from quarterdeck.sources.own import expected as expected_by_the_collector
from quarterdeck.truth.fields import field_for
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.shapes import dump
from tests.sources.hermes.recorded import Case, by_part, names

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def of(readings: list[AnyReading], subject: str, name: str) -> AnyReading:
    (found,) = [reading for reading in readings if (reading.subject, reading.field) == (subject, name)]
    return found


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.lay_out("idle-0.19", tmp_path / "case")


def test_says_who_it_is_and_how_it_is_asked(case: Case) -> None:
    """A source names its instance, and asks for seconds it hardly uses."""
    source = case.source()
    assert (source.name, source.budget_s, source.every_s) == ("hermes:north", 5.0, 5.0)


def test_a_home_is_needed() -> None:
    """An instance that is known from elsewhere cannot be looked at here."""
    with pytest.raises(ValueError, match="needs one"):
        HermesSource(Instance("north", "north"))


def test_watches_the_folders_that_are_there(case: Case) -> None:
    """The home and those of its folders in which something happens are watched, as far as there are any."""
    assert set(case.source().watched()) == {case.home, case.home / "state", case.home / "logs"}
    (case.home / "cron").mkdir()
    assert case.home / "cron" in case.source().watched()
    assert HermesSource(Instance("gone", "gone", home=case.home / "gone")).watched() == ()


@pytest.mark.parametrize("name", names())
def test_every_reading_is_a_declared_one(name: str, tmp_path: Path) -> None:
    """Whatever is found, each reading is of a field that exists for its subject, and there is one of each."""
    readings = Case.lay_out(name, tmp_path / name).source().look(NOW)
    keys = [(reading.subject, reading.field) for reading in readings]
    assert all(field_for(*key) for key in keys)
    assert len(set(keys)) == len(keys)
    assert {reading.observed_at if isinstance(reading, Known) else reading.attempted_at for reading in readings} == {
        NOW
    }


@pytest.mark.parametrize("name", names())
def test_a_look_brings_all_that_is_expected(name: str, tmp_path: Path) -> None:
    """A look leaves no fact out that a home is expected to tell, so that none can be forgotten."""
    case = Case.lay_out(name, tmp_path / name)
    readings = case.source().look(case.now)
    wanted = set(expected_by_the_collector(Instance("north", "north", home=case.home)))
    missing = wanted - {(reading.subject, reading.field) for reading in readings}
    assert {subject for subject, _ in missing} <= {"hermes:north/kanban"}


@pytest.mark.parametrize("name", names())
def test_looking_again_says_the_same(name: str, tmp_path: Path) -> None:
    """What a source remembers of one look changes nothing about what the next one says."""
    case = Case.lay_out(name, tmp_path / name)
    source = case.source()
    first, second = (by_part(source.look(case.now)) for _ in range(2))
    assert first == second == case.readings()


def state_of(folder: Path) -> dict[str, Any]:
    """Everything about a folder that looking at it could change."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_mode, stat.st_uid, stat.st_size, content)
    return found


@pytest.mark.parametrize("name", names())
def test_looking_leaves_no_trace(name: str, tmp_path: Path) -> None:
    """After any number of looks every file of the home is what it was, and there is none more."""
    case = Case.lay_out(name, tmp_path / name)
    source = case.source()
    before = state_of(case.home)
    times = {path: path.lstat().st_atime_ns for path in case.home.rglob("*") if path.is_file()}
    for _ in range(5):
        source.look(case.now)
    assert times == {path: path.lstat().st_atime_ns for path in times}
    assert state_of(case.home) == before


class BrokenKernel(Kernel):
    """A kernel whose reader has a mistake in it."""

    def process(self, pid: int) -> Process | None:
        raise ZeroDivisionError(f"what a process holds: {pid}")


def test_our_own_mistake_hides_nothing_else(case: Case) -> None:
    """When a part of ours breaks, its facts are unknown for that reason, without a word of what it was reading."""
    kernel = BrokenKernel(case.proc, exists=lambda _: True)
    readings = HermesSource(Instance("north", "north", home=case.home), kernel=kernel).look(case.now)
    broken = of(readings, "hermes:north/gateway", "lock_holder")
    assert isinstance(broken, Unavailable)
    assert broken.reason is Reason.OBSERVER
    assert "ZeroDivisionError in test_source.py line" in broken.detail
    assert "what a process holds" not in repr(readings)
    before, after = case.readings(), by_part(readings)
    assert {part for part in before if before[part] != after[part]} == {"gateway", "instance"}
    assert of(readings, "hermes:north/cron", "runner_alive").field == "runner_alive"


def test_trouble_is_remembered_while_it_lasts(case: Case) -> None:
    """The agent dates a platform anew with every attempt; since when it has been away is what was seen first."""
    source = case.source()
    state = json.loads((case.home / "gateway_state.json").read_text())

    def since(platform_state: str, at: datetime, now: datetime) -> object:
        state["platforms"] = {"telegram": {"state": platform_state, "updated_at": at.isoformat()}}
        (case.home / "gateway_state.json").write_text(json.dumps(state))
        return dump(getattr(of(source.look(now), "hermes:north/gateway", "platforms_troubled_since"), "value", "?"))

    minute = timedelta(minutes=1)
    assert since("retrying", NOW - minute, NOW) == "2026-09-01T11:59:00.000Z"
    assert since("retrying", NOW + 5 * minute, NOW + 6 * minute) == "2026-09-01T11:59:00.000Z"
    assert since("connected", NOW + 7 * minute, NOW + 8 * minute) is None
    assert since("retrying", NOW + 9 * minute, NOW + 9 * minute) == "2026-09-01T12:09:00.000Z"


SECRET_FILES = (
    ".env", ".anthropic_oauth.json", "auth/google_oauth.json", "auth.lock", "webhook_subscriptions.json", "SOUL.md",
    "processes.json", "channel_directory.json", "channel_aliases.json", ".hermes_history", "honcho.json", "mem0.json",
    "pairing/telegram.json", "sessions/sessions.json", "response_store.db", "scripts/x.py", "hooks/h/handler.py",
    "plugins/p/plugin.yaml", "state-snapshots/1/.env", "logs/gateway-shutdown-diag.log", "shared/x.json",
)  # fmt: skip


class Marked:
    """A home whose every secret and personal place holds a marker of its own, made when the test runs."""

    def __init__(self, case: Case) -> None:
        self.home = case.home
        self.now = case.now
        self.markers: list[str] = []

    def mark(self, form: str = "{}") -> str:
        """Return a new marker, in the form of a credential where one is given."""
        marker = f"marker{secrets.token_hex(12)}"
        self.markers.append(marker)
        return form.format(marker)

    def write(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        moment = (self.now - timedelta(seconds=60)).timestamp()
        os.utime(path, (moment, moment))

    def seed(self) -> None:
        """Put markers everywhere."""
        for name in SECRET_FILES:
            self.write(name, self.mark("{} TOKEN={}".format("{}", self.mark())))
        self.write("config.yaml", yaml.safe_dump(self.config()))
        self.write("auth.json", json.dumps(self.auth()))
        self.write("gateway_state.json", json.dumps(self.state()))
        self.write("logs/gateway-exit-diag.log", json.dumps(self.end()) + "\n")
        self.write("logs/agent.log", self.line("INFO", "conversation turn: msg='{}'"))
        self.write("logs/errors.log", self.errors())
        self.write("memories/MEMORY.md", f"{self.mark()}\n§\n{self.mark()}\n")
        self.write("skills/ops/x/SKILL.md", f"---\ndescription: {self.mark()}\n---\n{self.mark()}\n")
        self.write("sessions/request_dump_x_20260901_115900_000001.json", json.dumps(self.dump(), indent=2))
        self.write("state/gateway.heartbeat", json.dumps({"pid": 4242, "updated_at": self.mark()}))

    def config(self) -> dict[str, Any]:
        token = "sk-" + "{}"
        return {
            "model": {
                "default": "m",
                "provider": "custom",
                "base_url": self.mark("http://{}/v1"),
                "api_key": self.mark(token),
            },
            "providers": {self.mark(): {"api_key": self.mark(token), "base_url": self.mark()}},
            "custom_providers": [{"name": self.mark(), "api_key": self.mark(token)}],
            "mcp_servers": {self.mark(): {"command": self.mark(), "args": [self.mark()], "env": {"K": self.mark()}}},
            "platforms": {"telegram": {"enabled": True, "token": self.mark(), "extra": {"chat": self.mark()}}},
            "fallback_providers": [{"provider": "a", "model": "b", "api_key": self.mark(token)}],
            "approvals": {"mode": self.mark()},
            "webhook": {"enabled": True, "secret": self.mark()},
            self.mark(): self.mark(),
        }

    def auth(self) -> dict[str, Any]:
        login = {
            "id": self.mark(),
            "label": self.mark(),
            "access_token": self.mark("sk-" + "{}"),
            "refresh_token": self.mark(),
            "agent_key": self.mark(),
            "secret_fingerprint": self.mark(),
            "last_status": "exhausted",
            "last_status_at": self.now.timestamp() - 60,
            "last_error_code": 429,
            "last_error_reason": self.mark(),
            "last_error_message": self.mark(),
        }
        return {"providers": {"nous": {**login}}, "credential_pool": {"nous": [{**login}]}, "active": self.mark()}

    def state(self) -> dict[str, Any]:
        platform = {
            "state": "fatal",
            "error_code": self.mark(),
            "error_message": self.mark(),
            "updated_at": self.now.isoformat(),
        }
        return {
            "pid": 4242,
            "start_time": 1,
            "argv": [self.mark()],
            "gateway_state": "startup_failed",
            "exit_reason": f"{self.mark()} timed out",
            "platforms": {"telegram": platform},
            "active_agents": self.mark(),
            "updated_at": self.mark(),
            "served_profiles": [],
        }

    def end(self) -> dict[str, Any]:
        started = (self.now - timedelta(seconds=60)).isoformat()
        return {"ts": started, "tag": "gateway.start", "argv": [self.mark()], "traceback": self.mark()}

    def line(self, level: str, said: str) -> str:
        moment = self.now - timedelta(seconds=60)
        return f"{moment:%Y-%m-%d %H:%M:%S},000 {level} [{self.mark()}] run: {said.format(self.mark())}\n"

    def errors(self) -> str:
        failed = "API call failed error_type=RateLimitError base_url=http://{} summary=HTTP 429"
        return self.line("ERROR", "{}") + self.line("WARNING", failed) + f"Traceback: {self.mark()}\n"

    def dump(self) -> dict[str, Any]:
        return {
            "request": {"headers": {"Authorization": self.mark("Bearer {}")}, "body": {"messages": [self.mark()]}},
            "error": {"message": self.mark(), "status_code": 429, "response_text": self.mark()},
        }


def seen(case: Case) -> str:
    """Everything a look says, in every form in which it could be said."""
    readings = case.source().look(case.now)
    return repr(readings) + json.dumps(by_part(readings)) + "".join(str(reading) for reading in readings)


def test_nothing_secret_or_personal_comes_out(case: Case) -> None:
    """With a marker in every secret and personal place of a home, no marker is in anything a look says."""
    marked = Marked(case)
    marked.seed()
    said = seen(case)
    assert "rate-limited" in said
    assert len(marked.markers) > 60
    assert [marker for marker in marked.markers if marker in said] == []


@pytest.mark.parametrize("tenth", range(1, 10))
def test_nothing_comes_out_of_what_is_broken(case: Case, tenth: int) -> None:
    """Also where each file breaks off in the middle, no reason quotes what it holds."""
    marked = Marked(case)
    marked.seed()
    for path in filter(Path.is_file, case.home.rglob("*")):
        os.truncate(path, path.stat().st_size * tenth // 10)
    said = seen(case)
    assert [marker for marker in marked.markers if marker in said] == []


def test_a_credential_in_the_place_of_a_name_is_refused(case: Case) -> None:
    """A key that somebody wrote where a model's name belongs is not taken for a name."""
    key = "sk-" + secrets.token_hex(16)
    (case.home / "config.yaml").write_text(yaml.safe_dump({"model": key, "toolsets": [key]}))
    readings = case.source().look(case.now)
    assert key not in repr(readings)
    model = of(readings, "hermes:north/model", "model")
    assert isinstance(model, Unavailable)
    assert model.reason is Reason.SCHEMA


def test_errors_have_no_cause_that_quotes() -> None:
    """An error of a source carries our words only, so that a traceback cannot tell more."""
    assert str(SourceError(Reason.CORRUPT, "empty")) == "corrupt: empty"
