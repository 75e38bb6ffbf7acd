"""Every way of coming in, with everything that can be wrong with it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from quarterdeck.access.doorman import HEARD_S, MOST, NOT_HEARD_S, REMEMBERED_S, WITNESS_S, Witnesses
from quarterdeck.access.identity import Claim, Peer, Permission, Person, Role, Way, bound_to
from quarterdeck.access.register import FRESH_S, SOON_S
from quarterdeck.access.sessions import PREFIX
from quarterdeck.access.tokens import LIFE, WRONG
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Rule
from tests.fakes.entrance import DAEMON, LOOPBACK, ME, SERVE, TAILNET, House, house

pytestmark = pytest.mark.anyio

OPERATOR = Rule("tailnet", "me@example.com", "operator")
CI = Rule("bearer", "ci", "viewer")
FORGE = Rule("forge", "me", "viewer", frozenset({"south"}))
SHUT_OUT = Rule("tailnet", "me@example.com", "none")
SIGNED = "header.payload.signature"
Words = dict[bytes, bytes]
GARBAGE = ("", "x", "A" * 43, "é", "\x00" * 43, "../../etc", '"', "a=b; c=d", "A" * 100_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def home(file: Path) -> Iterator[House]:
    with house(file, OPERATOR, CI, FORGE) as made:
        made.entrance.sessions.keep()
        made.bearers.known = {SIGNED: Claim("bearer", "ci", groups=frozenset({"ops"}))}
        yield made


def cookie(value: str, name: str = "__Host-quarterdeck") -> Words:
    return {b"cookie": f"{name}={value}".encode()}


def authorization(token: str) -> Words:
    return {b"authorization": f"Bearer {token}".encode()}


def served(login: bytes = b"me@example.com", address: bytes = b"100.64.0.7") -> Words:
    return {b"tailscale-user-login": login, b"tailscale-user-name": b"Me", b"x-forwarded-for": address}


def token(value: str) -> bytes:
    return f"token={value}".encode()


def local(home: House, role: Role = Role.OPERATOR) -> Words:
    """Come in by a one-time token, and return what the browser shows from then on."""
    made = home.entrance.tokens.spend(home.entrance.tokens.offer(role).value)
    assert made is not None
    return cookie(made.value)


def of_forge(home: House) -> Words:
    return cookie(home.entrance.sessions.begin(Claim("forge", "me", "Me")).value)


def after_a_moment(home: House) -> None:
    home.pass_time(max(REMEMBERED_S, FRESH_S))


# --- nobody ----------------------------------------------------------------------------------------------------------


async def test_whoever_shows_nothing_is_a_stranger(home: House) -> None:
    """On loopback, where every program of this machine can come from, nobody is somebody by being there."""
    assert await home.who(LOOPBACK) is None
    assert home.tailnet.asked == []


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_nobody(home: House, garbage: str) -> None:
    """Whatever is shown, by whichever word: nobody is recognised and nothing breaks."""
    raw = garbage.encode()
    for said in (
        cookie(garbage),
        authorization(garbage),
        authorization(PREFIX + garbage),
        {b"authorization": raw},
        {b"cookie": raw},
    ):
        assert await home.who(LOOPBACK, said) is None
    for query in (token(garbage), b"token=", b"token=a&token=b", b"token=%ff", b"&&token", b"token=" + b"%41" * 9_000):
        assert await home.who(LOOPBACK, {}, query) is None
    if garbage != "x":
        for said in ({b"tailscale-user-login": raw}, {b"tailscale-user-login": raw, b"tailscale-user-name": raw}):
            assert await home.who(SERVE, said) is None


async def test_a_session_is_bound_to_the_user_whose_browser_began_it(home: House) -> None:
    """What began over loopback is nobody's from a program of another user, and by any other way."""
    offered = home.entrance.tokens.offer(Role.OPERATOR).value
    made = home.entrance.tokens.spend(offered, uid=1_000)
    assert made is not None
    said, plain = cookie(made.value), cookie(made.value, "quarterdeck")
    mine, others = Peer(Way.LOOPBACK, "127.0.0.1", 1, 1_000), Peer(Way.LOOPBACK, "127.0.0.1", 1, 1_001)
    assert await home.who(mine, said) is not None
    assert await home.who(others, said) is None
    assert home.doorman.remembered(others, said, b"") is None
    assert await home.who(Peer(Way.LOOPBACK, "127.0.0.1", 1), said) is None
    assert await home.who(SERVE, said) is None
    assert await home.who(TAILNET, plain) is None
    assert await home.who(mine, said) is not None


