"""The kernel's tables, whole, broken and odd."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host import parse
from quarterdeck.truth.reading import Reason
from tests.sources.host.machine import TABLES, row

MOUNTED = parse.mounts(TABLES["self/mountinfo"])


def test_memory() -> None:
    """Figures of memory are in bytes."""
    assert parse.memory(TABLES["meminfo"], "MemTotal") == 16_315_408 * 1024
    assert parse.memory(TABLES["meminfo"], "MemAvailable") == 8_192_000 * 1024


def test_load_and_boot() -> None:
    """The load is that of one minute, the start of the machine is a moment."""
    assert parse.load(TABLES["loadavg"]) == 0.42
    assert parse.booted_at(TABLES["stat"]) == datetime(2025, 11, 21, 1, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "MemTotal:\n", "MemTotal: -5 kB\n", "MemTotal: 5 MB\n", "NotMemTotal: 5 kB\n", "MemTotal: ٣ kB\n"]
)
def test_memory_that_is_not_there(text: str) -> None:
    """A figure the kernel does not give is a reason, not a zero."""
    with pytest.raises(SourceError) as missing:
        parse.memory(text, "MemTotal")
    assert missing.value.reason is Reason.SCHEMA


@pytest.mark.parametrize("text", ["", "0", "0.4", "nan 1 2", "-1.00 1 2", "x"])
def test_load_that_is_not_there(text: str) -> None:
    """A load the kernel does not give is a reason, not a zero."""
    with pytest.raises(SourceError):
        parse.load(text)


@pytest.mark.parametrize("text", ["", "btime", "btime x\n", "btime -1\n", "btime 999999999999\n", "xbtime 1\n"])
def test_a_start_that_is_not_there(text: str) -> None:
    """A start of the machine the kernel does not give, or no calendar has, is a reason."""
    with pytest.raises(SourceError):
        parse.booted_at(text)


PLACES = {
    "/": "/",
    "/home/alice": "/",
    "/dev/shm": "/dev/shm",
    "/dev/shm/x": "/dev/shm",
    "/dev/shmx": "/",
    "/srv/my disk/homes/a": "/srv/my\\040disk",
    "/srv/my": "/",
}


@pytest.mark.parametrize(("path", "mount"), PLACES.items())
def test_the_file_system_of_a_path(path: str, mount: str) -> None:
    """It is the one mounted closest above the path, not one whose name merely begins alike."""
    found = parse.mount_of(path, MOUNTED)
    assert found is not None
    assert found.shown == mount


def test_a_later_mount_hides_an_earlier_one() -> None:
    """Of two file systems at one place, the one mounted last is there."""
    twice = parse.mounts("1 0 8:1 / /a\\040b rw - xfs x rw\n2 0 8:2 / /a\\040b rw - nfs y rw\n")
    assert parse.mount_of("/a b/c", twice) is twice[1]


def test_without_mounts_nothing_is_guessed() -> None:
    """When the kernel names no file system, none is found."""
    assert parse.mount_of("/home", parse.mounts("nonsense\n1 2 3\n\n1 2 3:4 / relative rw - x y z\n")) is None


ADDRESSES = {
    "loopback": ("0100007F:239F", "127.0.0.1:9119", False),
    "more of loopback": ("0200107F:239F", "127.16.0.2:9119", False),
    "everywhere": ("00000000:21C2", "0.0.0.0:8642", True),
    "one's own network": ("0A00000A:0050", "10.0.0.10:80", True),
    "loopback of IPv6": ("00000000000000000000000001000000:239F", "[::1]:9119", False),
    "everywhere of IPv6": ("00000000000000000000000000000000:239F", "[::]:9119", True),
    "loopback of IPv4 in IPv6": ("0000000000000000FFFF00000100007F:239F", "127.0.0.1:9119", False),
    "IPv4 in IPv6": ("0000000000000000FFFF00000A00000A:239F", "10.0.0.10:9119", True),
    "link-local": ("000080FE000000000000000001000000:239F", "[fe80::1]:9119", True),
}


@pytest.mark.parametrize(("digits", "address", "public"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_addresses(digits: str, address: str, public: bool) -> None:
    """An address is written as one would type it, and everything but loopback is public."""
    (found,) = parse.sockets(row(digits, 5))
    assert (found.address, found.public) == (address, public)


def test_only_what_listens() -> None:
    """Connections, rows cut short and nonsense are passed over; what listens is found between them."""
    text = row("0100007F:0001", 1, state="01") + row("0100007F:0002", 2) + row("0100007F:0003", 3)[:60] + "\nx\n"
    assert [found.port for found in parse.sockets(text)] == [2]


def ask_everything(text: str) -> None:
    list(parse.sockets(text))
    parse.mount_of("/a", parse.mounts(text))
    for read in (lambda: parse.memory(text, "MemTotal"), lambda: parse.load(text), lambda: parse.booted_at(text)):
        with suppress(SourceError):
            read()


@given(st.text(max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    """Whatever a table holds, each parser gives a value or a reason."""
    ask_everything(text)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_cut_short_is_parsed(name: str) -> None:
    """Wherever a table breaks off, each parser gives a value or a reason."""
    for end in range(len(TABLES[name])):
        ask_everything(TABLES[name][:end])
