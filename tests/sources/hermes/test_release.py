from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt
from quarterdeck.sources.hermes.gateway import Beat, Evidence
from quarterdeck.sources.hermes.proc import Kernel, Process
from quarterdeck.sources.hermes.release import Release, Releases, beats, find, version
from quarterdeck.truth.reading import Reason

STARTED = datetime(2026, 9, 1, 10, tzinfo=UTC)
PROCESS = Process(42, "sleeping", 500, STARTED)
MISSING = SourceError(Reason.MISSING, "does not exist")
NOTHING = Evidence(None, None, traces=False, recorded=None, fate=None, beat=None, clean=False, diary=None, starts=None)


def install(environment: Path, name: str, at: datetime = STARTED - timedelta(days=1)) -> Path:
    mark = environment / "lib" / "python3.12" / "site-packages" / f"hermes_agent-{name}.dist-info"
    mark.mkdir(parents=True)
    os.utime(mark, (at.timestamp(),) * 2)
    return mark


class Command(Kernel):
    """A kernel in which every process was started with the same command."""

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self.said = arguments
        self.asked = 0

    def arguments(self, pid: int) -> tuple[str, ...]:
        self.asked += 1
        return self.said


@pytest.mark.parametrize(
    ("name", "number"), [("0.14.0", (0, 14)), ("0.19.0", (0, 19)), ("1.2.3rc1", (1, 2)), ("0.21.0.dev5", (0, 21))]
)
def test_the_release_lies_beside_the_interpreter(tmp_path: Path, name: str, number: tuple[int, int]) -> None:
    """The release is the one installed where the interpreter of the process is."""
    install(tmp_path / "venv", name)
    install(tmp_path / "other", "0.1.0")
    found = find((f"{tmp_path}/venv/bin/python", f"{tmp_path}/other/bin/hermes", "gateway"))
    assert (found.number, found.name) == (number, name)


def test_the_release_may_lie_beside_the_program(tmp_path: Path) -> None:
    """Where the interpreter is the system's, the release is the one installed where the program is."""
    (tmp_path / "usr" / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
    install(tmp_path / "venv", "0.19.0")
    assert find((f"{tmp_path}/usr/bin/python3", f"{tmp_path}/venv/bin/hermes")).name == "0.19.0"


def test_the_newest_of_two_leftovers_counts(tmp_path: Path) -> None:
    """When an earlier install left its mark, the later one is what is installed."""
    install(tmp_path, "0.18.2", STARTED - timedelta(days=9))
    install(tmp_path, "0.19.0", STARTED - timedelta(days=2))
    assert find((f"{tmp_path}/bin/python",)).name == "0.19.0"


@pytest.mark.parametrize("arguments", [(), ("hermes",), ("python", "-m", "x"), ("/nowhere/at/all/python",), ("/",)])
def test_a_release_that_is_not_found_is_not_guessed(arguments: tuple[str, ...]) -> None:
    """A command that leads to no install leads to no release."""
    found = attempt(find, arguments)
    assert isinstance(found, SourceError)
    assert found.reason is Reason.MISSING


def test_a_release_is_looked_for_once_per_process(tmp_path: Path) -> None:
    """The same process is of the same release; another process is asked about anew."""
    install(tmp_path, "0.19.0")
    kernel = Command(f"{tmp_path}/bin/python")
    releases = Releases(kernel)
    for _ in range(3):
        assert attempt(version, known(releases.of(PROCESS))) == "0.19.0"
    assert kernel.asked == 1
    releases.of(PROCESS._replace(ticks=501))
    assert kernel.asked == 2
    assert releases.of(None) is None
    assert releases.of(MISSING) is MISSING


def known(answer: Answer[Release | None]) -> Release | None:
    assert not isinstance(answer, SourceError)
    return answer


def test_an_upgrade_under_a_running_gateway_is_noticed(tmp_path: Path) -> None:
    """When a release is installed over the one that runs, nothing is claimed of the one that runs."""
    mark = install(tmp_path, "0.19.0")
    releases = Releases(Command(f"{tmp_path}/bin/python"))
    before = releases.of(PROCESS)
    assert version(known(before)) == "0.19.0"
    after = STARTED + timedelta(hours=1)
    os.utime(mark, (after.timestamp(),) * 2)
    replaced = known(releases.of(PROCESS))
    with pytest.raises(SourceError) as caught:
        version(replaced)
    assert caught.value.reason is Reason.MISSING
    running = NOTHING._replace(holder=42, process=PROCESS)
    assert isinstance(attempt(beats, running, replaced, 22), SourceError)


def release(number: tuple[int, int]) -> Release:
    return Release(number, "x", Path("x"))


RUNNING = NOTHING._replace(holder=42, process=PROCESS)
OWN = Beat(STARTED, 42)
FOREIGN = Beat(STARTED, 41)


@pytest.mark.parametrize(
    ("evidence", "of", "schema", "expected"),
    [
        (RUNNING._replace(beat=OWN), MISSING, MISSING, True),
        (RUNNING._replace(beat=OWN), release((0, 14)), 11, True),
        (RUNNING, release((0, 19)), 11, True),
        (RUNNING, release((1, 0)), MISSING, True),
        (RUNNING, release((0, 18)), 22, False),
        (RUNNING._replace(beat=FOREIGN), release((0, 14)), 22, False),
        (RUNNING._replace(beat=FOREIGN), MISSING, 11, True),
        (RUNNING._replace(beat=MISSING), release((0, 19)), 22, True),
        (RUNNING, MISSING, 22, True),
        (RUNNING, MISSING, 21, False),
        (NOTHING, None, 11, False),
        (NOTHING, None, 22, True),
        (NOTHING._replace(beat=FOREIGN), None, 11, True),
    ],
)
def test_whether_a_heartbeat_is_to_be_expected(
    evidence: Evidence, of: Answer[Release | None], schema: Answer[int], expected: bool
) -> None:
    """Its own beat proves that a gateway beats, then its release, then what lies in the home."""
    assert beats(evidence, of, schema) is expected


def test_without_any_sign_nothing_is_expected() -> None:
    """When neither the release nor the database can be told, it is unknown whether there should be a heartbeat."""
    for schema in (MISSING, SourceError(Reason.CORRUPT, "malformed")):
        found = attempt(beats, RUNNING, MISSING, schema)
        assert isinstance(found, SourceError)
        assert found.reason is schema.reason
