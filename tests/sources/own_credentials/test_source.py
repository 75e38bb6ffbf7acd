"""Our own secrets: where each lies and who may read it, found out without reading one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger
from quarterdeck.settings.model import History
from quarterdeck.settings.sign_in import ForgeSignIn
from quarterdeck.sources.own_credentials import InDatabase, InFile, Own, OwnCredentials
from quarterdeck.truth.reading import AnyReading, Known, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Repository
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
