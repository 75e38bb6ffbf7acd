from __future__ import annotations

import json
import os
import shutil
from pathlib import Path, PurePath
from typing import Any

import pytest

from quarterdeck.sources.hermes import HermesSource
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from tests.sources.hermes.recorded import Case

MULTIPLEXED = "_config_version: 33\nmodel: m\ngateway: {multiplex_profiles: true}\n"


class Profile:
    """A profile in a root home whose gateway runs and, unless a test says otherwise, serves it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.root = case.home
        self.home = case.home / "profiles" / "coder"
        self.home.mkdir(parents=True)
        (self.home / "config.yaml").write_text("model: m\n")
        self.serve("default", "coder")
        self.configure(MULTIPLEXED)

    def serve(self, *profiles: str) -> None:
        """Let the root's gateway note whom it serves."""
        path = self.root / "gateway_state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "served_profiles": list(profiles)}))

    def configure(self, text: str) -> None:
        """Write the root's configuration."""
        (self.root / "config.yaml").write_text(text)

    def stop_root(self) -> None:
        """Let the root's gateway be gone."""
        (self.case.proc / "locks").write_text("")
        shutil.rmtree(self.case.proc / "4242")

    def start_own(self) -> None:
        """Let the profile have a gateway of its own."""
        lock = self.home / "gateway.lock"
        lock.touch()
        found = lock.stat()
        device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
        with (self.case.proc / "locks").open("a") as locks:
            locks.write(f"3: FLOCK  ADVISORY  WRITE 4242 {device}:{found.st_ino} 0 EOF\n")

    def release(self, name: str) -> None:
        """Let the root's gateway be of another release."""
        (mark,) = (self.case.home.parent / "venv").rglob("hermes_agent-*.dist-info")
        mark.rename(mark.with_name(f"hermes_agent-{name}.dist-info"))

    def look(self, *, known: bool = True) -> dict[str, AnyReading]:
        """Look at the profile and return what is said of its gateway and its scheduler."""
        instance = Instance("coder", "coder", home=self.home, root=self.root, profile="coder")
        roots: dict[PurePath, str] = {self.root: "north"} if known else {}
        readings = HermesSource(instance, roots, self.case.kernel).look(self.case.now)
        return {f"{reading.subject}.{reading.field}".removeprefix("hermes:coder/"): reading for reading in readings}


def value(reading: AnyReading) -> Any:
    assert isinstance(reading, Known), reading
    return reading.value


def reason(reading: AnyReading) -> Reason:
    assert isinstance(reading, Unavailable), reading
    return reading.reason


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile(Case.lay_out("idle-0.19", tmp_path / "case"))


def test_a_profile_is_served_by_its_root(profile: Profile) -> None:
    """A profile without a gateway of its own is served by that of its root home, which goes by its id here."""
    seen = profile.look()
    assert value(seen["gateway.lock_holder"]) is None
    assert value(seen["gateway.served_by"]) == "north"
    assert value(profile.look(known=False)["gateway.served_by"]) == "default"


def test_a_gateway_of_its_own_comes_first(profile: Profile) -> None:
    """A profile whose own gateway runs is served by nobody else, whatever the root home says."""
    profile.start_own()
    seen = profile.look()
    assert value(seen["gateway.lock_holder"]) == 4242
    assert value(seen["gateway.served_by"]) is None
    assert value(seen["cron.runner_alive"]) is True


@pytest.mark.parametrize("served", [[], ["default"], ["default", "coders"]])
def test_a_profile_that_is_not_named_is_not_served(profile: Profile, served: list[str]) -> None:
    """A gateway that runs next door serves only those it names."""
    profile.serve(*served)
    seen = profile.look()
    assert value(seen["gateway.served_by"]) is None
    assert value(seen["cron.runner_alive"]) is False


def test_a_gateway_that_is_gone_serves_nobody(profile: Profile) -> None:
    """What a gateway noted before it ended keeps no profile alive."""
    profile.stop_root()
    seen = profile.look()
    assert value(seen["gateway.served_by"]) is None
    assert value(seen["cron.runner_alive"]) is False


def test_a_note_that_nothing_ever_clears_is_not_believed(profile: Profile) -> None:
    """When the configuration no longer asks for it, an old note does not make a profile served; nobody knows."""
    profile.configure("model: m\n")
    seen = profile.look()
    assert reason(seen["gateway.served_by"]) is Reason.OBSERVER
    assert reason(seen["cron.runner_alive"]) is Reason.OBSERVER


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config.yaml", "model: [", Reason.CORRUPT),
        ("gateway_state.json", '{"pid": 42', Reason.CORRUPT),
        ("gateway_state.json", '{"served_profiles": "all"}', Reason.SCHEMA),
    ],
)
def test_a_broken_root_home_is_a_reason(profile: Profile, name: str, text: str, expected: Reason) -> None:
    """When the root home cannot be understood, it is unknown who serves the profile, for the same reason."""
    (profile.root / name).write_text(text)
    os.utime(profile.root / name, (1, 1))
    assert reason(profile.look()["gateway.served_by"]) is expected


def test_a_root_home_that_never_ran_serves_nobody(profile: Profile) -> None:
    """A root home without a note of its gateway serves no profile."""
    (profile.root / "gateway_state.json").unlink()
    assert value(profile.look()["gateway.served_by"]) is None


def test_who_serves_messages_does_not_yet_run_jobs(profile: Profile) -> None:
    """Up to 0.19 the jobs of a served profile are run by nobody; from 0.20 its root's gateway runs them."""
    assert value(profile.look()["cron.runner_alive"]) is False
    profile.release("0.20.1")
    seen = profile.look()
    assert value(seen["cron.runner_alive"]) is True
    assert value(seen["cron.runner_since"]) is not None
    assert seen["cron.runner_alive"].origin.locator == "../../gateway.lock"


def test_a_beat_proves_that_jobs_are_run(profile: Profile) -> None:
    """Where the release is not known, jobs are run when the ticker beats in the profile; otherwise nobody knows."""
    shutil.rmtree(profile.case.home.parent / "venv")
    assert reason(profile.look()["cron.runner_alive"]) is Reason.OBSERVER
    beat = profile.home / "cron" / "ticker_heartbeat"
    beat.parent.mkdir()
    beat.write_text(f"{profile.case.now.timestamp() - 20}\n")
    os.utime(beat, (profile.case.now.timestamp() - 20,) * 2)
    assert value(profile.look()["cron.runner_alive"]) is True


def test_the_sentinel_of_the_root_halts_the_profile(profile: Profile) -> None:
    """A pause of the root home is a pause of its profiles; a pause of a profile is its own."""
    halted = "hermes:coder.halted"
    assert value(profile.look()[halted]) is False
    (profile.root / "ESTOP").touch()
    assert value(profile.look()[halted]) is True
    (profile.root / "ESTOP").unlink()
    (profile.home / "ESTOP").mkdir()
    assert value(profile.look()[halted]) is True


def test_a_root_home_is_served_by_nobody(profile: Profile) -> None:
    """The gateway of a root home is its own."""
    source = HermesSource(Instance("north", "north", home=profile.root), kernel=profile.case.kernel)
    (served,) = [reading for reading in source.look(profile.case.now) if reading.field == "served_by"]
    assert value(served) is None


def test_the_board_is_the_roots(profile: Profile) -> None:
    """Tasks are told of the root home only: profiles have no board of their own."""
    (profile.home / "kanban.db").write_bytes(b"not looked at")
    assert [name for name in profile.look() if name.startswith("kanban")] == []
