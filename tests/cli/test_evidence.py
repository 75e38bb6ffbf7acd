"""Evidence: made, kept, handed on, checked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from html import unescape
from pathlib import Path, PurePath
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck import __version__
from quarterdeck.cli import evidence_key
from quarterdeck.cli.evidence import about_of, without_places, write
from quarterdeck.cli.evidence_file import (
    CLOSE,
    OPEN,
    TYPE,
    Broken,
    build,
    canonical,
    chain_of,
    check,
    digest,
    without_seal,
)
from quarterdeck.cli.evidence_key import KEY, LAST, Signer
from quarterdeck.cli.main import run
from quarterdeck.cli.verify import verify
from quarterdeck.errors import ConfigurationError, UsageError
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import TABLES
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from tests.truth.cast import NOW, readings, worlds

Make = Callable[[], tuple[bytes, str]]
HOME = PurePath("/somewhere/private/.hermes")


def view(world: Mapping[Key, AnyReading], name: str = "brief") -> Any:
    snapshot = Snapshot(7, NOW, (Instance("north", "The <North>", home=HOME),), world)
    return VIEWS[name].make(Judged(snapshot, NOW), Asked(), None)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A key of its own."""
    return Signer(tmp_path / "state")


def made(signer: Signer, world: Mapping[Key, AnyReading] | None = None, name: str = "brief") -> tuple[bytes, str]:
    shown = view(readings({F.LAST_RESULT: "error"}) if world is None else world, name)
    return build(about_of(shown, None, NOW, signer), as_json(shown), signer.sign)


def checked(file: bytes, release: str = __version__) -> Any:
    return check(file, evidence_key.verify, release)


def test_what_was_signed_is_proven(signer: Signer) -> None:
    """A file that nobody touched proves what it is about, by whose key, with all readings in it."""
    file, chain = made(signer)
    proven = checked(file)
    assert (proven.key, proven.chain, proven.rendered) == (signer.public, chain, True)
    assert proven.about["view"] == "brief"
    (row,) = proven.data["rows"]
    assert {"source", "locator", "observed_at"} <= row["readings"][0].keys()


@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_a_change_of_any_byte_is_found(signer: Signer, data: st.DataObject) -> None:
    """Whichever byte is changed, whether in what it says of itself, in its data, page, seal or around: it is found."""
    file, _ = made(signer)
    place = data.draw(st.integers(0, len(file) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != file[place]))
    with pytest.raises(Broken):
        checked(file[:place] + bytes([other]) + file[place + 1 :])


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_a_change_of_any_byte_of_the_seal_is_found(signer: Signer, data: st.DataObject) -> None:
    """The seal has one spelling: a space more, another letter of the signature, another order are all found."""
    file, _ = made(signer)
    begin = file.rindex(OPEN % b"seal") + len(OPEN % b"seal")
    place = data.draw(st.integers(begin, file.rindex(CLOSE) - 1))
    other = data.draw(st.sampled_from(b' "{}:,=+/azAZ09').filter(lambda byte: byte != file[place]))
    with pytest.raises(Broken):
        checked(file[:place] + bytes([other]) + file[place + 1 :])
    with pytest.raises(Broken):
        checked(file[:place] + b" " + file[place:])


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_what_is_cut_off_or_added_is_found(signer: Signer, data: st.DataObject) -> None:
    """A file that lost its end, its beginning, or got something appended is not what was signed."""
    file, _ = made(signer)
    place = data.draw(st.integers(1, len(file) - 1))
    for other in (file[:place], file[place:], file + b"\n", b"\n" + file, file + file):
        with pytest.raises(Broken):
            checked(other)


def resealed(file: bytes, change: Callable[[dict[str, Any]], None], part: bytes) -> bytes:
    """What a forger without the key can do: change a part, and correct every hash that needs no key."""
    about, data = (json.loads(file.partition(OPEN % name)[2].partition(CLOSE)[0]) for name in (b"about", b"data"))
    change({b"about": about, b"data": data}[part])
    old = json.loads(file.partition(OPEN % b"seal")[2].partition(CLOSE)[0])
    return build(about, data, lambda _: b64decode(old["signature"]))[0]


