"""The forge of the demo: the work of a small fleet over a month, done again step by step in the order of time.

Rule 1: nothing is written into the forge that nobody did: each row of ``stories`` becomes acts, each at its moment.
Rule 2: one thing is wrong with the line on purpose, so that a pull request that cannot be judged is there to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from quarterdeck.demo.forge import founding, stories
from quarterdeck.demo.forge.acts import By, notice
from quarterdeck.demo.forge.cards import CARDS
from quarterdeck.demo.forge.changes import CHANGES
from quarterdeck.demo.forge.faults import Fault
from quarterdeck.demo.forge.state import READING, Account, Flavour, Forge, Milestone, Repo, Rule, Thread
from quarterdeck.demo.forge.stories import Card, Change, Step

MONTH_H: Final = 31 * 24.0
READER: Final = "deck-bot"
"""Whose token the deck has: it reads, and is admin of one repository, whose rules it may therefore be told whole."""
CHECKS: Final = "ci-bot"
ADMIN: Final = "alice"
Act = tuple[float, Callable[[], object]]


@dataclass(eq=False, slots=True)
class Scene:
    """A forge in which a story is told."""

    forge: Forge
    now: datetime
    threads: dict[str, Thread] = field(default_factory=dict)

    def at(self, hours_ago: float) -> None:
        """Have the clock of the forge stand at a moment."""
        moment = self.now - timedelta(hours=hours_ago)
        self.forge.clock = lambda: moment

    def repo(self, name: str) -> Repo:
        """Return one of the repositories."""
        return self.forge.repos[f"{stories.ORG}/{name}"]

    def by(self, login: str, repo: str) -> By:
        """Return the hands of somebody."""
        return By(self.forge, self.repo(repo), self.forge.accounts[login])

    def text(self, words: str) -> str:
        """Put in the numbers of the threads that a text names by key."""
        return words.format_map({key: f"#{thread.number}" for key, thread in self.threads.items()})


def build(folder: Path, now: datetime, flavour: Flavour = "gitea") -> tuple[Forge, str]:
    """Tell the whole story in a new forge below a folder; return it, and the word by which the deck asks."""
    forge = Forge(folder, flavour)
    clock = forge.clock
    scene = Scene(forge, now)
    scene.at(MONTH_H)
    word = _found(scene)
    for hours_ago, act in sorted(_acts(scene), key=lambda each: -each[0]):
        scene.at(hours_ago)
        act()
    for repo in forge.repos.values():
        notice(forge, repo)
    for key, where in stories.UNREADABLE.items():
        forge.faults.add(Fault("status", 502, where.format(number=scene.threads[key].number)))
    forge.clock = clock
    return forge, word


def _found(scene: Scene) -> str:
    """Make the people, the repositories and their rules."""
    forge = scene.forge
    people = tuple(founding.account(forge, login, name) for login, name in stories.PEOPLE.items())
    founding.account(forge, CHECKS)
    reader = founding.account(forge, READER)
    org = founding.org(forge, stories.ORG)
    labels = forge.org_labels.setdefault(org.login, [])
    for name, color in stories.LABELS.items():
        founding.label(forge, labels, name, color, exclusive=name.startswith("status/"))
    for name, about in stories.REPOS.items():
        made = founding.repo(forge, org, name, about.files, writers=people)
        made.description, made.admins = about.description, [forge.accounts[ADMIN]]
        made.milestones += [Milestone(next(forge.ids), title, forge.now()) for title in about.milestones]
        made.rules["main"] = Rule("main", **about.rule)
    for name in stories.RULES_TOLD:
        scene.repo(name).admins.append(reader)
    return founding.token(forge, reader, READING).word


def _acts(scene: Scene) -> Iterator[Act]:
    for card in CARDS:
        yield card.days * 24, partial(_open_card, scene, card)
        yield from _steps(scene, card)
    for change in CHANGES:
        yield change.days * 24, partial(_open_change, scene, change)
        yield from _steps(scene, change)
    for repo, hours_ago, who, path, text in stories.PUSHES:
        hands = scene.by(who, repo)
        yield hours_ago, partial(hands.push, "main", {path: text}, f"Change {path}")


def _open_card(scene: Scene, card: Card) -> None:
    hands = scene.by(card.by, card.repo)
    thread = hands.open_issue(card.title, scene.text(card.body))
    scene.threads[card.key] = thread
    thread.milestone = next((each for each in hands.repo.milestones if each.title == card.milestone), None)
    hands.label(thread, *[each for each in scene.forge.labels_of(hands.repo) if each.name in card.labels])
    hands.assign(thread, *[scene.forge.accounts[login] for login in card.to])


def _open_change(scene: Scene, change: Change) -> None:
    hands = scene.by(change.by, change.repo)
    branch = change.key.replace("_", "-")
    hands.push(branch, change.files, change.title.removeprefix("WIP: "))
    thread = hands.open_pull(change.title, scene.text(change.body), branch=branch)
    scene.threads[change.key] = thread


def _steps(scene: Scene, row: Card | Change) -> Iterator[Act]:
    for step in row.then:
        yield step.hours, partial(STEPS[step.verb], scene, row, step)


# --- steps -----------------------------------------------------------------------------------------------------------


def _hands(scene: Scene, row: Card | Change, step: Step) -> tuple[By, Thread]:
    return scene.by(step.by or row.by, row.repo), scene.threads[row.key]


def _label(scene: Scene, row: Card | Change, step: Step) -> None:
    hands, thread = _hands(scene, row, step)
    hands.label(thread, *[each for each in scene.forge.labels_of(hands.repo) if each.name == step.what])


def _check(scene: Scene, row: Card | Change, step: Step) -> None:
    thread = scene.threads[row.key]
    if thread.pull is not None:
        context, _, state = step.what.partition("=")
        scene.by(CHECKS, row.repo).say(thread.pull.head, context, state, step.text)


def _push(scene: Scene, row: Card | Change, step: Step) -> None:
    hands, thread = _hands(scene, row, step)
    if thread.pull is not None:
        hands.push(thread.pull.branch, {step.what: step.text}, f"Change {step.what}")


def _claim(scene: Scene, row: Card | Change, step: Step) -> None:
    """Claim an issue by a branch, and keep at it."""
    hands, thread = _hands(scene, row, step)
    branch = f"claim/{thread.number}"
    hands.repo.trees.branch(branch, hands.repo.trees.branches()["main"])
    hands.push(branch, {f"notes/{thread.number}.md": f"{step.hours}\n"}, f"Work on #{thread.number}")


def _request(scene: Scene, row: Card | Change, step: Step) -> None:
    hands, thread = _hands(scene, row, step)
    hands.request(thread, scene.forge.accounts.get(step.what, step.what))


def _review(scene: Scene, row: Card | Change, step: Step) -> None:
    hands, thread = _hands(scene, row, step)
    hands.review(thread, step.what, step.text)


def _people(scene: Scene, step: Step) -> list[Account]:
    return [scene.forge.accounts[login] for login in step.what.split()]


def _on(act: Callable[[By, Thread, Scene, Step], Any]) -> Callable[[Scene, Card | Change, Step], None]:
    def step_taken(scene: Scene, row: Card | Change, step: Step) -> None:
        act(*_hands(scene, row, step), scene, step)

    return step_taken


STEPS: Final[Mapping[str, Callable[[Scene, Card | Change, Step], None]]] = {
    "label": _label,
    "check": _check,
    "push": _push,
    "claim": _claim,
    "request": _request,
    "review": _review,
    "say": _on(lambda hands, thread, scene, step: hands.comment(thread, scene.text(step.text))),
    "assign": _on(lambda hands, thread, scene, step: hands.assign(thread, *_people(scene, step))),
    "depend": _on(lambda hands, thread, scene, step: hands.depend(thread, scene.threads[step.what])),
    "auto": _on(lambda hands, thread, *_: hands.schedule(thread)),
    "merge": _on(lambda hands, thread, *_: hands.merge(thread)),
    "close": _on(lambda hands, thread, *_: hands.close(thread)),
}
"""What can be done in a story, by its verb."""
