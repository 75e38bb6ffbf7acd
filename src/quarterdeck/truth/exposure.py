"""Which ways lead from beyond this machine to what should be private.

Rule 1: a way is followed from where connections come in, over everything that passes them on, to what is protected.
        Every hop counts, not only the first: a proxy before a proxy is a way.
Rule 2: nothing on the way is taken for a wall. Host names, paths, logins and lists of addresses can be got wrong in
        places that are not read here; a way is a way.
Rule 3: only loopback, a unix socket and an address that is proven to be the tailnet's are private. Everything else is
        exposed, also an address that nobody can place.
Rule 4: what cannot be followed to its end (a name that may be this machine, a part that is not understood) is a doubt
        and is told as one: it is neither a way nor none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from quarterdeck.truth.addresses import Scope, parsed, scope_of
from quarterdeck.truth.shapes import Chain

INTERNET: Final = "internet"
"""Where a tunnel or a funnel takes connections: everywhere."""
FAR_HOST: Final = "far-host"
"""Where a tunnel to another machine takes them: on that machine, which decides for whom."""
TAILNET: Final = "tailnet"
"""Where the tailnet's own daemon takes them: from the tailnet."""
SOMEWHERE: Final = "somewhere"
"""Where something takes them that does not say where."""
EVERYWHERE: Final = "*"
"""An upstream that can be anything that listens here."""
UNIX: Final = "unix:"
INSIDE: Final = "container"
"""The host of an upstream that is a port inside a container: ``container:9119``."""
HOPS: Final = 6
STEPS: Final = 5_000
"""Hops that are followed in all. A machine that has more is in doubt."""

PRIVATE: Final = frozenset({Scope.LOOPBACK, Scope.TAILNET})
LOCALHOST: Final = "localhost"
LOCAL_NAMES: Final = frozenset({LOCALHOST, "ip6-localhost", "localhost.localdomain", "host.docker.internal", ""})


class Sure(IntEnum):
    """How well a hop is known to lead on."""

    NOT = 0
    MAYBE = 1
    YES = 2


class Place(NamedTuple):
    """Host and port, as they stand in ``127.0.0.1:9119`` and ``[::1]:9119``; a port of 0 is one nobody could read."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """What passes connections on, as one witness tells it."""

    by: str
    entry: str
    upstreams: tuple[str, ...]
    unread: tuple[str, ...] = ()
    open: bool | None = True
    """Whether connections are taken; None where only a listener at its entry can tell."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is protected: the ports and sockets that lead to it."""

    ports: frozenset[int]
    sockets: frozenset[str] = frozenset()
    inside: frozenset[int] = frozenset()
    """Ports of it inside any container."""


@dataclass(frozen=True, slots=True)
class World:
    """What is known of a machine's ways in."""

    listening: tuple[str, ...] | None
    """Addresses beyond loopback on which anything listens; None when nobody could say."""
    routes: tuple[Route, ...]
    own: frozenset[str] = frozenset()
    """Addresses and names of this machine."""
    tailnet: frozenset[str] = frozenset()
    """Those of its addresses that are proven to be the tailnet's."""


class Ways(NamedTuple):
    """The ways to one target."""

    exposed: tuple[Chain, ...]
    doubted: tuple[Chain, ...]
    private: tuple[Chain, ...]


def ways(target: Target, world: World) -> Ways:
    """Follow every way in to a target."""
    return Followed(world).ways(target)


def is_private(entry: str, world: World) -> bool:
    """Whether only this machine and its tailnet can come in here."""
    if entry == TAILNET or entry.startswith(UNIX):
        return True
    host = place_of(entry).host
    return host == LOCALHOST or scope_of(host, world.tailnet) in PRIVATE