def test_a_forger_who_corrects_every_hash_is_found(signer: Signer) -> None:
    """Data or description changed, page made again, hashes made again: the signature is not that of the key."""
    file, _ = made(signer)
    for part, change in (
        (b"data", lambda data: data["rows"].clear()),
        (b"about", lambda about: about.update(made_at="2020-01-01T00:00:00.000Z")),
    ):
        with pytest.raises(Broken, match="signature"):
            checked(resealed(file, change, part))


def test_a_page_that_says_other_than_its_data_is_found_though_it_is_signed(signer: Signer) -> None:
    """A signer who lies on the page is found by making the page again, and by its figures where that cannot be done."""
    file, _ = made(signer)
    figures = json.loads(file.partition(OPEN % b"data")[2].partition(CLOSE)[0])["figures"]
    sessions = next(each for each in figures if each["figure"] == "sessions_24h")
    lie = file.replace(f"<b>{sessions['text']}</b>".encode(), b"<b>9999</b>")
    assert lie != file
    seal = json.loads(file.partition(OPEN % b"seal")[2].partition(CLOSE)[0])
    outside = without_seal(lie, canonical(seal))
    links = {**seal, "page": digest(outside)}
    chain = chain_of(links)
    forged = {**links, "chain": chain.hex(), "signature": b64encode(signer.sign(chain)).decode()}
    lie = lie.replace(canonical(seal), canonical(forged))
    for release in (__version__, "99.0"):
        with pytest.raises(Broken, match="page"):
            checked(lie, release)


def test_another_release_compares_the_figures(signer: Signer) -> None:
    """A file of another release is proven unchanged; its page is compared by its figures."""
    file, _ = made(signer)
    assert not checked(file, "99.0").rendered


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(worlds(tuple(TABLES)), st.sampled_from(list(VIEWS)))
def test_any_view_of_anything_can_be_evidence(signer: Signer, world: dict[Key, AnyReading], name: str) -> None:
    """Whatever is known, every view makes a file that proves itself and shows every figure of its data."""
    file, _ = made(signer, world, name)
    proven = checked(file)
    shown = unescape(re.sub(r"<[^>]*>", " ", file.partition(b"<main>")[2].partition(b"</main>")[0].decode()))
    assert all(figure["text"] in shown for figure in proven.data["figures"])
    assert all(row["name"] in shown and row["reason"] in shown for row in proven.data["rows"])


def test_the_page_needs_nothing_and_runs_nothing(signer: Signer) -> None:
    """No script that runs, no address that is loaded, and what was named in markup is text."""
    text = made(signer)[0].decode()
    assert "default-src 'none'" in text
    assert set(re.findall(r"<script([^>]*)>", text)) == {
        f' type="application/json" id="evidence-{name}"' for name in ("about", "data", "seal")
    }
    assert not re.search(r"(?:src|href)=", text.partition("<script")[0])
    assert "The <North>" not in text


def test_evidence_follows_evidence(tmp_path: Path) -> None:
    """Each evidence names the end of the one before it."""
    signer = Signer(tmp_path)
    file, chain = made(signer)
    signer.note(chain)
    assert checked(file).about["previous"] is None
    assert checked(made(Signer(tmp_path))[0]).about["previous"] == chain


def test_nothing_says_where_a_home_lies() -> None:
    """Commands to paste are left out, and a home is called by its instance."""
    data = {
        "rows": [{"links": [{"kind": "command", "text": f"HERMES_HOME={HOME} hermes"}, {"kind": "id", "text": "x"}]}],
        "why": f"see {HOME}/state.db",
    }
    told = without_places(data, {str(HOME): "home of north"})
    assert told == {"rows": [{"links": [{"kind": "id", "text": "x"}]}], "why": "see home of north/state.db"}