async def test_a_session_of_whom_the_kernel_says_nothing_is_not_open_to_all(home: House) -> None:
    """What began where the kernel said nothing is good where it says nothing still, and nowhere else."""
    untold = Peer(Way.LOOPBACK, "127.0.0.1", 1)
    made = home.entrance.tokens.spend(home.entrance.tokens.offer(Role.OPERATOR).value, uid=bound_to(untold))
    assert made is not None
    said = cookie(made.value)
    assert await home.who(untold, said) is not None
    assert await home.who(Peer(Way.LOOPBACK, "127.0.0.1", 1, 1_000), said) is None
    assert await home.who(TAILNET, cookie(made.value, "quarterdeck")) is None


async def test_what_is_shown_twice_is_not_looked_at(home: House) -> None:
    """Of two cookies of our name neither counts: who set the other one is not known."""
    said = local(home)
    assert await home.who(LOOPBACK, said) is not None
    assert await home.who(LOOPBACK, {b"cookie": said[b"cookie"] + b"; " + said[b"cookie"]}) is None
    assert await home.who(LOOPBACK, {b"cookie": b"a=b; " + said[b"cookie"] + b";c=d"}) is not None


# --- by a session ----------------------------------------------------------------------------------------------------


async def test_a_session_is_somebody(home: House) -> None:
    """Whoever came in by a token is the owner, by that session."""
    person = await home.who(LOOPBACK, local(home))
    assert person == Person("local", "owner", Role.OPERATOR, "the owner", None, 1)


async def test_a_viewer_is_a_viewer(home: House) -> None:
    """A token for a viewer makes nobody more."""
    person = await home.who(LOOPBACK, local(home, Role.VIEWER))
    assert person is not None
    assert not person.may(Permission.ACT)


async def test_a_session_is_over_when_it_was_idle(home: House) -> None:
    """After its idle span nobody is recognised by it."""
    said = local(home)
    home.pass_time(home.entrance.sessions.life.idle.total_seconds())
    assert await home.who(LOOPBACK, said) is None


