"""Whether anything that should be private can be reached from beyond, as readings of every agent and of ourselves.

Rule 1: it is a source like any other, whose witness is what all the others say of ways in. A witness that is silent
        leaves everything in doubt for the reason it is silent for.
Rule 2: of an agent that lives on another machine nothing is said here: its ways in are not among those that are seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from quarterdeck.settings import Settings
from quarterdeck.sources.host.listeners import ROLES
from quarterdeck.sources.ways import Caddy, Containers, Nginx, Programs, Sockets, WaysSource
from quarterdeck.sources.ways.programs import Running
from quarterdeck.sources.ways.told import Witness, unix
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.exposure import INSIDE, INTERNET, TAILNET, UNIX, Followed, Route, Target, Ways, World
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Origin, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot

WITNESS: Final = Origin("exposure audit", "ways in")
NETWORK_DAEMON: Final = "tailnet"
"""The witness that tells of the tailnet in facts of its own."""
RUNNING: Final = "running"
GATEWAY: Final = "gateway"
PAGES: Final = "pages"
PORT: Final = "port"
SOON_S: Final = 0.5
EVERY_S: Final = 5.0
AGAIN: Final = timedelta(seconds=30)
"""After so long a reading is made anew, though it says the same."""
OLD: Final = (Reason.TIMEOUT, "was last read too long ago")
NOT_YET: Final = (Reason.NEVER_SEEN, "has not been looked at yet")

Subjects = Mapping[str, Fields]


class Protected(NamedTuple):
    """Something that should be private, and what leads to it: ports and sockets, each with what it is."""

    subject: str
    places: Mapping[str, str]
    target: Target


class Audit(NamedTuple):
    """What the audit was made of."""

    protected: tuple[Protected, ...]
    world: World
    witnesses: tuple[str, ...]
    lost: tuple[Origin, Reason, str] | None
    """The first witness that could not tell, and why."""


class Exposed:
    """The audit of ways in, as a source."""

    name = "exposure"
    budget_s = 5.0

    def __init__(self, settings: Settings, host: str, witnesses: Iterable[str], *, asks_tailnet: bool = False) -> None:
        """``witnesses`` are those whose word is needed before anything is private; so may be the tailnet's daemon."""
        self._settings, self._host, self._asks_tailnet = settings, host, asks_tailnet
        self._witnesses = (*witnesses, *([NETWORK_DAEMON] if asks_tailnet else []))
        self._snapshot: Callable[[], Snapshot | None] = lambda: None
        self._before: tuple[Audit, datetime, list[AnyReading]] | None = None

    @property
    def every_s(self) -> float:
        """Soon at the beginning, while others have not been heard; then as often as anything can change."""
        return SOON_S if self._before is None else EVERY_S

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Name where the newest snapshot is found."""
        self._snapshot = snapshot

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing."""
        return ()

    def look(self, now: datetime) -> list[AnyReading]:
        """Follow all ways once more; before anything was collected there is nothing to follow."""
        snapshot = self._snapshot()
        return [] if snapshot is None or not snapshot.version else self.readings(snapshot, now)

    def readings(self, snapshot: Snapshot, now: datetime) -> list[AnyReading]:
        """Return what follows from a snapshot. What followed from the same a moment ago is not reckoned again.

        Nothing follows before everybody has been heard once: that we have only just begun is no doubt.
        """
        audit = self._audit(snapshot, now)
        if self._before is None and audit.lost is not None and audit.lost[1] is Reason.NEVER_SEEN:
            return []
        if self._before is not None and self._before[0] == audit and timedelta(0) <= now - self._before[1] < AGAIN:
            return self._before[2]
        followed = Followed(audit.world)
        found = [each for one in audit.protected for each in _readings(one, followed.ways(one.target), audit, now)]
        self._before = (audit, now, found)
        return found

    def _audit(self, snapshot: Snapshot, now: datetime) -> Audit:
        subjects = _subjects(snapshot)
        here = f"host:{self._host}"
        heard = Heard({name: each for name, each in subjects.items() if name.startswith(f"{here}/")}, here, now)
        for witness in self._witnesses:
            if witness != NETWORK_DAEMON:
                heard.require(f"{here}/forwarder/{witness}", F.FORWARDER_FOUND)
        world = heard.world(asks_tailnet=self._asks_tailnet)
        local = [one for one in snapshot.instances if one.id not in _far(subjects, here)]
        return Audit(tuple(_protected(self._settings, self._host, local, heard)), world, self._witnesses, heard.lost)


