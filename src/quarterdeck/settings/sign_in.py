"""Who else may say who somebody is: a forge where people sign in, and an issuer of tokens.

Rule 1: their addresses are those that are written here. Nothing they say of themselves leads anywhere else.
Rule 2: a secret stands in a file of its own that nobody else can read, never among the settings.
Rule 3: what they say must come over a line that nobody can speak on in their place: https, or one that does not leave
        this machine or the tailnet.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from quarterdeck.errors import ConfigurationError
from quarterdeck.settings import credentials, readers
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.parse import Parsed
from quarterdeck.settings.readers import Wrong
from quarterdeck.truth.addresses import Scope, is_tailnet_range, parsed, scope_of

KEYS: Final = "/.well-known/jwks.json"
GROUPS: Final = "groups"
TAILNET_NAMES: Final = ".ts.net"
SECRET_LIMIT: Final = 4_096

_WORD: Final = re.compile(r"[\x21-\x7e]{1,200}")
_CLAIM: Final = re.compile(r"[\x21-\x7e]{1,100}")
_MEND: Final = "Name a file that this user owns, with the secret and nothing else in it: chmod 600."


class ForgeSignIn(NamedTuple):
    """A forge where people sign in."""

    url: str
    """Without a slash at its end."""
    client_id: str
    client_secret_file: Path | None
    """None for a client that has no secret."""
    groups: bool = False
    """Whether a rule asks in which groups somebody is."""
    authorities: Path | None = None


class BearerIssuer(NamedTuple):
    """An issuer of tokens."""

    issuer: str
    audience: str
    keys: str
    """The address of its public keys."""
    groups: str = GROUPS
    """What a token calls the groups of whoever bears it."""
    authorities: Path | None = None


def sure(raw: object) -> str:
    """The address of somebody who is believed: nobody else may be able to answer in their place."""
    address = readers.address(raw)
    parts = urlsplit(address)
    host = parts.hostname or ""
    number = parsed(host)
    near = scope_of(host) is Scope.LOOPBACK or (number is not None and is_tailnet_range(number))
    if parts.scheme == "https" or near or host == "localhost" or host.endswith(TAILNET_NAMES):
        return address
    raise Wrong(
        "leads over a line on which somebody else could answer",
        f"Write https://. Plain http:// is for this machine and for the tailnet (names that end in {TAILNET_NAMES}).",
    )


def _address(raw: object) -> str:
    return sure(raw).rstrip("/")


_AUTHORITIES: Final = Setting(
    readers.path, "A file of certificates to trust instead of the system's, for one signed by yourself."
)
_NOT_HERE: Final = "A secret does not stand among the settings. Put it into a file and name that: client_secret_file."
_NO_SECRET: Final = "Tokens that are signed with a shared secret are not taken, only those an issuer signs with a key."  # noqa: S105 -- it says that there is none

FORGE: Final = Table(
    "People sign in with their account at a Gitea or Forgejo. Register an OAuth2 application there; its redirect "
    "address is each address of these pages with `/signed-in` behind it, such as `http://127.0.0.1:8710/signed-in`. "
    "What the forge gives is used once, to ask who it is, and kept nowhere.",
    {
        "url": Setting(
            _address,
            "The address of the forge, as browsers open it.",
            required=True,
            example='"https://git.example.com"',
        ),
        "client_id": Setting(
            readers.matching(_WORD, "the id of an application", "Write it as the forge shows it."),
            "The id of the application there.",
            required=True,
            example='"1f0c…"',
        ),
        "client_secret_file": Setting(
            readers.secret_file,
            "A file with the application's secret, for nobody else to read.",
            "needed unless `public = true`",
            example='"~/.config/quarterdeck/forge-secret"',
        ),
        "public": Setting(
            readers.boolean,
            "Write true for an application that is no confidential client there: it has no secret, and each sign-in "
            "is bound to its browser by PKCE alone.",
            "false",
        ),
        "authorities": _AUTHORITIES,
    },
    hints={
        "client_secret": _NOT_HERE,
        "secret": _NOT_HERE,
        "token": "No token is needed: people sign in themselves.",
        "issuer": 'Did you mean "url"?',
    },
)

BEARER: Final = Table(
    "Programs and people show a token (JWT) of an issuer, as `Authorization: Bearer`. It must be signed with one of "
    "the issuer's keys, be meant for this audience, and say when it ends.",
    {
        "issuer": Setting(
            sure, "The issuer, exactly as its tokens write it.", required=True, example='"https://id.example.com"'
        ),
        "audience": Setting(
            readers.matching(_WORD, "the name of an audience", "Write it as it stands in the tokens, without spaces."),
            "For whom its tokens must be meant.",
            required=True,
            example='"quarterdeck"',
        ),
        "keys": Setting(
            sure,
            "The address of its public keys (JWKS); its `/.well-known/openid-configuration` says it as `jwks_uri`.",
            f"`issuer` with `{KEYS}` behind it",
            example='"https://id.example.com/realms/home/protocol/openid-connect/certs"',
        ),
        "groups": Setting(
            readers.matching(_CLAIM, "the name of a claim", "Write it as it stands in the tokens."),
            "What its tokens call the groups of whoever bears them.",
            f'"{GROUPS}"',
        ),
        "authorities": _AUTHORITIES,
    },
    hints={
        "jwks": 'Did you mean "keys"?',
        "jwks_uri": 'Did you mean "keys"?',
        "secret": _NO_SECRET,
        "key": _NO_SECRET,
        "algorithms": "They are fixed: RS, PS and ES with 256, 384 and 512 bits, and Ed25519.",
    },
)


def check(parsed: Parsed) -> None:
    """Find what is wrong between the settings of those who say who somebody is."""
    forge = parsed.values.get("access", {}).get("forge")
    place = ("access", "forge")
    if forge is not None and not parsed.is_faulty((*place, "client_secret_file"), (*place, "public")):
        if forge.get("public", False) and "client_secret_file" in forge:
            what = "[access.forge] has a secret, and is said to be public"
            parsed.add(
                place, what, 'Remove "public" for a confidential client, or "client_secret_file" for a public one.'
            )
        if not forge.get("public", False) and "client_secret_file" not in forge:
            what = "[access.forge] has no secret"
            parsed.add(place, what, 'Add client_secret_file = "...", or public = true for an application without one.')


def forge(row: Mapping[str, Any] | None, people: Sequence[Mapping[str, Any]]) -> ForgeSignIn | None:
    """Make the settings of the forge. It is asked for groups only where a rule is about one."""
    if row is None:
        return None
    asked = any("forge_group" in rule for rule in people)
    given = {"client_secret_file": None, **{word: value for word, value in row.items() if word != "public"}}
    return ForgeSignIn(**given, groups=asked)


def bearer(row: Mapping[str, Any] | None) -> BearerIssuer | None:
    """Make the settings of the issuer of tokens."""
    return None if row is None else BearerIssuer(**{"keys": row["issuer"].rstrip("/") + KEYS, **row})


def read_secret(file: Path) -> str:
    """Return the secret in a file, as it is at this moment.

    Raises:
        ConfigurationError: when there is none that only this user can read.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise ConfigurationError(f"The secret in {file} cannot be read", _MEND) from None
    with os.fdopen(descriptor, "rb") as opened:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) or credentials.open_to_others(file, mode):
            raise ConfigurationError(f"The secret in {file} may be read by others, or is in no plain file", _MEND)
        secret = opened.read(SECRET_LIMIT + 1).strip()
    if not secret or len(secret) > SECRET_LIMIT or not secret.isascii() or not secret.decode("ascii").isprintable():
        raise ConfigurationError(f"The secret in {file} is not one line of plain characters", _MEND)
    return secret.decode("ascii")