async def test_a_session_that_is_used_is_not_idle_and_ends_all_the_same(home: House) -> None:
    """Each request counts as use, also one that is answered from memory; at the end of its life it is over."""
    said, life = local(home), home.entrance.sessions.life
    step = life.idle.total_seconds() - 1
    for _ in range(int(life.whole.total_seconds() // step)):
        home.pass_time(step)
        assert await home.who(LOOPBACK, said) is not None
        assert home.doorman.remembered(LOOPBACK, said, b"") is not None
    home.pass_time(life.whole.total_seconds() % step)
    assert await home.who(LOOPBACK, said) is None


async def test_what_is_answered_from_memory_counts_as_use(home: House) -> None:
    """A use that only memory saw puts off the end by idleness."""
    said, idle = local(home), home.entrance.sessions.life.idle.total_seconds()
    assert await home.doorman.ask(LOOPBACK, said, b"") is not None
    home.pass_time(REMEMBERED_S / 2)
    assert home.doorman.remembered(LOOPBACK, said, b"") is not None
    home.pass_time(idle - REMEMBERED_S / 4)
    assert await home.who(LOOPBACK, said) is not None


async def test_a_session_is_over_the_moment_it_ends(home: House) -> None:
    """Who was recognised just now is not remembered beyond the end of the session."""
    said, idle = local(home), home.entrance.sessions.life.idle.total_seconds()
    home.entrance.sessions.life = home.entrance.sessions.life._replace(whole=home.entrance.sessions.life.idle)
    home.pass_time(idle - REMEMBERED_S / 2)
    assert await home.who(LOOPBACK, said) is not None
    home.pass_time(REMEMBERED_S / 2)
    assert home.doorman.remembered(LOOPBACK, said, b"") is None
    assert await home.who(LOOPBACK, said) is None


async def test_what_is_ended_here_is_over_at_once(home: House) -> None:
    """Without a moment in between, also from memory."""
    said = local(home)
    assert await home.who(LOOPBACK, said) is not None
    assert home.doorman.remembered(LOOPBACK, said, b"") is not None
    home.entrance.sessions.end((1,))
    assert home.doorman.remembered(LOOPBACK, said, b"") is None
    assert await home.who(LOOPBACK, said) is None


async def test_what_ends_while_a_witness_thinks_is_over(home: House) -> None:
    """Whose session ends while the tailnet is asked who they are is not let in by it, nor remembered."""
    home.tailnet.claim = None
    home.tailnet.hangs = threading.Event()
    made = home.entrance.sessions.begin(Claim("local", "owner"), Role.OPERATOR)
    said = {b"cookie": b"quarterdeck=" + made.value.encode()}
    asked = asyncio.create_task(home.who(TAILNET, said))
    await asyncio.sleep(0.05)
    assert home.entrance.sessions.end((made.id,)) == 1
    home.tailnet.hangs.set()
    assert await asked is None
    assert home.doorman.remembered(TAILNET, said, b"") is None


async def test_what_another_program_ends_is_over_within_two_seconds(home: House, file: Path) -> None:
    """Another hub, or the terminal, ends it: here it is over two seconds later at the latest."""
    said = local(home)
    assert await home.who(LOOPBACK, said) is not None
    with house(file) as other:
        assert other.entrance.sessions.end((1,)) == 1
    home.pass_time(2.0)
    assert await home.who(LOOPBACK, said) is None


async def test_who_came_in_elsewhere_just_now_is_known_here_at_once(home: House, file: Path) -> None:
    """What the terminal or another hub just made is good here without waiting for the next look at the ledger."""
    assert await home.who(LOOPBACK) is None
    with house(file) as other:
        query = token(other.entrance.tokens.offer(Role.OPERATOR).value)
        said = local(other)
        home.pass_time(SOON_S)
        assert await home.who(LOOPBACK, {}, query) is not None
        assert await home.who(LOOPBACK, said) is not None
        program = authorization(other.entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 1).value)
    home.pass_time(SOON_S)
    assert await home.who(LOOPBACK, program) is not None
    assert home.waited == []


async def test_each_way_has_a_cookie_of_its_own_name(home: House) -> None:
    """A cookie that a browser keeps without proof of its origin counts on plain http in the tailnet only."""
    home.tailnet.claim = None
    value = local(home)[b"cookie"].partition(b"=")[2].decode()
    plain, proven = cookie(value, "quarterdeck"), cookie(value)
    assert await home.who(LOOPBACK, plain) is None
    assert await home.who(TAILNET, proven) is None
    assert await home.who(SERVE, {**plain, b"tailscale-user-login": b""}) is None
    for peer, said in ((LOOPBACK, proven), (TAILNET, plain), (SERVE, proven)):
        assert await home.who(peer, said) is not None


async def test_a_session_by_the_forge_is_worth_what_the_rules_say(home: House) -> None:
    """The rules are asked anew each time; without one that fits the session is worth nothing."""
    person = await home.who(LOOPBACK, of_forge(home))
    assert person == Person("forge", "me", Role.VIEWER, "Me", frozenset({"south"}), 1)
    other = cookie(home.entrance.sessions.begin(Claim("forge", "somebody")).value)
    assert await home.who(LOOPBACK, other) is None


async def test_whom_a_rule_shuts_out_is_out_with_a_session_too(file: Path) -> None:
    """When a rule says none, a session that was good before is worth nothing."""
    with house(file, FORGE) as before:
        said = of_forge(before)
        assert await before.who(LOOPBACK, said) is not None
    with house(file, FORGE, Rule("forge_group", "org/old", "none"), Rule("forge", "ME", "none")) as after:
        assert await after.who(LOOPBACK, said) is None


async def test_whom_the_tailnet_says_to_be_shut_out_is_out_with_any_session(file: Path) -> None:
    """Somebody who is shut out by their tailnet login does not come in with a session of the owner's either."""
    with house(file, SHUT_OUT, CI) as home:
        value = local(home)[b"cookie"].partition(b"=")[2].decode()
        home.bearers.known = {SIGNED: Claim("bearer", "ci")}
        for said in (cookie(value, "quarterdeck"), authorization(SIGNED)):
            assert await home.who(TAILNET, said) is None
        assert await home.who(SERVE, {**served(), **cookie(value)}) is None
        home.tailnet.claim = None
        home.pass_time(HEARD_S)
        assert await home.who(TAILNET, cookie(value, "quarterdeck")) is not None


async def test_a_clock_that_is_set_back_lets_nobody_in_for_longer(home: House) -> None:
    """The span goes on by the time that passes."""
    said, idle = local(home), home.entrance.sessions.life.idle.total_seconds()
    home.wall.advance(days=-30)
    home.pass_time(idle)
    assert await home.who(LOOPBACK, said) is None


# --- by the tailnet --------------------------------------------------------------------------------------------------


async def test_the_tailnet_says_who_it_is(home: House) -> None:
    """The raw address and port are asked about, and the rules say what the answer is worth."""
    assert await home.who(TAILNET) == Person("tailnet", "me@example.com", Role.OPERATOR, "Me")
    assert home.tailnet.asked == [("100.64.0.7", 50_001)]


@pytest.mark.parametrize(
    "claim",
    [
        None,
        Claim("tailnet", ""),
        Claim("tailnet", "tagged-devices"),
        Claim("tailnet", "you@example.com"),
        Claim("tailnet", "ME@example.com"),
        Claim("forge", "me@example.com"),
    ],
    ids=str,
)
async def test_who_is_nobody_in_the_tailnet_is_a_stranger(home: House, claim: Claim | None) -> None:
    """A machine, a nameless one, another person, another spelling, another witness: strangers."""
    home.tailnet.claim = claim
    assert await home.who(TAILNET) is None


async def test_nobody_is_somebody_by_headers_of_their_own(home: House) -> None:
    """What the daemon says over our socket is not heard from anybody else."""
    home.tailnet.claim = None
    for peer in (LOOPBACK, TAILNET):
        assert await home.who(peer, served()) is None


async def test_the_tailnet_is_asked_once_in_five_seconds(home: House) -> None:
    """For each connection; what it said before is forgotten then, and who is gone from it is out."""
    assert await home.who(TAILNET) is not None
    home.tailnet.claim = None
    home.pass_time(HEARD_S - 0.1)
    assert await home.who(TAILNET) is not None
    assert len(home.tailnet.asked) == 1
    home.pass_time(0.1 + REMEMBERED_S)
    assert await home.who(TAILNET) is None


async def test_another_connection_is_asked_about_anew(home: House) -> None:
    """Who comes from another port is not taken for who came from the first."""
    assert await home.who(TAILNET) is not None
    home.tailnet.claim = None
    assert await home.who(Peer(Way.TAILNET, TAILNET.address, TAILNET.port + 1)) is None


async def test_who_was_not_known_may_be_a_second_later(home: House) -> None:
    """A daemon that knows somebody again lets them in without a restart."""
    home.tailnet.claim = None
    assert await home.who(TAILNET) is None
    home.tailnet.claim = ME
    home.pass_time(NOT_HEARD_S)
    assert await home.who(TAILNET) is not None


async def test_where_the_tailnet_cannot_be_asked_nobody_comes_in_by_it(
    home: House, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the daemon is no answer: nobody comes in by that way, not by a session either. It is said once."""
    said = local(home)
    plain = cookie(said[b"cookie"].partition(b"=")[2].decode(), "quarterdeck")
    home.tailnet.error = ValueError("what was read")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await home.who(TAILNET, plain) is None
    assert len(caplog.records) == 1
    assert "ValueError" in caplog.text
    assert "what was read" not in caplog.text
    assert await home.who(LOOPBACK, said) is not None
    home.tailnet.error = None
    assert await home.who(TAILNET, plain) is not None


async def test_a_daemon_that_hangs_lets_nobody_in_and_nobody_wait_for_long(home: House) -> None:
    """After two seconds it is given up, and whoever comes by another way never waited."""
    home.tailnet.hangs = threading.Event()
    said = local(home)
    try:
        asked = asyncio.create_task(home.who(TAILNET))
        await asyncio.sleep(0.05)
        assert await home.who(LOOPBACK, said) is not None
        assert not asked.done()
        assert await asyncio.wait_for(asked, WITNESS_S + 2) is None
    finally:
        home.tailnet.hangs.set()


# --- through serve ---------------------------------------------------------------------------------------------------


async def test_the_daemon_brings_people_over_our_socket(home: House) -> None:
    """Whom it brings is let in when it says the same of the address they come from."""
    assert await home.who(SERVE, served()) == Person("tailnet", "me@example.com", Role.OPERATOR, "Me")
    assert home.tailnet.asked == [("100.64.0.7", 443)]


@pytest.mark.parametrize("claim", [None, replace(ME, login="you@example.com")], ids=["nobody", "somebody else"])
async def test_whom_the_daemon_brings_it_must_know_by_their_address(home: House, claim: Claim | None) -> None:
    """A program of this machine is brought under its owner's name; asked about the address, it is nobody's."""
    home.tailnet.claim = claim
    assert await home.who(SERVE, served()) is None


async def test_where_somebody_is_brought_from_is_part_of_who_they_are(home: House) -> None:
    """What was said of one address is not remembered for another."""
    assert await home.who(SERVE, served()) is not None
    home.tailnet.claim = None
    assert await home.who(SERVE, served(address=b"100.101.102.103")) is None
    home.tailnet.error = ValueError("not an address")
    for address in (b"", b"100.64.0.8, 100.64.0.7", b"\xff"):
        assert await home.who(SERVE, served(address=address)) is None


@pytest.mark.parametrize("uid", [None, 0, DAEMON + 1])
async def test_nobody_but_the_daemon_is_heard_on_our_socket(home: House, uid: int | None) -> None:
    """Another program, whoever's it is, brings nobody: neither by a name nor with a session."""
    assert await home.who(Peer(Way.SERVE, uid=uid), {**served(), **local(home)}) is None


async def test_whom_the_daemon_does_not_name_is_nobody(home: House) -> None:
    """A tagged machine has no login."""
    assert await home.who(SERVE) is None
    assert await home.who(SERVE, {b"tailscale-user-name": b"Me"}) is None


@pytest.mark.parametrize("peer", [LOOPBACK, TAILNET, SERVE], ids=str)
async def test_nobody_comes_in_from_the_whole_world(home: House, peer: Peer) -> None:
    """What came through a funnel is never let in, whatever it shows."""
    said = {**served(), **local(home), b"tailscale-funnel-request": b"?1"}
    assert await home.who(peer, said) is None
    assert await home.who(peer, {**authorization(SIGNED), b"tailscale-funnel-request": b""}) is None


async def test_a_funnel_is_not_mistaken_for_who_came_before(home: House) -> None:
    """Who was recognised a moment ago is not remembered for a request that came through a funnel."""
    said = local(home)
    assert await home.who(LOOPBACK, said) is not None
    assert await home.who(LOOPBACK, {**said, b"tailscale-funnel-request": b"?1"}) is None


# --- by a bearer token -----------------------------------------------------------------------------------------------


async def test_an_issuers_token_is_somebody(home: House) -> None:
    """Whose it is says the issuer, and what that is worth the rules."""
    assert await home.who(LOOPBACK, authorization(SIGNED)) == Person("bearer", "ci", Role.VIEWER)
    assert await home.who(LOOPBACK, {b"authorization": b"bearer " + SIGNED.encode()}) is not None


async def test_our_own_bearer_token_is_somebody(home: House) -> None:
    """What the terminal made for a program lets it in, until it is ended."""
    made = home.entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 30)
    person = await home.who(LOOPBACK, authorization(made.value))
    assert person == Person("local", "prometheus", Role.VIEWER, "", None, made.id)
    home.entrance.sessions.end((made.id,))
    assert await home.who(LOOPBACK, authorization(made.value)) is None
    assert home.bearers.asked == 0


async def test_our_own_bearer_token_ends_with_its_days(home: House) -> None:
    """After its days it lets nobody in."""
    made = home.entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 1)
    home.pass_time(86_400 - 1)
    assert await home.who(LOOPBACK, authorization(made.value)) is not None
    home.pass_time(1)
    assert await home.who(LOOPBACK, authorization(made.value)) is None