def ways_in(settings: Settings, host: str, *, asks_tailnet: bool) -> tuple[WaysSource, ...]:
    """Return who is asked for ways in, as the settings say."""
    decided, running = settings.exposure, Running()
    path = os.environ.get("PATH", os.defpath)
    caddy = Caddy(admin=decided.caddy_admin, caddyfile=decided.caddyfile, running=running.has, path=path)
    user = Path(f"/run/user/{os.geteuid()}")
    engines = [Path("/run/docker.sock"), Path("/run/podman/podman.sock"), user / "docker.sock"]
    containers = Containers([*engines, user / "podman" / "podman.sock"], running=running.has)
    witnesses: tuple[Witness | str, ...] = (
        caddy,
        Nginx(conf=decided.nginx_conf, running=running.lines),
        containers if decided.containers else containers.name,
        Programs(running, accepted=frozenset(decided.accepted), asks_tailnet=asks_tailnet),
        Sockets(),
    )
    return tuple(WaysSource(host, witness) for witness in witnesses)


class Heard:
    """What the witnesses said of one host, as far as it can be used now."""

    def __init__(self, subjects: Subjects, here: str, now: datetime) -> None:
        self.subjects, self._here, self._now = subjects, here, now
        self.lost: tuple[Origin, Reason, str] | None = None

    def require(self, name: str, field: Field[Any]) -> Any:  # noqa: ANN401 -- whatever the field holds
        """Return a fact; note what is lost when it cannot be told."""
        reading = self.subjects.get(name, {}).get(field.name)
        if self.lost is None and not self._is_current(reading):
            self.lost = _why(reading, name)
        return self._current(name, field)

    def _current(self, name: str, field: Field[Any]) -> Any:  # noqa: ANN401 -- as above
        reading = self.subjects.get(name, {}).get(field.name)
        return reading.value if isinstance(reading, Known) and self._is_current(reading) else None

    def _is_current(self, reading: AnyReading | None) -> bool:
        return isinstance(reading, Known) and reading.knowledge(self._now) is not Knowledge.STALE

    def world(self, *, asks_tailnet: bool) -> World:
        """Return what is known of ways in."""
        network = f"{self._here}/network"
        listening = self.require(network, F.SOCKETS)
        own = self.require(network, F.ADDRESSES) or ()
        tailnet, served = self._tailnet() if asks_tailnet else ((), ())
        names = [self._here.partition(":")[2].lower(), *self._said(f"{self._here}/tailnet", F.TAILNET_NAME)]
        return World(
            listening, (*self._routes(), *served), frozenset((*own, *tailnet, *filter(None, names))), frozenset(tailnet)
        )

    def _routes(self) -> Iterator[Route]:
        for name in sorted(self.subjects):
            if name.startswith(f"{self._here}/route/"):
                said = [self.require(name, field) for field in (F.ROUTE_BY, F.ROUTE_ENTRY)]
                upstreams, unread = self.require(name, F.ROUTE_UPSTREAMS), self.require(name, F.ROUTE_UNREAD)
                is_open = self.require(name, F.ROUTE_OPEN)
                if None not in (*said, upstreams, unread):
                    yield Route(said[0], said[1], upstreams, unread, is_open)

    def _tailnet(self) -> tuple[tuple[str, ...], tuple[Route, ...]]:
        """Return the addresses that are proven to be the tailnet's, and what its daemon serves itself."""
        name = f"{self._here}/tailnet"
        state = self.subjects.get(name, {}).get(F.TAILNET_STATE.name)
        if isinstance(state, Unavailable) and state.reason is Reason.MISSING:
            return (), ()  # there is no tailnet here
        if self.require(name, F.TAILNET_STATE) != RUNNING:
            return (), ()  # nothing comes in while it is not connected, or nobody can say: then that is noted
        addresses = self._current(name, F.TAILNET_PROVEN) or ()  # what is not proven is not private: that is no doubt
        targets, funnel = self.require(name, F.SERVE_TARGETS) or {}, self.require(name, F.FUNNEL) or ()
        return addresses, tuple(_served(place, target, funnel) for place, target in sorted(targets.items()))

    def _said(self, name: str, field: Field[Any]) -> Iterator[str]:
        reading = self.subjects.get(name, {}).get(field.name)
        if isinstance(reading, Known) and reading.value:
            yield str(reading.value).rstrip(".").lower()