# --- the key -------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The first use makes the key, the next one finds it; nobody else may read it, nor list its folder."""
    folder = tmp_path / "state"
    first = Signer(folder)
    assert Signer(folder).public == first.public
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == [KEY]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others can read proves nothing: it is refused, and left where it is."""
    Signer(tmp_path)
    (tmp_path / KEY).chmod(mode)
    with pytest.raises(ConfigurationError, match="proves nothing"):
        Signer(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no key", b"\x00" * 20_000])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is no key is neither used nor overwritten."""
    file = tmp_path / KEY
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no key"):
        Signer(tmp_path)
    assert file.read_bytes() == content


def test_a_link_in_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link under the name of the key leads nowhere."""
    Signer(tmp_path / "other")
    (tmp_path / KEY).symlink_to(tmp_path / "other" / KEY)
    with pytest.raises(ConfigurationError):
        Signer(tmp_path)


def test_a_spoiled_note_of_the_last_evidence_is_none(tmp_path: Path) -> None:
    """What is no end of a chain is not chained to."""
    signer = Signer(tmp_path)
    for spoiled in (b"", b"\xff\xfe", b"x" * 64, b"ab"):
        (tmp_path / LAST).write_bytes(spoiled)
        assert signer.last is None


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:" + "A" * 43, "ed25519:!" + "A" * 43]
)
def test_a_wrong_key_is_refused(text: str) -> None:
    """What is no public key is said to be none."""
    with pytest.raises(UsageError, match="public key"):
        evidence_key.named(text)


# --- the commands --------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays as it is, and no half-written one is left."""
    out = tmp_path / "evidence.html"
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write(out, b"other")
    assert out.read_text() == "mine"
    assert os.listdir(tmp_path) == ["evidence.html"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Where nothing can be written, what happened and what to do is said."""
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "no" / "evidence.html", b"")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which an agent has never run."""
    folder = tmp_path / "private" / "north"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("model:\n  default: big-model\n")
    return folder


def test_from_a_home_to_a_proof(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence of a home is made by one command and checked by another, and says nothing of where the home lies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = tmp_path / "brief.html"
    assert run(["evidence", "brief", "--home", str(home), "--out", str(out)]) == 0
    key = re.search(r"ed25519:\S+", capfd.readouterr().out)
    assert key is not None
    assert str(tmp_path) not in out.read_text()
    assert run(["verify", str(out), "--key", key[0]]) == 0
    assert capfd.readouterr().out.startswith("Proven: nothing in this file was changed since it was signed by the key")
    assert run(["evidence", "brief", "--home", str(home), "--out", str(out)]) == 2


def test_verify_says_what_is_not_proven(tmp_path: Path, signer: Signer, capfd: pytest.CaptureFixture[str]) -> None:
    """Another key, a changed byte and a file that is none end with 1, each with its reason."""
    out = tmp_path / "evidence.html"
    out.write_bytes(made(signer)[0])
    assert verify(out) == 0
    assert "whose key that is" in capfd.readouterr().out
    other = TYPE + b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    assert verify(out, other) == 1
    assert "another key" in capfd.readouterr().out
    out.write_bytes(out.read_bytes().replace(b"big-model", b"big-mode1"))
    assert verify(out) == 1
    out.write_bytes(b"<!doctype html>")
    assert verify(out) == 1
    assert "no evidence" in capfd.readouterr().out
    with pytest.raises(UsageError, match="cannot be read"):
        verify(tmp_path / "nothing.html")


OFFLINE = """
import socket, sys
def no(*_, **__):
    raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = no
from quarterdeck.cli.main import run
sys.exit(run(["verify", sys.argv[1]]))
"""


def test_verify_needs_no_network_no_home_and_no_state(tmp_path: Path, signer: Signer) -> None:
    """In a process that may not connect, with an empty environment and a home that is not there, a file is proven."""
    out = tmp_path / "evidence.html"
    out.write_bytes(made(signer)[0])
    command = [sys.executable, "-c", OFFLINE, str(out)]
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-n", "true"], check=False, capture_output=True).returncode == 0:
        command = [unshare, "-n", *command]  # not even a loopback that is up
    done = subprocess.run(
        command, env={"HOME": "/nonexistent"}, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Proven:")
    assert sorted(os.listdir(tmp_path)) == ["evidence.html", "state"]
