"""How the agent's logins stand, from the status fields of ``auth.json``.

Rule 1: tokens, keys, labels and messages are never taken from the document. Of a refresh token only counts that it is
        there: a login that renews itself does not expire.
Rule 2: a credential that was refused counts as refused until the moment the provider named, or until the agent itself
        would try it again; one that is refused for good, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.sources.files import SourceError, parse_json
from quarterdeck.sources.hermes.answers import Answer, attempt, given, past
from quarterdeck.sources.hermes.held import moment
from quarterdeck.sources.hermes.values import table, whole
from quarterdeck.truth.reading import Reason

REFUSED = "exhausted"
REFUSED_FOR_GOOD = "dead"
ACCEPTED = (None, "ok")

TOO_MANY_REQUESTS = 429
UNAUTHORIZED = 401
RETRIED_AFTER = timedelta(hours=1)
RETRIED_AFTER_UNAUTHORIZED = timedelta(minutes=5)


class Login(NamedTuple):
    """One credential, as far as it may be known."""

    status: object
    since: Answer[datetime | None]
    code: int | None
    reset_at: datetime | None


class Auth(NamedTuple):
    """How the logins stand."""

    providers: Answer[tuple[str, ...]]
    expires_at: Answer[datetime | None]
    pool: Answer[tuple[Login, ...]]


NO_LOGINS = Auth(providers=(), expires_at=None, pool=())
"""What a home without the file says: there are none."""


def parse(data: bytes, now: datetime) -> Auth:
    """Understand ``auth.json``."""
    document = table(parse_json(data))
    states = attempt(lambda: filled(document.get("providers")))
    pools = attempt(lambda: filled(document.get("credential_pool")))
    return Auth(
        providers=attempt(lambda: tuple(sorted({*given(states), *given(pools)}))),
        expires_at=attempt(lambda: _earliest([*given(states).values(), *_entries(given(pools))])),
        pool=attempt(lambda: tuple(_login(each, now) for each in _entries(given(pools)))),
    )


def refused(pool: Iterable[Login], now: datetime) -> list[Login]:
    """Return the credentials that the provider refuses now."""
    return [login for login in pool if _is_refused(login, now)]


def _is_refused(login: Login, now: datetime) -> bool:
    if login.status in ACCEPTED:
        return False
    if login.status == REFUSED_FOR_GOOD:
        return True
    if login.status != REFUSED:
        raise SourceError(Reason.SCHEMA, "a credential is in a state that this release does not know")
    if login.reset_at is None and (since := given(login.since)):
        return since + _pause(login.code) > now
    return login.reset_at is None or login.reset_at > now


def _pause(code: int | None) -> timedelta:
    return RETRIED_AFTER_UNAUTHORIZED if code == UNAUTHORIZED else RETRIED_AFTER


def filled(value: object) -> Mapping[str, object]:
    """Take a table by provider, without the empty places that a logout leaves."""
    return {} if value is None else {name: each for name, each in table(value).items() if each}


def _entries(pools: Mapping[str, object]) -> list[object]:
    found: list[object] = []
    for entries in pools.values():
        found += listed(entries)
    return found


def listed(entries: object) -> list[object]:
    """Take the entries of a pool."""
    if isinstance(entries, list):
        return entries
    raise SourceError(Reason.SCHEMA, "holds something else where a list of credentials should be")


def _earliest(logins: Iterable[object]) -> datetime | None:
    """Return the earliest expiry among the logins that do not renew themselves."""
    return min((at for each in logins if (at := _expiry(table(each)))), default=None)


def _expiry(login: Mapping[str, object]) -> datetime | None:
    if login.get("refresh_token") or isinstance(login.get("tokens"), dict):
        return None
    return moment(login.get("expires_at") or login.get("expires_at_ms"))


def _login(value: object, now: datetime) -> Login:
    login = table(value)
    code = login.get("last_error_code")
    return Login(
        status=login.get("last_status"),
        since=attempt(_since, login.get("last_status_at"), now),
        code=None if code is None else whole(code),
        reset_at=moment(login.get("last_error_reset_at")),
    )


def _since(value: object, now: datetime) -> datetime | None:
    at = moment(value)
    return at and past(at, now)
