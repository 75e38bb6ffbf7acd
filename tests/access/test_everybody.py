"""The whole table: every route for everybody there can be, before the whole house with its real doorman and ledger."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from quarterdeck.access.armour import ONLY_HTTPS
from quarterdeck.access.forge_login import BACK, ForgeLogin
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Claim, Peer, Permission, Role, Way
from quarterdeck.access.shape import LOOKING
from quarterdeck.access.tokens import LIFE
from quarterdeck.settings.access import Rule
from quarterdeck.settings.sign_in import ForgeSignIn
from quarterdeck.sources.collector import Tally
from quarterdeck.truth.watched import Forge
from quarterdeck.web.app import Front, create_app
from quarterdeck.web.arriving import BEGIN, Arriving
from quarterdeck.web.bell import Bell
from quarterdeck.web.door import Door
from quarterdeck.web.operating import Operating
from tests.access.asking import FORM_SENT, Answer, Header, asking, opened, scope
from tests.fakes.entrance import LOOPBACK, SERVE, TAILNET, House, house
from tests.fakes.hub import FakeHub
from tests.fakes.webhooks import body_of, events, heads
from tests.truth.cast import NOW
from tests.web.worlds import world

HOSTS: Final = {Way.LOOPBACK: b"127.0.0.1:8421", Way.TAILNET: b"box.tail.ts.net:8421", Way.SERVE: b"box.tail.ts.net"}
RULES: Final = (
    Rule("tailnet", "me@example.com", "operator"),
    Rule("tailnet", "you@example.com", "viewer"),
    Rule("tailnet", "part@example.com", "viewer", frozenset({"north"})),
    Rule("tailnet", "gone@example.com", "none"),
    Rule("forge", "me", "operator"),
    Rule("forge", "gone", "operator"),
    Rule("forge", "gone", "none"),
    Rule("bearer", "ci", "viewer"),
)
RUNG_BY: Final = b"5" * 32
HOOK: Final = "/hooks/forge/main"
SIGNED: Final = "header.payload.signature"
ASKS: Final[Mapping[str, bytes]] = {"session": b"id=none"}
"""What a view asks for so that there is something to show."""


@dataclass
class FakeCollector:
    """Has looked at nothing."""

    tallies: dict[str, Tally] = field(default_factory=dict)


class Visit(NamedTuple):
    """How somebody comes, and what they show."""

    peer: Peer = LOOPBACK
    said: tuple[Header, ...] = ()
    query: bytes = b""


@dataclass
class Whole:
    """The house, and the guard before it."""

    home: House
    front: Front
    guard: Guard
    place: Path

    def ask(self, visit: Visit, path: str, method: str = "GET") -> Answer:
        """Ask for something; a stream ends as soon as it has begun."""
        host, query = HOSTS[visit.peer.way], ASKS.get(path.rpartition("/")[2], b"")
        origin = (b"https://" if visit.peer.way is Way.SERVE else b"http://") + host
        form = () if method in LOOKING else ((b"origin", origin), *FORM_SENT)
        asked = b"&".join(filter(None, (query, visit.query)))
        said = scope(path, method, [(b"host", host), *form, *visit.said], query=asked, by=visit.peer)
        return asyncio.run(asyncio.wait_for(asking(self.guard, said, b"" if method in LOOKING else b"a=b"), 20))

    def kept(self) -> str:
        """Everything that is kept of people, as one number."""
        files = sorted(each for each in self.place.iterdir() if not each.name.endswith("-shm"))
        return hashlib.sha256(b"".join(each.name.encode() + each.read_bytes() for each in files)).hexdigest()


def secret(place: Path) -> Path:
    """The secret of a forge's webhooks."""
    file = place / "bell"
    file.write_bytes(RUNG_BY)
    file.chmod(0o600)
    return file


def must_not_ring(forge: str, repo: str) -> None:
    """Nothing that is sent here is rightly signed."""
    raise AssertionError(f"{forge} was rung for {repo}")


