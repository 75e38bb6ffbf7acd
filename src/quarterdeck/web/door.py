"""Coming in and going out: the page on which a one-time token is used, and the page that says who one is.

Rule 1: following an address changes nothing. A token is used, and a session ended, by a form of one's own.
Rule 2: everybody may end what is their own. Only who may act, and sees all agents, sees or ends what is others'.
Rule 3: whoever comes in gets a value nobody had before; the session that it takes the place of is over.
Rule 4: ages and ends are told by the clock that they are judged by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

from quarterdeck.access import shown
from quarterdeck.access.armour import Header
from quarterdeck.access.csrf import FIELD
from quarterdeck.access.identity import Permission, Person, Role, Way, bound_to
from quarterdeck.access.register import Copy
from quarterdeck.access.sessions import BEARER, Made, Session
from quarterdeck.truth.judgement import words
from quarterdeck.views import VIEWS
from quarterdeck.web.address import Refusal
from quarterdeck.web.answers import HTML, Answer, answer
from quarterdeck.web.app import Ask, Route, Routes
from quarterdeck.web.forms import Fields, posted, see
from quarterdeck.web.pages import render_plain
from quarterdeck.wiring.entrance import Entrance

WAYS: Final[Mapping[str, str]] = {
    "local": "a one-time token of this installation",
    "tailnet": "the tailnet, which says who is at the other end of your connection",
    "forge": "the forge, where you signed in",
    "bearer": "the issuer of the token that is shown with each request",
}
"""How somebody is known, by the witness."""
MAY: Final[Mapping[Role, str]] = {Role.VIEWER: "may look", Role.OPERATOR: "may look and act"}
SESSIONS_SHOWN: Final = 200
DIGITS: Final = 18
NEARLY: Final = timedelta(minutes=1)
"""What began a moment ago lasts for twelve hours, not for eleven."""


class Line(NamedTuple):
    """A session as a line of the page."""

    id: int
    who: str
    kind: str
    made: str
    used: str
    ends: str
    mine: bool
    """Whether it is the one that the page was asked for by."""


class Door:
    """The pages about coming in and going out."""

    def __init__(self, entrance: Entrance, banner: str | None = None) -> None:
        self._register, self._sessions, self._tokens = entrance.register, entrance.sessions, entrance.tokens
        self._steady, self._forms, self._banner = entrance.steady, entrance.forms, banner

    @property
    def routes(self) -> Routes:
        """What there is, and what it takes."""
        enter, look, act = Permission.ENTER, Permission.LOOK, Permission.ACT
        return {
            "/enter": {"GET": Route(enter, self._arrival), "POST": Route(enter, posted(self._forms, self._enter))},
            "/you": {"GET": Route(look, self._you)},
            "/you/sign-out": {"POST": Route(look, posted(self._forms, self._sign_out))},
            "/you/end": {"POST": Route(look, posted(self._forms, self._end_own))},
            "/you/end-others": {"POST": Route(look, posted(self._forms, self._end_own_others))},
            "/people/end": {"POST": Route(act, posted(self._forms, self._end_any))},
            "/people/end-others": {"POST": Route(act, posted(self._forms, self._end_all_others))},
        }

    # --- coming in ---------------------------------------------------------------------------------------------------

    async def _arrival(self, ask: Ask) -> Answer:
        """Show what a token would make of whoever uses it."""
        person, copy = _person(ask), await self._copy()
        token = shown.one_time_token(ask.query)
        role = None if token is None else self._tokens.role(copy, token)
        return self._page(
            "enter.html",
            person,
            token=token if role is not None else None,
            role=role,
            may=None if role is None else MAY[role],
            life=words(self._sessions.life.whole),
            idle=words(self._sessions.life.idle),
        )

    async def _enter(self, ask: Ask, person: Person, _fields: Fields) -> Answer:
        token = shown.one_time_token(ask.query) or ""
        before = () if person.session is None else (person.session,)
        made = await asyncio.to_thread(lambda: self._tokens.spend(token, instead_of=before, uid=bound_to(ask.peer)))
        if made is None:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "This address was used already, or it is too old. Run `quarterdeck enter` for another.",
            )
        return see("/brief", self.cookie(ask, made))

    def cookie(self, ask: Ask, made: Made) -> Header:
        """Return what makes a browser show a session that was made."""
        left = int((made.ends_at - self._steady.now()).total_seconds())
        return _cookie(ask, made.value, left)

    # --- who one is --------------------------------------------------------------------------------------------------

    async def _you(self, ask: Ask) -> Answer:
        person, copy = _person(ask), await self._copy()
        every = self._sessions.all(copy)
        mine = next((one for one in every if one.id == person.session), None)
        others = [one for one in every if not _is_own(one, person)] if _is_over_all(person) else []
        now = self._steady.now()
        return self._page(
            "you.html",
            person,
            known_by=self._known_by(person, mine),
            may=MAY[person.role],
            sees=None if person.instances is None else sorted(person.instances),
            since=None if mine is None else words(now - mine.made_at),
            ends=None if mine is None else words(mine.ends_at - now + NEARLY),
            latest=None if mine is None else words(mine.latest_at - now + NEARLY),
            own=[self._line(one, person) for one in every if _is_own(one, person)],
            others=[self._line(one, person) for one in others[:SESSIONS_SHOWN]],
            more=max(len(others) - SESSIONS_SHOWN, 0),
            tokens=len(copy.tokens),
            acts=_is_over_all(person),
        )

    @staticmethod
    def _known_by(person: Person, mine: Session | None) -> str:
        if mine is not None and mine.carried == BEARER:
            return "a bearer token of this installation"
        return WAYS.get(person.how, person.how)

    def _line(self, one: Session, person: Person) -> Line:
        now = self._steady.now()
        return Line(
            one.id,
            one.name or one.login,
            _kind(one),
            words(now - one.made_at),
            words(now - one.used_at),
            words(one.ends_at - now + NEARLY),
            one.id == person.session,
        )

    # --- going out ---------------------------------------------------------------------------------------------------

    async def _sign_out(self, ask: Ask, person: Person, _fields: Fields) -> Answer:
        if person.session is None:
            raise Refusal(HTTPStatus.CONFLICT, f"You are known by {WAYS[person.how]}. There is no session to end.")
        await self._end((person.session,))
        return answer(render_plain("gone.html", banner=self._banner), HTML, more=(_cookie(ask, "", 0),))

    async def _end_own(self, _ask: Ask, person: Person, fields: Fields) -> Answer:
        number = _number(fields)
        own = {one.id for one in self._sessions.all(await self._copy()) if _is_own(one, person)}
        if number not in own:
            raise Refusal(HTTPStatus.NOT_FOUND, "You have no such session any more. Load /you again.")
        await self._end((number,))
        return see("/you")

    async def _end_own_others(self, _ask: Ask, person: Person, _fields: Fields) -> Answer:
        every = self._sessions.all(await self._copy())
        await self._end([one.id for one in every if _is_own(one, person) and one.id != person.session])
        return see("/you")

    async def _end_any(self, _ask: Ask, person: Person, fields: Fields) -> Answer:
        _require_over_all(person)
        if not await self._end((_number(fields),)):
            raise Refusal(HTTPStatus.NOT_FOUND, "There is no such session any more. Load /you again.")
        return see("/you")

    async def _end_all_others(self, _ask: Ask, person: Person, _fields: Fields) -> Answer:
        _require_over_all(person)
        mine = () if person.session is None else (person.session,)
        await asyncio.to_thread(lambda: self._sessions.end_all(but=mine))
        return see("/you")

    async def _end(self, numbers: Iterable[int]) -> int:
        return await asyncio.to_thread(self._sessions.end, numbers)

    # --- all of them -------------------------------------------------------------------------------------------------

    async def _copy(self) -> Copy:
        copy = await self._register.current()
        if copy is None:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(self._register.trouble or "Try again in a moment."))
        return copy

    def _page(self, template: str, person: Person, **values: object) -> Answer:
        common = {
            "banner": self._banner,
            "person": person,
            "csrf": (FIELD, self._forms.mark(person)),
            "guest": Role.GUEST,
        }
        views = [(name, spec.title) for name, spec in VIEWS.items() if spec.key]
        return answer(render_plain(template, **common, views=views, **values), HTML)


def _person(ask: Ask) -> Person:
    if ask.person is None:
        raise Refusal(HTTPStatus.FORBIDDEN, "This is not open to you.")
    return ask.person


def _is_over_all(person: Person) -> bool:
    """Whether sessions of others are theirs to see and end: a session is of nobody's agents in particular."""
    return person.may(Permission.ACT) and person.instances is None