async def test_whoever_shows_a_wrong_token_is_nobody_whatever_else_they_show(home: House) -> None:
    """A token that is not good is not made up for by a cookie, by the tailnet or by a login of another kind."""
    good = local(home)
    for wrong in (authorization("wrong"), {b"authorization": b"Basic eDp5"}, {b"authorization": b""}):
        assert await home.who(LOOPBACK, {**good, **wrong}) is None
        assert await home.who(TAILNET, wrong) is None
        assert await home.who(SERVE, {**served(), **wrong}) is None


async def test_a_token_that_no_rule_fits_is_nobodys(home: House) -> None:
    """An issuer that knows somebody does not let them in."""
    home.bearers.known = {SIGNED: Claim("bearer", "stranger")}
    assert await home.who(LOOPBACK, authorization(SIGNED)) is None


async def test_an_issuer_is_asked_once_in_five_seconds(home: House) -> None:
    """What it says is remembered for so long, and no longer."""
    for _ in range(3):
        assert await home.who(LOOPBACK, authorization(SIGNED)) is not None
        after_a_moment(home)
    assert home.bearers.asked == 1
    home.bearers.known = {}
    home.pass_time(HEARD_S)
    assert await home.who(LOOPBACK, authorization(SIGNED)) is None


async def test_tokens_that_take_long_keep_nobody_else_waiting(home: House) -> None:
    """However many tokens of an issuer somebody shows who is slow to answer, the tailnet is asked meanwhile."""
    home.bearers.hangs = threading.Event()
    try:
        shown = [{b"authorization": b"Bearer token-%d" % number} for number in range(100)]
        asked = [asyncio.create_task(home.who(LOOPBACK, said)) for said in shown]
        await asyncio.sleep(0.05)
        assert await home.who(TAILNET) is not None
        assert not any(each.done() for each in asked)
    finally:
        home.bearers.hangs.set()
    assert await asyncio.gather(*asked) == [None] * len(asked)


