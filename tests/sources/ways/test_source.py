"""A witness of ways in, as the collector asks it."""

from __future__ import annotations

from datetime import UTC, datetime

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways import WaysSource
from quarterdeck.sources.ways.told import NOTHING, Seen, Told, address, merged, put, unix
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
FORWARDER = "host:box/forwarder/proxy"
ROUTE = "host:box/route/proxy/[::]:443"


class Proxy:
    """A witness that says what a test wants, or that it cannot."""

    name = "proxy"
    locator = "its settings"

    def __init__(self, answer: Seen | SourceError) -> None:
        self.answer = answer

    def ask(self) -> Seen:
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer


SEEN = Seen("routes", (Told("proxy", "[::]:443", ["127.0.0.1:9119"], ["variable"], None),))


def look(source: WaysSource) -> dict[Key, AnyReading]:
    return {(each.subject, each.field): each for each in source.look(NOW)}


def value(readings: dict[Key, AnyReading], subject: str, field: F.Field[object]) -> object:
    found = readings[subject, field.name]
    assert isinstance(found, Known), found
    return found.value


def test_a_route_is_told_with_its_witness() -> None:
    """Each entry is a subject, with where it leads and what of it is not understood."""
    readings = look(WaysSource("box", Proxy(SEEN)))
    assert value(readings, FORWARDER, F.FORWARDER_FOUND) == "routes"
    assert value(readings, ROUTE, F.ROUTE_UPSTREAMS) == ("127.0.0.1:9119",)
    assert value(readings, ROUTE, F.ROUTE_UNREAD) == ("variable",)
    assert value(readings, ROUTE, F.ROUTE_OPEN) is None
    assert readings[ROUTE, "by"].origin == ("proxy", "its settings")


def test_a_witness_that_cannot_tell_closes_nothing() -> None:
    """What it told before is unknown with what was known then; it is not gone."""
    proxy = Proxy(SEEN)
    source = WaysSource("box", proxy)
    look(source)
    proxy.answer = SourceError(Reason.DENIED, "may not be asked")
    readings = look(source)
    for key in ((FORWARDER, "found"), (ROUTE, "upstreams")):
        lost = readings[key]
        assert isinstance(lost, Unavailable)
        assert lost.reason is Reason.DENIED
    upstreams = readings[ROUTE, "upstreams"]
    assert isinstance(upstreams, Unavailable)
    assert upstreams.last is not None


def test_nothing_and_not_asked_are_told_apart() -> None:
    """That there is no such thing was found out; that it was not asked was decided."""
    assert value(look(WaysSource("box", Proxy(NOTHING))), FORWARDER, F.FORWARDER_FOUND) == "nothing"
    source = WaysSource("box", "proxy")
    assert value(look(source), FORWARDER, F.FORWARDER_FOUND) == "not asked"
    assert not source.is_asked
    assert source.expected == ((FORWARDER, "found"),)
    assert source.watched() == ()


def test_addresses_are_written_in_one_way() -> None:
    """As the kernel writes them; what cannot be written so is told as not understood."""
    assert [address("", 80), address("*", 80), address("[0:0::1]", 80), address("127.0.0.1", 80)] == [
        *("[::]:80", "[::]:80", "[::1]:80", "127.0.0.1:80")
    ]
    assert [address("App", 80), unix("/run/x.sock")] == ["app:80", "unix:run/x.sock"]
    told = Told("proxy", "[::]:80")
    put(told, ["127.0.0.1:80", "two words:80"], ["variable", "{odd thing}"])
    assert (told.upstreams, told.unread) == (["127.0.0.1:80"], ["upstream", "variable", "part"])


def test_what_comes_in_at_one_entry_is_told_once() -> None:
    """Two servers at one address are one entry that leads to what both lead to."""
    first, second = Told("proxy", "[::]:80", ["b:1", "a:1"]), Told("proxy", "[::]:80", ["a:1"], ["variable"])
    assert merged([first, second]) == (Told("proxy", "[::]:80", ["a:1", "b:1"], ["variable"]),)
