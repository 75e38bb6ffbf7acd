"""Tunnels and proxies that are known by their processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.programs import Process, Programs, Running, forwarded
from quarterdeck.sources.ways.told import Told
from quarterdeck.truth.reading import Reason


def told(*line: str) -> list[tuple[str, list[str], list[str]]]:
    """What is told of one process with this command line."""
    name = Path(line[0]).name

    def running(names: Iterable[str]) -> list[Process]:
        return [Process(name, line)] if name in names else []

    return [(each.entry, each.upstreams, each.unread) for each in Programs(running).ask().routes]


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("ssh -R 8080:localhost:9119 me@far", "localhost:9119"),
        ("ssh -NR8080:127.0.0.1:9119 far", "127.0.0.1:9119"),
        ("ssh -N -o ExitOnForwardFailure=yes -R *:80:localhost:9119 far", "localhost:9119"),
        ("ssh -R [::]:80:[::1]:9119 far", "[::1]:9119"),
        ("ssh -p 22 far -R 80:/run/x.sock", "unix:run/x.sock"),
        ("ssh -R /tmp/far.sock:localhost:9119 far", "localhost:9119"),
        ("ssh -R 1080 far", "*"),
        ("ssh -R localhost:1080 far", "*"),
    ],
)
def test_a_reverse_tunnel_leads_to_its_local_end(line: str, target: str) -> None:
    """What comes in at the other machine goes on to what stands last; a port alone lets the other side choose."""
    assert told(*line.split()) == [("far-host", [target], [])]


@pytest.mark.parametrize(
    "line",
    [
        "ssh far",
        "ssh -L 8710:127.0.0.1:8710 far",
        "ssh -N -D 1080 far",
        "ssh far -- -R 80:localhost:9119",
        "ssh far run -R 80:localhost:9119",
        "ssh -i -R far",
        "ssh -?",
        "ssh",
    ],
)
def test_other_uses_of_ssh_are_no_ways_in(line: str) -> None:
    """A tunnel to elsewhere, a login, and a command with such letters let nobody in."""
    assert told(*line.split()) == []


def test_a_reverse_tunnel_that_is_not_understood_is_said() -> None:
    """An option of a newer ssh, a name for a port, or a tunnel out of a setting: they may lead anywhere."""
    assert forwarded(["-o", "RemoteForward 80 localhost:9119", "far"]) == ([], ["target"])
    assert forwarded(["-R", "80:localhost:http", "far"]) == ([], ["target"])
    assert forwarded(["-R80:localhost:1", "-Z"]) == ([], ["arguments"])


@pytest.mark.parametrize(
    ("line", "upstreams", "unread"),
    [
        ("cloudflared tunnel --url http://localhost:9119", ["localhost:9119"], []),
        ("cloudflared tunnel --url=https://127.0.0.1", ["127.0.0.1:443"], []),
        ("cloudflared tunnel --unix-socket /run/x.sock", ["unix:run/x.sock"], []),
        ("cloudflared tunnel --url http://[broken", [], ["target"]),
        ("cloudflared tunnel run --token ABC", [], ["target"]),
        ("cloudflared --config /etc/cloudflared/config.yml tunnel run", [], ["target"]),
        ("ngrok http 9119", ["localhost:9119"], []),
        ("ngrok http --log=stdout https://localhost:8443", ["localhost:8443"], []),
        ("ngrok tcp 192.0.2.7:22", ["192.0.2.7:22"], []),
        ("ngrok http --domain deck.example 9119", [], ["target"]),
        ("ngrok start --all", [], ["target"]),
        ("frpc -c /etc/frp/frpc.toml", [], ["target"]),
    ],
)
def test_tunnels_to_everywhere(line: str, upstreams: list[str], unread: list[str]) -> None:
    """What their command lines tell is told; what they do not may lead anywhere. Nothing else of them is kept."""
    assert told(*line.split()) == [("internet", upstreams, unread)]


@pytest.mark.parametrize("line", ["cloudflared access tcp --hostname x", "cloudflared proxy-dns", "ngrok version"])
def test_other_trades_of_theirs_let_nobody_in(line: str) -> None:
    """A client of such a service is no way in."""
    assert told(*line.split()) == []


def test_a_proxy_that_is_not_read_may_lead_anywhere() -> None:
    """It is told with where it is not understood, until its operator answers for it."""
    running = {"haproxy": Process("haproxy", ("haproxy", "-f", "x"))}

    def processes(names: Iterable[str]) -> list[Process]:
        return [running[name] for name in names if name in running]

    assert Programs(processes).ask().routes == (Told("haproxy", "somewhere", [], ["configuration"]),)
    assert Programs(processes, accepted=frozenset({"haproxy"})).ask().routes == ()


def test_a_tailnet_that_nobody_asks_may_serve_anything(tmp_path: Path) -> None:
    """Its daemon may have come after we began; until it is asked, it is not understood."""
    running = machine(tmp_path, (7, "tailscaled", "tailscaled --tun=x", "a"))
    assert Programs(running).ask().routes == ()
    late = Programs(running, asks_tailnet=False).ask().routes
    assert late == (Told("tailscaled", "somewhere", [], ["configuration"]),)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_no_command_line_is_an_accident(arguments: list[str]) -> None:
    """Whatever stands in a command line, it is read without trouble and only identifiers are told of it."""
    for name in ("ssh", "cloudflared", "ngrok"):
        for _, upstreams, _unread in told(name, *arguments):
            assert all(each.isprintable() and len(each) <= 120 for each in upstreams)


def machine(folder: Path, *processes: tuple[int, str, str, str]) -> Running:
    """A /proc with these processes: number, name, command line, and which network it is in."""
    for pid, comm, line, network in ((1, "init", "init", "a"), *processes):
        place = folder / str(pid)
        place.mkdir()
        (place / "comm").write_text(f"{comm}\n")
        (place / "cmdline").write_bytes(line.replace(" ", "\0").encode() + b"\0")
        (folder / network).touch()
        (place / "net").mkdir()
        os.link(folder / network, place / "net" / "tcp")
    (folder / "self").symlink_to("1")
    (folder / "uptime").write_text("1")
    return Running(str(folder))


def test_processes_in_a_network_of_their_own_are_none_of_ours(tmp_path: Path) -> None:
    """A proxy in a container of its own network cannot reach what listens on loopback here; one in ours can."""
    running = machine(
        tmp_path,
        (7, "nginx", "nginx: master process nginx", "a"),
        (8, "nginx", "nginx: worker", "b"),
        (9, "sh", "sh", "a"),
    )
    assert running.lines("nginx") == ("nginx: master process nginx",)
    assert (running.has("nginx"), running.has("caddy")) == (True, False)


def test_long_names_are_found(tmp_path: Path) -> None:
    """The kernel cuts a process's name after fifteen letters."""
    running = machine(tmp_path, (7, "containerd-shim", "containerd-shim-runc-v2 -id x", "a"))
    assert running.has("containerd-shim-runc-v2")


