"""Every file of a home, broken in every way there is."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from quarterdeck.sources.hermes.config import parse
from tests.sources.hermes.recorded import Case, Readings, differences

BASE: Final = "idle-0.19"
NOBODY: Final = 65_534
HUGE: Final = 2 << 30

RECORDED: Final = {
    "gateway.recorded_state", "gateway.recorded_at", "gateway.recorded_pid", "gateway.recorded_exit",
    "gateway.recorded_process", "gateway.active_agents", "gateway.served_profiles", "gateway.platforms",
    "gateway.platforms_troubled_since",
}  # fmt: skip
CONFIGURED: Final = {
    "model.model", "model.provider", "model.fallbacks", "model.toolsets", "model.platforms_enabled", "model.timezone",
    "inventory.integrations", "instance.config_version",
}  # fmt: skip
POOL: Final = {"model.pool", "model.exhausted", "model.rate_limit_reset_at", "model.refusal_code"}
HELD: Final = {
    "gateway.lock_holder",
    "gateway.process_state",
    "gateway.process_started_at",
    "instance.agent_version",
}

TELLS: Final[dict[str, set[str]]] = {
    "config.yaml": CONFIGURED,
    "auth.json": {"credentials.providers", "credentials.expires_at", *POOL},
    "gateway_state.json": RECORDED,
    "state/gateway.heartbeat": {"gateway.heartbeat_at", "gateway.heartbeat_pid"},
    "logs/gateway-exit-diag.log": {"gateway.last_exit", "gateway.last_exit_at"},
    "gateway-starts.log": set(),  # the other diary counts the same starts
    "gateway.lock": HELD,
    "logs/errors.log": {"logs.errors_1h", "model.rate_limited_at"},
    "logs/agent.log": {"logs.log_at"},
    "memories/MEMORY.md": {"inventory.memory_files", "inventory.memory_entries", "inventory.memory_bytes"},
}
"""Which facts each file tells: a fault in it may make these unknown, and no others."""

MODES: Final = {"config.yaml", "auth.json"}
"""Files whose modes are a fact as well."""


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(path.name).randbytes(4_096))


def enormous(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, HUGE)


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def fault(path: Path) -> None:
        path.unlink()
        make(path)

    return fault


CONTENT: Final[dict[str, Callable[[Path], object]]] = {
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": random_bytes,
    "a list": lambda path: path.write_text("[1, 2, 3]\n"),
    "a number": lambda path: path.write_text("7\n"),
    "null": lambda path: path.write_text("null\n"),
    "nested too deeply": lambda path: path.write_text('{"a": ' + "[" * 100_000),
    "enormous": enormous,
}
"""The file is there and can be opened; what it holds is broken."""

PLACE: Final[dict[str, Callable[[Path], object]]] = {
    "a directory": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "a link in a circle": replaced(lambda path: path.symlink_to(path.name)),
}
"""Something else lies in the place of the file."""

BY_ITS_PLACE: Final = {"gateway.lock", "logs/agent.log"}
"""Files that tell by being there: what they hold does not matter."""

ANSWERS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("config.yaml", "null"): {"model.model": None, "model.fallbacks": [], "inventory.integrations": 0},
    ("logs/errors.log", "empty"): {"logs.errors_1h": {}, "model.rate_limited_at": None},
    ("memories/MEMORY.md", "empty"): {"inventory.memory_entries": 1, "inventory.memory_bytes": 4.0},
    ("memories/MEMORY.md", "a list"): {"inventory.memory_entries": 2, "inventory.memory_bytes": 14.0},
    ("memories/MEMORY.md", "a number"): {"inventory.memory_entries": 2, "inventory.memory_bytes": 6.0},
    ("memories/MEMORY.md", "null"): {"inventory.memory_entries": 2, "inventory.memory_bytes": 9.0},
    ("memories/MEMORY.md", "nested too deeply"): {"inventory.memory_entries": 2},
}
"""Contents that the agent itself would take for what they are, and what they say."""

GONE: Final[dict[str, dict[str, Any]]] = {
    "auth.json": {"credentials.providers": [], "credentials.expires_at": None, "model.pool": 0},
    "state/gateway.heartbeat": {"gateway.heartbeat_at": None, "gateway.heartbeat_pid": None},
    "logs/errors.log": {"logs.errors_1h": {}, "model.rate_limited_at": None},
    "logs/agent.log": {"logs.log_at": None},
    "memories/MEMORY.md": {"inventory.memory_files": 1, "inventory.memory_entries": 1},
}
"""Files that need not be there, and what a home without them says."""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.lay_out(BASE, tmp_path / BASE)


def look_after(case: Case, name: str, fault: Callable[[Path], object]) -> Readings:
    """Break a file and look; the file is as old as it was, so that its age is not what is noticed."""
    path = case.home / name
    before = path.stat()
    fault(path)
    if path.is_file() and not path.is_symlink():
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return case.readings()


def value(readings: Readings, fact: str) -> Any:
    part, _, name = fact.partition(".")
    return readings[part][name]


def reason(readings: Readings, fact: str) -> str | None:
    found = value(readings, fact)
    return str(found["unavailable"]) if isinstance(found, dict) and "unavailable" in found else None


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("fault", CONTENT)
def test_a_file_of_nonsense(case: Case, name: str, fault: str) -> None:
    """Nonsense in a file makes what it tells unknown, with a reason, and leaves every other fact as it was."""
    before = case.readings()
    after = look_after(case, name, CONTENT[fault])
    if name in BY_ITS_PLACE:
        assert after == before
    elif (name, fault) in ANSWERS:
        assert set(differences(before, after)) <= TELLS[name]
        assert {fact: value(after, fact) for fact in ANSWERS[name, fault]} == ANSWERS[name, fault]
    else:
        assert set(differences(before, after)) == TELLS[name]
        assert {reason(after, fact) for fact in TELLS[name]} <= {"corrupt", "schema"}


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("fault", PLACE)
def test_something_else_in_its_place(case: Case, name: str, fault: str) -> None:
    """What lies in the place of a file is never waited for nor taken for it: what the file tells is unknown."""
    before = case.readings()
    after = look_after(case, name, PLACE[fault])
    allowed = TELLS[name] | ({"credentials.world_readable"} if name in MODES else set())
    assert TELLS[name] <= set(differences(before, after)) <= allowed
    assert {reason(after, fact) for fact in TELLS[name]} <= {"corrupt"}


@pytest.mark.parametrize("name", TELLS)
def test_a_missing_file(case: Case, name: str) -> None:
    """A file that must be there is missed; one that need not be there is an answer; the rest stays as it was."""
    before = case.readings()
    after = look_after(case, name, Path.unlink)
    assert set(differences(before, after)) <= TELLS[name]
    if name in GONE:
        assert {fact: value(after, fact) for fact in GONE[name]} == GONE[name]
    else:
        assert {reason(after, fact) for fact in TELLS[name]} <= {"missing"}


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("name", [name for name in TELLS if name not in {"config.yaml", "memories/MEMORY.md"}])
def test_a_file_that_breaks_off(case: Case, name: str, tenth: int) -> None:
    """Of a file cut at any tenth of its length nothing is taken for whole: its facts stay or have a reason."""
    before = case.readings()
    cut_at = (case.now - timedelta(seconds=37)).timestamp()
    after = look_after(case, name, lambda path: os.truncate(path, path.stat().st_size * tenth // 10))
    if name == "logs/errors.log":  # its age is part of what it tells
        os.utime(case.home / name, (cut_at, cut_at))
        after = case.readings()
    changed = set(differences(before, after))
    assert changed <= TELLS[name]
    assert {reason(after, fact) for fact in changed} <= {"corrupt", "schema"}
    assert changed or name in BY_ITS_PLACE | {"gateway-starts.log"}


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_configuration_that_breaks_off(case: Case, tenth: int) -> None:
    """Half a configuration says what it says to the agent itself, or is no YAML to either."""
    before = case.readings()
    path = case.home / "config.yaml"
    after = look_after(case, "config.yaml", lambda path: os.truncate(path, path.stat().st_size * tenth // 10))
    assert set(differences(before, after)) <= CONFIGURED
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError:
        assert {reason(after, fact) for fact in CONFIGURED} == {"corrupt"}
    else:
        assert parse(path.read_bytes()).version == document.get("_config_version")
        assert reason(after, "instance.config_version") is None


@contextmanager
def as_nobody() -> Iterator[None]:
    """Do something without the powers of root, where the tests run with them."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def open_to_all(folder: Path) -> None:
    """Let nobody walk to a folder and read all of it."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
    for above in folder.parents:
        if above.owner() == folder.owner() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)


@pytest.mark.parametrize("name", TELLS)
def test_an_unreadable_file(case: Case, name: str) -> None:
    """A file that may not be read makes its facts unknown because of that, and no others."""
    open_to_all(case.home.parent)
    with as_nobody():
        before = case.readings()
    (case.home / name).chmod(0)
    with as_nobody():
        after = case.readings()
    changed = set(differences(before, after)) - {"credentials.world_readable"}
    assert changed == (set() if name in BY_ITS_PLACE else TELLS[name])
    assert {reason(after, fact) for fact in changed} <= {"denied"}


FOLDERS: Final[dict[str, set[str]]] = {
    "state": {"gateway.heartbeat_at", "gateway.heartbeat_pid"},
    "logs": {
        "gateway.last_exit", "gateway.last_exit_at", "logs.errors_1h", "logs.log_at", "model.rate_limited_at",
    },
    "memories": TELLS["memories/MEMORY.md"],
    "skills": {"inventory.skills"},
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_a_file(case: Case, name: str) -> None:
    """A file in the place of a folder makes what the folder tells unknown, and no more."""
    before = case.readings()
    (case.home / name).rename(case.home.parent / "aside")
    (case.home / name).write_text("not a folder\n")
    after = case.readings()
    assert set(differences(before, after)) == FOLDERS[name]
    assert {reason(after, fact) for fact in FOLDERS[name]} == {"corrupt"}


@pytest.mark.parametrize("name", FOLDERS)
def test_an_unreadable_folder(case: Case, name: str) -> None:
    """A folder that may not be entered makes what it tells unknown because of that, and no more."""
    open_to_all(case.home.parent)
    with as_nobody():
        before = case.readings()
    (case.home / name).chmod(0)
    with as_nobody():
        after = case.readings()
    assert set(differences(before, after)) == FOLDERS[name]
    assert {reason(after, fact) for fact in FOLDERS[name]} == {"denied"}


def facts(readings: Readings) -> set[str]:
    return {f"{part}.{name}" for part, found in readings.items() for name in found}


HOMES: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "missing": (lambda home: None, "missing"),
    "a file": (lambda home: home.write_text("not a home\n"), "corrupt"),
    "a pipe": (os.mkfifo, "corrupt"),
    "a link in a circle": (lambda home: home.symlink_to(home.name), "corrupt"),
}


@pytest.mark.parametrize("fault", HOMES)
def test_no_home_at_all(case: Case, fault: str) -> None:
    """Without a home every fact it would tell is unknown for that reason; none is missing and none is made up."""
    before = case.readings()
    make, expected = HOMES[fault]
    case.home.rename(case.home.parent / "aside")
    make(case.home)
    after = case.readings()
    assert facts(after) == facts(before)
    assert {reason(after, fact) for fact in facts(after)} == {expected}


def test_a_home_that_may_not_be_entered(case: Case) -> None:
    """Of a home that is closed to us everything is unknown, and nothing is down."""
    open_to_all(case.home.parent)
    case.home.chmod(0)
    with as_nobody():
        after = case.readings()
    case.home.chmod(0o700)
    assert {reason(after, fact) for fact in facts(after)} == {"denied"}
