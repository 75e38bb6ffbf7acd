"""Our own secrets: where each lies and who may read it, found out without reading one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger
from quarterdeck.settings.model import History
from quarterdeck.settings.sign_in import ForgeSignIn
from quarterdeck.sources.own_credentials import InDatabase, InFile, Own, OwnCredentials
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge, Repository
from quarterdeck.wiring.own_credentials import own_credentials

NOW: Final = datetime.now(UTC)
ADDRESS: Final = "postgresql://quarterdeck@db/deck"

Told = dict[str, dict[str, Any]]


def look(*own: Own, env: Mapping[str, str] | None = None) -> list[AnyReading]:
    return list(OwnCredentials("deck", own, lambda: env or {"HOME": "/nonexistent"}).look(NOW))


def told(readings: list[AnyReading]) -> Told:
    found: Told = {}
    for reading in readings:
        said = reading.value if isinstance(reading, Known) else reading.reason
        found.setdefault(reading.subject.removeprefix("quarterdeck:deck/credential/"), {})[reading.field] = said
    return found


def rule(readings: list[AnyReading], name: str) -> str:
    world = {(each.subject, each.field): each for each in readings}
    return judge_subject(f"quarterdeck:deck/credential/{name}", world, NOW, Thresholds()).rule


def put(path: Path, content: str = "x", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_secret_in_a_file_of_its_own(tmp_path: Path) -> None:
    """A secret is told by its file, its mode, its owner and its age, and its file is not opened."""
    path = put(tmp_path / "forge.secret", mode=0o000 if os.geteuid() else 0o600)
    readings = look(InFile("forge-client-secret", "signing people in", path))
    assert told(readings)["forge-client-secret"] == {
        "purpose": "signing people in", "provider": None, "form": "secrets", "scopes": None,
        "kept_in": "forge.secret", "mode": f"{path.stat().st_mode & 0o7777:04o}", "owner": path.owner(),
        "open_to": "owner", "made_at": datetime.fromtimestamp(path.stat().st_mtime, UTC), "made_by": "file changed",
        "ends_at": None, "used_at": Reason.MISSING,
    }  # fmt: skip
    assert rule(readings, "forge-client-secret") == "kept"


def test_what_is_not_made_yet_is_not_missing(tmp_path: Path) -> None:
    """What we make at the first use is told of when it is there; when it was used last, by what is written then."""
    key = InFile("evidence-key", "signing evidence", tmp_path / "k", made_here=True, used=tmp_path / "last")
    assert look(key) == []
    put(tmp_path / "k")
    assert told(look(key))["evidence-key"]["used_at"] is None
    last = put(tmp_path / "last")
    assert told(look(key))["evidence-key"]["used_at"] == datetime.fromtimestamp(last.stat().st_mtime, UTC)


def test_what_was_named_and_is_gone_is_unknown(tmp_path: Path) -> None:
    """A file that the settings name and nobody finds is a secret of which nothing is known."""
    readings = look(InFile("forge-client-secret", "signing people in", tmp_path / "gone"))
    assert set(told(readings)["forge-client-secret"].values()) == {Reason.MISSING}
    assert rule(readings, "forge-client-secret") == "doubt"
    source = OwnCredentials("deck", (InFile("forge-client-secret", "signing people in", tmp_path / "gone"),))
    assert set(source.expected) == {(each.subject, each.field) for each in readings}


def test_what_another_program_keeps() -> None:
    """A login that a helper keeps for us is in no file that we know."""
    assert rule(look(InFile("remote-x", "asking a remote", None)), "remote-x") == "in no file"


# --- the service manager -------------------------------------------------------------------------------------------


def test_what_the_service_manager_handed_over(tmp_path: Path) -> None:
    """What lies in the folder of this service is told; the right that its group has there is our own."""
    given = put(tmp_path / "given" / "forge-secret", mode=0o440)
    other = put(tmp_path / "given" / "extra", mode=0o440)
    os.chown(given, -1, 54_321) if os.geteuid() == 0 else None
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path / "given"), "HOME": "/nonexistent"}
    found = told(look(InFile("forge-client-secret", "signing people in", given), env=env))
    assert found.keys() == {"forge-client-secret", f"given/{other.name}"}
    assert found["forge-client-secret"]["open_to"] == "owner"
    assert found["given/extra"]["purpose"] == "given by the service manager"
    given.chmod(0o444)
    put(tmp_path / "given" / secrets.token_hex(80))
    assert f"given/{'unnamed'}" in told(look(env=env))


# --- databases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("db:5432:deck:quarterdeck:", True),
        ("*:*:*:*:", True),
        ("# db:5432:deck:quarterdeck:", False),
        ("other:5432:deck:quarterdeck:", False),
        ("db:5433:deck:quarterdeck:", False),
        ("db:5432:deck:somebody:", False),
        ("d\\b:5432:de\\ck:quarterdeck:", True),
        ("db:5432:deck", False),
        ("", False),
    ],
)
def test_a_password_is_found_as_the_library_finds_it(tmp_path: Path, line: str, *, fits: bool) -> None:
    """A line of the file of passwords counts when its four parts fit; the fifth is not looked at."""
    password = secrets.token_hex(12)
    put(tmp_path / ".pgpass", f"\n{line}{password}:x\n")
    readings = look(InDatabase("history-database", "history database", ADDRESS), env={"HOME": str(tmp_path)})
    found = told(readings)["history-database"]
    assert (found["form"], found["kept_in"]) == (("password", ".pgpass") if fits else ("nothing", None))
    assert rule(readings, "history-database") == ("kept" if fits else "not needed")
    assert password not in repr(readings)


def test_other_places_of_a_password(tmp_path: Path) -> None:
    """A password can also stand in a file that is named, in the environment, or in the settings themselves."""
    named = put(tmp_path / "passwords", "*:*:*:*:x\n", mode=0o640)
    settings = put(tmp_path / "quarterdeck.toml", mode=0o644)

    def kept(address: str = ADDRESS, **env: str) -> tuple[object, object]:
        found = told(look(InDatabase("d", "ledger database", address, settings), env={"HOME": "/nonexistent", **env}))[
            "d"
        ]
        return found["form"], found["kept_in"]

    assert kept(PGPASSFILE=str(named)) == ("password", "passwords")
    assert kept(f"{ADDRESS}?passfile={named}") == ("password", "passwords")
    assert kept(PGPASSWORD="x") == ("password", None)
    assert kept(f"{ADDRESS}?password=x") == ("password", "quarterdeck.toml")
    assert kept() == ("nothing", None)


def test_a_file_of_passwords_that_cannot_be_read(tmp_path: Path) -> None:
    """Where the file of passwords cannot be read it is not said that there is none."""
    (tmp_path / ".pgpass").mkdir()
    readings = look(InDatabase("d", "ledger database", ADDRESS), env={"HOME": str(tmp_path)})
    assert told(readings)["d"]["form"] is Reason.CORRUPT
    assert rule(readings, "d") == "doubt"


# --- what the settings name ----------------------------------------------------------------------------------------


def test_every_secret_that_the_settings_make_us_use(tmp_path: Path) -> None:
    """Databases, the key for evidence, the forge's secret and the logins at remotes are all told of."""
    put(tmp_path / "evidence.key")
    secret = put(tmp_path / "forge")
    store = put(tmp_path / "logins")
    remote = Repository("vault", "vault", tmp_path, confirm=True, credential_helper=f"store --file={store}")
    forge = ForgeSignIn("https://forge.example", "deck", secret)
    settings = Settings(
        history=History(database=ADDRESS),
        ledger=Ledger(database=ADDRESS),
        access=Access(forge=forge),
        repositories=(
            remote,
            replace(remote, id="cached", credential_helper="cache"),
            replace(remote, id="unasked", confirm=False),
        ),
        state=tmp_path,
    )
    found = told(list(own_credentials(settings, "deck").look(NOW)))
    assert {name: each["kept_in"] for name, each in found.items() if not name.endswith("database")} == {
        "evidence-key": "evidence.key",
        "forge-client-secret": "forge",
        "remote-vault": "logins",
        "remote-cached": None,
    }
    assert {"history-database", "ledger-database"} <= found.keys()
    assert told(list(own_credentials(Settings(), "deck").look(NOW))) == {}