async def test_an_issuer_that_fails_lets_nobody_in(home: House) -> None:
    """A mistake in reading a token is no answer."""
    home.bearers.error = RuntimeError("oh")
    assert await home.who(LOOPBACK, authorization(SIGNED)) is None


# --- by a one-time token ---------------------------------------------------------------------------------------------


async def test_a_one_time_token_makes_a_guest_on_every_way(home: House) -> None:
    """Whoever shows it may use it. Who is somebody already stays who they are."""
    query = token(home.entrance.tokens.offer(Role.OPERATOR).value)
    person = await home.who(LOOPBACK, {}, query)
    assert person is not None
    assert person.role is Role.GUEST
    assert await home.who(LOOPBACK, {}, b"v=1&" + query) == person
    known = await home.who(TAILNET, {}, query)
    assert known is not None
    assert known.role is Role.OPERATOR
    home.tailnet.claim = None
    home.pass_time(HEARD_S)
    assert await home.who(TAILNET, {}, query) == person


async def test_a_one_time_token_is_over_when_it_is_used_or_old(home: House) -> None:
    """Then whoever shows it is a stranger, at once."""
    used, old = (home.entrance.tokens.offer(Role.OPERATOR).value for _ in range(2))
    assert await home.who(LOOPBACK, {}, token(used)) is not None
    assert home.entrance.tokens.spend(used) is not None
    assert await home.who(LOOPBACK, {}, token(used)) is None
    assert await home.who(LOOPBACK, {}, token(old)) is not None
    home.pass_time(LIFE.total_seconds())
    assert await home.who(LOOPBACK, {}, token(old)) is None


