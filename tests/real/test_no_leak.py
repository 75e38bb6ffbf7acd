"""What the agent keeps to itself stays in its home.

One mark, drawn anew for each run, stands in every secret and in every personal text of a real home: in the files its
owner wrote and in what the agent made of them, down to the log lines, the database rows and the error texts. It must
not turn up in anything that Quarterdeck prints or writes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.model_server import MODEL, ModelServer
from tests.real.agents import Agent
from tests.real.homes import Home, wait_until
from tests.real.looking import Look, Looker

VIEWS: Final = ("brief", "agents", "cron", "ops", "credentials")
MARKED: Final = ("config.yaml", ".env", "SOUL.md", "state.db", "cron/jobs.json", "logs/agent.log", "logs/errors.log")


@dataclass(frozen=True, slots=True)
class Marked:
    """A home full of marks, and the mark."""

    home: Home
    mark: str


@pytest.fixture(scope="module")
def marked(agent: Agent, model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marked]:
    """A home in which the mark is everywhere, with its gateway up."""
    mark = f"mark{secrets.token_hex(8)}"
    block = {"default": MODEL, "provider": "custom", "base_url": model.url, "api_key": f"key-{mark}"}
    place = tmp_path_factory.mktemp("marked") / "marked"
    with Home.create(agent, place, model, model=block) as home:
        write_marks(home.root, mark)
        home.script("broken.sh", f"echo {mark} >&2\nexit 3\n")
        home.create_jobs(
            {"name": mark, "schedule": "every 2h", "prompt": f"[[status:429]] {mark}", "deliver": f"telegram:{mark}"},
            {"name": f"{mark}2", "schedule": "every 2h", "prompt": mark, "no_agent": True, "script": "broken.sh"},
        )
        home.make_due(mark, f"{mark}2")
        home.chat(f"{mark} [[say:{mark}]]")
        with home.gateway() as gateway:
            wait_until("both jobs to fail", lambda: {job["last_status"] for job in home.jobs().values()} == {"error"})
            gateway.answer(f'{mark} [[tool:terminal {{"command": "echo {mark}"}}]] [[say:{mark}]]')
            gateway.answer(f"[[status:500]] {mark}")
            yield Marked(home, mark)


def write_marks(home: Path, mark: str) -> None:
    """Put the mark into everything an owner writes by hand."""
    (home / ".env").write_text(f"SOME_PROVIDER_KEY={mark}\n")
    (home / "SOUL.md").write_text(f"You belong to {mark}.\n")
    (home / "memories").mkdir(exist_ok=True)
    (home / "memories" / "MEMORY.md").write_text(f"{mark} likes tea\n§\n{mark} lives by the sea\n")
    (home / "memories" / "USER.md").write_text(f"My name is {mark}.\n")
    skill = home / "skills" / "notes" / mark
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(f"---\nname: {mark}\ndescription: about {mark}\n---\n{mark}\n")


def test_the_mark_is_where_the_agent_keeps_things(marked: Marked) -> None:
    """The mark has really gone into files, log, job list and database; otherwise the next tests would prove nothing."""
    mark, root = marked.mark.encode(), marked.home.root
    with_log = [root / "state.db-wal"]
    content = {name: b"".join(p.read_bytes() for p in [root / name, *with_log] if p.exists()) for name in MARKED}
    assert [name for name in MARKED if mark not in content[name]] == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_shows_the_mark(looker: Looker, marked: Marked, view: str) -> None:
    """Neither the data nor the page of a view holds anything secret or personal."""
    for words in (False, True):
        look = looker.look(view, marked.home, words=words)
        assert look.printed
        assert_unmarked(look, marked)


def test_the_secrets_of_a_real_home_are_told_by_name(looker: Looker, marked: Marked) -> None:
    """The keys that its owner and the agent itself wrote down are on the page, each with its file."""
    told = {row["name"]: row["kept_in"] for row in json.loads(looker.look("credentials", marked.home).printed)["rows"]}
    wanted = {"SOME_PROVIDER_KEY": ".env", "config.yaml/model.api_key": "config.yaml"}
    wanted |= {"config.yaml/platforms.api_server.extra.key": "config.yaml"}
    assert told.items() >= wanted.items()


def test_the_export_does_not_hold_the_mark(looker: Looker, marked: Marked, tmp_path: Path) -> None:
    """The snapshot that leaves the home holds nothing secret or personal."""
    out = tmp_path / "export.json"
    look = looker.run("export", "--home", str(marked.home.root), "--out", str(out))
    assert look.exit_code == 0, look.errors
    assert_unmarked(look, marked)
    assert marked.mark not in out.read_text()


def test_the_doctor_does_not_tell_the_mark(looker: Looker, marked: Marked) -> None:
    """What is said about what can and cannot be seen holds nothing secret or personal."""
    look = looker.run("doctor", "--home", str(marked.home.root))
    assert look.printed
    assert_unmarked(look, marked)


def assert_unmarked(look: Look, marked: Marked) -> None:
    """Fail when the mark was printed, and show only where."""
    for line in (look.printed + look.errors).splitlines():
        assert marked.mark not in line
