"""Which secrets the files of a home hold: from bytes to what may be known of each, their values left behind.

Rule 1: every function here takes what a file holds and gives back no piece of it but names, times and scopes.
Rule 2: the same secret twice in one file is one secret.
Rule 3: what only points at a secret is none: a reference to the environment, an entry the agent keeps without a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from quarterdeck.sources.files import SourceError, parse_json, parse_text
from quarterdeck.sources.hermes import dotenv, purposes
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.sources.hermes.auth import filled, listed
from quarterdeck.sources.hermes.held import MOST, NO_MARKS, UNNAMED, Held, Mark, dated, moment, plain, scopes_of
from quarterdeck.sources.hermes.likeness import Marks
from quarterdeck.sources.hermes.values import table
from quarterdeck.truth.reading import Reason

Parse = Callable[[bytes, Mark], tuple[Held, ...]]

TOKENS: Final = ("access_token", "accessToken", "refresh_token", "refreshToken", "refresh", "agent_key", "id_token")
RENEWS: Final = ("refresh_token", "refreshToken", "refresh")
VALUES: Final = (*TOKENS, "api_key", "apiKey", "token", "secret", "client_secret", "password", "key")
ISSUED: Final = ("obtained_at", "issued_at", "created_at")
RENEWED: Final = ("last_refresh", "refreshed_at", "agent_key_obtained_at")
ENDS: Final = ("expires_at", "expires_at_ms", "expiresAt", "expiry", "expires")
SCOPES: Final = ("granted_scope", "scope", "scopes")
DEPTH: Final = 4
ROOT: Final = ("root",)
ID: Final = re.compile(r"[0-9a-f]{1,12}")
FROM_ENVIRONMENT: Final = "env:"
SERVICES: Final = frozenset({"spotify"})
"""Logins in the agent's own file that are no model's."""


def environment(data: bytes, mark: Mark) -> tuple[Held, ...]:
    """Return the secrets of an environment file; those without a proper name together, as one."""
    found: dict[str, Held] = {}
    others: list[str] = []
    for name, value in dotenv.settings(parse_text(data)):
        if not purposes.is_secret(name, value):
            continue
        if dotenv.is_name(name):
            found[name] = named(name, value, mark)
        else:
            others.append(value)
    if others:
        found[UNNAMED] = Held(UNNAMED, marks=mark(others))
    return limited(found.values())


def named(name: str, value: str, mark: Mark) -> Held:
    """Return a secret that goes by a name of the environment."""
    use, (form, issuer) = purposes.use_of(name), purposes.form_of(name, value)
    purpose = "source code" if use.purpose == "not known" and issuer in ("github", "gitlab") else use.purpose
    provider = use.provider or issuer
    held = dated(Held(name, purpose, provider, form, marks=mark((value,))), value)
    return held._replace(scopes=ROOT) if use.purpose == "root rights on its machine" else held


# --- the agent's own logins ----------------------------------------------------------------------------------------


def logins(data: bytes, mark: Mark) -> tuple[Held, ...]:
    """Return the logins and the keys of the pool in ``auth.json``."""
    document = table(parse_json(data))
    found = [_state(name, table(state), mark) for name, state in filled(document.get("providers")).items()]
    seen: set[bytes] = set().union(*(held.marks for held in found))
    for provider, entries in filled(document.get("credential_pool")).items():
        for entry in map(table, listed(entries)):
            held = _pooled(provider, entry, mark)
            if held is not None and not held.marks & seen:
                found.append(held)
                seen |= held.marks
    return limited(_apart(found))


def _state(name: str, state: Mapping[str, Any], mark: Mark) -> Held:
    purpose = "tool or skill" if name in SERVICES else "calling models"
    form = "key" if state.get("auth_type") == "api_key" else "login"
    return _login(Held(plain(name), purpose, plain(name), form), state, mark)


def _pooled(provider: str, entry: Mapping[str, Any], mark: Mark) -> Held | None:
    """Return an entry of the pool. One that points at the environment is told by that name, and holds nothing."""
    marks = _marks(entry, mark)
    source = entry.get("source")
    if not marks and isinstance(source, str) and source.startswith(FROM_ENVIRONMENT):
        name = source.removeprefix(FROM_ENVIRONMENT)
        held = Held(name, "calling models", plain(provider), "key", in_file=False) if dotenv.is_name(name) else None
        return held and held._replace(used_at=_tried(entry, held))
    token = entry.get("access_token")
    form, issuer = purposes.form_of("KEY", token if isinstance(token, str) else "")
    form = "login" if entry.get("auth_type") == "oauth" else form
    name = f"{plain(provider)}/{_id(entry)}"
    held = Held(name, "calling models", issuer or plain(provider), form)
    return _login(held, entry, mark)._replace(used_at=_tried(entry, held))


def _id(entry: Mapping[str, Any]) -> str:
    """Return the id that the agent made; of another form it may be anything."""
    found = entry.get("id")
    return found if isinstance(found, str) and ID.fullmatch(found) else UNNAMED


def _tried(entry: Mapping[str, Any], held: Held) -> Any:  # noqa: ANN401 -- a moment, or the reason why there is none
    """Return when an entry was last known to be tried: the agent notes that only when it was refused."""
    at = attempt(moment, entry.get("last_status_at"))
    return held.used_at if at is None else at


def document(purpose: str, provider: str | None, form: str = "secrets") -> Parse:
    """Make the reader of a file of JSON that holds one login, or a few secrets."""

    def read(data: bytes, mark: Mark) -> tuple[Held, ...]:
        said = table(parse_json(data))
        marks = _all_marks(said, mark)
        if not marks:
            return ()
        state = next((each for each in (said, *_inner(said)) if any(each.get(key) for key in TOKENS)), None)
        held = Held("", purpose, provider, form if state is None else "login")
        return ((held if state is None else _login(held, state, mark))._replace(marks=marks),)

    return read


def _inner(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in said.values() if isinstance(each, dict))


def _login(held: Held, state: Mapping[str, Any], mark: Mark) -> Held:
    """Add what stands beside a login: since when, until when, and what for."""
    renewed, issued = attempt(moment, _first(state, RENEWED)), attempt(moment, _first(state, ISSUED))
    made_at, made_by = (renewed, "renewed") if renewed is not None else (issued, "issued")
    renews = any(state.get(key) for key in RENEWS) or isinstance(state.get("tokens"), dict)
    return held._replace(
        made_at=made_at,
        made_by=made_by if made_at is not None else None,
        expires_at=None if renews else attempt(moment, _first(state, ENDS)),
        scopes=attempt(scopes_of, _first(state, SCOPES)),
        marks=_all_marks(state, mark),
    )


def _first(state: Mapping[str, Any], keys: Iterable[str]) -> object:
    return next((state[key] for key in keys if state.get(key) not in (None, "")), None)


def _marks(state: Mapping[str, Any], mark: Mark) -> Marks:
    return mark(value for key in VALUES if isinstance(value := state.get(key), str) and not purposes.is_none(value))


def _all_marks(state: object, mark: Mark, depth: int = DEPTH) -> Marks:
    """Return the marks of all secrets in a document."""
    if not isinstance(state, dict) or not depth:
        return NO_MARKS
    return _marks(state, mark).union(*(_all_marks(each, mark, depth - 1) for each in state.values()))


def _apart(found: Iterable[Held]) -> Iterator[Held]:
    """Give those that would go by the same name names of their own."""
    taken: dict[str, int] = {}
    for held in found:
        taken[held.name] = number = taken.get(held.name, 0) + 1
        yield held if number == 1 else held._replace(name=f"{held.name}-{number}")


def limited(found: Iterable[Held]) -> tuple[Held, ...]:
    """Return what a file holds, unless that is more than it can."""
    all_of_it = tuple(found)
    if len(all_of_it) > MOST:
        raise SourceError(Reason.SCHEMA, f"holds more than {MOST} secrets")
    return all_of_it
