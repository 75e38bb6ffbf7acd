"""A tailnet's daemon at a unix socket: its LocalAPI as far as it is read, in the real one's words.

It answers `status`, `whois` and `serve-config` under `/localapi/v0/`. Like the real one it takes only questions for
`local-tailscaled.sock` that name neither an origin nor a referrer, and knows whoever it knows by address.

It can be in any manner of a `RudeServer` (silent, dripping, garbage, huge, short, ...), be forbidden to us
(`readable = False`), or say something else instead (`instead`, by the last word of the path). What it knows are plain
attributes, to be changed while it runs. It is absent before and after its block, and a second one at the same place is
a restarted one.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from tests.fakes.rude_server import RudeServer

HOST: Final = "local-tailscaled.sock"
VERSION: Final = "1.88.3-t1234567890"
OWN: Final = ("100.101.102.103", "fd7a:115c:a1e0::6701:6667")
NEVER: Final = "0001-01-01T00:00:00Z"

Json = dict[str, Any]


@dataclass
class Machine:
    """One machine of the tailnet, and whose it is."""

    login: str = "me@example.com"
    name: str = "Me"
    addresses: tuple[str, ...] = ("100.64.0.7", "fd7a:115c:a1e0::7")
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    online: bool = True
    expired: bool = False
    id: str = "nPeer7"


@dataclass
class Net:
    """What the daemon knows."""

    addresses: tuple[str, ...] = OWN
    name: str = "deck.tail1234.ts.net"
    state: str = "Running"
    tun: bool = True
    tags: tuple[str, ...] = ()
    key_expires: str | None = "2027-03-01T00:00:00Z"
    expired: bool = False
    health: tuple[str, ...] = ()
    machines: list[Machine] = field(default_factory=lambda: [Machine()])
    serve: object = None


class Tailscaled(RudeServer):
    """The daemon of one machine."""

    def __init__(self, place: Path, net: Net | None = None, *, manner: str = "well") -> None:
        super().__init__(manner, place=place)
        self.net = net or Net()
        self.readable = True
        self.instead: dict[str, tuple[int, bytes]] = {}

    @property
    def socket(self) -> Path:
        """Where it listens."""
        assert self.place is not None
        return self.place

    @override
    def __exit__(self, *_: object) -> None:
        super().__exit__()
        os.unlink(self.socket)

    @override
    def answer(self, question: bytes) -> bytes:
        first, *lines = question.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        said = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if said.get("host", "") not in {"", HOST} or "origin" in said or "referer" in said:
            return _answer(403, b"invalid localapi request\n")
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        word = parts.path.removeprefix("/localapi/v0/")
        if word in self.instead:
            return _answer(*self.instead[word])
        known = {"status": self._status, "whois": self._whois, "serve-config": self._serve_config}
        if word not in known or word == parts.path:
            return _answer(404, b"not found\n")
        if method != "GET":
            return _answer(405, b"want GET\n")
        if not self.readable:
            return _answer(403, f"{word} access denied\n".encode())
        return known[word](parse_qs(parts.query))

    def _status(self, query: dict[str, list[str]]) -> bytes:
        net, peers = self.net, {f"nodekey:{number:064x}": _peer(one) for number, one in enumerate(self.net.machines, 1)}
        running = net.state == "Running"
        document = {
            "Version": VERSION,
            "TUN": net.tun,
            "BackendState": net.state,
            "HaveNodeKey": True,
            "AuthURL": "",
            "TailscaleIPs": [*net.addresses] if running else None,
            "Self": self._self(),
            "Health": [*net.health] or None,
            "MagicDNSSuffix": net.name.partition(".")[2],
            "CurrentTailnet": {"Name": "example.com", "MagicDNSSuffix": "tail1234.ts.net", "MagicDNSEnabled": True},
            "CertDomains": None,
            "Peer": None if query.get("peers") == ["false"] else peers,
            "User": {"1": {"ID": 1, "LoginName": "me@example.com", "DisplayName": "Me"}},
            "ClientVersion": None,
        }
        return _answer(200, json.dumps(document, indent="\t").encode(), "application/json")

    def _self(self) -> Json:
        net = self.net
        return {
            "ID": "nSelf",
            "HostName": net.name.partition(".")[0],
            "DNSName": f"{net.name}.",
            "OS": "linux",
            "UserID": 1,
            "TailscaleIPs": [*net.addresses] if net.state == "Running" else None,
            "Online": True,
            **({"Tags": [*net.tags]} if net.tags else {}),
            **({"KeyExpiry": net.key_expires} if net.key_expires else {}),
            **({"Expired": True} if net.expired else {}),
        }

    def _whois(self, query: dict[str, list[str]]) -> bytes:
        asked = query.get("addr", [""])[0]
        if not asked:
            return _answer(400, b"missing 'addr' parameter\n")
        found = re.fullmatch(r"\[?([0-9a-f.:]+?)\]?:(\d+)|([0-9a-f.:]+)", asked)
        if found is None:
            return _answer(400, b"invalid 'addr' parameter\n")
        address = found[1] or found[3]
        machines = [*self.net.machines, Machine(addresses=self.net.addresses, tags=self.net.tags, id="nSelf")]
        one = next((each for each in machines if address in each.addresses), None)
        if one is None:
            return _answer(404, f"no match for {asked}\n".encode())
        return _answer(200, json.dumps(who_is(one)).encode(), "application/json")

    def _serve_config(self, _query: dict[str, list[str]]) -> bytes:
        return _answer(200, json.dumps(self.net.serve).encode(), "application/json")


def who_is(one: Machine) -> Json:
    """Return what the daemon says of a machine and of whose it is."""
    node = {
        "ID": 7,
        "StableID": one.id,
        "Name": f"{one.id.lower()}.tail1234.ts.net.",
        "User": 1,
        "Key": f"nodekey:{7:064x}",
        "Addresses": [f"{each}/{128 if ':' in each else 32}" for each in one.addresses],
        "AllowedIPs": [f"{each}/{128 if ':' in each else 32}" for each in one.addresses],
        "Hostinfo": {},
        "Created": "2026-01-02T03:04:05Z",
        "Online": one.online,
        **({"Tags": [*one.tags]} if one.tags else {}),
        **({"Expired": True} if one.expired else {}),
    }
    tagged = bool(one.tags)
    profile = {
        "ID": 1,
        "LoginName": "tagged-devices" if tagged else one.login,
        "DisplayName": "Tagged Devices" if tagged else one.name,
        **({"Groups": [*one.groups]} if one.groups else {}),
    }
    return {"Node": node, "UserProfile": profile, "CapMap": {each: [{}] for each in one.capabilities} or None}


def _peer(one: Machine) -> Json:
    return {
        "ID": one.id,
        "HostName": one.id.lower(),
        "DNSName": f"{one.id.lower()}.tail1234.ts.net.",
        "OS": "linux",
        "UserID": 1,
        "TailscaleIPs": [*one.addresses],
        "LastSeen": NEVER,
        "Online": one.online,
        **({"Expired": True} if one.expired else {}),
    }


def _answer(status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Tailscale-Cap: 125\r\nTailscale-Version: {VERSION}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
