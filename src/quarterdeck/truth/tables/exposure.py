"""What may be said of ways in: of what is protected, of who tells of ways, and of each route by itself.

Rule 1: one way from beyond is enough, whatever else is not known.
Rule 2: nothing is private while something that may hold a way could not be read.
"""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.exposure import place_of
from quarterdeck.truth.judgement import Facts, Rule, Status
from quarterdeck.truth.shapes import Chain


def _way(chain: Chain) -> str:
    return " → ".join(chain)


def _what(f: Facts, chain: Chain) -> str:
    """Say which protected thing a way ends at."""
    protected, last = f.get(F.PROTECTED) or {}, chain[-1]
    what = protected.get(last) or protected.get(str(place_of(last).port))
    return f"its {what}" if what else "it"


def _ways(f: Facts, chains: tuple[Chain, ...], verb: str) -> str:
    more = len(chains) - 1
    others = f", and {more} more {'way' if more == 1 else 'ways'}" if more else ""
    return f"{_what(f, chains[0])} {verb}: {_way(chains[0])}{others}"


def _private(f: Facts) -> str:
    count = len(f.get(F.PRIVATE) or ())
    if not count:
        return "nothing leads to it from beyond this machine"
    return f"{count} {'way leads' if count == 1 else 'ways lead'} to it, all from this machine or its tailnet"


EXPOSURE: tuple[Rule, ...] = (
    Rule(
        "exposed",
        Status.DEGRADED,
        lambda f: len(f[F.EXPOSED]) > 0,
        lambda f: _ways(f, f.get(F.EXPOSED) or (), "can be reached from beyond"),
    ),
    Rule(
        "in doubt",
        Status.UNKNOWN,
        lambda f: len(f[F.DOUBTED]) > 0,
        lambda f: _ways(f, f.get(F.DOUBTED) or (), "may be reachable from beyond"),
    ),
    Rule("private", Status.OK, lambda f: f[F.AUDITED] is not None and f[F.EXPOSED] == () == f[F.DOUBTED], _private),
)

FOUND = {
    "routes": "are known",
    "nothing": "none: there is no such thing on this machine",
    "not asked": "are not looked for, by the settings: nobody would see one",
}

FORWARDER: tuple[Rule, ...] = (
    Rule("read", Status.OK, lambda f: f[F.FORWARDER_FOUND] == "routes", FOUND["routes"]),
    Rule("absent", Status.OK, lambda f: f[F.FORWARDER_FOUND] == "nothing", FOUND["nothing"], retired=True),
    Rule("not asked", Status.OK, lambda f: f[F.FORWARDER_FOUND] == "not asked", FOUND["not asked"], retired=True),
)


def _leads(f: Facts) -> str:
    upstreams, unread = f.get(F.ROUTE_UPSTREAMS) or (), f.get(F.ROUTE_UNREAD) or ()
    where = "leads to " + ", ".join(upstreams[:3]) if upstreams else "leads nowhere"
    more = f" and {len(upstreams) - 3} more" if len(upstreams) > 3 else ""  # noqa: PLR2004 -- those that are named
    return where + more + (f"; not understood: {', '.join(unread)}" if unread else "")


ROUTE: tuple[Rule, ...] = (
    Rule("leads", Status.OK, lambda f: f[F.ROUTE_UPSTREAMS] is not None and f[F.ROUTE_UNREAD] is not None, _leads),
)

NETWORK: tuple[Rule, ...] = (
    Rule(
        "read",
        Status.OK,
        lambda f: f[F.SOCKETS] is not None and f[F.ADDRESSES] is not None,
        lambda f: f"sockets that others may reach: {len(f.get(F.SOCKETS) or ())}",
    ),
)
