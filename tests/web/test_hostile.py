"""Stored hostile text (T12): whatever an agent, a person or a file calls something, it is shown and does nothing.

Two worlds. In the one, every text of every reading and of everything that is remembered is markup, put there past all
shapes: pages must not rely on those. In the other, texts come in as they do, and none keeps a sign that a terminal
obeys or that turns the direction of reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from quarterdeck.cli.render import as_text
from quarterdeck.truth.fields import FIELDS, kind_of
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import (
    Blind,
    Change,
    Entry,
    Late,
    Relative,
    Said,
    SessionDetail,
    SessionPage,
    SessionQuery,
    Step,
    Usage,
)
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Origin, Reading
from quarterdeck.truth.shapes import Link, Optional, ShapeError, Table, Text, Word
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from quarterdeck.web.app import create_app
from tests.e2e.fleet import fleet
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, ORIGIN
from tests.views.test_credentials import FLEET as SECRETS
from tests.views.test_credentials import told as secrets
from tests.views.test_exposure import OPEN
from tests.views.test_exposure import judged as ways_in

MARKUP: Final = (
    """"><script>boo()</script><img src=x onerror=boo()><svg/onload=boo()>'</title></td><a href="javascript:boo()">"""
    """<iframe srcdoc="x">{{7*7}}{%x%}<!--&lt;script&gt;boo()&#60;b&#62;<base href=//evil.example><style>*{}</style>"""
)
SCHEMES: Final = ("javascript:boo()", "data:text/html,<script>boo()</script>", "vbscript:boo()", " javascript:boo()")
OBEYED: Final = {
    "colour": "a\x1b[31mred\x1b[0m",
    "a title of the window": "a\x1b]0;boo\x07b",
    "a link of the terminal": "a\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "the other kind of escape": "a\x9b31mred",
    "clearing the screen": "a\x1b[2J\x1b[H",
    "line ends": "a\r\nforged: line\nmore",
    "backspace": "good\x08\x08\x08\x08evil",
    "the other direction": "a\u202egnp.exe\u2066b\u2069",
    "signs without width": "a\u200bb\u200d\u2060\ufeffc",
    "a mark of direction": "a\u200eb\u200fc\u061cd",
    "separators": "a\u2028b\u2029c",
    "tags": "a\U000e0041\U000e0042b",
    "a zero byte": "a\x00b",
    "half a sign": "a\ud83db",
    "of private use": "a\ue000b",
}
ASKS: Final[Mapping[str, str]] = {
    "session": "instance=north&id=x",
    "timeline": "subject=hermes:north/gateway",
    "agents": "open=hermes:north/gateway",
}