async def test_wrong_one_time_tokens_are_answered_slowly_and_right_ones_never(home: House) -> None:
    """Guessing gets slow; the owner's token is good at once all the same."""
    right = token(home.entrance.tokens.offer(Role.OPERATOR).value)
    for _ in range(WRONG + 5):
        assert await home.who(LOOPBACK, {}, token("A" * 43)) is None
    assert len(home.waited) == 5
    assert await home.who(LOOPBACK, {}, right) is not None
    assert len(home.waited) == 5


# --- whatever becomes of the ledger ----------------------------------------------------------------------------------

DAMAGES = ("missing", "empty", "garbage", "others", "newer", "foreign")


def damage(file: Path, how: str) -> None:
    """Do something to a ledger that is open."""
    if how in {"missing", "foreign"}:
        file.unlink()
    if how == "others":
        file.chmod(0o644)
    if how in {"newer", "foreign"}:
        with sqlite3.connect(file) as other:
            other.execute("UPDATE ledger_version SET version_num = '9999'" if how == "newer" else "CREATE TABLE a (b)")
        other.close()
        file.chmod(0o600)
    if how in {"empty", "garbage"}:
        other_file = file.with_name("other")
        other_file.write_bytes(b"" if how == "empty" else b"\xff" * 40_000)
        other_file.chmod(0o600)
        other_file.replace(file)


