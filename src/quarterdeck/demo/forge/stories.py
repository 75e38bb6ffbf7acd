"""What happened at the forge of the demo in the last month: who opened what, and what came of it.

Rule: everything here is invented. Between them the rows have every class a pull request can be in, every lane of the
board, and every way in which the signals of a card do not agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

ORG: Final = "acme"
PEOPLE: Final = {"alice": "Alice", "bob": "Bob", "north-bot": "", "south-bot": "", "west-bot": "", "carol": "Carol"}
BOTS: Final = {"north": "north-bot", "south": "south-bot", "west": "west-bot"}
"""Which account each agent of the demo works under."""
REVIEWERS: Final = ("alice",)
SENSITIVE: Final = ("deploy/**", "**/*.sql")
"""What the settings of the demo call sensitive."""
RULES_TOLD: Final = ("ledger",)
"""Repositories of which the deck is told the whole rule."""
LABELS: Final = {
    "status/ready": "0e8a16",
    "status/in-progress": "1d76db",
    "status/blocked": "b60205",
    "status/in-review": "5319e7",
    "blocked": "b60205",
    "kind/bug": "d93f0b",
    "kind/feature": "0075ca",
    "kind/chore": "cfd3d7",
    "priority/high": "fbca04",
}


class About(NamedTuple):
    """A repository."""

    description: str
    files: Mapping[str, str]
    rule: Mapping[str, Any]
    milestones: tuple[str, ...] = ()


class Step(NamedTuple):
    """Something that was done to an issue or a pull request, so many hours ago."""

    hours: float
    verb: str
    what: str = ""
    text: str = ""
    by: str = ""
    """Whoever opened it, when nobody is named."""


class Card(NamedTuple):
    """An issue."""

    key: str
    repo: str
    by: str
    days: float
    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    milestone: str = ""
    then: tuple[Step, ...] = ()


class Change(NamedTuple):
    """A pull request."""

    key: str
    repo: str
    by: str
    days: float
    title: str
    files: Mapping[str, str | None]
    body: str = ""
    then: tuple[Step, ...] = ()


BUILD, TEST = "ci/build", "ci/test"
CHECKED: Final = {"status_check_contexts": (BUILD, TEST), "required_approvals": 1, "block_on_rejected_reviews": True}
BASKET: Final = "def total(prices):\n    return sum(prices)\n\n\ndef basket(prices):\n    return total(prices)\n"
SEARCH: Final = "def found(pages, words):\n    return [page for page in pages if words in page]\n"
ROUND: Final = "def cents(amount):\n    return round(amount * 100)\n"
REPOS: Final = {
    "site": About(
        "The shop: catalogue, basket and delivery",
        {
            "README.md": "# Site\n",
            "shop/basket.py": BASKET,
            "shop/pictures.py": "WIDTH = 2400\n",
            "deploy/site.yml": "replicas: 2\n",
        },
        CHECKED,
        ("Spring catalogue",),
    ),
    "atlas": About(
        "What we know, and the search over it",
        {"README.md": "# Atlas\n", "atlas/search.py": SEARCH, "atlas/answers.py": "LONGEST = 4000\n"},
        CHECKED,
        ("Answers that cite",),
    ),
    "fleet": About(
        "Skills, prompts and schedules of the agents",
        {
            "README.md": "# Fleet\n",
            "schedules/tides.yml": "every: 6h\n",
            "schedules/newsletter.yml": "every: 7d\n",
            "prompts/morning.md": "Say what matters today.\n",
        },
        {"required_approvals": 1},
    ),
    "ledger": About(
        "Invoices, accounts and what is owed",
        {
            "README.md": "# Ledger\n",
            "CODEOWNERS": "(accounts|invoices)/.* @alice\n",
            "accounts/rounding.py": ROUND,
            "invoices/readers.py": "SUPPLIERS = ('north quay',)\n",
            "statements/nightly.py": "HOUR = 3\n",
        },
        {
            **CHECKED,
            "block_on_outdated_branch": True,
            "block_on_official_review_requests": True,
            "protected_file_patterns": "accounts/**",
        },
        ("Year end",),
    ),
}

PUSHES: Final = (
    ("site", 90.0, "alice", "shop/basket.py", BASKET.replace("basket", "order")),
    ("ledger", 70.0, "alice", "statements/format.py", "FORM = 'camt'\n"),
)
"""What was pushed to the main branch past all reviews: repository, hours ago, by whom, file and text."""

UNREADABLE: Final = {"nightly_match": "/repos/acme/ledger/pulls/{number}/reviews"}
"""Pull requests of which the forge of the demo cannot tell something, on purpose."""
