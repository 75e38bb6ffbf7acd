"""systemd as it really answers: managers of the system and of users, booted in a namespace for these tests."""

from __future__ import annotations

import pwd
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.sources.command import Answer, Runner
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd import Gateway, SystemdSource
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.shapes import Recent
from tests.fakes.model_server import ModelServer
from tests.real.agents import Agent
from tests.real.homes import Home, wait_until
from tests.real.looking import Looker
from tests.real.user_manager import COMMAND_LIMIT_S, ENVIRONMENT, Guest

OTHER: Final = "daemon"
"""An OS user that every machine has, whose manager is booted here."""
ABSENT: Final = "games"
"""One whose manager is not running."""

SOON: Final = "[Timer]\nOnActiveSec=100ms\nAccuracySec=10ms\n"
FLEET: Final[Mapping[str, str]] = {
    "good.timer": SOON + "OnUnitActiveSec=3h\n",
    "good.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "bad.timer": SOON + "OnCalendar=*-*-* 03:00:00\n",
    "bad.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "long.timer": SOON,
    "long.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n",
    "once.timer": SOON,
    "once.service": "[Service]\nExecStart=/bin/true\n",
    "unborn.timer": "[Timer]\nOnCalendar=2035-01-01 00:00:00 UTC\n",
    "unborn.service": "[Service]\nExecStart=/bin/true\n",
    r"my\x20disk.timer": "[Timer]\nOnActiveSec=5h\nUnit=default.target\n",
    "hermes-gateway-loop.service": (
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=100ms\n"
    ),
    "hermes-gateway-up.service": '[Service]\nExecStart=/bin/sleep 1000\nEnvironment="HERMES_HOME=/srv/my hermes"\n',
    "hermes-gateway-off.service": "[Service]\nExecStart=/bin/sleep 1000\nEnvironment=HERMES_HOME=/srv/off\n",
}
STARTED: Final = sorted(
    {name for name in FLEET if name.endswith(".timer")} | {"hermes-gateway-loop.service", "hermes-gateway-up.service"}
)


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    """A machine with a system manager, the managers of two users, and units in every state."""
    with Guest() as machine:
        machine.write(FLEET)
        machine.start_bus()
        machine.systemctl("start", *STARTED)
        for user in ("root", OTHER):
            machine.start_user_manager(user)
            machine.systemctl("start", *STARTED, user=user)
        for manager_of in (None, "root", OTHER):
            wait_until("all timers elapsed", partial(_has_settled, machine, manager_of))
        yield machine


def _has_settled(guest: Guest, user: str | None) -> bool:
    elapsed = guest.systemctl("show", "--property=LastTriggerUSec", "--value", "good.timer", "bad.timer", user=user)
    ended = guest.systemctl("show", "--property=SubState", "--value", "once.timer", "bad.service", user=user)
    restarts = guest.systemctl("show", "--property=NRestarts", "--value", "hermes-gateway-loop.service", user=user)
    return all(elapsed.split("\n\n")) and ended.split() == ["elapsed", "failed"] and int(restarts) > 1


class Look:
    """What one look brought, by subject and field."""

    def __init__(self, readings: Iterable[AnyReading]) -> None:
        self._readings = {(reading.subject, reading.field): reading for reading in readings}
        self.subjects = {subject for subject, _ in self._readings}

    def reading(self, subject: str, field: Field[object]) -> AnyReading:
        return self._readings[subject, field.name]

    def known(self, subject: str, field: Field[object]) -> object:
        reading = self.reading(subject, field)
        assert isinstance(reading, Known), reading
        return reading.value

    def unavailable(self, subject: str, field: Field[object]) -> Reason:
        reading = self.reading(subject, field)
        assert isinstance(reading, Unavailable), reading
        return reading.reason


def look(source: SystemdSource) -> Look:
    return Look(source.look(datetime.now(UTC)))


def manager(guest: Guest, scope: str, user: str | None = None, **options: object) -> SystemdSource:
    options = {"run": guest.runner, "runtime": guest.runtime} | options
    return SystemdSource(scope, user=user, **options)  # type: ignore[arg-type]  # one fixture, every option


MANAGERS: Final = {
    "system": ("system", None, "systemd:system", "systemd-system/root"),
    "own user": ("user", None, "systemd:user", "systemd-user/root"),
    "another user": ("user", OTHER, f"systemd:user@{OTHER}", f"systemd-user/{OTHER}-via-setpriv"),
}


