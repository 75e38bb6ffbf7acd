"""Credentials, inventory and the facts of an instance as a whole."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import auth, facts, inventory
from quarterdeck.sources.hermes.answers import Report
from quarterdeck.sources.hermes.credentials import Credentials
from quarterdeck.sources.hermes.inventory import Inventory
from quarterdeck.sources.hermes.model import CONFIG
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
MISSING = SourceError(Reason.MISSING, "does not exist")


def value(reading: AnyReading) -> Any:
    assert isinstance(reading, Known), reading
    return reading.value


# --- who may read what holds keys --------------------------------------------------------------------------------


@pytest.fixture
def open_place(tmp_path: Path) -> Path:
    """A home in a place to which everybody may walk."""
    home = tmp_path / "home"
    home.mkdir()
    for folder in (home, *(above for above in home.parents if above.owner() == home.owner())):
        folder.chmod(folder.stat().st_mode | 0o055)
    return home


def exposed(home: Path) -> Any:
    report = Report(NOW)
    Credentials(Instance("north", "north", home=home, user_logins=False), home).tell(report, auth.NO_LOGINS)
    return {reading.field: reading for reading in report.readings}["world_readable"]


def put(home: Path, name: str, mode: int, group: int | None = None) -> Path:
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    if group is not None:
        os.chown(path, -1, group)
    path.chmod(mode)
    return path


def some_group() -> int:
    """A group that a file may be given to, one of others where there is a choice."""
    return 54_321 if os.geteuid() == 0 else max(os.getgroups(), default=os.getegid())


def test_files_that_everybody_may_read(open_place: Path) -> None:
    """A secret file counts when everybody may read it and may walk to it."""
    put(open_place, ".env", 0o644)
    put(open_place, "auth.json", 0o600)
    put(open_place, "auth/google_oauth.json", 0o604)
    put(open_place, "SOUL.md", 0o644)
    assert value(exposed(open_place)) == (".env", "auth/google_oauth.json")
    (open_place / "auth").chmod(0o700)
    assert value(exposed(open_place)) == (".env",)
    open_place.chmod(0o700)
    assert value(exposed(open_place)) == ()


def test_a_wall_further_up_protects_as_well(open_place: Path) -> None:
    """A folder above the home that lets nobody through makes open files inside it safe."""
    put(open_place, ".env", 0o644)
    open_place.parent.chmod(0o700)
    assert value(exposed(open_place)) == ()


def test_a_group_of_others_counts(open_place: Path) -> None:
    """What a group may read counts, unless the group is the owner's own."""
    path = put(open_place, "config.yaml", 0o640, some_group())
    assert value(exposed(open_place)) == (() if path.stat().st_gid == os.geteuid() else ("config.yaml",))
    path.chmod(0o600)
    assert value(exposed(open_place)) == ()


def test_a_walk_that_the_group_may_not_make_protects(open_place: Path) -> None:
    """A file open to a group in a folder that is closed to it is safe from it."""
    put(open_place, ".env", 0o640, some_group())
    open_place.chmod(0o700)
    assert value(exposed(open_place)) == ()


def test_a_pipe_for_an_environment_file_is_noticed_and_not_opened(open_place: Path) -> None:
    """That there is an environment file is a fact; a pipe in its place would hang whoever opened it."""
    report = Report(NOW)
    os.mkfifo(open_place / ".env")
    home = Instance("north", "north", home=open_place, user_logins=False)
    Credentials(home, open_place).tell(report, auth.NO_LOGINS)
    assert value({reading.field: reading for reading in report.readings}["env_file"]) is True


# --- what is remembered and what can be done ---------------------------------------------------------------------


def counts(home: Path, at: datetime = NOW, of: Inventory | None = None) -> dict[str, AnyReading]:
    report = Report(at)
    (of or Inventory(home)).tell(report, "north", 2, CONFIG)
    return {reading.field: reading for reading in report.readings}


def skill(home: Path, *path: str) -> None:
    folder = home.joinpath("skills", *path)
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: x\n---\n")


def test_skills_are_counted_as_the_agent_counts_them(tmp_path: Path) -> None:
    """A skill is a folder with its description; copies in supporting, hidden and foreign folders are none."""
    skill(tmp_path, "one")
    skill(tmp_path, "group", "two")
    skill(tmp_path, "group", "deeper", "three")
    for no_skill in (("one", "templates", "x"), (".hub", "x"), ("group", "node_modules", "x"), ("one", "scripts")):
        skill(tmp_path, *no_skill)
    (tmp_path / "skills" / ".usage.json").write_text("{}")
    assert value(counts(tmp_path)["skills"]) == 3