def spoiled(value: object) -> Any:
    """Put markup into every text of a value."""
    if isinstance(value, str):
        return f"{value}{MARKUP}"
    if isinstance(value, Mapping):
        return {spoiled(key): spoiled(each) for key, each in value.items()}
    if isinstance(value, tuple):
        made = [spoiled(each) for each in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    return value


def has_words(shape: object) -> bool:
    """Whether a value of it is a word of a small vocabulary: what is no word of it is no value."""
    return isinstance(shape, Word) or (isinstance(shape, Optional | Table) and has_words(shape.of))


def spoil(reading: AnyReading) -> AnyReading:
    """Put markup wherever a reading holds text."""
    origin = Origin(f"{reading.origin.source}{MARKUP}", f"{reading.origin.locator}{MARKUP}")
    if not isinstance(reading, Known):
        return replace(reading, origin=origin, detail=f"{reading.detail}{MARKUP}")
    return replace(reading, origin=origin, value=spoiled(reading.value))


@cache
def forged() -> Snapshot:
    """The fleet, in which everything is markup."""
    real = fleet(NOW)
    instances = tuple(replace(each, label=f"{each.label}{MARKUP}") for each in real.instances)
    readings: dict[Key, AnyReading] = {}
    for (name, field), reading in {**ways_in(OPEN).snapshot.readings, **secrets(SECRETS), **real.readings}.items():
        told = reading if has_words(FIELDS[f"{kind_of(name)}.{field}"].shape) else spoil(reading)
        hostile = f"{name}{MARKUP}" if name.startswith(("service:", "systemd:", "repository:")) else name
        readings[hostile, field] = replace(told, subject=hostile)
    looks = {
        f"{name}{MARKUP}": Look(f"{name}{MARKUP}", NOW, 5_000.0, answered=False, detail=MARKUP) for name in ("a", "b")
    }
    return Snapshot(1, NOW, instances, readings, looks, {f"hermes:north/cron/{MARKUP}": NOW - timedelta(hours=1)})


class Forged(FakeMemory):
    """A memory in which everything is markup."""

    def sessions(self, query: SessionQuery) -> SessionPage:
        """One."""
        return SessionPage((self.entry(),), None, 1, total_is_exact=True, read_at={"north": NOW})

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        """That one."""
        return self.entry()

    @staticmethod
    def entry() -> Entry:
        """A session of markup."""
        origin = Origin(MARKUP, MARKUP)
        texts = dict.fromkeys(("source", "model", "parent", "end_reason", "cost_status", "title"), MARKUP)
        counts = {each: 1 for each in Entry.__dataclass_fields__ if each.endswith("tokens")}
        return Entry(
            "north", MARKUP, NOW, NOW, origin, started_at=NOW, ended_at=NOW, messages=1, tool_calls=1, api_calls=1,
            cost_usd=1.0, side_cost_usd=0.0, **counts, **texts,  # type: ignore[arg-type]
        )  # fmt: skip

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        """Its record."""
        steps = (Step(NOW, MARKUP, (MARKUP,), MARKUP, MARKUP, 5, text=MARKUP),)
        usage = (Usage(MARKUP, MARKUP, 1, 1, 1.0, MARKUP),)
        told = SessionDetail(steps, 1, 1, usage, (Relative("parent", MARKUP, MARKUP, NOW, NOW),), relatives_more=True)
        return Known("hermes:north/session/x", "record", Origin(MARKUP, MARKUP), told, NOW, timedelta(hours=1))


def forged_memory() -> Forged:
    """What is remembered of it."""
    gateway = "hermes:north/gateway"
    changed = [
        Change(name, NOW - timedelta(minutes=5), Status.DOWN, None, Knowledge.FRESH, MARKUP, MARKUP, NOW, Status.OK)
        for name in (gateway, f"service:{MARKUP}")
    ]
    real = next(r for (name, _), r in fleet(NOW).readings.items() if name == gateway and isinstance(r, Known))
    told = spoil(real)
    heard = [Said(NOW - timedelta(minutes=5), told, told)]
    late = [Late(told, NOW - timedelta(minutes=20), NOW - timedelta(minutes=1))]
    blind = [Blind(NOW - timedelta(hours=2), NOW - timedelta(hours=1), MARKUP)]
    past = [(NOW - timedelta(minutes=15), forged())]
    return Forged(past, changed=changed, gaps=blind, lately=late, heard=heard)


class Found(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.scripts: list[str] = []
        self.text = ""
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src", "action", "data", "formaction"}}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src") or "")
        self._script = tag == "script"

    def handle_data(self, data: str) -> None:
        """Note text."""
        if self._script and data.strip():
            self.scripts.append(data)
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        """A script has ended."""
        self._script = False