def _served(place: str, target: str, funnel: Iterable[str]) -> Route:
    """What the tailnet's daemon passes on from one of its ports, to the tailnet or to the whole internet."""
    port = place.partition("/")[0].rpartition(":")[2]
    is_public = any(each.rpartition(":")[2] == port for each in funnel)
    passes_on = target.startswith(UNIX) or target.rpartition(":")[2].isdecimal()
    by = f"tailscale-{'funnel' if is_public else 'serve'}:{port}"
    return Route(by, INTERNET if is_public else TAILNET, (target,) if passes_on else ())


def _why(reading: AnyReading | None, name: str) -> tuple[Origin, Reason, str]:
    if isinstance(reading, Unavailable):
        return reading.origin, reading.reason, reading.detail
    if reading is None:
        who = name.rpartition("/")[2]
        return Origin(who, who), *NOT_YET
    return reading.origin, *OLD


# --- what is protected ----------------------------------------------------------------------------------------------


def _protected(settings: Settings, host: str, local: list[Instance], heard: Heard) -> Iterator[Protected]:
    """Every agent of this machine, whatever else should be private on it, and Quarterdeck itself."""
    public = {str(port) for port in settings.exposure.public}
    own = _claimed(local, heard.subjects)
    taken = {port for ports in own.values() for port in ports}
    usual = {str(port): role for port, role in ROLES.items()}
    for one in local:
        places = {port: role for port, role in usual.items() if port not in taken} | own[one.id]
        yield _made(subject(one.id, "exposure"), {port: what for port, what in places.items() if port not in public})
    further = dict.fromkeys(map(str, settings.exposure.protect), PORT)
    inside = {f"{INSIDE}:{port}": role for port, role in usual.items() if port not in public}
    lonely = {} if local else {port: role for port, role in usual.items() if port not in public}
    yield _made(f"host:{host}/exposure", {**lonely, **inside, **further})
    socket = () if settings.server.socket is None else (settings.server.socket,)
    sockets = [unix(form) for path in socket for form in (str(path), path.name)]
    yield _made(f"quarterdeck:{host}/exposure", dict.fromkeys((str(settings.port), *sockets), PAGES))


def _made(name: str, places: Mapping[str, str]) -> Protected:
    return Protected(
        name,
        dict(sorted(places.items())),
        Target(
            frozenset(int(place) for place in places if place.isdecimal()),
            frozenset(place.removeprefix(UNIX) for place in places if place.startswith(UNIX)),
            frozenset(int(place.partition(":")[2]) for place in places if place.startswith(f"{INSIDE}:")),
        ),
    )


def _claimed(local: Collection[Instance], subjects: Subjects) -> dict[str, dict[str, str]]:
    """Return the ports that are each agent's own: its dashboard's by the settings, and those its gateway listens on."""
    found: dict[str, dict[str, str]] = {one.id: {} for one in local}
    for name, fields in subjects.items():
        owner = fields.get(F.LISTENER_OF.name)
        if "/listener/" in name and isinstance(owner, Known) and owner.value in found:
            port = name.rpartition(":")[2]
            found[owner.value][port] = ROLES.get(int(port), GATEWAY)
    for one in local:
        parts = urlsplit(one.dashboard or "")
        if parts.hostname is not None:
            found[one.id][str(parts.port or (443 if parts.scheme == "https" else 80))] = "dashboard"
    return found


def _far(subjects: Subjects, here: str) -> frozenset[str]:
    """Return the agents that live on other machines, by the file systems that are told of them."""
    return frozenset(
        one
        for name, fields in subjects.items()
        if "/disk/" in name and not name.startswith(f"{here}/")
        if isinstance(reading := fields.get(F.DISK_OF.name), Known)
        for one in reading.value
    )


# --- readings -------------------------------------------------------------------------------------------------------


def _readings(one: Protected, found: Ways, audit: Audit, now: datetime) -> Iterator[AnyReading]:
    said: tuple[tuple[Field[Any], object], ...] = (
        (F.PROTECTED, one.places),
        (F.EXPOSED, found.exposed),
        (F.DOUBTED, found.doubted),
        (F.PRIVATE, found.private),
    )
    for field, value in said:
        yield field.known(one.subject, WITNESS, value, now)
    if audit.lost is None:
        yield F.AUDITED.known(one.subject, WITNESS, audit.witnesses, now)
    else:
        yield F.AUDITED.unavailable(one.subject, *audit.lost, now)


def _subjects(snapshot: Snapshot) -> Subjects:
    readings = snapshot.readings
    return (readings if isinstance(readings, Grouped) else Grouped.of(readings)).subjects