@contextmanager
def the_house(place: Path) -> Iterator[Whole]:
    """Build it as it is built when it is served."""
    with house(place / "state" / "ledger.db", *RULES) as home:
        home.entrance.sessions.keep()
        home.bearers.known = {SIGNED: Claim("bearer", "ci"), "of.no.rule": Claim("bearer", "else")}
        door, hub = Door(home.entrance), FakeHub(world(0, NOW), NOW)
        forge = ForgeLogin(ForgeSignIn("https://forge.example", "client", None), lambda: NOW)
        operating = Operating(hub, FakeCollector())
        arriving = Arriving(forge, home.entrance, RULES, door.cookie)
        bell = Bell((Forge("main", "Main", "https://forge.example", bell_file=secret(place)),), must_not_ring)
        front = create_app(hub, {**door.routes, **operating.routes(), **arriving.routes, **bell.routes})
        guard = opened(Guard(front, home.doorman, sign_in=True))
        operating.of(front, guard)
        front.until(lambda: True)
        yield Whole(home, front, guard, place / "state")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One house for all who only ask."""
    with the_house(tmp_path_factory.mktemp("house")) as made:
        yield made


# --- everybody -------------------------------------------------------------------------------------------------------


def cookie(value: str, way: Way = Way.LOOPBACK) -> tuple[Header, ...]:
    """A cookie of ours."""
    return ((b"cookie", f"{'' if way is Way.TAILNET else '__Host-'}quarterdeck={value}".encode()),)


def bearer(token: str) -> tuple[Header, ...]:
    """A bearer token."""
    return ((b"authorization", f"Bearer {token}".encode()),)


def came_in(whole: Whole, role: Role = Role.OPERATOR) -> str:
    """Come in by a one-time token; return what is shown from then on."""
    made = whole.home.entrance.tokens.spend(whole.home.entrance.tokens.offer(role).value)
    assert made is not None
    return made.value


def revoked(whole: Whole) -> Visit:
    """Somebody whose session an operator ended."""
    made = whole.home.entrance.sessions.begin(Claim("local", "me"), Role.OPERATOR)
    whole.home.entrance.sessions.end([made.id])
    return Visit(said=cookie(made.value))


def revoked_program(whole: Whole) -> Visit:
    """A program whose token was ended."""
    made = whole.home.entrance.sessions.begin_bearer("old", Role.OPERATOR, 30)
    whole.home.entrance.sessions.end([made.id])
    return Visit(said=bearer(made.value))


def over(whole: Whole) -> Visit:
    """Somebody whose session began too long ago."""
    value = came_in(whole)
    whole.home.pass_time(whole.home.entrance.sessions.life.whole.total_seconds())
    return Visit(said=cookie(value))


def idle(whole: Whole) -> Visit:
    """Somebody who did nothing for too long."""
    value = came_in(whole)
    whole.home.pass_time(whole.home.entrance.sessions.life.idle.total_seconds())
    return Visit(said=cookie(value))


def spent_token(whole: Whole) -> Visit:
    """Somebody with an address that was used."""
    token = whole.home.entrance.tokens.offer(Role.OPERATOR).value
    whole.home.entrance.tokens.spend(token)
    return Visit(query=f"token={token}".encode())


def old_token(whole: Whole) -> Visit:
    """Somebody with an address that is too old."""
    token = whole.home.entrance.tokens.offer(Role.OPERATOR).value
    whole.home.pass_time(LIFE.total_seconds())
    return Visit(query=f"token={token}".encode())


def by_tailnet(whole: Whole, login: str | None, said: tuple[Header, ...] = ()) -> Visit:
    """Somebody whom the tailnet names, or whom it calls no person."""
    whole.home.tailnet.claim = None if login is None else Claim("tailnet", login)
    return Visit(TAILNET, said)


def by_serve(whole: Whole, login: str) -> Visit:
    """Somebody whom the daemon brings."""
    whole.home.tailnet.claim = Claim("tailnet", login)
    said = ((b"tailscale-user-login", login.encode()), (b"x-forwarded-for", b"100.64.0.7"))
    return Visit(SERVE, said)


def of_forge(whole: Whole, login: str) -> Visit:
    """Somebody who signed in at the forge."""
    return Visit(said=cookie(whole.home.entrance.sessions.begin(Claim("forge", login)).value))


Comes = Callable[[Whole], Visit]
STRANGERS: Final[Mapping[str, Comes]] = {
    "nobody": lambda _: Visit(),
    "with another's words": lambda whole: Visit(said=cookie(came_in(whole).swapcase())),
    "with a cookie as a token": lambda whole: Visit(said=bearer(came_in(whole))),
    "revoked": revoked,
    "a revoked program": revoked_program,
    "expired": over,
    "idle for too long": idle,
    "with a used address": spent_token,
    "with an old address": old_token,
    "disabled, by the tailnet": lambda whole: by_tailnet(whole, "gone@example.com"),
    "disabled, with a session": lambda whole: by_tailnet(
        whole, "gone@example.com", cookie(came_in(whole), Way.TAILNET)
    ),
    "disabled, by the forge": lambda whole: of_forge(whole, "gone"),
    "of no rule, by the tailnet": lambda whole: by_tailnet(whole, "else@example.com"),
    "of no rule, by the forge": lambda whole: of_forge(whole, "else"),
    "of no rule, by a token": lambda _: Visit(said=bearer("of.no.rule")),
    "a machine": lambda whole: by_tailnet(whole, None),
    "a wrong token": lambda _: Visit(said=bearer("not.a.token")),
    "headers of the daemon, from here": lambda _: Visit(
        said=((b"tailscale-user-login", b"me@example.com"), (b"x-forwarded-for", b"100.64.0.7"))
    ),
    "a wrong daemon": lambda whole: Visit(Peer(Way.SERVE, uid=0), by_serve(whole, "me@example.com").said),
    "from the whole world": lambda whole: Visit(
        said=(*cookie(came_in(whole)), (b"tailscale-funnel-request", b"?1"))
    ),
}  # fmt: skip
KNOWN: Final[Mapping[str, tuple[Role, Comes]]] = {
    "guest": (
        Role.GUEST,
        lambda whole: Visit(query=f"token={whole.home.entrance.tokens.offer(Role.OPERATOR).value}".encode()),
    ),
    "viewer, by a token": (Role.VIEWER, lambda whole: Visit(said=cookie(came_in(whole, Role.VIEWER)))),
    "viewer, by the tailnet": (Role.VIEWER, lambda whole: by_tailnet(whole, "you@example.com")),
    "viewer of one agent": (Role.VIEWER, lambda whole: by_tailnet(whole, "part@example.com")),
    "viewer, by an issuer": (Role.VIEWER, lambda _: Visit(said=bearer(SIGNED))),
    "operator, by a token": (Role.OPERATOR, lambda whole: Visit(said=cookie(came_in(whole)))),
    "operator, by the tailnet": (Role.OPERATOR, lambda whole: by_tailnet(whole, "me@example.com")),
    "operator, by serve": (Role.OPERATOR, lambda whole: by_serve(whole, "me@example.com")),
    "operator, by the forge": (Role.OPERATOR, lambda whole: of_forge(whole, "me")),
    "operator, a program": (
        Role.OPERATOR,
        lambda whole: Visit(said=bearer(whole.home.entrance.sessions.begin_bearer("x", Role.OPERATOR, 30).value)),
    ),
}


def table(whole: Whole) -> list[tuple[str, str, Permission]]:
    """Every route there is."""
    routes = whole.front.routes.items()
    return [(path, method, route.permission) for path, methods in routes for method, route in methods.items()]


def test_every_route_says_what_it_takes(whole: Whole) -> None:
    """Of the whole house, every route has a permission; only the door and the files are for those who may not look."""
    by = {permission: set[str]() for permission in Permission}
    for path, method, permission in table(whole):
        assert method in {"GET", "POST"}
        by[permission].add(path)
    assert by[Permission.ARRIVE] == {BEGIN, BACK}
    assert by[Permission.RING] == {HOOK}
    assert {path for path in by[Permission.ENTER] if not path.startswith("/static/")} == {"/enter"}
    assert by[Permission.ACT] == {path for path in by[Permission.ACT] if path.startswith("/people/")}
    changes = {path for path, method, permission in table(whole) if method == "POST" and permission is Permission.LOOK}
    assert changes == {"/you/sign-out", "/you/end", "/you/end-others"}


@pytest.mark.parametrize("who", list(STRANGERS))
def test_strangers_get_one_answer_of_everything(tmp_path: Path, who: str) -> None:
    """Nobody, and everybody who is nobody any more: the same bytes of every route, by GET, HEAD and POST, and nothing
    changes.
    """
    with the_house(tmp_path) as whole:
        visit = STRANGERS[who](whole)
        flat = whole.ask(Visit(visit.peer), "/nowhere")
        kept, different = whole.kept(), list[tuple[str, str, int]]()
        for path in whole.front.routes:
            for method in ("GET", "HEAD", "POST"):
                answer = whole.ask(visit, path, method)
                arriving = whole.front.permission(path, method) is Permission.ARRIVE
                same = (answer.status, answer.headers) == (flat.status, flat.headers)
                if not (same and answer.body in {flat.body, b""}) and not (arriving and "world" not in who):
                    different.append((method, path, answer.status))
        assert different == []
        assert whole.kept() == kept
        assert flat.status == HTTPStatus.FORBIDDEN


def expected(role: Role, path: str, method: str, permission: Permission | None, *, partly: bool) -> int:
    """What somebody gets of a route: by the table alone."""
    if permission is Permission.ARRIVE:
        return HTTPStatus.FORBIDDEN if path == BACK and method == "POST" else HTTPStatus.OK
    allowed = {
        Role.GUEST: {Permission.ENTER},
        Role.VIEWER: {Permission.ENTER, Permission.LOOK},
        Role.OPERATOR: {Permission.ENTER, Permission.LOOK, Permission.ACT},
    }
    if permission is Permission.RING:
        return HTTPStatus.FORBIDDEN  # it is not signed, and nobody is more than a stranger to a bell
    if permission not in allowed[role] or (partly and path == "/metrics"):
        return HTTPStatus.FORBIDDEN
    return HTTPStatus.TEMPORARY_REDIRECT if path == "/" else HTTPStatus.OK


@pytest.mark.parametrize("who", list(KNOWN))
def test_everybody_gets_what_they_may_of_everything(tmp_path: Path, who: str) -> None:
    """Every route for everybody who is somebody, by every way of coming in: in, or why not. To look changes nothing,
    and no form that was not made for them does.
    """
    role, comes = KNOWN[who]
    with the_house(tmp_path) as whole:
        visit = comes(whole)
        kept, different = whole.kept(), list[tuple[str, str, int, int]]()
        for path, method, permission in table(whole):
            for asked in (method, "HEAD") if method == "GET" else (method,):
                answer = whole.ask(visit, path, asked)
                wanted = expected(role, path, asked, permission, partly="one agent" in who)
                if method == "POST" and permission not in {Permission.ARRIVE, Permission.RING}:
                    wanted = HTTPStatus.FORBIDDEN  # by everybody else than it was made for
                    assert (
                        role is Role.GUEST or b"not made for you" in answer.body or b"takes an operator" in answer.body
                    )
                if answer.status != wanted:
                    different.append((asked, path, answer.status, wanted))
        assert different == []
        assert whole.kept() == kept


@pytest.mark.parametrize("who", [*STRANGERS, *KNOWN])
def test_to_a_bell_everybody_is_a_stranger(tmp_path: Path, who: str) -> None:
    """Whoever comes, and whatever they show: what is not signed by the forge gets the strangers' answer, byte for byte,
    by a form as by what a forge sends.
    """
    with the_house(tmp_path) as whole:
        visit = (STRANGERS[who] if who in STRANGERS else KNOWN[who][1])(whole)
        flat = whole.ask(Visit(), "/nowhere")
        more = (ONLY_HTTPS,) if visit.peer.way is Way.SERVE else ()
        flat = flat._replace(headers=(*flat.headers, *more))
        body, host = body_of(events()["push"]), HOSTS[visit.peer.way]
        forged = [*heads(body, b"another secret", host=host), *(each for each in visit.said if each[0] != b"cookie")]
        sent = scope(HOOK, "POST", forged, by=visit.peer)
        assert whole.ask(visit, HOOK, "POST") == flat
        assert asyncio.run(asking(whole.guard, sent, body)) == flat