# --- the token of a forge ------------------------------------------------------------------------------------------

FORGE: Final = Forge("main", "Main", "https://git.example.com")
TELLS: Final = Origin("forge", "GET /api/v1/user")


def of_forge(tmp_path: Path, *told_by_it: AnyReading, at: datetime = NOW) -> list[AnyReading]:
    """Look at a token and at the secret of webhooks, while the forge tells something of them."""
    token, bell = put(tmp_path / "token"), put(tmp_path / "bell")
    source = own_credentials(Settings(forges=(replace(FORGE, token_file=token, bell_file=bell),)), "deck")
    source.follow(lambda: Snapshot(1, NOW, (), {(each.subject, each.field): each for each in told_by_it}))
    return list(source.look(at))


def tells(field: Field[Any], value: object) -> AnyReading:
    """What a forge tells."""
    return field.known(FORGE.subject, TELLS, value, NOW)


def test_a_token_with_what_the_forge_tells_of_it(tmp_path: Path) -> None:
    """A5: the token of a forge stands with its scopes, its file, its age and its last use; so does the secret of its
    webhooks, which was used when it last rang. Neither is read.
    """
    used, rung = NOW - timedelta(minutes=1), NOW - timedelta(hours=1)
    readings = of_forge(
        tmp_path,
        tells(G.FORGE_LAST_ANSWER_AT, used),
        tells(G.TOKEN_SCOPES, ("read:issue", "read:repository")),
        tells(G.TOKEN_HUMAN, value=False),
        tells(G.FORGE_RUNG_AT, rung),
    )
    found = told(readings)
    assert found.keys() == {"forge-main-token", "forge-main-bell"}
    token, bell = found["forge-main-token"], found["forge-main-bell"]
    assert (token["purpose"], token["provider"], token["form"]) == ("reading a forge", "main", "token")
    assert (token["scopes"], token["kept_in"], token["used_at"]) == (("read:issue", "read:repository"), "token", used)
    assert (bell["purpose"], bell["form"], bell["scopes"], bell["used_at"]) == (
        "hearing a forge",
        "secrets",
        None,
        rung,
    )
    assert rule(readings, "forge-main-token") == rule(readings, "forge-main-bell") == "kept"
    passed = {each.field: each.origin for each in readings if each.subject.endswith("token")}
    assert passed["scopes"] == passed["used_at"] == TELLS


