"""The forges on which work is agreed: from the tables of the file to what the other parts know.

Rule 1: their addresses, tokens and secrets are those that are written here; a token or a secret stands in a file of its
        own that nobody else can read. Nothing is taken from the environment, from git or from a person's own tools.
Rule 2: an address is one at which nobody else can answer, because a token is sent to it.
Rule 3: an account is one thing: a person, an agent or another program. To a forge large and small letters are the same
        in a name, so they are here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from quarterdeck.settings import readers
from quarterdeck.settings.entry import Setting, Table
from quarterdeck.settings.parse import Parsed
from quarterdeck.settings.readers import Wrong
from quarterdeck.settings.sign_in import SECRET_LIMIT, sure
from quarterdeck.truth.forge import SAYINGS
from quarterdeck.truth.forge_fields import LISTED
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.watched import Forge

Row = Mapping[str, Any]

BELL_LEAST: Final = 16
"""The fewest characters of a secret that signs webhooks: a shorter one could be guessed."""
API: Final = "/api/v1"
SOONEST_S: Final = 15
SELDOM_S: Final = int(LISTED.total_seconds()) // 3
"""A third of how long what a list tells is fresh: so one look that fails makes nothing old."""

_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PART: Final = r"[A-Za-z0-9_.*?-]{1,100}"
_REPOS: Final = re.compile(rf"\*|{_PART}/{_PART}")
_PATHS: Final = re.compile(r"(?!/)(?!.*(?:^|/)\.\.(?:/|$))[^\x00-\x1f\x7f]{1,200}")
_BRANCH: Final = re.compile(r"(?!/)[A-Za-z0-9_./-]{0,80}\{number\}[A-Za-z0-9_./-]{0,80}")
_LABEL_LIMIT: Final = 80

_NOT_HERE: Final = "A secret does not stand among the settings. Put it into a file and name that: "
_SIGN_IN: Final = "People sign in by [access.forge]; this table is about the work that is agreed there."


def login(raw: object) -> str:
    """The name of an account, in small letters."""
    fix = 'Write it as the forge shows it behind the @, like "north-bot".'
    return readers.matching(_LOGIN, "the name of an account", fix)(raw).lower()


def _url(raw: object) -> str:
    address = sure(raw).rstrip("/")
    if address.endswith(API):
        raise Wrong("leads to the API", f"Write the address that a browser opens, without {API}.")
    return address


def _one_line(least: int) -> readers.Reader[Path]:
    """A file with a secret that is one line of plain characters."""

    def read(raw: object) -> Path:
        file = readers.secret_file(raw)
        secret = file.read_bytes()[: SECRET_LIMIT + 1].strip()
        if len(secret) > SECRET_LIMIT or not secret.isascii() or not secret.decode("ascii").isprintable():
            raise Wrong("names a file that holds more than one line of plain characters", "Put only the secret there.")
        if len(secret) < least:
            raise Wrong(
                f"names a secret of fewer than {least} characters",
                "Make one that nobody guesses: `openssl rand -hex 32`.",
            )
        return file

    return read


def _every(raw: object) -> float:
    value = readers.seconds_from(SOONEST_S)(raw)
    if value <= SELDOM_S:
        return value
    raise Wrong(f"is more than {SELDOM_S} seconds", f"Write {SELDOM_S} or less: else what it told is old in between.")


def _sayings(raw: object) -> Mapping[str, str]:
    """What labels mean, by label in small letters."""
    fix = f'Write it like {{ "status/ready" = "ready" }}. The words are: {", ".join(SAYINGS)}.'
    if not isinstance(raw, dict):
        raise Wrong("is no table of labels", fix)
    found: dict[str, str] = {}
    for label, word in raw.items():
        if not label.strip() or not label.isprintable() or len(label) > _LABEL_LIMIT:
            raise Wrong("has a label that is not one line of text", fix)
        if word not in SAYINGS:
            raise Wrong(f'has the label "{label}", which means none of the words it may', fix)
        if label.lower() in found:
            raise Wrong(f'has the label "{label}" twice: large and small letters are the same', "Remove one.")
        found[label.lower()] = word
    return found


def _accounts(raw: object) -> Mapping[str, str]:
    """Which agent an account is, by login in small letters."""
    if not isinstance(raw, dict):
        raise Wrong("is no table of accounts", 'Write it like { north-bot = "north" }.')
    return {login(name): readers.identity(agent) for name, agent in raw.items()}


_LOGINS: Final = readers.many(login)
_USUAL: Final = Forge("", "", "")

FORGE_LOGIN: Final = Setting(
    login,
    "Its account at the forges of [[forges]]: by it you see who works on what.",
    "none: nothing at a forge is taken for its work",
    example='"north-bot"',
)

FORGES: Final = Table(
    "A Gitea or Forgejo on which work is agreed: its pull requests and issues become the pages Reviews and Board. It "
    "is only read. [How to set it up](../howto/forge.md).",
    {
        "id": Setting(
            readers.identity,
            "Its short name, in addresses and commands. Keep it: what is remembered of it hangs on it.",
            required=True,
            example='"main"',
        ),
        "url": Setting(
            _url,
            "Its address, as a browser opens it. Plain http:// is for this machine and for the tailnet.",
            required=True,
            example='"https://git.example.com"',
        ),
        "label": Setting(readers.text, "Its name on the pages.", "the id"),
        "token_file": Setting(
            _one_line(1),
            "A file with the token of an account of a machine, for nobody else to read. The token needs "
            "`read:issue`, `read:repository` and `read:organization`; with `read:user` it is told whose it is. "
            "No other scope is of use.",
            "none: only what the forge tells everybody",
            example='"~/.config/quarterdeck/forge-token"',
        ),
        "authorities": Setting(
            readers.path, "A file of certificates to trust instead of the system's, for one signed by yourself."
        ),
        "repos": Setting(
            readers.many(
                readers.matching(_REPOS, "the name of a repository", 'Write it like "acme/tools", "acme/*" or "*".')
            ),
            "The repositories that are watched: `*` stands for any name, `?` for one character.",
            "all that the token is shown",
            example='["acme/*"]',
        ),
        "without": Setting(
            readers.many(
                readers.matching(_REPOS, "the name of a repository", 'Write it like "acme/tools" or "acme/old-*".')
            ),
            "Those of them that are not.",
            "none",
            example='["acme/archive-*"]',
        ),
        "labels": Setting(
            _sayings,
            "What a label means for the lane of a card. What is written here is instead of the usual.",
            "`status/ready`, `status/in-progress`, `status/blocked`, `status/in-review`, `status/done`, `ready`, "
            "`in progress`, `blocked`, `in review`, each as it reads",
            example='{ "doing" = "in progress", "waiting" = "blocked" }',
        ),
        "sensitive": Setting(
            readers.many(
                readers.matching(
                    _PATHS, "a path in a repository", 'Write it from the top of the repository on, like "deploy/**".'
                )
            ),
            "Paths whose change takes your judgement: `*` stands for any name, `**` also crosses folders. What a "
            "branch protects, and what CODEOWNERS names, does in any case.",
            "none",
            example='["deploy/**", "**/auth/*"]',
        ),
        "reviewers": Setting(
            _LOGINS,
            "Accounts of those whose judgement these pages are for. What waits for them stands first.",
            "everybody who is no program",
            example='["alice"]',
        ),
        "people": Setting(
            _LOGINS,
            "Accounts that are persons, beside those of `reviewers` and those that rules of [[access.people]] name by "
            "`forge`. A token of theirs is none for a machine, and is said to be wrong.",
            "none",
            example='["bob"]',
        ),
        "bots": Setting(
            _LOGINS,
            "Accounts of programs beside the agents: what they say does not make anything fresh.",
            "none",
            example='["renovate"]',
        ),
        "agents": Setting(
            _accounts,
            "Which agent an account is, at this forge alone. As a rule `forge_login` in [[instances]] says it.",
            "none",
            example='{ north-ci = "north" }',
        ),
        "claim": Setting(
            readers.matching(_BRANCH, "the name of a branch with {number} in it", 'Write it like "claim/{number}".'),
            "How a branch is called by which somebody claims an issue. Only one can make it, so a claim is never two.",
            f'"{_USUAL.claim}"',
        ),
        "drafts": Setting(
            readers.many(readers.text),
            "How a title begins that is not done; on the forge it is `WORK_IN_PROGRESS_PREFIXES`.",
            '`"WIP:"` and `"[WIP]"`',
        ),
        "bell_file": Setting(
            _one_line(BELL_LEAST),
            "A file with the secret of its webhooks, for nobody else to read. They go to `/hooks/forge/ID` and only "
            "make us look sooner.",
            "none: nobody can ring",
            example='"~/.config/quarterdeck/forge-bell"',
        ),
        "every_s": Setting(
            _every,
            f"How often it is asked; {SOONEST_S} at least, {SELDOM_S} at most: what it told is old after ten minutes.",
            f"{_USUAL.every_s:g}",
        ),
        "in_flight": Setting(readers.whole(1, 16), "Questions at once, at most.", f"{_USUAL.in_flight}"),
        "calls": Setting(
            readers.whole(20, 5_000),
            "Questions in one look, at most; what is left is asked in the next.",
            f"{_USUAL.calls}",
        ),
    },
    many=True,
    hints={
        "name": 'Did you mean "label"?',
        "token": f'{_NOT_HERE}token_file = "...".',
        "password": f'{_NOT_HERE}token_file = "...".',
        "secret": f'{_NOT_HERE}bell_file = "...".',
        "webhook_secret": f'{_NOT_HERE}bell_file = "...".',
        "client_id": _SIGN_IN,
        "client_secret_file": _SIGN_IN,
        "users": 'Did you mean "people"?',
    },
)


def check(parsed: Parsed) -> None:
    """Find what is wrong between the settings of one forge, between two, and between them and the agents."""
    rows: Sequence[Row] = parsed.values.get("forges", ())
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        for word in (word for word in ("id", "url", "bell_file") if word in row):
            before = first.setdefault((word, str(row[word]).lower()), number)
            if before != number:
                line = parsed.line(("forges", before, word))
                what = f'Two of [[forges]] have the same {word} "{row[word]}": this one and the one in line {line}'
                parsed.add(("forges", number, word), what, "Give each its own, or remove one.")
        if "bell_file" in row and row["bell_file"] == row.get("token_file"):
            what = "The token of a forge is also the secret of its webhooks"
            fix = "Make a file of its own for the secret: `openssl rand -hex 32`."
            parsed.add(("forges", number, "bell_file"), what, fix)
        _check_accounts(row, number, parsed)
    _check_logins(parsed, bool(rows))


def _check_accounts(row: Row, number: int, parsed: Parsed) -> None:
    """Find accounts that are said to be two things."""
    machines = dict.fromkeys(row.get("bots", ()), "bots") | dict.fromkeys(row.get("agents", ()), "agents")
    machines |= {one["forge_login"]: "forge_login" for one in _instances(parsed) if "forge_login" in one}
    for word in ("people", "reviewers"):
        for name in (name for name in row.get(word, ()) if name in machines):
            what = f'"{name}" stands in "{word}" of [[forges]], and in "{machines[name]}": a person or a program'
            parsed.add(("forges", number, word), what, "Remove it from one of them.")


def _check_logins(parsed: Parsed, any_forge: bool) -> None:  # noqa: FBT001 -- one thing that is so or not
    """Find accounts of agents that belong to two of them, or to no forge."""
    first: dict[str, int] = {}
    for number, row in enumerate(_instances(parsed)):
        name, place = row.get("forge_login"), ("instances", number, "forge_login")
        if name is None:
            continue
        before = first.setdefault(name, number)
        if before != number:
            line = parsed.line(("instances", before, "forge_login"))
            what = f'Two instances have the same forge_login "{name}": this one and the one in line {line}'
            parsed.add(place, what, "Give each agent an account of its own: else nobody can tell who works on what.")
        elif not any_forge and not parsed.is_faulty(("forges",)):
            what = '"forge_login" in [[instances]] means nothing while there is no forge'
            parsed.add(place, what, "Add [[forges]] with its id and url, or remove it.")


def _instances(parsed: Parsed) -> Sequence[Row]:
    rows: Sequence[Row] = parsed.values.get("instances", ())
    return rows


def check_instances(parsed: Parsed, instances: Iterable[Instance]) -> None:
    """Find accounts of agents there are none of."""
    known = [one.id for one in instances]
    for number, row in enumerate(parsed.values.get("forges", ())):
        for missing in (agent for agent in row.get("agents", {}).values() if agent not in known):
            what = f'"agents" in [[forges]] names an agent there is none of: "{missing}"'
            fix = f"There are: {', '.join(known)}." if known else "Name one in [[instances]] first."
            parsed.add(("forges", number, "agents"), what, fix)


def forges(values: Row, instances: Sequence[Instance]) -> tuple[Forge, ...]:
    """Make the forges; of the agents' accounts those whose agent is shown."""
    shown = {one.id for one in instances}
    logins = {row["forge_login"]: row["id"] for row in values.get("instances", ()) if "forge_login" in row}
    signing_in = {rule["forge"].lower() for rule in values.get("access", {}).get("people", ()) if "forge" in rule}
    return tuple(_forge(row, logins, signing_in, shown) for row in values.get("forges", ()))


def _forge(row: Row, logins: Mapping[str, str], signing_in: set[str], shown: set[str]) -> Forge:
    accounts = {**logins, **row.get("agents", {})}
    machines = {*accounts, *row.get("bots", ())}
    people = {*signing_in, *row.get("people", ()), *row.get("reviewers", ())} - machines
    given = {"label": row["id"], **{word: value for word, value in row.items() if word not in ("labels", "agents")}}
    return Forge(**{**given, **dict(_said(row)), "people": tuple(sorted(people)),
                    "agents": {name: agent for name, agent in accounts.items() if agent in shown}})  # fmt: skip


def _said(row: Row) -> Iterator[tuple[str, Mapping[str, str]]]:
    if "labels" in row:
        yield "sayings", row["labels"]