@pytest.mark.parametrize(("scope", "user", "prefix", "asked_as"), MANAGERS.values(), ids=MANAGERS.keys())
def test_every_manager_tells_its_timers(guest: Guest, scope: str, user: str, prefix: str, asked_as: str) -> None:
    """Timers of the system, of oneself and of another user are told with what they start, and how it was learnt."""
    seen = look(manager(guest, scope, user))
    states = {
        name: (
            seen.known(f"{prefix}/{name}.timer", F.TIMER_RESULT),
            seen.known(f"{prefix}/{name}.timer", F.TIMER_ACTIVATED_STATE),
        )
        for name in ("good", "bad", "long", "once", "unborn")
    }
    assert states == {
        "good": ("success", "inactive"),
        "bad": ("exit-code", "failed"),
        "long": (None, "activating"),
        "once": ("success", "inactive"),
        "unborn": (None, "inactive"),
    }
    assert seen.known(f"{prefix}/good.timer", F.TIMER_ASKED_AS) == asked_as
    assert seen.known(f"source:{prefix}", F.SOURCE_ASKED_AS) == asked_as


def test_a_timer_says_by_what_it_elapses_and_what_came_of_it(guest: Guest) -> None:
    """Calendar, distance, slack and the run it started, as the real systemd words them."""
    seen = look(manager(guest, "user"))
    assert seen.known("systemd:user/bad.timer", F.TIMER_CALENDAR) == ("*-*-* 03:00:00",)
    assert seen.known("systemd:user/unborn.timer", F.TIMER_CALENDAR) == ("2035-01-01 00:00:00 UTC",)
    assert seen.known("systemd:user/good.timer", F.TIMER_EVERY_S) == 3 * 3_600
    assert seen.known("systemd:user/good.timer", F.TIMER_AFTER_S) is None
    assert seen.known("systemd:user/good.timer", F.TIMER_SLACK_S) == 0.01
    assert seen.known("systemd:user/unborn.timer", F.TIMER_SLACK_S) == 60
    results = {name: _last_result(seen, f"systemd:user/{name}.timer") for name in ("good", "bad", "once", "long")}
    assert results == {"good": "ok", "bad": "error", "once": "ok", "long": None}
    unborn = seen.known("systemd:user/unborn.timer", F.TIMER_RUNS)
    assert isinstance(unborn, Recent)
    assert (unborn.since is not None, unborn.runs) == (True, ())


def _last_result(seen: Look, timer: str) -> str | None:
    found = seen.known(timer, F.TIMER_RUNS)
    assert isinstance(found, Recent)
    assert found.since == seen.known(timer, F.TIMER_LAST_AT) == found.runs[-1].began_at
    return found.runs[-1].result


def test_a_timer_says_when_it_ran_and_when_it_runs_next(guest: Guest) -> None:
    """Next and last runs are moments, whether the timer goes by the calendar or counts from an event."""
    seen = look(manager(guest, "user"))
    last = seen.known("systemd:user/good.timer", F.TIMER_LAST_AT)
    counted = seen.known("systemd:user/good.timer", F.TIMER_NEXT_AT)
    assert isinstance(last, datetime)
    assert isinstance(counted, datetime)
    assert abs(counted - last - timedelta(hours=3)) < timedelta(seconds=3)
    assert seen.known("systemd:user/unborn.timer", F.TIMER_NEXT_AT) == datetime(2035, 1, 1, tzinfo=UTC)
    assert seen.known("systemd:user/unborn.timer", F.TIMER_LAST_AT) is None
    assert seen.known("systemd:user/once.timer", F.TIMER_NEXT_AT) is None
    assert seen.known("systemd:user/long.timer", F.TIMER_NEXT_AT) is None
    assert seen.known(r"systemd:user/my\x20disk.timer", F.TIMER_UNIT) == "default.target"


def test_what_counts_from_an_event_does_not_tremble(guest: Guest) -> None:
    """Two looks at an unchanged timer say the same moment."""
    source = manager(guest, "user")
    first, second = (look(source).known("systemd:user/good.timer", F.TIMER_NEXT_AT) for _ in range(2))
    assert isinstance(first, datetime)
    assert isinstance(second, datetime)
    assert abs(first - second) <= timedelta(seconds=1)


