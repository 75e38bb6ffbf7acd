"""A hub and a forge, each a program of its own: the forge goes, and comes back, and the pages say so all the while."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.commands import LIMIT_S, ROOT, Terminal, Up
from tests.fakes import webhooks

pytestmark = pytest.mark.timeout(240)

SECRET: Final = b"a-bell-of-thirty-two-characters-"
REPO: Final = "acme/atlas"
NOTHING: Final = frozenset({"unknown", "0", "≥0"})


class Town:
    """Where the forge and the hub live: the forge always at the same address, with its token in the same file."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.token, self.bell, self.rings, self.stories = place / "token", place / "bell", 0, 0
        self.token.touch(0o600)
        self.bell.touch(0o600)
        self.bell.write_bytes(SECRET)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @contextmanager
    def forge(self) -> Iterator[None]:
        """Have the forge of the demo run for the length of the block."""
        self.stories += 1
        told = self.place / f"forge-{self.stories}"
        command = [sys.executable, "-m", "quarterdeck.demo.forge", str(told), "--port", str(self.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT / "src") as running:
            assert running.stdin is not None
            assert running.stdout is not None
            said = json.loads(running.stdout.readline())
            self.token.write_text(Path(said["token_file"]).read_text())
            try:
                yield
            finally:
                running.stdin.close()
                running.wait(LIMIT_S)

    def terminal(self) -> Terminal:
        """Where the hub is started: it has settings that name the forge, and two agents with an account there."""
        settings = self.place / "config" / "quarterdeck" / "quarterdeck.toml"
        settings.parent.mkdir(parents=True)
        agents = "".join(
            f'[[instances]]\nid = "{one}"\nhome = "{self.place / one}"\nforge_login = "{one}-bot"\n'
            for one in ("north", "south")
        )
        forge = f'[[forges]]\nid = "main"\nurl = "http://127.0.0.1:{self.port}"\nreviewers = ["alice"]\n'
        files = f'token_file = "{self.token}"\nbell_file = "{self.bell}"\n'
        settings.write_text(f"discover = false\n{agents}{forge}{files}", encoding="utf-8")
        for one in ("north", "south"):
            (self.place / one).mkdir()
            (self.place / one / "config.yaml").write_text("{}\n")
        return Terminal(self.place)

    def ring(self, up: Up) -> None:
        """Ring as the forge would: the hub looks at once."""
        self.rings += 1
        body = webhooks.body_of({"repository": webhooks.repository(REPO), "number": self.rings})
        said = webhooks.heads(body, SECRET, number=self.rings, host=f"127.0.0.1:{up.visitor.port}".encode())
        line = http.client.HTTPConnection("127.0.0.1", up.visitor.port, timeout=LIMIT_S)
        line.putrequest("POST", "/hooks/forge/main", skip_host=True, skip_accept_encoding=True)
        for name, value in said:
            line.putheader(name.decode(), value)
        line.endheaders(body)
        assert line.getresponse().status == 202
        line.close()


def wait_for(up: Up, so: Callable[[], bool], what: str) -> None:
    """Wait until the pages say something."""
    until = time.monotonic() + LIMIT_S
    while not so():
        assert time.monotonic() < until, f"{what}: {[row['reason'] for row in rows(up, 'brief')]}"
        time.sleep(0.2)


def rows(up: Up, view: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = up.view(view)["rows"]
    return found


def of_kind(up: Up, view: str, kind: str) -> dict[str, dict[str, Any]]:
    return {row["subject"]: row for row in rows(up, view) if f"/{kind}/" in row["subject"]}


def figure(up: Up, key: str) -> str:
    return next(str(each["text"]) for each in up.view("brief")["figures"] if each["figure"] == key)


def test_a_forge_goes_and_comes_back(tmp_path: Path) -> None:
    """Its reviews and its board are shown; when it goes they are shown as they were, with their age, and called
    unknown; nothing is gone and nothing is empty; when it is back everything is fresh again.
    """
    town = Town(tmp_path)
    with ExitStack() as evening:
        with town.forge():
            up = evening.enter_context(town.terminal().up())
            wait_for(up, lambda: figure(up, "reviews_for_you") not in NOTHING, "the forge was not read")
            pulls, cards = of_kind(up, "reviews", "pull"), of_kind(up, "board", "card")
            known = {row["status"] for row in pulls.values()}
            assert known >= {"ok", "degraded"}
            assert min(len(pulls), len(cards)) > 10
        town.ring(up)
        wait_for(up, lambda: statuses(up) == {"unknown"}, "it was not missed")
        said_to_be_old(up, pulls, cards)
        with town.forge():
            town.ring(up)
            wait_for(up, lambda: figure(up, "reviews_for_you") not in NOTHING, "it did not come back")
            wait_for(up, lambda: statuses(up) >= known, "not all of it came back")
            assert "forge:main" not in {row["subject"] for row in rows(up, "brief")}


def statuses(up: Up) -> set[str]:
    """How the pull requests stand."""
    return {row["status"] for row in of_kind(up, "reviews", "pull").values()}


def said_to_be_old(up: Up, pulls: Mapping[str, Any], cards: Mapping[str, Any]) -> None:
    """Everything that was known is still there, as old; the brief has one line for all of it."""
    lost = of_kind(up, "reviews", "pull")
    assert lost.keys() == pulls.keys(), "none of them is gone"
    assert of_kind(up, "board", "card").keys() == cards.keys()
    for row in lost.values():
        last = [reading["last"] for reading in row["readings"] if reading.get("last")]
        assert last, "what was known is shown"
        assert all(each["observed_at"] for each in last), "with its age"
    wait_for(up, lambda: figure(up, "reviews_for_you") == "unknown", "it was taken for none")
    (line,) = (row for row in rows(up, "brief") if row["subject"].startswith("forge:"))
    assert (line["subject"], line["status"]) == ("forge:main", "down")
    assert {*line["folded"]} >= {"forge:main/reviews", "forge:main/board"}
    assert b"ago" in up.get("/reviews")
