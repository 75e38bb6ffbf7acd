"""One manager, as the collector sees it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigurationError
from quarterdeck.sources.command import Answer
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd import Gateway, SystemdSource
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from tests.sources.systemd.fake import FakeSystemctl

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
ME = pwd.getpwuid(os.geteuid()).pw_name
SOMEBODY = pwd.getpwnam("daemon")
NORTH = Gateway("north", "hermes-gateway.service", configured=True)
UNITS: Mapping[str, Mapping[str, str]] = {
    "backup.timer": {},
    "backup.service": {"ActiveState": "inactive", "TriggeredBy": "backup.timer"},
    "hermes-gateway.service": {"MainPID": "4711"},
    "unrelated.service": {},
}


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A machine with systemd, on which the manager of everybody used here runs."""
    (tmp_path / "systemd/system").mkdir(parents=True)
    for uid in (0, os.geteuid(), SOMEBODY.pw_uid):
        (tmp_path / f"user/{uid}").mkdir(parents=True, exist_ok=True)
    return tmp_path


def seen(source: SystemdSource) -> dict[Key, AnyReading]:
    return {(reading.subject, reading.field): reading for reading in source.look(NOW)}


def test_a_look(runtime: Path) -> None:
    """A look tells timers, watched units and gateways, and as whom it was asked; unrelated units are left alone."""
    source = SystemdSource("user", gateways=(NORTH,), run=FakeSystemctl(UNITS), runtime=str(runtime))
    readings = seen(source)
    subjects = {subject for subject, _ in readings}
    assert subjects == {
        "source:systemd:user",
        "systemd:user/backup.timer",
        "systemd:user/hermes-gateway.service",
        "hermes:north/gateway",
    }
    asked_as = readings["source:systemd:user", F.SOURCE_ASKED_AS.name]
    assert isinstance(asked_as, Known)
    assert asked_as.value == f"systemd-user/{ME}"
    assert set(source.expected) <= readings.keys()


def test_what_timers_start_is_asked_for_along_with_them(runtime: Path) -> None:
    """The first look needs a second call for what the timers start; after that one call brings everything."""
    systemctl = FakeSystemctl(UNITS)
    source = SystemdSource("user", run=systemctl, runtime=str(runtime))
    calls = []
    for _ in range(3):
        readings = seen(source)
        calls.append(len(systemctl.commands))
        assert isinstance(readings["systemd:user/backup.timer", F.TIMER_ACTIVATED_STATE.name], Known)
    assert calls == [2, 3, 4]
    systemctl.units["new.timer"] = {}
    seen(source)
    seen(source)
    assert len(systemctl.commands) == 4 + 2 + 1


def test_the_only_verb_is_show(runtime: Path) -> None:
    """No command is ever run that could change anything, and none can ask for a password or open a pager."""
    systemctl = FakeSystemctl(UNITS)
    for scope, user in (("system", None), ("user", None), ("user", SOMEBODY.pw_name)):
        options = {"user": user, "gateways": (NORTH,), "run": systemctl, "runtime": str(runtime), "uid": 0}
        seen(SystemdSource(scope, **options))  # type: ignore[arg-type]  # every way of asking, with the same options
    verbs = [command[command.index("systemctl") + 1 :] for command in systemctl.commands]
    assert {verb[0] if verb[0] != "--user" else verb[1] for verb in verbs} == {"show"}
    assert all({"--no-pager", "--no-ask-password", "--"} <= set(verb) for verb in verbs)


def test_the_answer_does_not_depend_on_where_it_is_read(runtime: Path) -> None:
    """It is asked for in the language of programs and in UTC, and of the manager that was meant."""
    systemctl = FakeSystemctl(UNITS)
    source = SystemdSource("user", user=SOMEBODY.pw_name, run=systemctl, runtime=str(runtime), uid=0)
    seen(source)
    environment = systemctl.environments[0]
    assert (environment["LC_ALL"], environment["TZ"]) == ("C", "UTC0")
    assert environment["XDG_RUNTIME_DIR"] == f"/run/user/{SOMEBODY.pw_uid}"
    assert environment.keys() == {"PATH", "LC_ALL", "TZ", "XDG_RUNTIME_DIR"}


