"""Who may come in, by which way, for how long, and where it is kept: the settings of the door.

Rule 1: whoever no rule names is a stranger. Without a single rule only the owner comes in, by a one-time token.
Rule 2: a rule names the word of exactly one witness, so that nobody becomes somebody by what another one calls them.
Rule 3: there is no password, no shared token, and no other address than those that can be proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from quarterdeck.settings import readers, sign_in
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.parse import Parsed
from quarterdeck.settings.sign_in import BEARER, FORGE, BearerIssuer, ForgeSignIn
from quarterdeck.truth.instance import Instance

PORT: Final = 8710
TAILSCALED: Final = "/run/tailscale/tailscaled.sock"
WITNESSES: Final = ("tailnet", "capability", "forge", "forge_group", "bearer", "bearer_group")
"""Words of a rule that say whom it is about; exactly one of them stands in each."""
NONE: Final = "none"
"""The role of those who shall never come in."""
LONGEST_LIFE_S: Final = 90 * 86_400

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_CAPABILITY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})/[A-Za-z0-9/_.-]{1,200}")
_LOGIN = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")


class Server(NamedTuple):
    """Where the pages are served beside 127.0.0.1."""

    tailnet: bool = False
    """Also on this machine's own address in the tailnet, as long as it is proven."""
    socket: Path | None = None
    """Also on this unix socket, for ``tailscale serve``."""
    names: tuple[str, ...] = ()
    """Names, other than loopback's, under which the pages are opened."""


class Rule(NamedTuple):
    """What somebody is worth here."""

    witness: str
    """One of ``WITNESSES``."""
    word: str
    """What that witness must say of them."""
    role: str
    """``viewer``, ``operator`` or ``none``."""
    instances: frozenset[str] | None = None
    """The only agents they may see; None for all."""


class Access(NamedTuple):
    """Who may come in, and for how long."""

    tailscaled: Path = Path(TAILSCALED)
    """The local socket of the tailnet's daemon."""
    idle_s: float = 12 * 3600.0
    life_s: float = 7 * 86_400.0
    people: tuple[Rule, ...] = ()
    forge: ForgeSignIn | None = None
    bearer: BearerIssuer | None = None


class Ledger(NamedTuple):
    """Where it is kept who has come in."""

    file: Path = Path("ledger.db")
    database: str | None = None

    @property
    def place(self) -> Path | str:
        """The file or the address."""
        return self.file if self.database is None else self.database


_NOT_BOUND: Final = (
    "Only 127.0.0.1, a unix socket (`socket`) and the proven address in the tailnet (`tailnet = true`) are bound, and "
    "nothing else can be asked for."
)
_NO_PASSWORD: Final = "There are no passwords here. Name people in [[access.people]], or run `quarterdeck enter`."  # noqa: S105 -- it says that there is none

SERVER: Final = Table(
    "Where the pages are served: always on 127.0.0.1, and where it is said here also in the tailnet.",
    {
        "port": Setting(readers.port, "The port on 127.0.0.1, and in the tailnet.", str(PORT), example=str(PORT)),
        "tailnet": Setting(
            readers.boolean,
            "Serve also on this machine's own address in the tailnet, as long as its daemon proves which one that is.",
            "false",
        ),
        "socket": Setting(
            readers.path,
            "Serve also on this unix socket, for `tailscale serve`. Only its daemon is heard there.",
            "none",
            example='"/run/quarterdeck/serve.sock"',
        ),
        "names": Setting(
            readers.many(
                readers.matching(
                    _HOST, "a host name", 'Write it in small letters and without a port, like "deck.example.ts.net".'
                )
            ),
            "Further names under which the pages are opened, as the browser shows them, without a port.",
            "none",
            example='["deck.example.ts.net"]',
        ),
    },
    hints=dict.fromkeys(("host", "bind", "address", "listen"), _NOT_BOUND),
)


def _about(witness: str, example: str, fix: str, pattern: re.Pattern[str] = _LOGIN) -> Setting:
    read = readers.matching(pattern, "a name without spaces", fix)
    return Setting(read, f"Whom it is about: {witness}.", "one of these six is needed", example=f'"{example}"')


PEOPLE: Final = Table(
    "What somebody is worth here. Each rule names the word of exactly one witness. Of several that fit, `none` beats "
    "all others and `operator` beats `viewer`; whoever none fits is a stranger.",
    {
        "tailnet": _about("who has this login in the tailnet", "me@example.com", 'Write it like "me@example.com".'),
        "capability": _about(
            "whom the tailnet's policy grants this capability",
            "example.com/cap/quarterdeck",
            'Write its full name, like "example.com/cap/quarterdeck".',
            _CAPABILITY,
        ),
        "forge": _about("who has this login at the forge", "me", 'Write it as the forge shows it, like "me".'),
        "forge_group": _about("who is in this team at the forge", "org/team", 'Write it like "org/team".'),
        "bearer": _about("whose token's `sub` this is", "ci", "Write it as it stands in the token."),
        "bearer_group": _about("whose token names this group", "ops", "Write it as it stands in the token."),
        "role": Setting(
            readers.choice("viewer", "operator", NONE),
            "What they are: a `viewer` looks, an `operator` also acts, and `none` never comes in.",
            required=True,
            example='"viewer"',
        ),
        "instances": Setting(
            readers.many(readers.identity), "The only agents they may see, by id.", "all", example='["north"]'
        ),
    },
    many=True,
    hints={
        "login": f"Say whose word it is: {', '.join(WITNESSES)}.",
        "user": f"Say whose word it is: {', '.join(WITNESSES)}.",
        "group": 'Did you mean "forge_group" or "bearer_group"?',
        "instance": 'Did you mean "instances"?',
        "password": _NO_PASSWORD,
    },
)

