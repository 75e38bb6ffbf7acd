"""The whole house: every room with its routes, the guard before them, and the server that listens.

Rule: whoever puts another room in gives its routes to the one table that the guard goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any, NamedTuple

from quarterdeck.access.doorman import Tailnet, Witnesses
from quarterdeck.access.guard import Guard
from quarterdeck.access.register import Register
from quarterdeck.settings import Settings
from quarterdeck.web.app import Front, Routes, create_app
from quarterdeck.web.door import Door
from quarterdeck.web.operating import Operating
from quarterdeck.web.server import Entrances, Server
from quarterdeck.wiring.deck import Deck
from quarterdeck.wiring.entrance import Entrance
from quarterdeck.wiring.sign_in import bearers, forge_login
from quarterdeck.wiring.trust import Trust

Beside = Collection[Callable[[], Coroutine[Any, Any, None]]]


class _People(NamedTuple):
    """That people can be let in, as something without which nobody is served."""

    register: Register

    def trouble(self) -> str | None:
        """Say why nobody can be let in."""
        return None if self.register.trouble is None else str(self.register.trouble)


def _tailnet(settings: Settings) -> Tailnet:
    from quarterdeck.access.whois import Tailscaled  # noqa: PLC0415 -- it loads the network, which most never need

    return Tailscaled(settings.access.tailscaled)


def build(
    deck: Deck, entrance: Entrance, trust: Trust, entrances: Entrances, beside: Beside = ()
) -> tuple[Front, Server]:
    """Put it together around a running deck; nothing is listened on before the server runs."""
    settings, clock = deck.settings, deck.clock
    witnesses = Witnesses(
        tailnet=None if entrances.prove is None else _tailnet(settings),
        bearers=bearers(settings, clock),
        daemon_uid=trust.daemon_uid,
    )
    door = Door(entrance, deck.banner)
    operating = Operating(
        deck,
        deck.collector,
        remembers=deck.memory is not None,
        parts=[_People(entrance.register)],
        signed_in=lambda: None if (copy := entrance.register.copy()) is None else len(copy.sessions),
    )
    routes: Routes = {**door.routes, **operating.routes()}
    forge = forge_login(settings, clock)
    if forge is not None:
        from quarterdeck.web.arriving import Arriving  # noqa: PLC0415 -- it loads signatures, which most never need

        routes = {**routes, **Arriving(forge, entrance, settings.access.people, door.cookie).routes}
    if any(one.bell_file is not None for one in settings.forges):
        from quarterdeck.web.bell import Bell  # noqa: PLC0415 -- it loads what most never need

        routes = {**routes, **Bell(settings.forges, deck.ring).routes}
    front = create_app(deck, routes)
    guard = Guard(front, entrance.doorman(settings, witnesses), sign_in=forge is not None)
    operating.of(front, guard)
    return front, Server(guard, entrances, beside)
