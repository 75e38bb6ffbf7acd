"""A secret of an agent stays where it lies: in no page, no answer, no export, no history, no log and no terminal."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from starlette.testclient import TestClient

from quarterdeck import settings, wiring
from quarterdeck.cli.main import run
from quarterdeck.views import VIEWS
from quarterdeck.web.app import create_app
from tests.fakes.door import let_in
from tests.sources.hermes import canaries

LIMIT_S: Final = 60.0
KEY: Final = "hermes:north/credential/GITHUB_TOKEN"


class Watched(NamedTuple):
    """Two agents full of canaries, the settings that name them, and where their history lies."""

    homes: tuple[Path, ...]
    config: Path
    history: Path
    marks: list[str]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Two homes, one of them with a secret of the other."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    homes = tuple(tmp_path / name for name in ("north", "south"))
    marks: list[str] = []
    for home in homes:
        home.mkdir(mode=0o700)
        (home / "cron").mkdir()
        marks += canaries.fill(home)
    (homes[1] / ".env").write_text((homes[0] / ".env").read_text())
    mine = tmp_path / "user" / ".git-credentials"
    mine.parent.mkdir()
    marks.append(canaries.made_up("Canary"))
    mine.write_text(f"https://me:{marks[-1]}@forge.example\n")
    history = tmp_path / "state" / "history.db"
    tables = "".join(f'[[instances]]\nid = "{home.name}"\nhome = "{home}"\n' for home in homes)
    config = tmp_path / "quarterdeck.toml"
    config.write_text(f'discover = false\n{tables}[history]\nfile = "{history}"\n')
    return Watched(homes, config, history, marks)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any part logs, down to the smallest matter."""
    out = io.StringIO()
    handler, root = logging.StreamHandler(out), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


def test_no_secret_leaves_its_home(watched: Watched, logged: io.StringIO) -> None:
    """With the hub running, no page, answer, stored byte or log line holds a canary, and the secrets are told of."""
    deck = wiring.build(settings.load(watched.config, ()), remember=True)
    until = time.monotonic() + LIMIT_S
    with deck.running():
        while not _is_recorded(deck) and time.monotonic() < until:
            time.sleep(0.05)
        with TestClient(let_in(create_app(deck)), base_url="http://localhost") as browser:
            pages = {name: browser.get(f"/{name}").content for name in VIEWS}
            pages |= {f"{name} of one": browser.get(f"/{name}?open={KEY}").content for name in VIEWS}
            data = {name: browser.get(f"/api/v1/views/{name}").content for name in VIEWS}
        assert _is_recorded(deck)
    assert b"GITHUB_TOKEN" in pages["credentials"]
    assert {row["subject"] for row in json.loads(data["credentials"])["rows"]} >= {KEY}
    stored = b"".join(path.read_bytes() for path in watched.history.parent.iterdir() if path.is_file())
    assert b"GITHUB_TOKEN" in stored
    everything: list[str | bytes] = [*pages.values(), *data.values(), stored, logged.getvalue()]
    for said in everything:
        assert canaries.found_in(said, watched.marks) == []


def _is_recorded(deck: wiring.Deck) -> bool:
    snapshot = deck.recall.snapshot_at(deck.clock()) if deck.recall is not None else None
    return snapshot is not None and (KEY, "shared_with") in snapshot.readings


def test_no_secret_is_exported_or_printed(watched: Watched, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The snapshot that leaves a home tells of its secrets without one; the terminal does as well."""
    out = tmp_path / "out" / "snapshot.json"
    out.parent.mkdir(mode=0o700)
    assert run(["export", "--home", str(watched.homes[0]), "--out", str(out)]) == 0
    exported = out.read_text()
    readings = [
        each for each in json.loads(exported)["readings"] if each["subject"].endswith("/credential/GITHUB_TOKEN")
    ]
    assert {each["field"] for each in readings} >= {"mode", "ends_at", "form"}
    assert "shared_with" not in {each["field"] for each in readings}
    for words in (["show", "credentials"], ["show", "credentials", "--json"], ["doctor"]):
        run([*words, "--config", str(watched.config)])
    printed = "".join(capfd.readouterr())
    assert "GITHUB_TOKEN" in printed
    assert canaries.found_in(exported + printed, watched.marks) == []


def test_two_agents_with_one_secret_are_told(watched: Watched) -> None:
    """The hub that reads both homes finds the secrets that they share, and says whose, not which."""
    deck = wiring.build(settings.load(watched.config, ()))
    deck.look_once(LIMIT_S)
    found = deck.look_once(LIMIT_S).readings[KEY, "shared_with"]
    assert getattr(found, "value", None) == ("south",)