def _require_over_all(person: Person) -> None:
    if not _is_over_all(person):
        raise Refusal(HTTPStatus.FORBIDDEN, "Sessions of others are ended by an operator who sees all agents.")


def _is_own(one: Session, person: Person) -> bool:
    """Whether a session is somebody's own. Those who came in by tokens for visitors share a name, and no rights."""
    return (one.how, one.login) == (person.how, person.login) and one.role in {None, person.role}


def _kind(one: Session) -> str:
    """Say what a session is."""
    carried = "for a program" if one.carried == BEARER else "in a browser"
    return f"{carried}, {one.role}" if one.role is not None else f"{carried}, by the word of the {one.how}"


def _number(fields: Fields) -> int:
    sent = fields.get("session", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) <= DIGITS):
        raise Refusal(HTTPStatus.BAD_REQUEST, "This does not say which session. Load /you again.")
    return int(sent)


def _cookie(ask: Ask, value: str, lives_s: int) -> Header:
    """Return a cookie of ours: for this very name, out of reach of scripts, sent by pages of ours alone."""
    way = Way.LOOPBACK if ask.peer is None else ask.peer.way
    secure = "" if way is Way.TAILNET else "; Secure"
    said = f"{shown.NAMES[way]}={value}; Path=/; Max-Age={lives_s}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", said.encode()
