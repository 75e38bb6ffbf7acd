"""Who has come in, and what may be used once to come in.

Rule 1: a one-time token is spent by whoever takes it out of its table first. It is taken out, and the session made of
        it put in, in one transaction: of any number of hubs at any number of moments one succeeds.
Rule 2: what was handed out is kept as its SHA-256 only.
Rule 3: every change leaves another mark, so that whoever holds a copy sees at one glance whether it is still right.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import BigInteger, Column, Connection, Row, Table, Text, bindparam, or_, select

from quarterdeck.store.engine import Database
from quarterdeck.store.ledger import clocks
from quarterdeck.store.ledger.clocks import Tick
from quarterdeck.store.ledger.schema import mark, metadata, set_mark
from quarterdeck.store.ledger.trouble import LedgerError
from quarterdeck.store.schema import MICROSECOND, Id, exact, us
from quarterdeck.store.trouble import Kind

T = TypeVar("T")

MARK_BITS: Final = 62
YEARS: Final = range(1970, 9000)
"""Years of which it can be reckoned what comes after."""
ROLES: Final = frozenset({"viewer", "operator"})
CHANGED: Final = "people"
"""The mark that every change sets anew. It is drawn by lot: a copy of another file is never taken for this one's."""

people_sessions = Table(
    "people_sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("carried", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("role", Text),
    Column("made_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False, index=True),
    Column("idle_us", BigInteger),
    Column("uid", BigInteger),
    sqlite_autoincrement=True,
)
one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


class NewSession(NamedTuple):
    """A session that is to be."""

    key: str
    """The SHA-256 of what its holder shows, in hex."""
    carried: str
    """How it is shown: ``cookie`` or ``bearer``."""
    how: str
    login: str
    name: str
    groups: frozenset[str]
    role: str | None
    """What its holder is where that was decided when it was made; None where the rules decide."""
    made_at: datetime
    ends_at: datetime
    idle: timedelta | None
    """After how long without use it ends; None for never."""
    uid: int | None = None
    """Under which user of this machine its holder's program runs, where it is bound to one."""


class KeptSession(NamedTuple):
    """A session as it is kept."""

    id: int
    is_: NewSession
    used_at: datetime


class Token(NamedTuple):
    """A one-time token that is to be."""

    key: str
    role: str
    made_at: datetime
    ends_at: datetime


class KeptToken(NamedTuple):
    """A one-time token as it is kept."""

    id: int
    is_: Token


class Held(NamedTuple):
    """Everything that is kept, at one moment."""

    mark: int | None
    sessions: tuple[KeptSession, ...] = ()
    tokens: tuple[KeptToken, ...] = ()
    ticks: tuple[Tick, ...] = ()


class People:
    """Reads and writes who has come in."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger

    def held(self, known: int | None = None) -> Held | None:
        """Return everything that is kept; None when its mark is still the one that is known.

        Raises:
            LedgerError: when it cannot be read.
        """
        with self._ledger.reading() as connection:
            found = mark(connection, CHANGED)
            if found is not None and found == known:
                return None
            sessions = connection.execute(select(people_sessions).order_by(people_sessions.c.id)).all()
            tokens = connection.execute(select(one_time_tokens).order_by(one_time_tokens.c.id)).all()
            ticks = clocks.ticks(connection)
        try:
            for tick in ticks:
                _moment(tick.at_us)
            return Held(found, tuple(map(_session, sessions)), tuple(map(_token, tokens)), ticks)
        except (ArithmeticError, TypeError, ValueError):
            raise LedgerError(Kind.CORRUPT, "The ledger is damaged: what stands in it cannot be so") from None

    def admit(self, new: NewSession, *, instead_of: Collection[int] = (), most: int) -> int:
        """Make a session and return its number; others end with it: those named, and of many of one person the oldest.

        Raises:
            LedgerError: when it cannot be written.
        """
        return self._change(lambda connection: _admit(connection, new, instead_of, most))

    def offer(self, token: Token, *, most: int) -> int:
        """Make a one-time token and return its number. Of more than ``most`` the oldest end.

        Raises:
            LedgerError: when it cannot be written.
        """

        def work(connection: Connection) -> int:
            row = {"key": token.key, "role": token.role, "made_us": us(token.made_at), "ends_us": us(token.ends_at)}
            made = int(
                connection.execute(one_time_tokens.insert().values(row).returning(one_time_tokens.c.id)).scalar_one()
            )
            newest = select(one_time_tokens.c.id).order_by(one_time_tokens.c.id.desc()).limit(most)
            kept = connection.execute(newest).scalars().all()
            connection.execute(one_time_tokens.delete().where(one_time_tokens.c.id.not_in(kept)))
            return made

        return self._change(work)

    def spend(
        self, key: str, now: datetime, new: Mapping[str, NewSession], *, instead_of: Collection[int] = (), most: int
    ) -> int | None:
        """Spend a one-time token for a session; return its number, or None when the token is not there or not any more.

        ``new`` is the session to make, by the role that the token carries.

        Raises:
            LedgerError: when it cannot be written; then nothing is spent.
        """

        def work(connection: Connection) -> int | None:
            taken = one_time_tokens.delete().where(one_time_tokens.c.key == key)
            found = connection.execute(taken.returning(one_time_tokens.c.role, one_time_tokens.c.ends_us)).one_or_none()
            if found is None or found.ends_us <= us(now):
                return None
            return _admit(connection, new[found.role], instead_of, most)

        return self._change(work)

    def end(self, sessions: Iterable[int]) -> int:
        """End sessions; return how many there were.

        Raises:
            LedgerError: when it cannot be written.
        """
        wanted = list(sessions)
        return self._change(lambda connection: _end(connection, wanted))

    def end_all(self, *, but: Collection[int] = ()) -> int:
        """End all sessions but some, and withdraw all one-time tokens; return how many sessions there were.

        Raises:
            LedgerError: when it cannot be written.
        """

        def work(connection: Connection) -> int:
            connection.execute(one_time_tokens.delete())
            return connection.execute(people_sessions.delete().where(people_sessions.c.id.not_in(but))).rowcount

        return self._change(work)

    def keep(self, used: Mapping[int, datetime], tick: Tick) -> None:
        """Keep when sessions were last used and how far the clock has come, and clear away what is over.

        Raises:
            LedgerError: when it cannot be written.
        """

        def work(connection: Connection) -> None:
            if used:
                rows = [{"of": number, "at": us(moment)} for number, moment in used.items()]
                table = people_sessions
                later = table.update().where(table.c.id == bindparam("of"), table.c.used_us < bindparam("at"))
                connection.execute(later.values(used_us=bindparam("at")), rows)
            _clear(connection, tick.at_us)
            clocks.keep(connection, tick)

        self._change(work)

    def _change(self, work: Callable[[Connection], T]) -> T:
        def changed(connection: Connection) -> T:
            set_mark(connection, CHANGED, secrets.randbits(MARK_BITS))
            return work(connection)

        return self._ledger.write(changed)


def _admit(connection: Connection, new: NewSession, instead_of: Collection[int], most: int) -> int:
    _end(connection, list(instead_of))
    table = people_sessions
    row = {
        "key": new.key,
        "carried": new.carried,
        "how": new.how,
        "login": new.login,
        "name": new.name,
        "groups": json.dumps(sorted(new.groups)),
        "role": new.role,
        "made_us": us(new.made_at),
        "used_us": us(new.made_at),
        "ends_us": us(new.ends_at),
        "idle_us": None if new.idle is None else new.idle // MICROSECOND,
        "uid": new.uid,
    }
    made = int(connection.execute(table.insert().values(row).returning(table.c.id)).scalar_one())
    theirs = (table.c.how == new.how) & (table.c.login == new.login)
    latest = select(table.c.id).where(theirs).order_by(table.c.used_us.desc(), table.c.id.desc()).limit(most)
    kept = connection.execute(latest).scalars().all()
    connection.execute(table.delete().where(theirs & table.c.id.not_in([made, *kept])))
    return made


def _end(connection: Connection, sessions: list[int]) -> int:
    return connection.execute(people_sessions.delete().where(people_sessions.c.id.in_(sessions))).rowcount


def _clear(connection: Connection, now_us: int) -> None:
    """Take away what is over."""
    table = people_sessions
    idle = table.c.idle_us.is_not(None) & (table.c.used_us + table.c.idle_us <= now_us)
    connection.execute(table.delete().where(or_(table.c.ends_us <= now_us, idle)))
    connection.execute(one_time_tokens.delete().where(one_time_tokens.c.ends_us <= now_us))


def _session(row: Row[Any]) -> KeptSession:
    kept = NewSession(
        row.key,
        row.carried,
        row.how,
        row.login,
        row.name,
        _groups(row.groups),
        _role(row.role),
        _moment(row.made_us),
        _moment(row.ends_us),
        None if row.idle_us is None else row.idle_us * MICROSECOND,
        row.uid,
    )
    return KeptSession(row.id, kept, _moment(row.used_us))


def _token(row: Row[Any]) -> KeptToken:
    role = _role(row.role)
    if role is None:
        raise ValueError("A token has a role.")
    return KeptToken(row.id, Token(row.key, role, _moment(row.made_us), _moment(row.ends_us)))


def _moment(written: int) -> datetime:
    moment = exact(written)
    if moment.year in YEARS:
        return moment
    raise ValueError("This is no moment.")


def _role(written: object) -> str | None:
    if written is None or (isinstance(written, str) and written in ROLES):
        return written
    raise ValueError("This is no role.")


def _groups(written: str) -> frozenset[str]:
    groups = json.loads(written)
    if isinstance(groups, list) and all(isinstance(each, str) for each in groups):
        return frozenset(groups)
    raise ValueError("These are no groups.")
