"""Whatever is done to a forge, and whenever it is looked at: who looked all along knows what a newcomer sees."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.demo.forge import founding
from quarterdeck.demo.forge.asking import RefusedError
from quarterdeck.demo.forge.state import Rule, Thread
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import Known
from tests.fakes.forge import FakeForge
from tests.sources.forge.looking import MINUTE, Watch, watched

KINDS = ("pull", "card")
OURS = frozenset({G.PULL_UNMERGEABLE.name})
"""What depends on when we looked, and not on the forge alone."""
ACTS = (
    "issue", "pull", "draft", "comment", "label", "unlabel", "assign", "close", "reopen", "depend", "request",
    "approve", "reject", "check", "schedule", "merge", "push", "push main", "claim", "rule", "owners", "rename", "look",
)  # fmt: skip


class Life:
    """A forge, somebody who looks at it again and again, and what may happen."""

    def __init__(self, fake: FakeForge, folder: Path) -> None:
        self.fake, self.folder = fake, folder
        self.at = datetime.now(UTC) - timedelta(hours=10)
        self.fake.forge.clock = lambda: self.at
        self.labels = [founding.label(fake.forge, fake.tools.labels, name) for name in ("bug", "status/blocked")]
        self.forge = watched(fake, folder, sensitive=("*.key",))
        self.watch = Watch(self.forge).look()
        self.made = 0

    def act(self, what: str, number: int) -> None:
        """Do something; what the forge does not let anybody do is not done."""
        self.at += timedelta(minutes=3)
        try:
            self._do(what, number)
        except RefusedError:
            return

    def _do(self, what: str, number: int) -> None:
        fake, by = self.fake, self.fake.by(self.fake.alice)
        threads = list(fake.tools.threads.values())
        if what in ("issue", "pull", "draft"):
            self._open(what, number)
        elif what == "look":
            self.watch.look()
        elif what == "push main":
            fake.push("main", {f"main-{number}.md": f"{self.at}\n"})
        elif what == "owners":
            fake.push("main", {"CODEOWNERS": f"f{number}.* @alice\n"})
        elif what == "rule":
            fake.tools.rules["main"] = Rule("main", number % 3, ("ci/*",) if number % 2 else None)
        elif threads:
            self._to(what, threads[number % len(threads)], by, threads[(number * 7) % len(threads)])

    def _open(self, what: str, number: int) -> None:
        if what == "issue":
            self.fake.issue(f"Issue {number}", "Depends on the weather" if number % 2 else "")
            return
        self.made += 1
        title = f"WIP: {number}" if what == "draft" else f"Change {number}"
        name = f"f{self.made % 3}.{'key' if number % 2 else 'py'}"
        self.fake.pull(title, f"Fixes #{number}", files={name: f"{self.made}\n"})

    def _to(self, what: str, thread: Thread, by: Any, other: Thread) -> None:
        simple: dict[str, Callable[[], object]] = {
            "comment": lambda: by.comment(thread, "Said."),
            "label": lambda: by.label(thread, *self.labels),
            "unlabel": lambda: by.unlabel(thread, *self.labels),
            "assign": lambda: by.assign(thread, *((self.fake.north,) if not thread.assignees else ())),
            "close": lambda: by.close(thread),
            "reopen": lambda: by.reopen(thread),
            "depend": lambda: by.depend(thread, other) if thread is not other else None,
            "rename": lambda: by.edit(thread, title=f"{thread.title}!", body=f"Closes #{other.number}"),
            "claim": lambda: self.fake.push(f"claim/{thread.number}", {"c.md": f"{self.at}\n"}),
        }
        of_pull: dict[str, Callable[[], object]] = {
            "request": lambda: by.request(thread, self.fake.bob),
            "approve": lambda: self.fake.by(self.fake.bob).review(thread, "APPROVED"),
            "reject": lambda: self.fake.by(self.fake.bob).review(thread, "REQUEST_CHANGES"),
            "schedule": lambda: by.schedule(thread),
            "merge": lambda: by.merge(thread),
            "check": lambda: by.say(thread.pull.head if thread.pull else "", "ci/build", "success"),
            "push": lambda: self.fake.push(thread.pull.branch if thread.pull else "", {"p.md": f"{self.at}\n"}),
        }
        if what in simple:
            simple[what]()
        elif what in of_pull and thread.pull is not None and thread.closed is None:
            of_pull[what]()


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 12)), min_size=5, max_size=40))
def test_who_looked_all_along_knows_what_a_newcomer_sees(acts: list[tuple[str, int]]) -> None:
    """After any acts with any looks between them, one tour later all that is held is what a first look would find."""
    with tempfile.TemporaryDirectory() as folder, FakeForge(Path(folder) / "forge") as fake:
        life = Life(fake, Path(folder))
        for what, number in acts:
            life.act(what, number)
        life.at += timedelta(minutes=3)
        for _ in range(25):
            life.watch.look()
        newcomer = Watch(life.forge)
        newcomer.now = life.watch.now
        for _ in range(3):
            newcomer.look(MINUTE)
        held, found = life.watch.of(KINDS), newcomer.of(KINDS)
        differ = {
            key: (held.get(key), found.get(key))
            for key in held.keys() | found.keys()
            if key[1] not in OURS and held.get(key) != found.get(key)
        }
        assert not differ
        assert not [key for key, each in life.watch.held.items() if not isinstance(each, Known)]