def test_a_crash_loop_is_seen_as_one(guest: Guest) -> None:
    """A unit that systemd starts again and again says so, with the number of its restarts and its last result."""
    unit, source = "systemd:user/hermes-gateway-loop.service", manager(guest, "user")

    def between_two_starts() -> Look | None:
        """While it starts, systemd has no result of it."""
        seen = look(source)
        return seen if seen.known(unit, F.RESULT) != "success" else None

    seen = wait_until("a failed start", between_two_starts)
    restarts = seen.known(unit, F.RESTARTS)
    assert isinstance(restarts, int)
    assert restarts > 1
    assert seen.known(unit, F.RESULT) == "exit-code"
    assert seen.known(unit, F.TRIGGERED) is False


def test_a_unit_that_is_off_is_told_only_when_somebody_expects_it(guest: Guest) -> None:
    """A unit that is off and not set to start is no news, unless the operator named it."""
    off = "systemd:user/hermes-gateway-off.service"
    guessed = Gateway("off", "hermes-gateway-off.service", frozenset({"/srv/off"}))
    assert off not in look(manager(guest, "user", gateways=(guessed,))).subjects
    named = Gateway("off", "hermes-gateway-off.service", frozenset({"/srv/off"}), configured=True)
    seen = look(manager(guest, "user", gateways=(named,)))
    assert seen.known(off, F.ACTIVE_STATE) == "inactive"
    assert seen.known("hermes:off/gateway", F.UNIT_ACTIVE) == "inactive"
    assert seen.known("hermes:off/gateway", F.UNIT_PID) is None


def test_a_unit_that_does_not_exist_is_told_when_it_is_expected(guest: Guest) -> None:
    """Of an expected unit systemd's "not found" is the answer, and its instance is told that there is no such unit."""
    named = Gateway("lost", "hermes-gateway-lost.service", configured=True)
    seen = look(manager(guest, "user", gateways=(named,), watch=("backup.service", "backup.timer")))
    assert seen.known("systemd:user/backup.service", F.LOAD_STATE) == "not-found"
    assert seen.known("systemd:user/backup.timer", F.TIMER_LOAD_STATE) == "not-found"
    assert seen.known("systemd:user/backup.timer", F.TIMER_NEXT_AT) is None
    assert seen.unavailable("hermes:lost/gateway", F.UNIT_ACTIVE) is Reason.MISSING


def test_a_unit_belongs_to_the_home_its_environment_names(guest: Guest) -> None:
    """Of two instances that may own one unit, the one whose home it names has it, with the unit's main process."""
    name = "hermes-gateway-up.service"
    gateways = (Gateway("other", name, frozenset({"/srv/other"})), Gateway("mine", name, frozenset({"/srv/my hermes"})))
    seen = look(manager(guest, "user", gateways=gateways))
    pid = int(guest.systemctl("show", "--property=MainPID", "--value", name, user="root"))
    assert seen.known("hermes:mine/gateway", F.UNIT_PID) == pid
    assert seen.known("hermes:mine/gateway", F.UNIT) == name
    assert seen.known("hermes:mine/gateway", F.UNIT_ACTIVE) == "active"
    assert seen.known("hermes:mine/gateway", F.UNIT_ASKED_AS) == "systemd-user/root"
    assert "hermes:other/gateway" not in seen.subjects


