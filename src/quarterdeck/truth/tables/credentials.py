"""What may be said of credentials: of the logins of an instance as a whole, and of each secret by itself.

Rule 1: a secret is judged by where it lies, who may read it, how long it lasts and how far it reaches; never by its
        value, which nobody here has ever seen.
Rule 2: all that is wrong with a secret is said at once. The worst of it gives the verdict its name.
Rule 3: what a person got by signing in, and what reaches further than a machine's work needs, is a finding also while
        all goes well. Our own secrets are held to more: to look, reading suffices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Facts, NotKnown, Rule, Status, words

RENEWED_WITHIN_S: Final = 86_400
"""A login that ended is expired for good when the agent has not renewed it within a day."""

BOUNDLESS: Final = frozenset({"*", "repo", "api", "drive", "cloud-platform", "mail.google.com"})
"""Scopes that give everything their issuer has, though they do not say so."""
BOUNDLESS_PARTS: Final = frozenset({"all", "admin", "sudo", "root", "full", "superuser", "owner"})
WRITING_PARTS: Final = frozenset({"write", "delete", "manage", "modify", "create"})
PARTS: Final = re.compile(r"[^a-z0-9*]+")

OF_PEOPLE: Final = frozenset({"login", "personal token"})
WHO: Final = {"group": "the group of its file", "anyone": "anybody on its machine"}


# --- the logins of an instance -------------------------------------------------------------------------------------


def _expired(f: Facts) -> bool:
    at = f[F.CRED_EXPIRES_AT]
    return at is not None and f.age(at) > RENEWED_WITHIN_S


def _expiring(f: Facts) -> str:
    return f"a login expired {f.span(F.CRED_EXPIRES_AT)} ago and was not renewed"


def _present(f: Facts) -> str:
    logins = f.get(F.CRED_PROVIDERS) or ()
    parts = ([", ".join(logins)] if logins else []) + (["environment file"] if f.get(F.ENV_FILE) else [])
    return "present: " + ", ".join(parts)


CREDENTIALS: tuple[Rule, ...] = (
    Rule(
        "readable by others",
        Status.DEGRADED,
        lambda f: len(f[F.WORLD_READABLE]) > 0,
        lambda f: "others may read " + ", ".join(f.get(F.WORLD_READABLE) or ()),
    ),
    Rule(
        "committed",
        Status.DEGRADED,
        lambda f: len(f[F.SECRETS_COMMITTED]) > 0,
        lambda f: "the git repository of the home holds " + ", ".join(f.get(F.SECRETS_COMMITTED) or ()),
    ),
    Rule("expired", Status.DEGRADED, _expired, _expiring, since=lambda f: f.get(F.CRED_EXPIRES_AT)),
    Rule("present", Status.OK, lambda f: len(f[F.CRED_PROVIDERS]) > 0 or f[F.ENV_FILE], _present),
    Rule("none", Status.OK, lambda f: not f[F.ENV_FILE], "no stored logins"),
)


# --- one secret ----------------------------------------------------------------------------------------------------


def too_wide(scopes: tuple[str, ...], *, ours: bool) -> tuple[str, ...]:
    """Return the scopes that reach further than needed: everything for anybody, and writing for us."""
    return tuple(
        scope for scope in scopes if _is_wide(scope.lower(), BOUNDLESS_PARTS | (WRITING_PARTS if ours else set()))
    )


def _is_wide(scope: str, parts: frozenset[str]) -> bool:
    return scope in BOUNDLESS or not parts.isdisjoint(PARTS.split(scope))


def _wide(f: Facts) -> tuple[str, ...]:
    scopes = f[F.CREDENTIAL_SCOPES]
    return too_wide(scopes or (), ours=_ours(f))


def _ours(f: Facts) -> bool:
    """Whether it is one of Quarterdeck's own: those lie in no agent's home, and no agent has them."""
    return f.subject.startswith("quarterdeck:")


def _is_over(f: Facts) -> bool:
    at = f[F.CREDENTIAL_ENDS_AT]
    return at is not None and f.age(at) > RENEWED_WITHIN_S


def _ends_soon(f: Facts) -> bool:
    """Whether it ends soon; what never lasts longer than that is for its issuer to renew, and for nobody here."""
    at = f[F.CREDENTIAL_ENDS_AT]
    return at is not None and -f.age(at) < f.thresholds.credential_s and not _is_short(f, at)


def _is_short(f: Facts, ends: datetime) -> bool:
    made = f[F.CREDENTIAL_MADE_AT]
    dated = made is not None and f[F.CREDENTIAL_MADE_BY] in ("issued", "renewed")
    return dated and made is not None and (ends - made).total_seconds() < 2 * f.thresholds.credential_s


def _ending(f: Facts) -> str:
    at = f.get(F.CREDENTIAL_ENDS_AT)
    if at is None:
        return "it expires soon"
    return f"it expires in {words(-f.age(at))}" if f.age(at) < 0 else f"it expired {words(f.age(at))} ago"


class Flaw(NamedTuple):
    """Something that can be wrong with a secret."""

    id: str
    when: Callable[[Facts], bool]
    say: Callable[[Facts], str]
    since: Callable[[Facts], datetime | None] | None = None
    elsewhere: bool = False


FLAWS: Final = (
    Flaw(
        "readable by others",
        lambda f: f[F.CREDENTIAL_OPEN_TO] in WHO,
        lambda f: f"{WHO[str(f[F.CREDENTIAL_OPEN_TO])]} may read {_file(f)}",
    ),
    Flaw(
        "committed",
        lambda f: not _ours(f) and f[F.CREDENTIAL_COMMITTED],
        lambda f: f"the git repository of the home holds {_file(f)}",
    ),
    Flaw("expired", _is_over, _ending, lambda f: f.get(F.CREDENTIAL_ENDS_AT)),
    Flaw(
        "too wide",
        lambda f: len(_wide(f)) > 0,
        lambda f: f"it reaches further than it needs to: {', '.join(_wide(f))}",
    ),
    Flaw("expires soon", _ends_soon, _ending),
    Flaw(
        "shared",
        lambda f: not _ours(f) and len(f[F.CREDENTIAL_SHARED_WITH]) > 0,
        lambda f: f"the very same secret is also in {', '.join(f.get(F.CREDENTIAL_SHARED_WITH) or ())}",
        elsewhere=True,  # only a hub that reads several homes can tell, and of the others the page says that nobody can
    ),
    Flaw(
        "of a person",
        lambda f: f[F.CREDENTIAL_FORM] in OF_PEOPLE,
        lambda f: f"a person's own {f.get(F.CREDENTIAL_FORM)}, where a machine should have its own",
    ),
)
"""What can be wrong, the worst first."""


def flaws(f: Facts) -> Iterator[Flaw]:
    """Return all that is seen to be wrong with a secret, the worst first."""
    for flaw in FLAWS:
        try:
            if flaw.when(f):
                yield flaw
        except NotKnown:
            continue  # the table has its doubt from the same question


def _all_of_it(f: Facts) -> str:
    return "; ".join(flaw.say(f) for flaw in flaws(f))


def _file(f: Facts) -> str:
    return f.get(F.CREDENTIAL_KEPT_IN) or "its file"


def _kept(f: Facts) -> str:
    return f"{f.get(F.CREDENTIAL_FORM) or 'secret'} that only its owner can read"


CREDENTIAL: tuple[Rule, ...] = (
    *(
        Rule(flaw.id, Status.DEGRADED, flaw.when, _all_of_it, since=flaw.since, elsewhere=flaw.elsewhere)
        for flaw in FLAWS
    ),
    Rule(
        "not needed",
        Status.OK,
        lambda f: f[F.CREDENTIAL_FORM] == "nothing",
        lambda f: f"no secret is kept for it: {f.get(F.CREDENTIAL_PURPOSE)} asks for none of ours",
    ),
    Rule("kept", Status.OK, lambda f: f[F.CREDENTIAL_KEPT_IN] is not None, _kept),
    Rule(
        "in no file",
        Status.OK,
        lambda f: f[F.CREDENTIAL_KEPT_IN] is None,
        lambda f: f"{f.get(F.CREDENTIAL_FORM) or 'secret'} in no file: the program got it when it was started",
    ),
)
