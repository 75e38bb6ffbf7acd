"""Who listens, and whose it is."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host.listeners import Listener, listeners
from quarterdeck.truth.reading import Reason
from tests.sources.host.machine import hidden, machine, process, row, tcp

DASHBOARD, API, OTHER = "0100007F:239F", "00000000:21C2", "0100007F:1F90"


def found(proc: Path, holders: dict[int, str] | None = None) -> dict[str, Listener]:
    return {listener.socket.address: listener for listener in listeners(str(proc), holders or {})}


def test_real_sockets() -> None:
    """Sockets that really listen are found with their process, and those of a gateway with its instance."""
    with socket.create_server(("127.0.0.1", 0)) as loopback, socket.create_server(("0.0.0.0", 0)) as public:
        told = found(Path("/proc"), {os.getpid(): "north"})
        for server, host in ((loopback, "127.0.0.1"), (public, "0.0.0.0")):
            listener = told[f"{host}:{server.getsockname()[1]}"]
            assert (listener.pid, listener.instance) == (os.getpid(), "north")
            assert listener.socket.public is (server is public)


def test_connections_and_strangers_are_left_alone(tmp_path: Path) -> None:
    """A socket that does not listen, or that listens elsewhere for somebody else, is no concern of ours."""
    proc = machine(tmp_path, tcp(row(OTHER, 1), row(DASHBOARD, 2, state="01")))
    process(proc, 10, [1, 2])
    assert found(proc) == {}


def test_a_usual_port_is_told_whoever_listens(tmp_path: Path) -> None:
    """What listens on the agents' usual ports is told with its process, also when that is no known gateway."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid()), row(API, 2, uid=os.getuid())))
    process(proc, 10, [1])
    process(proc, 11, [2])
    told = found(proc, {11: "north"})
    assert {address: (listener.pid, listener.instance) for address, listener in told.items()} == {
        "127.0.0.1:9119": (10, None),
        "0.0.0.0:8642": (11, "north"),
    }


def test_a_gateway_is_told_on_any_port(tmp_path: Path) -> None:
    """A known gateway's listeners are told wherever it was set to listen."""
    proc = machine(tmp_path, tcp(row(OTHER, 1)))
    process(proc, 10, [1])
    assert found(proc, {10: "north"})["127.0.0.1:8080"].instance == "north"


def test_two_sockets_on_one_address_are_one_listener(tmp_path: Path) -> None:
    """Several processes may share an address; it is told once."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1), row(DASHBOARD, 2)))
    assert len(found(proc)) == 1


def test_both_tables_are_read(tmp_path: Path) -> None:
    """Listeners of IPv6 are told as well."""
    proc = machine(tmp_path, tcp(row("0" * 32 + ":239F", 1), v6=True))
    assert found(proc)["[::]:9119"].socket.public


def test_a_kernel_without_ipv6(tmp_path: Path) -> None:
    """Where there is no IPv6 the other table is enough."""
    proc = machine(tmp_path, {**tcp(row(DASHBOARD, 1)), "net/tcp6": None})
    assert found(proc).keys() == {"127.0.0.1:9119"}


def test_without_a_table_nothing_is_said(tmp_path: Path) -> None:
    """Without the kernel's table it is unknown who listens: that is not the same as nobody."""
    with pytest.raises(SourceError) as missing:
        found(machine(tmp_path, {"net/tcp": None}))
    assert missing.value.reason is Reason.MISSING


def test_a_process_that_cannot_be_seen_is_none(tmp_path: Path) -> None:
    """When nobody on this machine holds the socket, as with one of another container, there is no process to tell."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid())))
    process(proc, 10, [])
    assert found(proc)["127.0.0.1:9119"].pid is None


def test_a_process_one_may_not_see_is_denied(tmp_path: Path) -> None:
    """Whoever may not look into the process is told so, instead of that there is none."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid())))
    process(proc, 10, [1])
    with hidden(proc / "10/fd"):
        listener = found(proc)["127.0.0.1:9119"]
    assert isinstance(listener.pid, SourceError)
    assert listener.pid.reason is Reason.DENIED


def test_processes_of_others_are_not_looked_into(tmp_path: Path) -> None:
    """Only processes of the socket's user and of root can hold it; the others' open files are not listed."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=4711)))
    process(proc, 10, [1], uid=4712)
    process(proc, 11, [1], uid=4711)
    expected = 11 if os.geteuid() == 0 else None
    assert found(proc)["127.0.0.1:9119"].pid == expected


def test_very_many_open_files_end_the_search(tmp_path: Path) -> None:
    """A machine with more open files than may be looked at gets a reason, in bounded time."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid())))
    process(proc, 10, range(100, 200))
    process(proc, 11, [1])
    (listener,) = listeners(str(proc), {}, links_limit=90)
    assert isinstance(listener.pid, SourceError)
    assert listener.pid.reason is Reason.OBSERVER


def test_a_crowded_table_is_read_as_far_as_something_listens(tmp_path: Path) -> None:
    """Of a table with very many connections only the beginning is read: what listens stands there."""
    crowd = [row(f"0100007F:{port:04X}", 9, state="01") for port in range(1, 30_000)]
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1), *crowd, row(API, 2)))
    assert found(proc).keys() == {"127.0.0.1:9119"}


@pytest.mark.parametrize("table", ["", "\1\2\3" * 500, row(DASHBOARD, 1)], ids=["empty", "binary", "without a head"])
@pytest.mark.parametrize("name", ["net/tcp", "net/tcp6"])
def test_what_is_no_table_is_no_answer(tmp_path: Path, name: str, table: str) -> None:
    """A table without its head is broken: that nobody is in it does not mean that nobody listens."""
    with pytest.raises(SourceError) as broken:
        found(machine(tmp_path, {name: table}))
    assert broken.value.reason is Reason.CORRUPT


@pytest.mark.parametrize("end", range(0, len(row(DASHBOARD, 1)), 7))
def test_a_row_cut_short_is_no_listener(tmp_path: Path, end: int) -> None:
    """The last row of a table that breaks off is not told: its numbers may be cut off as well."""
    assert found(machine(tmp_path, tcp(row(DASHBOARD, 1)[:end]))) == {}
