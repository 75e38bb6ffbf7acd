"""Who the agents of the demo are: what each is called, what it does, and what is wrong with it.

Rule: everything here is invented, and each trouble is one that a page must make plain by itself: work that is done and
not delivered, a gateway that was killed, a model that refuses, jobs that somebody paused and forgot, a torn database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final


class Fate(StrEnum):
    """How it goes with a job."""

    WELL = "well"
    UNDELIVERED = "undelivered"
    FAILING = "failing"
    PAUSED = "paused"
    FORGOTTEN = "forgotten"
    """Paused for weeks, and nobody said why."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job of an agent: when it runs, and how it goes."""

    name: str
    every_min: int | None = None
    expression: str | None = None
    fate: Fate = Fate.WELL
    takes_s: float = 40.0
    skipped: tuple[int, ...] = ()
    """Runs that never happened, counted back from the last."""

    def id(self, owner: str) -> str:
        """Return its id, which is the same every time."""
        return sha256(f"{owner}/{self.name}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Character:
    """An agent of the demo."""

    name: str
    release: str = "0.19.0"
    jobs: tuple[Job, ...] = ()
    alive: bool = True
    died_min: float = 23.0
    """How many minutes ago its gateway was killed, when it is not alive."""
    refused: bool = False
    """Whether the provider of its model has had enough of it."""
    login_ends_days: float | None = None
    """In how many days a login beside its key ends, which somebody made by hand; None where it has none."""
    torn: tuple[str, ...] = ()
    """Files that were not written to their end."""
    platforms: tuple[str, ...] = ("telegram", "discord")
    model: str = "claude-opus-5"
    provider: str = "anthropic"
    fallback: tuple[str, str] = ("ollama", "qwen4-32b-instruct")
    names_shown: bool = True
    """Whether the names of its jobs and the titles of its sessions may be shown."""
    busy: float = 1.0
    """Its share of the work."""


NORTH: Final = Character(
    "north",
    jobs=(
        Job("Nightly summary", expression="10 2 * * *", fate=Fate.UNDELIVERED, takes_s=95),
        Job("Inbox triage", expression="*/30 6-20 * * *", takes_s=22),
        Job("Watch the build queue", expression="*/20 * * * *", takes_s=9),
        Job("Backup to the vault", expression="0 4 * * *", takes_s=310, skipped=(4,)),
        Job("Market brief", expression="30 6 * * 1-5", takes_s=140),
        Job("Weekly ledger", expression="30 5 * * 1", takes_s=420),
        Job("Old newsletter", every_min=720, fate=Fate.PAUSED),
    ),
    busy=1.4,
)
SOUTH: Final = Character(
    "south",
    release="0.14.0",
    jobs=(
        Job("Tide table", expression="5 * * * *", takes_s=14),
        Job("Mail digest", expression="0 6 * * *", takes_s=75),
        Job("Sync the notes", expression="40 */2 * * *", takes_s=31),
    ),
    alive=False,
    platforms=("telegram",),
    model="qwen4-32b-instruct",
    provider="ollama",
    fallback=("anthropic", "claude-haiku-5"),
    busy=0.6,
)
WEST: Final = Character(
    "west",
    jobs=(
        Job("Answer the forum", every_min=120, fate=Fate.FAILING, takes_s=65),
        Job("Check the invoices", expression="0 8 * * 1-5", fate=Fate.FORGOTTEN),
        Job("Feed the index", every_min=360, fate=Fate.FORGOTTEN),
        Job("Clean up", expression="15 3 * * *", takes_s=48, skipped=(2, 3)),
    ),
    refused=True,
    login_ends_days=3.2,
    torn=("kanban.db",),
    platforms=("discord", "slack"),
    model="gpt-6-mini",
    provider="openai",
    fallback=("anthropic", "claude-haiku-5"),
    names_shown=False,
    busy=0.9,
)
THREE: Final = (NORTH, SOUTH, WEST)
MORE: Final = ("east", "harbour", "lantern", "anchor", "compass", "beacon", "island", "mainsail", "keel")
PLAIN: Final = (
    Job("Morning report", expression="0 7 * * *", takes_s=80),
    Job("Look around", expression="*/30 * * * *", takes_s=12),
    Job("Tidy the desk", expression="45 3 * * *", takes_s=55),
)


def cast(instances: int, jobs: int | None = None) -> Iterator[Character]:
    """Return so many agents, the three in trouble first; with ``jobs`` each has so many."""
    for number in range(instances):
        one = THREE[number] if number < len(THREE) else Character(_name(number - len(THREE)), jobs=PLAIN, busy=0.5)
        yield one if jobs is None else replace(one, jobs=tuple(_jobs(one, jobs)))


def _name(number: int) -> str:
    return MORE[number] if number < len(MORE) else f"agent-{number + len(THREE) + 1}"


def _jobs(one: Character, wanted: int) -> Iterator[Job]:
    yield from one.jobs[:wanted]
    for number in range(len(one.jobs), wanted):
        yield replace(PLAIN[number % len(PLAIN)], name=f"Job {number + 1}")
