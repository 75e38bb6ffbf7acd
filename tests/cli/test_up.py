from __future__ import annotations

import http.client
import json
import logging
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

from quarterdeck.cli.discreet import DiscreetFormatter, where
from quarterdeck.cli.up import greeting, listening
from quarterdeck.errors import UsageError
from quarterdeck.settings import Settings
from quarterdeck.truth.instance import Instance
from tests.fakes import broken_command

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

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address
        self.port = int(address.rpartition(":")[2])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        visit = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            visit.request("GET", path, headers=dict(headers or {}))
            answer = visit.getresponse()
            return answer.status, answer.read()
        finally:
            visit.close()


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Server]:
    """Serve a home's pages on a free port."""
    command = [sys.executable, "-m", "quarterdeck", "up", "--home", str(home), "--port", "0", *words]
    env = os.environ | {"HOME": str(home.parent)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(STARTS_S, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", first)
            assert address, f"it did not begin: {first}{process.stderr.read() if process.stderr else ''}"
            guard.cancel()
            yield Server(process, address.group())
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
        assert server.get("/brief", {"Host": "evil"})[0] == 421


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
    assert said[1:] == ["  north: /srv/north", "  bob: /srv/b.json", "A note.", "Ctrl-C stops it."]
    assert "  20 instances" in greeting(Settings(instances=(north,) * 20), 1).splitlines()
    assert "No agent is found." in greeting(Settings(), 1)


def test_what_is_logged_of_an_error_quotes_nothing() -> None:
    """A log line about an error names its type and place; its text, which may quote what was read, is left out."""
    with pytest.raises(LookupError) as raised:
        broken_command.run([])
    error = raised.value
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "it failed", (), (type(error), error, error.__traceback__))
    line = DiscreetFormatter("%(message)s").format(record)
    assert line == f"it failed\n{where(error)}"
    assert where(error).startswith("LookupError in tests.fakes.broken_command, line ")
    assert where(LookupError(broken_command.SECRET)) == "LookupError"


def test_a_thread_that_fails_is_said_without_quoting() -> None:
    """A thread of ours that ends by mistake is reported in a line that quotes nothing of what was read."""
    program = """
import threading
from quarterdeck.cli.discreet import say_when_a_thread_fails
from tests.fakes.broken_command import run
say_when_a_thread_fails()
thread = threading.Thread(target=run, args=([],), name="Collector")
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    place = r"LookupError in tests\.fakes\.broken_command, line \d+"
    assert re.fullmatch(rf"Quarterdeck: Collector has ended by a mistake of its own: {place}\.\n", done.stderr)