@pytest.mark.parametrize("how", DAMAGES)
async def test_nobody_comes_in_while_the_ledger_cannot_be_read(
    home: House, file: Path, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with it, by whichever way they come; when it is well again, everybody is who they were.

    Why is said in the log, once, with what to do.
    """
    said, program = local(home), home.entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 30).value
    query = token(home.entrance.tokens.offer(Role.OPERATOR).value)
    everybody: list[tuple[Peer, Mapping[bytes, bytes], bytes]] = [
        (LOOPBACK, said, b""),
        (LOOPBACK, authorization(program), b""),
        (LOOPBACK, authorization(SIGNED), b""),
        (LOOPBACK, {}, query),
        (TAILNET, {}, b""),
        (SERVE, served(), b""),
    ]
    assert all([await home.who(*one) for one in everybody])
    home.entrance.ledger.close()
    shutil.copytree(file.parent, tmp_path / "copy")
    damage(file, how)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            home.pass_time(2.0)
            assert [await home.who(*one) for one in everybody] == [None] * len(everybody)
    said_of_it = [message for message in caplog.messages if message.startswith("Nobody can be let in.")]
    assert len(said_of_it) == 1
    assert home.entrance.register.trouble is not None
    assert home.entrance.register.trouble.fix in said_of_it[0]
    home.entrance.ledger.close()
    shutil.rmtree(file.parent)
    shutil.copytree(tmp_path / "copy", file.parent)
    home.pass_time(FRESH_S)
    assert all([await home.who(*one) for one in everybody])


async def test_a_ledger_that_is_being_written_keeps_nobody_out(home: House, file: Path) -> None:
    """While another program writes, those who are in stay in."""
    said = local(home)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    home.pass_time(FRESH_S)
    assert await home.who(LOOPBACK, said) is not None
    other.execute("ROLLBACK")
    other.close()


# --- whoever knocks --------------------------------------------------------------------------------------------------


async def test_what_was_shown_is_not_kept(home: House) -> None:
    """In what is remembered stands no cookie, no token and no address with one."""
    said = {**local(home)}
    value = said[b"cookie"].partition(b"=")[2].decode()
    assert await home.who(LOOPBACK, said) is not None
    assert await home.who(LOOPBACK, authorization(SIGNED)) is not None
    kept = repr(vars(home.doorman)["_known"]) + repr(vars(home.doorman)["_heard"])
    assert value not in kept
    assert SIGNED not in kept


async def test_whoever_knocks_a_thousand_times_fills_no_memory(file: Path) -> None:
    """However many connections come, no more than so many are remembered, and the last ones are right."""
    with house(file, OPERATOR, access=Access()) as home:
        home.entrance.sessions.keep()
        for number in range(MOST + 50):
            home.up.seconds += 0.0001
            assert await home.who(Peer(Way.TAILNET, "100.64.0.7", number % 60_000 + 1)) is not None
        assert len(vars(home.doorman)["_known"]) <= MOST
        assert len(vars(home.doorman)["_heard"]) <= MOST


async def test_what_is_over_is_forgotten_before_what_is_not(home: House) -> None:
    """When there is too much to remember, whoever is here still is known without being asked for anew."""
    said = local(home)
    for number in range(MOST - 1):
        assert await home.who(Peer(Way.TAILNET, "100.64.0.7", number + 1)) is not None
    home.pass_time(REMEMBERED_S)
    assert await home.who(LOOPBACK, said) is not None
    assert await home.who(Peer(Way.TAILNET, "100.64.0.7", MOST)) is not None
    assert home.doorman.remembered(LOOPBACK, said, b"") is not None


async def test_without_a_witness_nobody_comes_by_their_word(file: Path) -> None:
    """Where nobody is there to say who somebody is, they are nobody: in the tailnet, by a token, through serve."""
    with house(file, OPERATOR, CI) as home:
        home.entrance.sessions.keep()
        said = local(home)
        alone = home.entrance.doorman(Settings(access=Access(people=(OPERATOR, CI))), Witnesses())
        assert await alone.ask(TAILNET, {}, b"") is None
        assert await alone.ask(LOOPBACK, authorization(SIGNED), b"") is None
        assert await alone.ask(SERVE, served(), b"") is None
        assert await alone.ask(LOOPBACK, said, b"") is not None
        alone.close()


async def test_a_mistake_of_ours_lets_nobody_in(home: House, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks while somebody is being recognised, they are nobody, and the log names the kind of mistake."""
    with caplog.at_level(logging.WARNING):
        assert await home.doorman.ask(LOOPBACK, {b"cookie": 7}, b"") is None  # type: ignore[dict-item]
    assert "TypeError" in caplog.text


async def test_a_ledger_that_does_not_answer_lets_nobody_in(home: House) -> None:
    """When reading it takes too long nobody is let in meanwhile; when it answers again, they are."""
    said = local(home)
    home.pass_time(FRESH_S)
    turn: threading.Lock = vars(home.entrance.register)["_turn"]
    with turn:
        assert await home.who(LOOPBACK, said) is None
    assert await home.who(LOOPBACK, said) is not None


async def test_a_thousand_who_wait_for_the_ledger_wait_for_one_look(home: House) -> None:
    """While it does not answer, one thread waits for it, however many knock; a mistake in reading it lets nobody in."""
    said = local(home)
    home.pass_time(FRESH_S)
    turn: threading.Lock = vars(home.entrance.register)["_turn"]
    with turn:
        knocking = [asyncio.ensure_future(home.who(LOOPBACK, said)) for _ in range(1_000)]
        await asyncio.sleep(0.1)
        assert sum(thread.name == "Register" for thread in threading.enumerate()) == 1
    assert all(person is not None for person in await asyncio.gather(*knocking))
