"""What may be said of a host's place on its tailnet.

Rule: a daemon that is not connected is down, whatever else it says: nobody reaches this host by its tailnet address.
      What it warns of is told and counts for nothing: much of it is advice that stands for ever.
"""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Facts, Rule, Status, words

OFF = {
    "stopped": "its daemon is stopped",
    "needs login": "it is logged out",
    "needs approval": "it waits to be approved",
}


def _ends_soon(f: Facts) -> bool:
    ends = f[F.TAILNET_KEY_EXPIRES_AT]
    return ends is not None and -f.age(ends) < f.thresholds.credential_s


def _ends(f: Facts) -> str:
    ends = f.get(F.TAILNET_KEY_EXPIRES_AT)
    return f"its key expires in {words(-f.age(ends))}" if ends else "its key expires"


def _connected(f: Facts) -> str:
    addresses, peers, funnel = f.get(F.TAILNET_ADDRESSES), f.get(F.TAILNET_PEERS), f.get(F.FUNNEL)
    parts = [f"connected as {addresses[0]}" if addresses else "connected"]
    if peers is not None:
        parts.append(f"{f.get(F.TAILNET_ONLINE) or 0:,} of {peers:,} other machines are")
    if funnel:
        parts.append(f"{len(funnel):,} {'place' if len(funnel) == 1 else 'places'} of it open to everybody")
    return ", ".join(parts)


TAILNET: tuple[Rule, ...] = (
    Rule(
        "not connected",
        Status.DOWN,
        lambda f: f[F.TAILNET_STATE] in OFF,
        lambda f: f"not on its tailnet: {OFF.get(f.get(F.TAILNET_STATE) or '', 'its daemon is not connected')}",
    ),
    Rule(
        "key expired",
        Status.DOWN,
        lambda f: f[F.TAILNET_KEY_EXPIRED],
        "its key has expired: it is off its tailnet until somebody logs it in again",
        since=lambda f: f.get(F.TAILNET_KEY_EXPIRES_AT),
    ),
    Rule(
        "starting",
        Status.DEGRADED,
        lambda f: f[F.TAILNET_STATE] == "starting",
        "its daemon is only starting",
    ),
    Rule("key ends soon", Status.DEGRADED, _ends_soon, _ends),
    Rule("connected", Status.OK, lambda f: f[F.TAILNET_STATE] == "running", _connected),
)
