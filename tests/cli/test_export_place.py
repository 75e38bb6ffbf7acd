"""Where the exporter writes: whole files, outside of every home, without a detour."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quarterdeck.cli.export_place import FORGOTTEN_S, OWN, READABLE, Place
from quarterdeck.errors import UsageError

NAME = "snapshot.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home" / ".hermes"
    (place / "deep" / "down").mkdir(parents=True)
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    place = tmp_path / "out"
    place.mkdir()
    return place


def refused(folder: Path, *homes: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Place(folder, homes)
    return str(caught.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_whole_with_its_mode(out: Path) -> None:
    """The bytes are there, the mode is as asked whatever the mask of the process, and nothing else is left."""
    before = os.umask(0o077)
    try:
        with Place(out, []) as place:
            place.replace(NAME, b"first", READABLE)
            place.replace(NAME, b"second, and longer", READABLE)
            place.replace("other", b"own", OWN)
    finally:
        os.umask(before)
    assert (out / NAME).read_bytes() == b"second, and longer"
    assert (mode(out / NAME), mode(out / "other")) == (0o640, 0o600)
    assert sorted(os.listdir(out)) == ["other", NAME]


@pytest.mark.parametrize("below", [".", "deep", "deep/down"])
def test_nothing_is_written_in_or_below_a_home(home: Path, below: str) -> None:
    """A folder in the home that is read is refused, at any depth."""
    assert "leave no trace" in refused(home / below, home)


def test_a_home_is_recognised_under_any_name(home: Path, tmp_path: Path) -> None:
    """Not the path decides but the folder: a home that is named by a link is still not written into."""
    (tmp_path / "alias").symlink_to(home)
    assert "leave no trace" in refused(home / "deep", tmp_path / "alias")
    assert "leave no trace" in refused(home / "deep" / ".." / "deep", home)


def test_the_home_of_a_profile_and_its_root_are_both_kept(home: Path) -> None:
    """Several homes can be kept from writing; one that does not exist keeps nothing."""
    assert "leave no trace" in refused(home / "deep", home / "deep" / "down", home, home / "nowhere")


@pytest.mark.parametrize("below", ["link", "link/inner"])
def test_a_link_on_the_way_is_refused(tmp_path: Path, out: Path, below: str) -> None:
    """A path through a symbolic link is refused, and the message names the path it leads to."""
    (out / "inner").mkdir()
    (tmp_path / "link").symlink_to(out)
    said = refused(tmp_path / below)
    assert f"{tmp_path / 'link'} is a symbolic link" in said
    assert str(out) in said


def test_a_folder_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    """What is missing and what is a file are told apart, and the message says what to do."""
    (tmp_path / "file").write_text("")
    assert "no such file or directory" in refused(tmp_path / "nowhere")
    assert "not a directory" in refused(tmp_path / "file")
    assert "Make it" in refused(tmp_path / "nowhere")


def linked(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [linked, os.mkfifo, Path.mkdir], ids=["a link", "a pipe", "a folder"])
def test_what_somebody_else_put_there_stays(out: Path, make: object) -> None:
    """A link, a pipe or a folder of that name is neither written through nor replaced."""
    assert callable(make)
    make(out / NAME)
    before = os.lstat(out / NAME)
    with Place(out, []) as place, pytest.raises(UsageError, match="Remove it"):
        place.replace(NAME, b"x", READABLE)
    assert os.lstat(out / NAME).st_ino == before.st_ino
    assert os.listdir(out) == [NAME]


def test_a_folder_that_is_swapped_after_it_was_opened_is_not_followed(tmp_path: Path, out: Path, home: Path) -> None:
    """Turning the path into a link to a home after it was opened gains nothing: the folder counts, not its name."""
    with Place(out, [home]) as place:
        out.rename(tmp_path / "moved")
        out.symlink_to(home)
        place.replace(NAME, b"x", READABLE)
    assert (tmp_path / "moved" / NAME).exists()
    assert not (home / NAME).exists()


def test_the_leavings_of_a_killed_writer_are_removed_in_time(out: Path) -> None:
    """An unfinished file that has been lying there for long is removed; a young one may still be somebody's."""
    old, young, foreign = out / f".{NAME}.aa.new", out / f".{NAME}.bb.new", out / ".other.cc.new"
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    past = time.time() - FORGOTTEN_S - 60
    os.utime(old, (past, past))
    os.utime(foreign, (past, past))
    with Place(out, []) as place:
        place.replace(NAME, b"x", READABLE)
    assert sorted(os.listdir(out)) == sorted([NAME, young.name, foreign.name])


def test_a_full_disk_leaves_the_old_file(out: Path) -> None:
    """When writing fails half-way, the old file stays as it was and the half is removed."""
    with Place(out, []) as place:
        place.replace(NAME, b"old", READABLE)
    script = (
        "import resource, signal, sys; from pathlib import Path; from quarterdeck.cli.export_place import Place;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        f"Place(Path({str(out)!r}), []).replace({NAME!r}, b'x' * 5000, 0o640)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert "File too large" in done.stderr
    assert (out / NAME).read_bytes() == b"old"
    assert os.listdir(out) == [NAME]


def test_a_reader_never_meets_half_a_file(out: Path) -> None:
    """Writers are killed at any moment, over and over: whoever reads meanwhile finds a whole file every time."""
    script = (
        "import itertools; from pathlib import Path; from quarterdeck.cli.export_place import Place\n"
        f"with Place(Path({str(out)!r}), []) as place:\n"
        "    for number in itertools.count():\n"
        f"        place.replace({NAME!r}, b'%08d' % number * 20_000, 0o640)\n"
    )
    chance = random.Random(7)
    for _ in range(12):
        seen, enough, gives_up_at = set[bytes](), chance.randrange(2, 9), time.monotonic() + 30
        writer = subprocess.Popen([sys.executable, "-c", script])
        while len(seen) < enough and time.monotonic() < gives_up_at:
            if (out / NAME).exists():
                data = (out / NAME).read_bytes()
                assert data == data[:8] * 20_000
                seen.add(data[:8])
        time.sleep(chance.random() / 100)
        writer.send_signal(signal.SIGKILL)
        writer.wait(timeout=10)
        assert len(seen) == enough
