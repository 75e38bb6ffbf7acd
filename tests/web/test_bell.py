"""The bell of a forge, behind the guard: what is rightly signed wakes a look, all else gets what strangers get."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest

from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Permission, Person, Role, Way
from quarterdeck.access.shape import LONGEST_RING
from quarterdeck.truth.watched import Forge
from quarterdeck.web.app import Front, create_app
from quarterdeck.web.bell import AT_ONCE, KEPT, KEPT_S, OFTEN, OFTEN_S, PEERS, Bell, Once, Pace
from tests.access.asking import HOST, Answer, Header, ask, asking, opened, peer, scope
from tests.access.houses import Clock
from tests.fakes.door import OPERATOR, VIEWER, FakeDoorman
from tests.fakes.hub import FakeHub
from tests.fakes.webhooks import body_of, events, heads, repository
from tests.truth.cast import NOW
from tests.web.listening import Listening, listening
from tests.web.worlds import world

SECRET: Final = b"5" * 32
PUSH: Final = body_of(events()["push"])
AT: Final = "/hooks/forge/main"


@dataclass
class Rung:
    """A bell behind a guard, and who was rung for."""

    file: Path
    person: Person | None = None
    repos: tuple[str, ...] = ("acme/*",)
    rung: list[tuple[str, str]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    breaks: bool = False
    guard: Guard = field(init=False)
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        self.file.write_bytes(SECRET + b"\n")
        self.file.chmod(0o600)
        forges = (
            Forge("main", "Main", "https://git.example.com", repos=self.repos, bell_file=self.file),
            Forge("silent", "Silent", "https://two.example.com"),
        )
        bell = Bell(forges, self.ring, self.clock)
        self.front = create_app(FakeHub(world(0, NOW), NOW), bell.routes)
        self.guard = opened(Guard(self.front, FakeDoorman(self.person)))

    def ring(self, forge: str, repo: str) -> None:
        """Keep who is to be looked at."""
        if self.breaks:
            raise RuntimeError("quoted")
        self.rung.append((forge, repo))

    def send(self, body: bytes = PUSH, said: list[Header] | None = None, *, path: str = AT, **more: Any) -> Answer:
        """Send a webhook; ``more`` is for its heads."""
        headers = heads(body, SECRET, **more) if said is None else said
        return ask(self.guard, scope(path, "POST", headers, by=peer()), body)


@pytest.fixture
def bell(tmp_path: Path) -> Rung:
    """A bell that nobody has rung."""
    return Rung(tmp_path / "bell")


FLAT: Final = ask(
    opened(Guard(create_app(FakeHub(world(0, NOW), NOW)), FakeDoorman(None))),
    scope("/nowhere", "POST", [(b"host", HOST)], by=peer()),
)
"""What strangers get of what is not there, where nobody has a bell."""


# --- what is right ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgejo", [False, True], ids=["gitea", "forgejo"])
@pytest.mark.parametrize("event", list(events()))
def test_every_event_of_a_repository_wakes_a_look(bell: Rung, event: str, *, forgejo: bool) -> None:
    """Of each event in its documented shape the name of the repository is taken, and nothing else."""
    answer = bell.send(body_of(events()[event]), event=event.partition(" ")[0], forgejo=forgejo)
    assert (answer.status, answer.body) == (HTTPStatus.ACCEPTED, b"")
    assert bell.rung == [("main", "acme/tools")]


@pytest.mark.parametrize("person", [None, VIEWER, OPERATOR], ids=["nobody", "viewer", "operator"])
def test_who_rings_is_nobody(tmp_path: Path, person: Person | None) -> None:
    """It is the signature that counts, whoever could be recognised beside it."""
    there = Rung(tmp_path / "bell", person)
    assert there.send().status == HTTPStatus.ACCEPTED
    assert there.send(said=heads(PUSH, b"another secret", number=2)) == FLAT


def test_a_small_body_with_one_signature_is_enough(bell: Rung) -> None:
    """Of the heads only one signature, the name, the type and the length are needed."""
    body = json.dumps({"repository": {"full_name": "ACME/Tools"}}).encode()
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
    said: list[Header] = [
        (b"host", HOST),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"x-gitea-delivery", b"f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        (b"x-gitea-signature", digest),
    ]
    assert bell.send(body, said).status == HTTPStatus.ACCEPTED
    assert bell.rung == [("main", "ACME/Tools")]


def test_a_secret_can_be_changed_while_we_run(bell: Rung) -> None:
    """The file is read anew for each; the secret before it is right no more."""
    other = b"6" * 32
    bell.file.write_bytes(other)
    assert bell.send() == FLAT
    assert bell.send(said=heads(PUSH, other)).status == HTTPStatus.ACCEPTED


# --- what is not right -----------------------------------------------------------------------------------------------


def instead(name: bytes, *values: bytes) -> Callable[[bytes], list[Header]]:
    """Heads that are right but for one."""

    def make(body: bytes) -> list[Header]:
        right = heads(body, SECRET)
        return [each for each in right if each[0] != name] + [(name, value) for value in values]

    return make


def signed_as(digest: Callable[[bytes], bytes]) -> Callable[[bytes], list[Header]]:
    """Heads with another signature, in every place."""

    def make(body: bytes) -> list[Header]:
        named = (b"x-gitea-signature", b"x-gogs-signature")
        right = [each for each in heads(body, SECRET) if each[0] not in (*named, b"x-hub-signature-256")]
        found = digest(body)
        return [*right, *((name, found) for name in named), (b"x-hub-signature-256", b"sha256=" + found)]

    return make


def hexed(key: bytes, body: bytes, kind: str = "sha256") -> bytes:
    """An HMAC."""
    return hmac.new(key, body, kind).hexdigest().encode()


HEADS: Final[dict[str, Callable[[bytes], list[Header]]]] = {
    "unsigned": signed_as(lambda _: b""),
    "with no signature at all": lambda body: [each for each in heads(body, SECRET) if b"signature" not in each[0]],
    "signed by nobody's secret": signed_as(lambda body: hexed(b"", body)),
    "signed by another secret": signed_as(lambda body: hexed(b"6" * 32, body)),
    "signed with the line end of the file": signed_as(lambda body: hexed(SECRET + b"\n", body)),
    "signed with SHA-1": signed_as(lambda body: hexed(SECRET, body, "sha1")),
    "signed in capitals": signed_as(lambda body: hexed(SECRET, body).upper()),
    "of another body": signed_as(lambda body: hexed(SECRET, body + b" ")),
    "with one wrong signature of two": instead(b"x-hub-signature-256", b"sha256=" + b"0" * 64),
    "with a signature twice": instead(b"x-gitea-signature", b"0" * 64, hexed(SECRET, PUSH)),
    "without a name": instead(b"x-gitea-delivery"),
    "with an odd name": instead(b"x-gitea-delivery", b"../../x"),
    "as a form": instead(b"content-type", b"application/x-www-form-urlencoded"),
    "as a file": instead(b"content-type", b"multipart/form-data; boundary=x"),
    "as text": instead(b"content-type", b"text/plain; application/json"),
    "as nothing": instead(b"content-type"),
    "without a length": instead(b"content-length"),
    "with an odd length": instead(b"content-length", b"-1"),
    "with a length in words": instead(b"content-length", b"1e3"),
    "empty": instead(b"content-length", b"0"),
    "longer than is taken": instead(b"content-length", str(LONGEST_RING + 1).encode()),
    "of a length without end": instead(b"content-length", b"9" * 40),
    "in chunks": instead(b"transfer-encoding", b"chunked"),
    "from a page": instead(b"origin", b"http://127.0.0.1:8421"),
    "from a browser": instead(b"sec-fetch-site", b"same-origin"),
    "with a session": instead(b"cookie", b"__Host-quarterdeck=x"),
    "under another name": instead(b"host", b"evil.example"),
    "through the funnel": instead(b"tailscale-funnel-request", b"?1"),
}


@pytest.mark.parametrize("how", list(HEADS))
@pytest.mark.parametrize("person", [None, OPERATOR], ids=["nobody", "operator"])
def test_what_is_not_rightly_sent_gets_the_strangers_answer(
    tmp_path: Path, how: str, person: Person | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Byte for byte, whoever sends it; nothing is woken, and neither the secret nor what would be right is told."""
    there = Rung(tmp_path / "bell", person)
    assert there.send(said=HEADS[how](PUSH)) == FLAT
    assert there.rung == []
    assert SECRET.decode() not in caplog.text
    assert hexed(SECRET, PUSH).decode() not in caplog.text