def place_of(address: str) -> Place:
    """Take host and port apart; an address without a readable port has port 0."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        return Place(address, 0)
    return Place(host.lower(), int(port))


class End(NamedTuple):
    """Where a way may end: its hops so far, and how sure it leads here."""

    chain: Chain
    sure: Sure


class Followed:
    """All ways of a machine, followed once for whatever is protected on it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._entries: dict[str, list[Route]] = {}
        """Routes by the port or the socket they take connections at."""
        self._addresses = {parsed(each) for each in world.own} - {None}
        self._here: dict[str, bool] = {}
        self._left = STEPS
        self._ends: dict[str, list[End]] = {}
        """By what is reached: a port, a socket, a port in a container, or anything at all."""
        for route in world.routes:
            self._entries.setdefault(_key(route.entry), []).append(route)
        for address in world.listening or ():
            self._end(str(place_of(address).port), (address,), Sure.YES)
        for route in world.routes:
            if _is_open(route, world):
                best = Sure.MAYBE if route.entry == SOMEWHERE else Sure.YES
                self._follow(route, (route.entry,), frozenset((id(route),)), best)

    def ways(self, target: Target) -> Ways:
        """Return the ways that end at a target."""
        places = [EVERYWHERE, *map(str, sorted(target.ports)), *(f"{UNIX}{each}" for each in sorted(target.sockets))]
        places += [f"{INSIDE}:{port}" for port in sorted(target.inside)]
        found: dict[Chain, tuple[bool, Sure]] = {}
        for end in (end for place in places for end in self._ends.get(place, ())):
            found.setdefault(end.chain, (is_private(end.chain[0], self._world), end.sure))
        return Ways(
            tuple(chain for chain, (private, sure) in found.items() if not private and sure is Sure.YES),
            tuple(chain for chain, (private, sure) in found.items() if not private and sure is Sure.MAYBE),
            tuple(chain for chain, (private, _) in found.items() if private),
        )

    def _end(self, place: str, chain: Chain, sure: Sure) -> None:
        self._ends.setdefault(place, []).append(End(chain, sure))

    def _follow(self, route: Route, chain: Chain, path: frozenset[int], sure: Sure) -> None:
        """Follow a route to its ends, and into whatever takes what it passes on."""
        for part in route.unread:
            self._end(EVERYWHERE, (*chain, route.by, part), Sure.MAYBE)
        for upstream in route.upstreams:
            further = (*chain, route.by, upstream)
            self._reach(upstream, further, sure)
            following = [each for each in self._entries.get(_key(upstream), ()) if id(each) not in path]
            self._left -= 1
            if following and (len(path) == HOPS or self._left <= 0):
                if self._left >= 0:
                    self._end(EVERYWHERE, (*further, SOMEWHERE), Sure.MAYBE)
                continue
            leads = min(sure, self._sure(upstream))
            for each in following:
                self._follow(each, further, path | {id(each)}, leads)

    def _reach(self, upstream: str, chain: Chain, sure: Sure) -> None:
        """Note what an upstream may be."""
        place = place_of(upstream)
        if upstream == EVERYWHERE:
            self._end(EVERYWHERE, chain, sure)
        elif upstream.startswith(UNIX) or place.host == INSIDE:
            self._end(upstream, chain, sure)
        elif place.port == 0:
            self._end(EVERYWHERE, chain, Sure.MAYBE)
        else:
            self._end(str(place.port), chain, min(sure, self._sure(upstream)))

    def _sure(self, upstream: str) -> Sure:
        """Whether an upstream is surely on this machine; one that is not may be it all the same."""
        host = place_of(upstream).host
        if host not in self._here:
            self._here[host] = self._is_here(host)
        return Sure.YES if upstream.startswith(UNIX) or self._here[host] else Sure.MAYBE

    def _is_here(self, host: str) -> bool:
        if host in LOCAL_NAMES or host in self._world.own:
            return True
        address = parsed(host)
        return address is not None and (address in self._addresses or scope_of(host) in (Scope.LOOPBACK, Scope.ANY))


def _key(address: str) -> str:
    """Return by what an entry is found: a socket by its path, everything else by its port."""
    place = place_of(address)
    if address.startswith(UNIX) or place.host == INSIDE:
        return address
    return str(place.port) if place.port else f"{address}:"


def _is_open(route: Route, world: World) -> bool:
    """Whether connections come in: by its own word, else by a listener's; when nobody can say, they may."""
    if route.open is not None or world.listening is None or is_private(route.entry, world):
        return route.open is not False
    port = place_of(route.entry).port
    return port == 0 or any(place_of(each).port == port for each in world.listening)
