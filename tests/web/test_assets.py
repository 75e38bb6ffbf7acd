"""What pages are made with: where it comes from, how it is served, and that it is shipped."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from quarterdeck.web.app import create_app
from quarterdeck.web.assets import BUNDLES, bundle, missing
from tests.architecture.code import ROOT
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.worlds import world

VENDOR = ROOT / "src/quarterdeck/web/static/vendor"
COPIED = ("htmx.min.js", "hx-sse.min.js", "htmx.LICENSE", "uplot.min.js", "uplot.min.css", "uplot.LICENSE")


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A browser."""
    with TestClient(let_in(create_app(FakeHub(world(0, NOW), NOW))), base_url="http://localhost") as client:
        yield client


def test_the_lock_names_packages_and_hashes_and_no_place() -> None:
    """Each package of others has one version and a hash; where it was found is nowhere written down."""
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "resolved" not in lock
    packages = {name: each for name, each in json.loads(lock)["packages"].items() if name}
    assert set(packages) == {"node_modules/htmx.org", "node_modules/uplot"}
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text(encoding="utf-8")


def test_git_holds_none_of_it() -> None:
    """What others wrote is brought at build time and never committed."""
    held = subprocess.run(["git", "ls-files", VENDOR], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert held.stdout == ""


def test_a_wheel_carries_it_with_its_licences(tmp_path: Path) -> None:
    """Who installs the wheel needs no npm: scripts, style sheets and the licences they come under are in it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, ROOT], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
        assert {f"quarterdeck/web/static/vendor/{name}" for name in COPIED} <= names
        assert "quarterdeck/web/templates/base.html" in names
        assert b"uPlot" in held.read("quarterdeck/web/static/vendor/uplot.min.js")
    assert missing() == ()


@pytest.mark.parametrize("name", list(BUNDLES))
def test_a_file_is_kept_for_good_under_the_address_of_its_content(client: TestClient, name: str) -> None:
    """The address that names the content may be kept for ever; any other must be asked for again."""
    page = client.get("/brief").text
    address = next((part.split('"')[0] for part in page.split('="') if part.startswith(f"/static/{name}?")), None)
    if address is not None:
        assert client.get(address).headers["cache-control"] == "max-age=31536000, immutable"
    assert client.get(f"/static/{name}").headers["cache-control"] == "no-store"
    assert client.get(f"/static/{name}?v=another").content == bundle(name)


def test_a_page_takes_one_script_one_style_and_one_icon(client: TestClient) -> None:
    """Everything a page needs comes in three answers beside it, and charts only where there are some."""
    page = client.get("/brief").text
    asked = {part.split('"')[0].partition("?")[0] for part in page.split('="') if part.startswith("/static/")}
    assert asked == {"/static/deck.js", "/static/deck.css", "/static/deck.svg"}
    assert b"htmx" in bundle("deck.js")
    assert b"uPlot" not in bundle("deck.js")


def test_nothing_but_what_is_named_is_served(client: TestClient) -> None:
    """No path leads out of the table of files."""
    for name in ("../app.py", "vendor/htmx.min.js", "vendor/made-of", "deck", "", "deck.js/x", "%2e%2e/app.py"):
        assert client.get(f"/static/{name}").status_code == 404


def test_answers_are_packed_for_those_who_unpack(client: TestClient) -> None:
    """Whoever takes gzip gets it, whoever refuses it does not, and both can tell that nothing has changed."""
    packed = client.get("/brief", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = client.get("/brief", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content)) * 1.1
    for codings in ("gzip", "identity"):
        again = {"If-None-Match": packed.headers["etag"], "Accept-Encoding": codings}
        answer = client.get("/brief", headers=again)
        assert (answer.status_code, answer.content) == (304, b"")
