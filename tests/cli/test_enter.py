from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from quarterdeck.access.identity import Claim, Role
from quarterdeck.cli.main import run
from quarterdeck.settings import Settings, load
from quarterdeck.wiring.entrance import opened

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/enter\?token=([A-Za-z0-9_-]{43})\n")
VALUE = re.compile(r"qd_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "deck.toml"
    file.write_text(f'discover = false\n[server]\nport = 4321\n[ledger]\nfile = "{tmp_path}/state/ledger.db"\n')
    return file


class Done(NamedTuple):
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def quarterdeck(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands, as the terminal does."""

    def one(*words: str) -> Done:
        code = run([*words, "--config", str(config)])
        return Done(code, *capsys.readouterr())

    return one


def settings(config: Path) -> Settings:
    return load(config)


def roles(config: Path, value: str) -> Role | None:
    """What a one-time token makes of whoever uses it, at the ledger itself."""
    with opened(settings(config)) as entrance:
        return entrance.tokens.role(entrance.register.read(), value)


def test_the_owner_gets_an_address_without_a_hub(config: Path, quarterdeck: Run) -> None:
    """It is printed once, alone on its line, words about it beside; it makes an operator, and begins the ledger."""
    done = quarterdeck("enter")
    found = ADDRESS.fullmatch(done.stdout)
    assert (done.returncode, found is not None) == (0, True)
    assert found is not None
    assert found[1] == "4321"
    assert roles(config, found[2]) is Role.OPERATOR
    assert "within 10 minutes" in done.stderr
    assert found[2] not in done.stderr
    assert (config.parent / "state" / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_somebody_else_gets_one_to_look(config: Path, quarterdeck: Run) -> None:
    """The role is the one that was asked for, and the port is the one that was named."""
    done = quarterdeck("enter", "--role", "viewer", "--port", "9000")
    found = ADDRESS.fullmatch(done.stdout)
    assert found is not None
    assert found[1] == "9000"
    assert roles(config, found[2]) is Role.VIEWER
    assert "viewer" in done.stderr


def test_a_program_gets_a_bearer_token(config: Path, quarterdeck: Run) -> None:
    """It may only look unless more is said, lasts as long as was said, and the words tell how to end it."""
    done = quarterdeck("enter", "--bearer", "--name", "prometheus", "--days", "30")
    assert VALUE.fullmatch(done.stdout)
    assert done.stdout.strip() not in done.stderr
    assert "sessions revoke 1" in done.stderr
    listed = json.loads(quarterdeck("sessions", "list", "--json").stdout)
    (one,) = listed["sessions"]
    assert (one["id"], one["login"], one["role"], one["carried"]) == (1, "prometheus", "viewer", "bearer")
    assert done.stdout.strip() not in json.dumps(listed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bearer",), "A bearer token needs a name. Say whom it is for, like --name prometheus."),
        (("--bearer", "--name", "owner"), "'owner' cannot be its name"),
        (("--bearer", "--name", "a b\x1b"), r"'a b\x1b' cannot be its name"),
        (("--bearer", "--name", "a", "--days", "0"), "It cannot last for 0 days"),
        (("--bearer", "--name", "a", "--days", "401"), "It cannot last for 401 days"),
        (("--bearer", "--name", "a", "--port", "1"), "--port is for an address"),
        (("--name", "a"), "--name and --days are for --bearer"),
        (("--days", "3"), "--name and --days are for --bearer"),
    ],
)
def test_what_cannot_be_made_is_said(config: Path, quarterdeck: Run, words: tuple[str, ...], said: str) -> None:
    """Whatever is wrong ends with 2, says what to do, prints nothing that opens, and leaves nothing behind."""
    done = quarterdeck("enter", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (config.parent / "state").exists()


def test_a_ledger_that_cannot_be_written_is_said(config: Path, quarterdeck: Run) -> None:
    """Then there is no address, and the error names the way out."""
    quarterdeck("enter")
    (config.parent / "state" / "ledger.db").chmod(0o644)
    done = quarterdeck("enter")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Run `chmod 600" in done.stderr
    assert done.stderr.count("\n") == 1


def test_who_is_in_is_listed(config: Path, quarterdeck: Run) -> None:
    """With who they are, what they may do, since when and until when; a hostile name does nothing to the terminal."""
    empty = quarterdeck("sessions", "list")
    assert empty.returncode == 2
    assert "There is no ledger." in empty.stderr
    quarterdeck("enter")
    with opened(settings(config)) as entrance:
        entrance.sessions.begin(Claim("forge", "me\x1b[31m\u202e"))
        entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 30)
    done = quarterdeck("sessions", "list")
    assert done.returncode == 0
    head, program, forge, tokens = done.stdout.splitlines()
    assert head.split() == ["id", "who", "known", "by", "role", "shown", "as", "begun", "used", "over", "in"]
    assert program.split()[:5] == ["2", "prometheus", "local", "viewer", "bearer"]
    assert program.endswith(" 30 d")
    assert forge.split()[:3] == ["1", "me�[31m�", "forge"]
    assert "by the rules" in forge
    assert tokens == "One-time addresses that are not used yet: 1"


def test_a_session_is_ended_from_the_terminal(config: Path, quarterdeck: Run) -> None:
    """One by its number, which is there once; or all, and every one-time address with them."""
    quarterdeck("enter")
    with opened(settings(config)) as entrance:
        for name in ("a", "b", "c"):
            entrance.sessions.begin_bearer(name, Role.VIEWER, 30)
    assert quarterdeck("sessions", "revoke", "1").stdout == "Ended session 1.\n"
    again = quarterdeck("sessions", "revoke", "1")
    assert (again.returncode, again.stdout) == (2, "")
    assert "There is no session 1" in again.stderr
    done = quarterdeck("sessions", "revoke", "--all")
    assert done.stdout == "Ended 2 sessions and every one-time address.\n"
    assert "Nobody is in." in quarterdeck("sessions", "list").stdout


@pytest.mark.parametrize("words", [(), ("1", "--all")])
def test_what_to_end_has_to_be_said(config: Path, quarterdeck: Run, words: tuple[str, ...]) -> None:
    """Neither nothing nor two things at once."""
    done = quarterdeck("sessions", "revoke", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Give the number of one session, or --all." in done.stderr
