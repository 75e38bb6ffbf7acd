"""Secrets that a service manager hands over: where they are found, and who may read them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.settings.credentials import FOLDER, handed_over, name_of, open_to_others, placed

KEPT = Path("/etc/quarterdeck/forge-secret")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "credentials"
    place.mkdir(mode=0o700)
    return place


def test_what_was_handed_over_is_taken(folder: Path) -> None:
    """A secret that lies in the service manager's folder under the name of its file is taken instead of that file."""
    environment = {FOLDER: str(folder)}
    assert placed(KEPT, environment) == KEPT
    (folder / name_of(KEPT)).write_text("x")
    assert placed(KEPT, environment) == folder / name_of(KEPT)
    assert name_of(KEPT).startswith("forge-secret-")
    assert placed(Path("/etc/quarterdeck/other"), environment) == Path("/etc/quarterdeck/other")


@pytest.mark.parametrize("environment", [{}, {FOLDER: ""}, {FOLDER: "credentials"}])
def test_without_a_folder_the_file_itself_is_meant(environment: dict[str, str]) -> None:
    """Without a service manager, or with a folder that is not named whole, the settings mean what they say."""
    assert handed_over(environment) is None
    assert placed(KEPT, environment) == KEPT


def test_no_two_files_have_one_name() -> None:
    """Files in different folders are called differently, and each name is one that the service manager takes."""
    paths = [
        Path("/a/b-c"),
        Path("/a-b/c"),
        Path("/a/b/c"),
        Path("/a-b-c"),
        Path("/größe/a: %b\\"),
        Path("/" + "x" * 255),
    ]
    names = {name_of(path) for path in paths}
    assert len(names) == len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) for name in names)


def test_the_right_to_read_by_name_is_not_the_groups(folder: Path) -> None:
    """In that folder the bits of the group stand for our user by name; those of everybody are wrong as anywhere."""
    environment, handed = {FOLDER: str(folder)}, folder / "secret"
    assert not open_to_others(handed, 0o100440, environment)
    assert open_to_others(handed, 0o100444, environment)
    assert open_to_others(KEPT, 0o100440, environment)
    assert not open_to_others(KEPT, 0o100400, environment)


def test_settings_are_read_with_a_secret_that_only_root_may_open(folder: Path, tmp_path: Path) -> None:
    """With a settings file whose secret this user cannot read, the program starts when the secret was handed over."""
    secret = tmp_path / "forge-secret"
    (folder / name_of(secret)).write_text("handed" + "over")
    (folder / name_of(secret)).chmod(0o440)
    settings = tmp_path / "quarterdeck.toml"
    lines = ["[access.forge]", 'url = "https://git.example.com"', 'client_id = "abc"']
    settings.write_text("\n".join([*lines, f"client_secret_file = {json.dumps(str(secret))}", ""]))
    program = (
        "import sys; from pathlib import Path; from quarterdeck import settings\n"
        "from quarterdeck.settings.sign_in import read_secret\n"
        "found = settings.load(Path(sys.argv[1])).access.forge\n"
        "print(read_secret(found.client_secret_file))"
    )
    command = [sys.executable, "-c", program, str(settings)]
    base = os.environ | {"HOME": str(tmp_path)}
    with_it = subprocess.run(command, env=base | {FOLDER: str(folder)}, capture_output=True, text=True, check=False)
    assert (with_it.returncode, with_it.stdout) == (0, "handed" + "over\n"), with_it.stderr
    without = subprocess.run(command, env=base, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "names a file that does not exist" in without.stderr