def unit_of(home: Home) -> str:
    """Let the agent write the unit of a home."""
    made = subprocess.run(
        [home.agent.python, "-c", "from hermes_cli.gateway import generate_systemd_unit as g; print(g(system=False))"],
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return made.stdout


def test_a_real_gateway_under_systemd(agent: Agent, model: ModelServer, tmp_path: Path) -> None:
    """A gateway that runs by the unit its agent wrote is told with it, and systemd's word agrees with the kernel's.

    Of a home of the same user whose unit would have the same name, nothing of it is told.
    """
    with Guest(tmp_path) as guest, Home.create(agent, tmp_path / "custom", model) as home:
        default = tmp_path / ".hermes"
        default.mkdir()
        quiet = [f'Environment="{name}={text}"' for name, text in home.environment.items()]
        guest.write(
            {
                "hermes-gateway.service": unit_of(home),
                "hermes-gateway.service.d/quiet.conf": "\n".join(["[Service]", "StandardOutput=null", *quiet, ""]),
            }
        )
        guest.start_user_manager("root")
        guest.systemctl("start", "hermes-gateway.service", user="root")
        wait_until(
            "the gateway running", lambda: home.read_json("gateway_state.json").get("gateway_state") == "running"
        )
        looker = Looker(tmp_path / "looker")
        looker.place.mkdir()
        shown = looker.run(
            "show", "ops", "--json", "--home", str(home.root), "--home", str(default), through=guest.entry
        )
        rows = shown.rows
        row = next(row for row in rows.values() if row.subject == "hermes:custom/gateway")
        assert row.value("unit") == "hermes-gateway.service"
        assert row.value("unit_active") == "active"
        assert row.value("unit_pid") == row.value("lock_holder")
        assert row.value("unit_asked_as") == "systemd-user/root"
        told = [each for each in rows.values() if "unit_active" in each.readings]
        assert [each.subject for each in told if "unavailable" not in each.readings["unit_active"]] == [row.subject]
        guest.systemctl("stop", "hermes-gateway.service", user="root")


class Counting:
    """Passes commands on, and keeps them."""

    def __init__(self, run: Runner) -> None:
        self._run, self.commands = run, list[Sequence[str]]()

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        self.commands.append(argv)
        return self._run(argv, environment, limit_s)


def test_one_call_a_look(guest: Guest) -> None:
    """Once it is known what the timers start, a look is one call, and no call has another verb than show."""
    counting = Counting(guest.runner)
    source = manager(guest, "user", run=counting)
    look(source)
    before = len(counting.commands)
    seen = look(source)
    assert len(counting.commands) - before == 1
    assert seen.known("systemd:user/bad.timer", F.TIMER_RESULT) == "exit-code"
    assert all(command[:3] == ("systemctl", "--user", "show") for command in counting.commands)


def test_looking_changes_nothing(guest: Guest) -> None:
    """After many looks, all units are in the state they were in, and no job has run."""

    def state() -> str:
        properties = "--property=Id,ActiveState,SubState,InvocationID,StateChangeTimestampMonotonic,Job"
        return guest.systemctl(
            "show", properties, "good.service", "bad.service", "long.service", "good.timer", user="root"
        )

    before = state()
    source = manager(guest, "user", watch=("good.service", "bad.service"))
    for _ in range(20):
        look(source)
    assert state() == before


def test_an_ordinary_user_may_ask_the_system(guest: Guest) -> None:
    """Whoever is not root sees the units and timers of the system as well."""
    seen = look(manager(guest, "system", run=guest.runner_as("nobody")))
    assert seen.known("systemd:system/bad.timer", F.TIMER_RESULT) == "exit-code"


def test_an_ordinary_user_may_not_ask_for_another(guest: Guest) -> None:
    """Without being root, another user's manager is denied, and the words say who could ask."""
    with pytest.raises(SourceError) as refused:
        look(manager(guest, "user", OTHER, uid=12_345))
    assert refused.value.reason is Reason.DENIED
    assert "exporter" in refused.value.detail


def test_the_manager_itself_refuses_others(guest: Guest) -> None:
    """When a manager refuses, that is denied, and not a manager without units."""
    with pytest.raises(SourceError) as refused:
        look(
            manager(
                guest, "user", gateways=(Gateway("x", "x.service", configured=True),), run=guest.runner_as("nobody")
            )
        )
    assert refused.value.reason is Reason.DENIED


def test_a_user_without_a_manager_is_missing(guest: Guest) -> None:
    """A user who is not logged in has no manager: that is missing, and the words say what would change it."""
    with pytest.raises(SourceError) as missing:
        look(manager(guest, "user", ABSENT))
    assert missing.value.reason is Reason.MISSING
    assert "enable-linger" in missing.value.detail


class Impatient(SystemdSource):
    """Waits for a second only."""

    answer_s = 1.0


def test_a_manager_that_hangs_is_a_timeout(guest: Guest) -> None:
    """A stopped manager is given up in time, nothing of the call is left behind, and the next look is answered."""
    source = Impatient("user", user=OTHER, run=guest.runner, runtime=guest.runtime)
    look(source)
    command = f"kill -{{}} $(cat /sys/fs/cgroup/user-{pwd.getpwnam(OTHER).pw_uid}/init.scope/cgroup.procs)"
    guest.runner(("sh", "-c", command.format("STOP")), ENVIRONMENT, COMMAND_LIMIT_S)
    try:
        began = time.monotonic()
        with pytest.raises(SourceError) as silent:
            look(source)
        assert silent.value.reason is Reason.TIMEOUT
        assert time.monotonic() - began < 4
        left = guest.runner(("ps", "-eo", "args"), ENVIRONMENT, COMMAND_LIMIT_S).out.decode()
        assert "systemctl --user show" not in left
    finally:
        guest.runner(("sh", "-c", command.format("CONT")), ENVIRONMENT, COMMAND_LIMIT_S)
    assert look(source).known(f"systemd:user@{OTHER}/bad.timer", F.TIMER_RESULT) == "exit-code"