def test_processes_are_listed_once_a_second(tmp_path: Path) -> None:
    """Who asks within a second is told by the list that is there; after it everything is read anew."""
    machine(tmp_path, (7, "nginx", "nginx: master process nginx", "a"))
    moments = iter((0.0, 0.0, 0.9, 1.0, 1.0, 1.5))
    running = Running(str(tmp_path), lambda: next(moments))
    assert (running.has("nginx"), running.has("caddy")) == (True, False)
    (tmp_path / "7" / "comm").write_text("caddy\n")
    assert (running.has("nginx"), running.has("caddy")) == (False, True)


def test_hidden_processes_are_unknown(tmp_path: Path) -> None:
    """Where others' processes are hidden, that none is seen says nothing."""
    (tmp_path / "4711").mkdir()
    with pytest.raises(SourceError) as hidden:
        Running(str(tmp_path)).has("caddy")
    assert hidden.value.reason is Reason.DENIED


def test_a_process_of_this_machine(tmp_path: Path) -> None:
    """A tunnel that is started is seen, and is gone when it has ended."""
    program = tmp_path / "cloudflared"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    try:
        wanted = Told("cloudflared", "internet", [], ["target"])
        end = time.monotonic() + 10
        while wanted not in Programs(Running()).ask().routes:
            assert time.monotonic() < end
    finally:
        process.kill()
        process.wait()
    assert wanted not in Programs(Running()).ask().routes