BODIES: Final[dict[str, bytes]] = {
    "no JSON": b"payload=%7B%22repository%22%7D",
    "half of it": PUSH[: len(PUSH) // 2],
    "a list": b"[" + PUSH + b"]",
    "nothing": b"null",
    "no repository": body_of({"action": "created"}),
    "a repository that is none": body_of({"repository": None}),
    "a repository without a name": body_of({"repository": {"full_name": ""}}),
    "a name that is a number": body_of({"repository": {"full_name": 7}}),
    "a name without end": body_of({"repository": {"full_name": "acme/" + "x" * 5_000}}),
    "another repository": body_of(events("bolt/tools")["push"]),
    "a name like ours": body_of(events("xacme/tools")["push"]),
    "a name around ours": body_of(events("bolt/acme/tools")["push"]),
    "half a sign": b'{"repository":{"full_name":"acme/\\ud800"}}',
    "bytes that are no text": b'{"repository":{"full_name":"acme/\xff"}}',
    "depth without end": b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b',"repository":{"full_name":"acme/x"}}',
}


@pytest.mark.parametrize("what", list(BODIES))
def test_what_is_signed_and_makes_no_sense_gets_the_strangers_answer(
    bell: Rung, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no JSON, or is about no repository that is watched, is refused also when the signature is right; nothing
    breaks by it.
    """
    assert bell.send(BODIES[what]) == FLAT
    assert bell.rung == []
    assert "A request failed" not in caplog.text
    assert "A webhook was refused" in caplog.text


def test_a_body_of_the_longest_size_is_taken(bell: Rung) -> None:
    """A million bytes and some are read; one more is not, also when it is said to be less."""
    longest = PUSH + b" " * (LONGEST_RING - len(PUSH))
    assert bell.send(longest).status == HTTPStatus.ACCEPTED
    said = [
        (name, value if name != b"content-length" else b"9") for name, value in heads(longest + b" ", SECRET, number=2)
    ]
    assert bell.send(longest + b" ", said) == FLAT


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_nothing_else_is_asked_of_a_bell(bell: Rung, method: str) -> None:
    """Strangers get the one answer of every other method; whoever is known is told that there is nothing to see."""
    answer = ask(bell.guard, scope(AT, method, [(b"host", HOST)], by=peer()))
    assert answer == (FLAT if method != "HEAD" else FLAT._replace(body=b""))


@pytest.mark.parametrize(
    "path", ["/hooks/forge/silent", "/hooks/forge/none", "/hooks/forge/", "/hooks/forge/main/", "/hooks/forge/Main"]
)
def test_a_forge_without_a_secret_has_no_bell(bell: Rung, path: str) -> None:
    """There is no address for it; what is rightly signed for another is a stranger's there too."""
    assert bell.send(path=path) == FLAT
    assert bell.rung == []


@pytest.mark.parametrize("content", [b"", b" \n", b"short", b"two\nlines of it" * 2, b"\xff" * 32])
def test_a_secret_that_is_none_opens_nothing(bell: Rung, content: bytes) -> None:
    """When the file becomes empty, short or no line while we run, nothing is right, also not what is signed by it."""
    bell.file.write_bytes(content)
    for key in (content, content.strip(), b"", SECRET):
        assert bell.send(said=heads(PUSH, key)) == FLAT
    assert bell.rung == []


def test_a_secret_that_is_gone_or_open_opens_nothing(bell: Rung) -> None:
    """So it is when others may read it, or when it is gone."""
    bell.file.chmod(0o644)
    assert bell.send() == FLAT
    bell.file.unlink()
    assert bell.send() == FLAT


def test_what_breaks_inside_is_not_told(tmp_path: Path) -> None:
    """When waking fails, whoever rang gets what strangers get."""
    assert Rung(tmp_path / "bell", breaks=True).send() == FLAT


# --- again and again -------------------------------------------------------------------------------------------------


def test_what_rang_does_not_ring_again(bell: Rung) -> None:
    """The same webhook, the same body under another name, and another body under the same name are refused."""
    assert bell.send(number=1).status == HTTPStatus.ACCEPTED
    assert bell.send(number=1) == FLAT
    assert bell.send(number=2) == FLAT
    assert bell.send(body_of(events()["create"]), number=1) == FLAT
    assert bell.send(body_of(events()["create"]), number=3).status == HTTPStatus.ACCEPTED
    assert len(bell.rung) == 2


def test_what_was_forged_does_not_use_up_a_name(bell: Rung) -> None:
    """Whoever guesses the name of a webhook to come cannot keep it out."""
    assert bell.send(said=heads(PUSH, b"another secret", number=1)) == FLAT
    assert bell.send(number=1).status == HTTPStatus.ACCEPTED


def test_rings_are_remembered_for_a_day_and_not_without_end(bell: Rung) -> None:
    """After a day the same rings again; and there is an end to how many are kept."""
    assert bell.send().status == HTTPStatus.ACCEPTED
    bell.clock.now += KEPT_S
    assert bell.send().status == HTTPStatus.ACCEPTED
    once = Once(bell.clock)
    assert once.is_new("first", "other")
    assert not once.is_new("new", "other")
    assert all(once.is_new(number) for number in range(KEPT - 2))
    assert not once.is_new("first")
    assert once.is_new("one more")
    assert once.is_new("first")


def test_who_rings_too_often_is_not_heard(bell: Rung) -> None:
    """One peer is heard sixty times in ten seconds, rightly or not; another one, and later, again."""
    wrong = heads(PUSH, b"another secret")
    for _ in range(OFTEN):
        assert bell.send(said=wrong) == FLAT
    assert bell.send() == FLAT
    headers = [(name, b"box:8421" if name == b"host" else value) for name, value in heads(PUSH, SECRET)]
    other = scope(AT, "POST", headers, by=peer(Way.TAILNET, "100.64.0.9"))
    assert ask(bell.guard, other, PUSH).status == HTTPStatus.ACCEPTED
    bell.clock.now += OFTEN_S
    assert bell.send(body_of(events()["create"]), number=2).status == HTTPStatus.ACCEPTED


def test_of_ever_other_peers_no_list_grows(bell: Rung) -> None:
    """Whoever comes from ever other addresses fills no memory; then all may come anew."""
    pace = Pace(bell.clock)
    assert [pace.allows("one") for _ in range(OFTEN + 1)].count(False) == 1
    for number in range(PEERS):
        assert pace.allows(number)
    assert pace.allows("one")


def test_only_some_bodies_are_read_at_once(bell: Rung, caplog: pytest.LogCaptureFixture) -> None:
    """Those who send slowly keep no more memory than a few bodies; when they are gone, others are heard."""

    async def crowd() -> list[int]:
        held = [asyncio.ensure_future(hold(number)) for number in range(AT_ONCE)]
        await asyncio.sleep(0)
        refused = await asking(bell.guard, said(50), PUSH)
        for each in held:
            each.cancel()
        await asyncio.wait(held)
        return [refused.status, (await asking(bell.guard, said(51), PUSH)).status]

    def said(number: int) -> Any:
        return scope(AT, "POST", heads(PUSH, SECRET, number=number), by=peer())

    async def hold(number: int) -> None:
        async def never() -> Any:
            await asyncio.Event().wait()

        async def nowhere(_: Any) -> None:
            return None

        await bell.guard(said(number), never, nowhere)

    assert asyncio.run(crowd()) == [HTTPStatus.FORBIDDEN, HTTPStatus.ACCEPTED]
    assert caplog.text.count("Too many came at the same time.") == 1


# --- what the owner reads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("send", "line"),
    [
        (lambda bell: bell.send(said=HEADS["unsigned"](PUSH)), "It is not signed"),
        (lambda bell: bell.send(said=HEADS["signed by another secret"](PUSH)), "Its signature is not right. Write the"),
        (lambda bell: bell.send(BODIES["another repository"]), "It is about 'bolt/tools', which is not watched"),
        (lambda bell: bell.send(BODIES["no JSON"]), "It is not JSON that names a repository"),
        (lambda bell: [bell.send(), bell.send()], "It came before"),
        (lambda bell: bell.send(said=HEADS["as a form"](PUSH)), "It is not sent as application/json"),
        (lambda bell: (bell.file.chmod(0o644), bell.send()), "may be read by others"),
    ],
)
def test_the_log_says_why_once_a_minute(
    bell: Rung, send: Callable[[Rung], object], line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever set up a webhook finds what is wrong with it, and nothing that was sent or is secret."""
    with caplog.at_level(logging.WARNING):
        send(bell)
        send(bell)
    assert caplog.text.count(line) == 1
    assert SECRET.decode() not in caplog.text


def test_what_is_sent_reaches_no_log_as_it_is(bell: Rung, caplog: pytest.LogCaptureFixture) -> None:
    """The name of a repository that is not watched is quoted and cut."""
    bell.send(body_of({"repository": repository("evil/\x1b[31m\r\n\u202e" + "x" * 200)}))
    assert "not watched" in caplog.text
    assert "\x1b" not in caplog.text
    assert "\u202e" not in caplog.text
    assert "x" * 150 not in caplog.text


# --- the house -------------------------------------------------------------------------------------------------------


def test_it_stands_in_the_one_table(bell: Rung) -> None:
    """A bell is a route like others: one method, and a permission that no role has."""
    assert {path: set(methods) for path, methods in bell.front.routes.items() if "hooks" in path} == {AT: {"POST"}}
    assert bell.front.routes[AT]["POST"].permission is Permission.RING
    for role in Role:
        assert not Person("local", "me", role).may(Permission.RING)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Rung, Listening]]:
    """A bell behind our real server."""
    there = Rung(tmp_path / "bell")
    routes = {AT: there.front.routes[AT]}
    with listening(doorman=FakeDoorman(None), more=routes) as running:
        yield there, running


def test_over_a_real_socket(served: tuple[Rung, Listening]) -> None:
    """What a forge sends is heard by our server as it stands, and what is one byte too long is not read."""
    there, running = served

    def send(body: bytes, number: int, length: int | None = None) -> bytes:
        said = heads(body, SECRET, number=number)
        lines = [
            f"{name.decode()}: {value.decode()}"
            for name, value in said
            if name not in {b"host", b"content-length", b"content-type"}
        ]
        size = f"Content-Length: {len(body) if length is None else length}"
        head = [f"POST {AT} HTTP/1.1", f"Host: 127.0.0.1:{running.port}", "Connection: close", size]
        return running.send("\r\n".join([*head, "Content-Type: application/json", *lines, "", ""]).encode() + body)

    longest = PUSH + b" " * (LONGEST_RING - len(PUSH))
    assert send(longest, 1).startswith(b"HTTP/1.1 202 ")
    assert there.rung == [("main", "acme/tools")]
    nowhere = running.ask("/nowhere", "Content-Length: 0", method="POST")
    forged = send(PUSH.replace(b"acme", b"bolt"), 2)
    assert without_date(send(b"", 3, LONGEST_RING + 1)) == without_date(nowhere)
    assert without_date(forged) == without_date(nowhere)
    assert without_date(forged).startswith(b"HTTP/1.1 403 ")


def without_date(answer: bytes) -> bytes:
    """An answer but for when it was given."""
    return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.lower().startswith(b"date:"))
