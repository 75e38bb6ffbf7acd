"""A secret without any form, in every file of a home, with every policy open: it is seen nowhere, and its marks are.

``test_leak`` proves that what may not be told is not told. Here everything may be told that a policy can let through,
names, titles and texts, and all of it is full of the secret.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.commands import LIMIT_S, ROUTES, Terminal, Up
from tests.e2e.homes import JOB, SESSION, Mark, MarkedHome, held

POLICY: Final = "policy = { job_names = true, session_titles = true, session_texts = true }"
RECORD: Final = f"/session?instance=north&id={SESSION}"


@pytest.fixture(scope="module")
def mark() -> Mark:
    """A secret that no rule can know: words, and a token drawn for this run."""
    return Mark("kept {} quiet")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Where commands are typed, for an owner who has opened everything."""
    return Terminal(tmp_path_factory.mktemp("canaries"))


def wait_for(up: Up, path: str, words: bytes) -> bytes:
    """Ask until an answer says something."""
    deadline = time.monotonic() + LIMIT_S
    while words not in (said := up.get(path)):
        assert time.monotonic() < deadline, f"{path} never said {words!r}"
        time.sleep(0.2)
    return said


def test_a_secret_is_seen_nowhere_with_everything_opened(terminal: Terminal, mark: Mark, tmp_path: Path) -> None:
    """No page, answer, stream of sessions, evidence, log or database holds it, and where it stood there is a mark."""
    home = MarkedHome(tmp_path / "north", mark).root
    config = terminal.place / "config" / "quarterdeck"
    config.mkdir(parents=True)
    (config / "quarterdeck.toml").write_text(f'[[instances]]\nid = "north"\nhome = "{home}"\n{POLICY}\n')
    out = tmp_path / "out"
    out.mkdir()
    page = str(out / "cron.html")
    with held(home), terminal.up(home) as up:
        up.wait_for_looks(1)
        record = wait_for(up, RECORD, b"[redacted:known")
        sessions = wait_for(up, "/sessions", b"[redacted:known")
        told = {path: up.get(path) for path in (*ROUTES, f"/cron?instance=north&open=hermes:north/cron/{JOB}")}
        commands = (
            ["export", "--home", str(home), "--out", str(out / "north.json")],
            ["evidence", "cron", "--out", page],
        )
        said, codes = terminal.run_all([*commands, ["show", "cron", "--json"], ["show", "ops"], ["doctor"]])
    assert set(codes) <= {0, 1, 3}, said.err[:2_000]
    files = {str(path): path.read_bytes() for path in (*out.rglob("*"), *terminal.place.rglob("*")) if path.is_file()}
    seen = {**told, RECORD: record, "/sessions": sessions, "commands": said.everything.encode(), **files}
    assert [place for place, text in seen.items() if mark.found_in(text)] == []
    assert b"secret caught" in seen["/ops"] or b"stood in" in seen["/ops"]
    assert b"[redacted:known" in told["/cron"]
    assert any(b"[redacted:known" in text for place, text in files.items() if place.endswith("history.db"))