def test_root_asks_as_the_user(runtime: Path) -> None:
    """Another user's manager is asked as that user, and the readings say so."""
    systemctl = FakeSystemctl(UNITS)
    source = SystemdSource("user", user=SOMEBODY.pw_name, run=systemctl, runtime=str(runtime), uid=0)
    readings = seen(source)
    name = SOMEBODY.pw_name
    assert source.name == f"systemd:user@{name}"
    asked_as = readings[f"systemd:user@{name}/backup.timer", F.TIMER_ASKED_AS.name]
    assert isinstance(asked_as, Known)
    assert asked_as.value == f"systemd-user/{name}-via-setpriv"
    assert systemctl.commands[0][:3] == ("setpriv", f"--reuid={SOMEBODY.pw_uid}", f"--regid={SOMEBODY.pw_gid}")


def test_a_user_asking_for_himself_needs_no_detour(runtime: Path) -> None:
    """Naming oneself is the same as naming nobody."""
    systemctl = FakeSystemctl(UNITS)
    seen(SystemdSource("user", user=ME, run=systemctl, runtime=str(runtime)))
    assert systemctl.commands[0][:2] == ("systemctl", "--user")


def failing(code: int, said: str) -> Answer:
    return Answer(code, b"", said.encode())


FAILURES = {
    "no systemd": (failing(1, "System has not been booted with systemd as init system (PID 1)."), Reason.MISSING),
    "no systemd, by its bus": (failing(1, "Failed to connect to bus: Host is down"), Reason.MISSING),
    "no bus": (failing(1, "Failed to connect to bus: No such file or directory"), Reason.MISSING),
    "refused by the bus": (failing(1, "Failed to connect to bus: Permission denied"), Reason.DENIED),
    "refused as another user": (failing(1, "Failed to connect to bus: Operation not permitted"), Reason.DENIED),
    "refused by the manager": (failing(1, "Failed to get properties: Access denied"), Reason.DENIED),
    "given up by systemctl": (failing(1, "Failed to get properties: Connection timed out"), Reason.TIMEOUT),
    "setpriv failed": (failing(1, "setpriv: setresuid failed"), Reason.OBSERVER),
    "something new": (failing(4, "Der Stern ist erloschen"), Reason.OBSERVER),
    "no systemctl": (SourceError(Reason.MISSING, "there is no systemctl on this host"), Reason.MISSING),
    "hung": (SourceError(Reason.TIMEOUT, "systemctl did not answer within 5 s"), Reason.TIMEOUT),
}