@pytest.mark.parametrize(
    ("scopes", "human", "wrong"),
    [
        (("read:issue", "write:issue"), False, "too wide"),
        (("all",), False, "too wide"),
        (("read:issue", "read:admin"), False, "too wide"),
        (("sudo",), True, "too wide"),
        (("read:issue",), True, "of a person"),
        (None, True, "of a person"),
        (None, None, "kept"),
    ],
)
def test_a_token_that_may_too_much_or_is_a_persons(
    tmp_path: Path, scopes: tuple[str, ...] | None, human: object, wrong: str
) -> None:
    """A5: a scope that writes or rules, and an account of a person, are findings; what is not told is nothing."""
    readings = of_forge(
        tmp_path,
        tells(G.FORGE_LAST_ANSWER_AT, NOW),
        tells(G.TOKEN_SCOPES, scopes),
        tells(G.TOKEN_HUMAN, human),
    )
    assert rule(readings, "forge-main-token") == wrong


def test_while_the_forge_does_not_tell_it_is_not_known(tmp_path: Path) -> None:
    """Before the first look, after a refusal, and when it was too long ago, nothing of it is guessed."""
    at = NOW + G.TOKEN_SCOPES.fresh_for + timedelta(seconds=1)
    old = (tells(G.TOKEN_SCOPES, ("read:issue",)), tells(G.TOKEN_HUMAN, value=False))
    refused = G.TOKEN_SCOPES.unavailable(FORGE.subject, TELLS, Reason.DENIED, "it does not take the token", NOW)
    for readings, reason in (
        (of_forge(tmp_path), Reason.NEVER_SEEN),
        (of_forge(tmp_path, refused), Reason.DENIED),
        (of_forge(tmp_path, *old, at=at), Reason.TIMEOUT),
    ):
        found = told(readings)["forge-main-token"]
        assert (found["scopes"], found["kept_in"]) == (reason, "token")
        world = {(each.subject, each.field): each for each in readings}
        about = "quarterdeck:deck/credential/forge-main-token"
        assert judge_subject(about, world, at, Thresholds()).status is not Status.OK


def test_a_forge_without_a_token_has_none_to_tell_of() -> None:
    """A forge that tells everybody is asked with nothing."""
    assert told(list(own_credentials(Settings(forges=(FORGE,)), "deck").look(NOW))) == {}
