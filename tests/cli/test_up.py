from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck.cli.up import greeting, listening
from quarterdeck.errors import UsageError
from quarterdeck.settings import Settings
from quarterdeck.truth.instance import Instance
from tests.fakes.visitor import Visitor, come_in

STARTS_S = 30.0
"""What a machine that is busy with other tests may need to begin; how fast it is, is measured in benchmarks/."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "north"
    folder.mkdir()
    (folder / "config.yaml").write_text("model: {}\n")
    return folder


class Server:
    """A running ``quarterdeck up``."""

    def __init__(self, process: subprocess.Popen[str], visitor: Visitor) -> None:
        self.process, self.visitor = process, visitor
        self.port = int(visitor.base.rpartition(":")[2])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return what somebody who is in is answered."""
        visit = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            visit.request("GET", path, headers=self.visitor.headers | dict(headers or {}))
            answer = visit.getresponse()
            return answer.status, answer.read()
        finally:
            visit.close()


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Server]:
    """Serve a home's pages on a free port."""
    command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), "--port", "0", *words]
    env = os.environ | {"HOME": str(home.parent), "XDG_STATE_HOME": str(home.parent / "state")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(STARTS_S, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            first = process.stdout.readline() + process.stdout.readline()
            assert "/enter?token=" in first, (
                f"it did not begin: {first}{process.stderr.read() if process.stderr else ''}"
            )
            guard.cancel()
            yield Server(process, come_in(first))
        finally:
            guard.cancel()
            process.kill()


def test_serves_what_it_sees(home: Path) -> None:
    """Started with a home it serves pages and API on loopback, and they tell of that home."""
    with serving(home) as server:
        status, page = server.get("/brief")
        assert status == 200
        assert b"north" in page
        seen = wait_for_look(server)
        assert [one["id"] for one in seen["instances"]] == ["north"]


def wait_for_look(server: Server) -> dict[str, list[dict[str, str]]]:
    end = time.monotonic() + STARTS_S
    while time.monotonic() < end:
        seen = json.loads(server.get("/api/v1/views/agents")[1])
        if any(reading for row in seen["rows"] for reading in row["readings"] if "value" in reading):
            return dict(seen)
        time.sleep(0.05)
    pytest.fail("nothing was seen")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_when_told_to(home: Path, number: signal.Signals) -> None:
    """It ends cleanly within two seconds of either signal, also while a visitor holds a connection open."""
    with serving(home) as server, socket.create_connection(("127.0.0.1", server.port)) as visitor:
        server.get("/healthz")
        visitor.sendall(b"GET /brief HTTP/1.1\r\nHost: 127.0.0.1\r\n")  # never finished
        began = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 2.5
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


def test_binds_loopback_only(home: Path) -> None:
    """Of all the addresses of this machine only 127.0.0.1 is bound."""
    with serving(home) as server:
        bound = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [row[1] for row in bound if row[1].endswith(f":{server.port:04X}") and row[3] == "0A"]
        assert mine == [f"0100007F:{server.port:04X}"]
        bound6 = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
        assert not re.search(rf":{server.port:04X} [0-9A-F:]+ 0A", bound6)


def test_does_not_believe_a_proxy(home: Path) -> None:
    """A header in which a visitor claims another name or address changes nothing."""
    with serving(home) as server:
        assert server.get("/brief", {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil"})[0] == 200
        assert server.get("/brief", {"Host": "evil"})[0] == 403


def test_who_has_no_session_is_a_stranger(home: Path) -> None:
    """Whoever does not take the way in gets one answer to everything, and the way in works once."""
    with serving(home) as server:
        answers = [
            server.get(path, {"Cookie": "none=1"}) for path in ("/", "/brief", "/healthz", "/metrics", "/nowhere")
        ]
        assert {status for status, _ in answers} == {403}
        assert len({body for _, body in answers}) == 1


ANOTHER = r"""
exec 3<>/dev/tcp/127.0.0.1/$0
printf 'GET /brief HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nCookie: %s\r\nConnection: close\r\n\r\n' "$0" "$1" >&3
head -n 1 <&3 | cut -d ' ' -f 2
"""
"""For a shell, which every user may run wherever our own Python lies."""


def test_a_session_taken_by_another_users_program_opens_nothing(home: Path) -> None:
    """A browser shows its cookie to every port of its machine: what another user's program makes of it is nobody's."""
    with serving(home) as server:
        command, said = ["bash", "-c", ANOTHER, str(server.port), server.visitor.cookie], []
        for user in (65_534, os.getuid()):
            asked = subprocess.run(
                command, user=user, cwd="/", capture_output=True, text=True, timeout=STARTS_S, check=True
            )
            said.append(asked.stdout.strip())
        assert said == ["403", "200"]


def test_under_systemd_no_way_in_is_printed(home: Path, tmp_path: Path) -> None:
    """What is printed goes into a journal there, which others read: it says which command makes a way in."""
    said = tmp_path / "journal"
    command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), "--port", "0"]
    with said.open("wb") as journal:
        about = os.fstat(journal.fileno())
        env = {"HOME": str(home.parent), "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
        with subprocess.Popen(command, env=os.environ | env, stdout=journal, stderr=journal) as process:
            end = time.monotonic() + STARTS_S
            while "Ctrl-C" not in said.read_text() and time.monotonic() < end:
                time.sleep(0.05)
            process.terminate()
    assert "`quarterdeck enter` makes a way in." in said.read_text()
    assert "token" not in said.read_text()


def test_what_cannot_be_proven_is_not_served(home: Path, tmp_path: Path) -> None:
    """Asked to serve a tailnet that there is no daemon of, it says so on a line and ends with 2."""
    settings = tmp_path / "q.toml"
    settings.write_text(f'[server]\ntailnet = true\n[access]\ntailscaled = "{tmp_path}/no.sock"\n')
    command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), "--port", "0", "--config", str(settings)]
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=STARTS_S, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "daemon" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_an_error_with_a_way_out(home: Path) -> None:
    """When the port is taken it says so, on one line, and ends with 2."""
    with listening(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"Port {port} on 127\.0\.0\.1 is taken\. .*--port"), listening(port):
            pass
        command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 is taken.")
    assert done.stderr.count("\n") == 1


def test_there_is_no_way_to_ask_for_another_address(home: Path, tmp_path: Path) -> None:
    """Neither an option nor a setting binds anything but loopback."""
    (tmp_path / "q.toml").write_text('[server]\nhost = "0.0.0.0"\n')
    for words in (("--host", "0.0.0.0"), ("--config", str(tmp_path / "q.toml"))):
        command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), *words]
        assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 2


def test_the_greeting_says_where_and_what() -> None:
    """The first lines say where the pages are, what is watched, what could not be found out, and how to stop."""
    north, bob = (
        Instance("north", "North", home=Path("/srv/north")),
        Instance("bob", "Bob", snapshot=Path("/srv/b.json")),
    )
    said = greeting(Settings(instances=(north, bob), notes=("A note.",)), 8710).splitlines()
    assert said[0].endswith(" on http://127.0.0.1:8710")
    assert said[1] == "`quarterdeck enter` makes a way in."
    assert said[2:] == ["  north: /srv/north", "  bob: /srv/b.json", "A note.", "Ctrl-C stops it."]
    assert "Come in, once: http://there" in greeting(Settings(), 1, "http://there")
    assert "  20 instances" in greeting(Settings(instances=(north,) * 20), 1).splitlines()
    assert "No agent is found." in greeting(Settings(), 1)