def client(hub: FakeHub) -> TestClient:
    """A browser."""
    return TestClient(let_in(create_app(hub)), base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def attacked() -> Iterator[TestClient]:
    """A browser before a hub in which everything is markup."""
    with client(FakeHub(forged(), NOW, forged_memory())) as browser:
        yield browser


@pytest.fixture(scope="module")
def well() -> Iterator[TestClient]:
    """A browser before the same hub as it is."""
    with client(FakeHub(fleet(NOW), NOW, FakeMemory([(NOW - timedelta(minutes=15), fleet(NOW))]))) as browser:
        yield browser


def pages(browser: TestClient, name: str) -> Iterator[str]:
    """A page as it is now, and as it was."""
    for more in ("", f"at={(NOW - timedelta(minutes=10)).strftime('%Y-%m-%dT%H:%M:%SZ')}"):
        answer = browser.get("/" + name + "?" + "&".join(filter(None, (ASKS.get(name, ""), more))))
        if name == "session" and answer.status_code == 404:
            continue  # there is none in a fleet that is well
        assert answer.status_code == 200, answer.text[:300]
        yield answer.text


@pytest.fixture(scope="module")
def known(well: TestClient) -> set[str]:
    """Every element there is on our pages when nobody means harm."""
    return {tag for name in VIEWS for text in pages(well, name) for tag in Found(text).tags}


@pytest.mark.parametrize("name", list(VIEWS))
def test_markup_is_text_on_every_page(attacked: TestClient, known: set[str], name: str) -> None:
    """No element, no attribute and no link comes of what somebody called something; it stands there as it is."""
    shown = 0
    for page in pages(attacked, name):
        found = Found(page)
        assert found.tags <= known | {"dl", "dt", "dd"}
        assert not found.tags & {"iframe", "base", "style", "img", "object", "embed"}
        assert not {each for each in found.attributes if each.startswith("on") or each in {"style", "srcdoc"}}
        assert all(each.startswith("/static/") for each in found.scripts)
        strange = [each for each in found.links if not re.match(r"/|#|\?|https?://|$", each)]
        assert strange == []
        shown += found.text.count("<script>boo()</script>") + page.count("&lt;script&gt;boo()")
    assert shown


@pytest.mark.parametrize("name", list(VIEWS))
def test_markup_in_data_is_data(attacked: TestClient, name: str) -> None:
    """The API says what it was told, as JSON and as nothing else: no browser takes it for a page."""
    answer = attacked.get(f"/api/v1/views/{name}?{ASKS.get(name, '').removeprefix('open=hermes:north/gateway')}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert MARKUP in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("link", SCHEMES)
def test_no_link_leads_where_something_runs(link: str) -> None:
    """T20: an address of another scheme than http and https is none, whoever gives it."""
    linked = [field for field in FIELDS.values() if isinstance(getattr(field.shape, "of", field.shape), Link)]
    assert linked
    for field in linked:
        with pytest.raises(ShapeError):
            field.shape.load(link)


def texts(value: object) -> Iterator[str]:
    """Every text of a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from (*texts(key), *texts(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("text", OBEYED.values(), ids=list(OBEYED))
def test_no_field_lets_through_what_is_obeyed(text: str) -> None:
    """Whichever field a text is told for: it is refused, or comes out without anything that steers."""
    taken = 0
    for key, field in FIELDS.items():
        for raw in (text, [text], {text: text}, {"a": text}, [[text]], {text: 1}, {text: True}):
            try:
                value = field.shape.load(raw)
            except ShapeError:
                continue
            taken += 1
            assert all(each.isprintable() for each in texts(value)), key
    assert taken >= 4  # names and titles


def through_the_shapes(text: str) -> Snapshot:
    """The fleet, in which every text that its field takes is a hostile one."""
    real, readings = fleet(NOW), dict[Key, AnyReading]()
    for (name, field), reading in real.readings.items():
        declared = FIELDS[f"{kind_of(name)}.{field}"]
        free = isinstance(getattr(declared.shape, "of", declared.shape), Text)
        readings[name, field] = declared.known(name, ORIGIN, text, NOW) if free else reading
    return replace(real, readings=readings)


@pytest.mark.parametrize("text", OBEYED.values(), ids=list(OBEYED))
def test_nothing_steers_a_page_or_a_terminal(text: str) -> None:
    """Names and titles that would colour, clear, forge a line or turn the reading around do none of it: on every page,
    in the API, and in the terminal.
    """
    snapshot = through_the_shapes(text)
    assert snapshot.readings != fleet(NOW).readings
    with client(FakeHub(snapshot, NOW, FakeMemory([(NOW, snapshot)]))) as browser:
        for name, spec in VIEWS.items():
            page = browser.get(f"/{name}?{ASKS.get(name, '')}")
            assert not [c for c in page.text if not c.isprintable() and c not in "\n "], name
            data = browser.get(f"/api/v1/views/{name}").json()
            assert all(each.isprintable() for each in texts(data)), name
            view = spec.make(Judged(snapshot, NOW), Asked("all"), None)
            printed = as_text(view, width=120, colour=False)
            assert not [c for c in printed if not c.isprintable() and c != "\n"], name
            coloured = re.sub(r"\x1b\[[0-9;]*m", "", as_text(view, width=120, colour=True))
            assert not [c for c in coloured if not c.isprintable() and c != "\n"], name
