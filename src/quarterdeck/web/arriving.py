"""Coming in through the forge: three steps that anybody may take who came by a right way. They tell nobody anything.

Rule 1: following an address changes nothing. A sign-in is begun by a form and ended by a form; what the browser brings
        back from the forge is only shown to itself, as the button that ends it.
Rule 2: whatever goes wrong, the answer is the same. Why stands in the log.
Rule 3: the forge says who it is, the rules say what that is worth. Whom no rule names is no nearer than before, and the
        log tells the owner which rule would change that.
Rule 4: asking the forge takes time. Only so many do at once, and whoever comes then begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from quarterdeck.access import rules, shown
from quarterdeck.access.armour import Header
from quarterdeck.access.attempts import LIFE_S
from quarterdeck.access.forge_login import BACK, ForgeLogin
from quarterdeck.access.forge_trouble import ForgeLoginError
from quarterdeck.access.identity import Claim, Permission, Way, bound_to
from quarterdeck.access.seldom import Seldom
from quarterdeck.access.sessions import COOKIE, Made
from quarterdeck.access.shape import quoted
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.settings.access import Rule
from quarterdeck.web.answers import HTML, Answer, answer
from quarterdeck.web.app import Ask, Route, Routes
from quarterdeck.web.forms import see
from quarterdeck.wiring.entrance import Entrance

BEGIN: Final = "/sign-in"
BROUGHT: Final = ("code", "state", "error")
"""What a browser may bring back from the forge."""
LONGEST: Final = 2_048
FIELDS: Final = 16
AT_ONCE: Final = 4
NAMES: Final[Mapping[Way, str]] = {way: f"{name}-sign-in" for way, name in shown.NAMES.items()}
"""What the cookie of a sign-in that is under way is called."""

log = logging.getLogger(__name__)


class Arriving:
    """The steps of a sign-in through the forge."""

    def __init__(
        self,
        forge: ForgeLogin,
        entrance: Entrance,
        people: tuple[Rule, ...],
        cookie: Callable[[Ask, Made], Header],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``cookie`` makes a browser show a session that was made."""
        self._forge, self._people, self._cookie = forge, people, cookie
        self._register, self._sessions = entrance.register, entrance.sessions
        self._under_way = 0
        self._log = Seldom(log, monotonic)

    @property
    def routes(self) -> Routes:
        """What there is; it takes nothing."""
        anybody = Permission.ARRIVE
        return {
            BEGIN: {"POST": Route(anybody, self._begin)},
            BACK: {"GET": Route(anybody, self._back), "POST": Route(anybody, self._end)},
        }

    async def _begin(self, ask: Ask) -> Answer:
        """Send a browser to the forge: by a page, as browsers follow no redirect from a form to somebody else's."""
        origin = _origin(ask)
        if origin is None:
            return _nobody()
        begun = self._forge.begin(origin)
        where = escape(begun.url)
        body = f'<p><a href="{where}">Go to the forge to sign in</a></p>'
        return _page(
            body, head=f'<meta http-equiv="refresh" content="0;url={where}">', more=(_kept(ask, begun.cookie),)
        )

    async def _back(self, ask: Ask) -> Answer:
        """Show what was brought back as a form that ends the sign-in."""
        brought = _fields(ask.query)
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(brought[name])}">'
            for name in BROUGHT
            if name in brought
        )
        form = f'<form method="post" action="{BACK}">{hidden}<button>Come in</button></form>'
        return _page(f"<h1>Signed in at the forge</h1>{form}")

    async def _end(self, ask: Ask) -> Answer:
        """End a sign-in, and let in whom the rules name."""
        claim = await self._claim(ask)
        if claim is None or rules.person(claim, self._people) is None:
            if claim is not None:
                login = quoted(claim.login.encode())
                self._log.warn(
                    "Somebody signed in through the forge whom no rule lets in: %s. If they belong here, add "
                    "[[access.people]] with forge = that name, and a role.",
                    login,
                )
            return _nobody(_kept(ask, ""))
        copy = await self._register.current()
        value = shown.cookie(ask.said, _way(ask))
        before = None if copy is None or value is None else self._sessions.find(copy, value, COOKIE)
        try:
            instead_of = () if before is None else (before.id,)
            made = await asyncio.to_thread(
                lambda: self._sessions.begin(claim, instead_of=instead_of, uid=bound_to(ask.peer))
            )
        except LedgerUnavailableError as trouble:
            self._log.warn("Nobody can come in through the forge. %s", str(trouble))
            return _nobody(_kept(ask, ""))
        return see("/brief", self._cookie(ask, made), _kept(ask, ""))

    async def _claim(self, ask: Ask) -> Claim | None:
        """Return who the forge says it is; None when that cannot be told."""
        origin, brought = _origin(ask), _fields(ask.body)
        kept = shown.cookie_named(ask.said, NAMES[_way(ask)]) or ""
        if origin is None:
            return None
        if "error" in brought:
            self._forge.declined(brought["error"], brought.get("state", ""), kept, origin)
            return None
        if self._under_way >= AT_ONCE:
            self._log.warn("Nobody was signed in through the forge: %s.", "too many try at the same time")
            return None
        self._under_way += 1
        code, state = brought.get("code", ""), brought.get("state", "")
        try:
            return await asyncio.to_thread(lambda: self._forge.finish(code, state, kept, origin))
        except ForgeLoginError:
            return None  # the log says why already
        finally:
            self._under_way -= 1


def _origin(ask: Ask) -> str | None:
    """Return the origin that a form came from, which the guard has compared with ours; None where it names none."""
    said = ask.said.get(b"origin")
    return None if said is None else said.decode("ascii")


def _way(ask: Ask) -> Way:
    return Way.LOOPBACK if ask.peer is None else ask.peer.way


def _fields(sent: bytes) -> dict[str, str]:
    """Return what was brought; nothing where it is not what a forge sends back."""
    try:
        pairs = parse_qsl(sent.decode("ascii"), errors="strict", max_num_fields=FIELDS) if len(sent) <= LONGEST else []
    except ValueError:
        return {}
    found = {name: value for name, value in pairs if name in BROUGHT}
    return found if len(found) == len([name for name, _ in pairs if name in BROUGHT]) else {}


def _kept(ask: Ask, value: str) -> Header:
    """Return the cookie of a sign-in that is under way; without a value, the end of it."""
    secure = "" if _way(ask) is Way.TAILNET else "; Secure"
    lives_s = LIFE_S if value else 0
    said = f"{NAMES[_way(ask)]}={value}; Path=/; Max-Age={lives_s}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", said.encode()


def _nobody(*more: Header) -> Answer:
    """Return the one answer to whatever ends in nobody."""
    form = f'<form method="post" action="{BEGIN}"><button>Sign in</button></form>'
    words = "<h1>This is not open to you</h1><p>If it is yours, its log says why.</p>"
    return _page(f"{words}{form}", status=HTTPStatus.FORBIDDEN, more=more)


def _page(body: str, *, head: str = "", status: int = HTTPStatus.OK, more: tuple[Header, ...] = ()) -> Answer:
    """Return a page for strangers: it needs nothing beside itself."""
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width">{head}<title>Sign in</title>{body}</html>'
    )
    return answer(page.encode(), HTML, status=status, more=more)
