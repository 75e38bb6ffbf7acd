"""A forge and a hub as they run: the forge rings, the hub looks, and says with whose token."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from quarterdeck.cli.doctor import Level
from quarterdeck.demo.forge.state import Hook
from tests.cli.test_up import STARTS_S, Server, serving
from tests.fakes.forge import FakeForge

SECRET = "5" * 32
SELDOM = 200


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge with an issue."""
    with FakeForge(tmp_path / "forge") as forge:
        forge.issue("Count the crates")
        yield forge


def configured(folder: Path, fake: FakeForge, token: str = "") -> Path:
    """Write settings that name the forge, which is asked seldom unless it rings."""
    for name, content in (("token", token or fake.token), ("bell", SECRET)):
        (folder / name).write_text(f"{content}\n")
        (folder / name).chmod(0o600)
    (folder / "north").mkdir()
    (folder / "north" / "config.yaml").write_text("model: {}\n")
    file = folder / "quarterdeck.toml"
    file.write_text(
        f'[[forges]]\nid = "main"\nurl = "{fake.url}"\nevery_s = {SELDOM}\nreviewers = ["alice"]\n'
        f'token_file = "{folder / "token"}"\nbell_file = "{folder / "bell"}"\n'
    )
    return file


def act(fake: FakeForge, path: str, said: dict[str, Any]) -> None:
    """Do something at the forge as a person does, by its API."""
    line = http.client.HTTPConnection("127.0.0.1", urlsplit(fake.url).port, timeout=10)
    token = fake.login(fake.alice)
    heads = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    line.request("POST", f"/api/v1/repos/acme/tools{path}", json.dumps(said), heads)
    answer = line.getresponse()
    assert answer.status == 201, answer.read()
    line.close()


def hook(fake: FakeForge, server: Server, secret: str, kind: str = "json") -> None:
    """Have the only webhook of the repository ring at the hub."""
    at = f"http://127.0.0.1:{server.port}/hooks/forge/main"
    fake.tools.hooks[:] = [Hook(next(fake.forge.ids), at, secret, kind, ("issues",), fake.forge.now())]


def board(server: Server) -> str:
    """Return what the board tells, as text."""
    status, body = server.get("/api/v1/views/board")
    assert status == 200
    return body.decode()


def wait_for(server: Server, words: str) -> None:
    """Wait until the board tells something."""
    end = time.monotonic() + STARTS_S
    while words not in board(server):
        assert time.monotonic() < end, f"the board does not tell of: {words}"
        time.sleep(0.1)


def test_what_moves_is_seen_when_the_forge_rings(tmp_path: Path, fake: FakeForge) -> None:
    """G1: a webhook that the forge itself sends and signs makes the hub look, minutes before it would; what it
    then shows it has asked. One that is signed by another secret, by none, or sent as a form, does not.
    """
    with serving(tmp_path / "north", "--config", str(configured(tmp_path, fake))) as server:
        wait_for(server, "Count the crates")
        asked = len(fake.asked)
        for secret, kind in (("6" * 32, "json"), ("", "json"), (SECRET, "form")):
            hook(fake, server, secret, kind)
            act(fake, "/issues", {"title": "Nobody is told of this"})
        time.sleep(1)
        looked = [path for path in fake.asked[asked:] if not re.match(r"/repos/acme/tools/issues$", path)]
        assert looked == []
        hook(fake, server, SECRET)
        act(fake, "/issues", {"title": "Weigh the crates"})
        wait_for(server, "Weigh the crates")


def test_no_secret_is_told(tmp_path: Path, fake: FakeForge) -> None:
    """Neither the token nor the secret of the webhooks stands on a page or in the log, also when a webhook is wrong."""
    with serving(tmp_path / "north", "--config", str(configured(tmp_path, fake))) as server:
        wait_for(server, "Count the crates")
        hook(fake, server, SECRET[:-1])
        act(fake, "/issues", {"title": "Nobody is told of this"})
        pages = b"".join(server.get(path)[1] for path in ("/credentials", "/coverage", "/ops", "/board", "/reviews"))
        server.process.terminate()
        said = server.process.stderr.read() if server.process.stderr else ""
    for secret in (fake.token, SECRET):
        assert secret.encode() not in pages
        assert secret not in said
    assert "A webhook was refused: [[forges]] main: Its signature is not right." in said


def test_the_token_stands_with_what_the_forge_tells_of_it(tmp_path: Path, fake: FakeForge) -> None:
    """A5: the page of credentials names the token and the secret of the webhooks with scope, file, age and last use."""
    printed = run(tmp_path, configured(tmp_path, fake), "show", "credentials", "--json")
    rows = {row["subject"].rpartition("/")[2]: row for row in json.loads(printed)["rows"]}
    token = {reading["field"]: reading.get("value") for reading in rows["forge-main-token"]["readings"]}
    assert set(token["scopes"]) >= {"read:issue", "read:repository", "read:organization"}
    assert (token["kept_in"], token["purpose"]) == ("token", "reading a forge")
    assert token["made_at"]
    assert token["used_at"]
    assert rows["forge-main-token"]["status"] == "ok"
    assert rows["forge-main-bell"]["status"] == "ok"


def test_a_token_of_a_person_is_a_finding(tmp_path: Path, fake: FakeForge) -> None:
    """A5: what may write, and is of somebody whose judgement is asked for, is degraded where it stands."""
    scopes = ("write:issue", "write:repository", "read:organization", "read:user")
    file = configured(tmp_path, fake, fake.login(fake.alice, *scopes))
    printed = run(tmp_path, file, "show", "credentials", "--json")
    (row,) = (row for row in json.loads(printed)["rows"] if row["subject"].endswith("forge-main-token"))
    assert (row["status"], row["rule"]) == ("degraded", "too wide")
    assert "write:issue" in row["reason"]
    assert "personal token" in row["reason"]


def run(folder: Path, file: Path, *words: str) -> str:
    """Run a command; return what it prints. The token is in nothing that it says."""
    command = [sys.executable, "-m", "quarterdeck", *words, "--home", str(folder / "north"), "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (folder / "token").read_text().strip() not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("who", "says"), [("deck", "with read:"), ("alice", "a person's")])
def test_the_doctor_asks_the_forge_once(tmp_path: Path, fake: FakeForge, who: str, says: str) -> None:
    """It says what the forge is, with whose token it is asked and what is wrong with that."""
    file = configured(tmp_path, fake, fake.token if who == "deck" else fake.login(fake.alice))
    printed = run(tmp_path, file, "doctor", "--json")
    found = [one for one in json.loads(printed)["findings"] if one["about"] == "forge main"]
    assert [one["what"] for one in found if one["level"] == Level.UNSEEN] == []
    assert f"at {fake.url}, 1 repository" in found[0]["what"]
    assert any(says in one["what"] for one in found)