ACCESS: Final = Table(
    "Who may come in beside the owner, and for how long. The owner comes in by `quarterdeck enter`.",
    {
        "tailscaled": Setting(
            readers.path, "The local socket of the tailnet's daemon, which says who somebody is.", f'"{TAILSCALED}"'
        ),
        "idle_s": Setting(
            readers.seconds_from(300),
            "Whoever was not here for so long has to come in anew; 300 at least.",
            f"{Access().idle_s:g}",
        ),
        "life_s": Setting(
            readers.seconds_from(300),
            f"Whoever came in so long ago has to come in anew; 300 at least, {LONGEST_LIFE_S} at most.",
            f"{Access().life_s:g}",
        ),
    },
    {"people": PEOPLE, "forge": FORGE, "bearer": BEARER},
    hints={"password": _NO_PASSWORD, "token": _NO_PASSWORD, "users": 'Did you mean "people"?'},
)

LEDGER: Final = Table(
    "Where it is kept who has come in. Nobody comes in while it cannot be read.",
    {
        "file": Setting(
            readers.path,
            "The file it lies in. Its folder is made when it is not there, for this user alone.",
            "`$XDG_STATE_HOME/quarterdeck/ledger.db`, as a rule `~/.local/state/quarterdeck/ledger.db`",
        ),
        "database": Setting(
            readers.database,
            "The PostgreSQL database it lies in instead. A password belongs into `~/.pgpass`, not here.",
            "none: it lies in a file",
            example='"postgresql://quarterdeck@db/quarterdeck"',
        ),
    },
)


def check(parsed: Parsed) -> None:
    """Find what is wrong between the settings of the door."""
    row = parsed.values.get("access", {})
    for word in ("life_s", "idle_s"):
        if row.get(word, 0) > LONGEST_LIFE_S:
            what = f'"{word}" in [access] is more than {LONGEST_LIFE_S} seconds, which are 90 days'
            parsed.add(("access", word), what, "Write less: people can come in anew.")
    sign_in.check(parsed)
    first: dict[tuple[str, str], int] = {}
    for number, rule in enumerate(row.get("people", ())):
        place = ("access", "people", number)
        named = [word for word in WITNESSES if word in rule]
        if len(named) > 1:
            what = f"A rule in [[access.people]] names {len(named)} witnesses: {', '.join(named)}"
            parsed.add(place, what, "Write a rule for each.")
        elif not named and not parsed.is_faulty(*((*place, word) for word in WITNESSES)):
            what = "A rule in [[access.people]] does not say whom it is about"
            parsed.add(place, what, 'Add one word to it, like tailnet = "me@example.com".')
        if rule.get("instances") == ():
            what = '"instances" in [[access.people]] names no agent'
            parsed.add((*place, "instances"), what, 'Name some, or write role = "none".')
        for word in named[:1]:
            before = first.setdefault((word, rule[word]), number)
            if before != number:
                line = parsed.line(("access", "people", before, word))
                what = f'Two of [[access.people]] are about the same "{word}": this one and the one in line {line}'
                parsed.add((*place, word), what, "Remove one.")


def check_instances(parsed: Parsed, instances: Iterable[Instance]) -> None:
    """Find rules about agents there are none of."""
    known = [one.id for one in instances]
    for number, rule in enumerate(parsed.values.get("access", {}).get("people", ())):
        for missing in (one for one in rule.get("instances", ()) if one not in known):
            what = f'"instances" in [[access.people]] names an agent there is none of: "{missing}"'
            fix = f"There are: {', '.join(known)}." if known else "Name one in [[instances]] first."
            parsed.add(("access", "people", number, "instances"), what, fix)


def server(row: Mapping[str, Any]) -> Server:
    """Make the settings of the server; its port stands beside them."""
    return Server(**{word: row[word] for word in Server._fields if word in row})


def access(row: Mapping[str, Any]) -> Access:
    """Make the settings of the door."""
    given = {word: row[word] for word in Access._fields if word in row}
    people = row.get("people", ())
    witnesses = {"forge": sign_in.forge(row.get("forge"), people), "bearer": sign_in.bearer(row.get("bearer"))}
    return Access(**{**given, **witnesses, "people": tuple(_rule(each) for each in people)})


def _rule(row: Mapping[str, Any]) -> Rule:
    witness = next(word for word in WITNESSES if word in row)
    instances = row.get("instances")
    # To a forge large and small letters are the same in a name; to every other witness they are not.
    word = row[witness].lower() if witness in ("forge", "forge_group") else row[witness]
    return Rule(witness, word, row["role"], None if instances is None else frozenset(instances))
