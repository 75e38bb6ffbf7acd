"""How passwords of database servers get from the service manager to the library that needs them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from quarterdeck.cli.passwords import hand_over
from quarterdeck.errors import ConfigurationError

LINE = "db:5432:quarterdeck:me:" + "not-a-real-one\n"


def handed(tmp_path: Path, mode: int) -> dict[str, str]:
    for name in ("credentials", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "credentials" / "pgpass").write_text(LINE)
    (tmp_path / "credentials" / "pgpass").chmod(mode)
    return {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"), "RUNTIME_DIRECTORY": str(tmp_path / "run")}


def test_a_file_that_is_ours_alone_is_named_as_it_is(tmp_path: Path) -> None:
    """Where the manager made the file ours alone, the library is told its place, and nothing is copied."""
    environment = handed(tmp_path, 0o400)
    hand_over(environment)
    assert environment["PGPASSFILE"] == str(tmp_path / "credentials" / "pgpass")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_file_that_shows_more_is_copied_for_us_alone(tmp_path: Path) -> None:
    """Where the mode shows more than the library accepts, it gets a copy of mode 0600 in memory, at each start."""
    environment = handed(tmp_path, 0o440)
    for _ in range(2):
        hand_over(environment)
        own = Path(environment["PGPASSFILE"])
        assert own.parent == tmp_path / "run"
        assert own.read_text() == LINE
        assert stat.S_IMODE(own.stat().st_mode) == 0o600


def test_no_value_is_ever_in_the_environment(tmp_path: Path) -> None:
    """The environment names a place and holds no password."""
    environment = handed(tmp_path, 0o440)
    hand_over(environment)
    assert not [value for value in environment.values() if "real" in value]


def test_without_a_folder_to_copy_into_it_is_said(tmp_path: Path) -> None:
    """When there is nowhere to put an acceptable file, the start fails and says what the unit lacks."""
    environment = handed(tmp_path, 0o440)
    del environment["RUNTIME_DIRECTORY"]
    with pytest.raises(ConfigurationError, match="RuntimeDirectory=quarterdeck"):
        hand_over(environment)


@pytest.mark.parametrize("environment", [{}, {"CREDENTIALS_DIRECTORY": "/nowhere/at/all"}])
def test_nothing_handed_over_changes_nothing(environment: dict[str, str]) -> None:
    """Without passwords from the manager the library looks where it always does."""
    before = dict(environment)
    hand_over(environment)
    assert environment == before