def test_links_are_followed_and_each_place_counts_once(tmp_path: Path) -> None:
    """A skill that is linked in counts once, and a link that leads in circles or nowhere leads to none."""
    skill(tmp_path, "one")
    skill(tmp_path / "elsewhere", "two")
    skills = tmp_path / "skills"
    (skills / "linked").symlink_to(tmp_path / "elsewhere" / "skills" / "two")
    (skills / "again").symlink_to(tmp_path / "elsewhere" / "skills")
    (skills / "up").symlink_to(skills)
    (skills / "loop").symlink_to("loop-too")
    (skills / "nowhere").symlink_to("gone")
    assert value(counts(tmp_path)["skills"]) == 2


def test_nothing_there_is_nothing_kept(tmp_path: Path) -> None:
    """A home without the folders remembers nothing and can do nothing special yet."""
    found = counts(tmp_path)
    assert [value(found[name]) for name in ("memory_files", "memory_entries", "memory_bytes", "skills")] == [0, 0, 0, 0]
    assert value(found["integrations"]) == 2


def test_too_much_is_not_counted(tmp_path: Path) -> None:
    """A folder that holds more than memories can be is not believed to be one."""
    (tmp_path / "memories").mkdir()
    for number in range(inventory.FILES_LIMIT + 1):
        (tmp_path / "memories" / f"{number}.md").touch()
    found = counts(tmp_path)["memory_files"]
    assert isinstance(found, Unavailable)
    assert found.reason is Reason.SCHEMA


def test_counted_once_a_minute_and_dated_so(tmp_path: Path) -> None:
    """Between two counts the last one is told again, with the moment at which it was made."""
    kept = Inventory(tmp_path)
    assert value(counts(tmp_path, NOW, kept)["skills"]) == 0
    skill(tmp_path, "one")
    soon = counts(tmp_path, NOW + timedelta(seconds=59), kept)["skills"]
    assert isinstance(soon, Known)
    assert (soon.value, soon.observed_at) == (0, NOW)
    later = counts(tmp_path, NOW + timedelta(seconds=60), kept)["skills"]
    assert isinstance(later, Known)
    assert (later.value, later.observed_at) == (1, NOW + timedelta(seconds=60))
    before = counts(tmp_path, NOW, kept)["skills"]
    assert isinstance(before, Known)
    assert before.observed_at == NOW


@given(st.lists(st.text("ab \n§", max_size=8)))
def test_entries_are_what_lies_between_the_marks(parts: list[str]) -> None:
    """Joining entries and counting them gives as many as there were, the empty ones aside."""
    plain = [part for part in parts if part.strip() and "§" not in part]
    assert inventory.entries(inventory.DELIMITER.join(plain)) == len(plain)


# --- as a whole --------------------------------------------------------------------------------------------------


def whole(home: Path, root: Path | None = None) -> dict[str, AnyReading]:
    report = Report(NOW)
    facts.tell(report, Instance("north", "north", home=home, root=root), home, config=MISSING, release=None)
    return {reading.field: reading for reading in report.readings}


def test_the_owner_of_a_home(tmp_path: Path) -> None:
    """A home belongs to the user who owns its folder; an owner without a name is told by number."""
    assert value(whole(tmp_path)["os_user"]) == pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        os.chown(tmp_path, 54_321, -1)
        assert value(whole(tmp_path)["os_user"]) == "54321"


def test_an_update_lasts_from_its_marker_to_its_exit_code(tmp_path: Path) -> None:
    """An update is going on from when it was asked for until it noted how it ended; a check for one is none."""
    (tmp_path / ".update_check").touch()
    assert value(whole(tmp_path)["updating"]) is False
    (tmp_path / ".update_pending.claimed.json").touch()
    assert value(whole(tmp_path)["updating"]) is True
    (tmp_path / ".update_exit_code").touch()
    assert value(whole(tmp_path)["updating"]) is False


def test_what_is_not_told_is_not_made_up(tmp_path: Path) -> None:
    """Without a configuration its version is unknown; without a gateway there is no release that runs."""
    found = whole(tmp_path)
    assert isinstance(found["config_version"], Unavailable)
    assert value(found["agent_version"]) is None
    assert value(found["learnt_by"]) == "home"