@pytest.mark.parametrize(("failure", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_has_a_reason_and_quotes_nothing(
    runtime: Path, failure: Answer | SourceError, reason: Reason
) -> None:
    """Every way in which systemctl fails becomes a typed reason in our own words."""
    source = SystemdSource("user", gateways=(NORTH,), run=FakeSystemctl({}, failure), runtime=str(runtime))
    with pytest.raises(SourceError) as failed:
        source.look(NOW)
    assert failed.value.reason is reason
    if isinstance(failure, Answer):
        assert failure.err.decode() not in failed.value.detail


def test_an_answer_with_an_error_is_no_answer(runtime: Path) -> None:
    """When systemctl fails half-way, what it has said is not taken for everything there is."""
    half = Answer(1, b"Id=a.timer\nNames=a.timer\nLoadState=loaded\nActiveState=active", b"Failed to get properties")
    with pytest.raises(SourceError):
        SystemdSource("user", run=FakeSystemctl({}, half), runtime=str(runtime)).look(NOW)


GONE = SourceError(Reason.MISSING, "there is no systemctl on this host")


def test_without_systemd_nothing_is_told_but_that(tmp_path: Path) -> None:
    """Where there is no systemd and nobody expects any, the source says so, and no row appears."""
    source = SystemdSource(
        "system", gateways=(Gateway("north", "a.service"),), run=FakeSystemctl(UNITS), runtime=str(tmp_path)
    )
    readings = seen(source)
    assert readings.keys() == {("source:systemd:system", F.SOURCE_ASKED_AS.name)}
    (nothing,) = readings.values()
    assert isinstance(nothing, Known)
    assert nothing.value is None
    assert source.expected == ()


def test_without_a_manager_of_ones_own_nothing_is_told_but_that(runtime: Path) -> None:
    """A user whose manager does not run, and of which nobody expects any unit, is no failure either."""
    source = SystemdSource("user", run=FakeSystemctl(UNITS), runtime=str(runtime), uid=4_000_000)
    assert {field for _, field in seen(source)} == {F.SOURCE_ASKED_AS.name}


def test_without_systemd_what_is_expected_is_missing(tmp_path: Path) -> None:
    """Where there is no systemd but a unit is expected of it, that is a failure, with the reason."""
    source = SystemdSource("system", watch=("backup.timer",), run=FakeSystemctl(UNITS), runtime=str(tmp_path))
    with pytest.raises(SourceError) as missing:
        source.look(NOW)
    assert (missing.value.reason, missing.value.detail) == (Reason.MISSING, "no systemd on this host")
    assert {subject for subject, _ in source.expected} == {"systemd:system/backup.timer"}


def test_a_manager_that_was_there_is_missed(runtime: Path) -> None:
    """A manager that answered before and is not there now has not taken its units along: they are unknown."""
    systemctl = FakeSystemctl(UNITS)
    source = SystemdSource("user", run=systemctl, runtime=str(runtime))
    source.look(NOW)
    systemctl.failing = GONE
    with pytest.raises(SourceError):
        source.look(NOW)


def test_another_user_without_a_manager_is_missing(runtime: Path) -> None:
    """Of another user's manager that does not run it is said what would keep it running."""
    (runtime / f"user/{SOMEBODY.pw_uid}").rmdir()
    source = SystemdSource("user", user=SOMEBODY.pw_name, run=FakeSystemctl(UNITS), runtime=str(runtime), uid=0)
    with pytest.raises(SourceError, match="enable-linger"):
        source.look(NOW)


def test_a_user_who_does_not_exist_is_missing(runtime: Path) -> None:
    """A user this host does not know is a mistake in the settings, and is said to be one."""
    source = SystemdSource("user", user="no-such-user", run=FakeSystemctl(UNITS), runtime=str(runtime), uid=0)
    with pytest.raises(SourceError, match="correct the instance's user"):
        source.look(NOW)


def test_an_ordinary_user_is_told_who_may_ask(runtime: Path) -> None:
    """Whoever is neither root nor the user is denied before anything is run."""
    systemctl = FakeSystemctl(UNITS)
    source = SystemdSource("user", user=SOMEBODY.pw_name, run=systemctl, runtime=str(runtime), uid=4_000_000)
    with pytest.raises(SourceError) as denied:
        source.look(NOW)
    assert denied.value.reason is Reason.DENIED
    assert systemctl.commands == []


def test_a_name_to_watch_must_be_one() -> None:
    """A name that no unit can have is refused when the source is made, not at every look."""
    with pytest.raises(ConfigurationError):
        SystemdSource("user", watch=("two words",))


def test_patterns_and_names_can_be_watched(runtime: Path) -> None:
    """A named unit is expected, a pattern tells what is found."""
    watch = ("backup", "unrel*", "nothing-*")
    readings = seen(SystemdSource("user", watch=watch, run=FakeSystemctl(UNITS), runtime=str(runtime)))
    assert {subject for subject, _ in readings} >= {"systemd:user/backup.service", "systemd:user/unrelated.service"}
