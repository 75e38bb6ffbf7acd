"""Containers: the ports that an engine says it publishes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.containers import ENGINES, Containers
from quarterdeck.sources.ways.published import published
from quarterdeck.sources.ways.told import NOTHING, Told
from quarterdeck.truth.reading import Reason
from tests.fakes.engine import engine
from tests.truth.test_shapes import JSON

WEB: dict[str, Any] = {
    "Id": "8dfafdbc3a40",
    "Names": ["/web"],
    "Image": "caddy:2",
    "State": "running",
    "Ports": [
        {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "udp"},
        {"PrivatePort": 80, "Type": "tcp"},
        {"IP": "127.0.0.1", "PrivatePort": 2019, "PublicPort": 2019, "Type": "tcp"},
    ],
    "HostConfig": {"NetworkMode": "bridge"},
}
AGENT: dict[str, Any] = {
    "Names": ["/agent", "/other/name"],
    "Ports": [{"IP": "", "PrivatePort": 9119, "PublicPort": 18080, "Type": "tcp"}],
}
BARE: dict[str, Any] = {"Names": None, "Ports": None}


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path for a socket: longer ones are refused by the kernel."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "engine.sock"


def test_published_ports_are_told(place: Path) -> None:
    """Each address and port is an entry; what is not published, and datagrams, are none. Only the list is asked for."""
    with engine(place, json.dumps([WEB, AGENT, BARE]).encode()) as asked:
        seen = Containers([place]).ask()
    assert list(seen.routes) == [
        Told("container:agent", "[::]:18080", ["container:9119"]),
        Told("container:web", "0.0.0.0:8443", ["container:443"]),
        Told("container:web", "127.0.0.1:2019", ["container:2019"]),
        Told("container:web", "[::]:8443", ["container:443"]),
    ]
    assert asked.asked == ["GET /containers/json"]


def test_several_engines_are_asked(place: Path) -> None:
    """Those that are there are all asked; a socket of an engine that is gone is none."""
    gone = place.with_name("gone.sock")
    with engine(place, json.dumps([AGENT]).encode()):
        assert len(Containers([gone, place]).ask().routes) == 1
        with engine(gone):
            assert len(Containers([gone, place]).ask().routes) == 1


def test_without_an_engine_there_is_nothing(place: Path) -> None:
    """No socket and no process of an engine: nothing is published."""
    assert Containers([place]).ask() == NOTHING


@pytest.mark.parametrize("name", ENGINES)
def test_containers_without_a_socket_are_unknown(place: Path, name: str) -> None:
    """Containers that run while nobody can be asked about them are not safe for that."""
    with pytest.raises(SourceError) as lost:
        Containers([place], running=lambda *names: name in names).ask()
    assert lost.value.reason is Reason.MISSING


def test_a_socket_that_may_not_be_seen_is_unknown(tmp_path: Path) -> None:
    """A place the system does not let us look at may hold an engine."""
    with pytest.raises(SourceError) as lost:
        Containers([tmp_path / ("x" * 300)]).ask()
    assert lost.value.reason is Reason.DENIED


@pytest.mark.parametrize(("body", "status"), [(b"{}", 200), (b"[]", 500), (b"", 200), (b"[{", 200), (b"\xff", 200)])
def test_an_engine_that_answers_otherwise_is_unknown(place: Path, body: bytes, status: int) -> None:
    """An answer that is not the list is not an empty list."""
    with engine(place, body, status), pytest.raises(SourceError) as lost:
        Containers([place]).ask()
    assert lost.value.reason is Reason.CORRUPT


@given(JSON)
def test_no_answer_is_an_accident(answer: object) -> None:
    """Any JSON at all is routes, or a reason why there are none."""
    try:
        found = list(published(json.dumps(answer).encode()))
    except SourceError:
        return
    assert all(each.entry for each in found)


def test_names_that_could_not_be_told_are_cut() -> None:
    """A container may be called as it likes: its route keeps the shape of an identifier."""
    body = json.dumps([{"Names": ["/" + "x" * 300], "Ports": AGENT["Ports"]}]).encode()
    assert len(next(iter(published(body))).by) < 80
