"""The forge of the demo beside a real Forgejo server, by what that one was recorded to answer.

Where the recordings have an endpoint, the forge of the demo tells of the same fields, each of a type that was seen.
Not recorded, and so not held against them: searches over all repositories, lists of reviews, histories, and rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest

from quarterdeck.demo.forge import founding
from quarterdeck.demo.forge.routes import ROUTES
from quarterdeck.demo.forge.state import Milestone, Rule
from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge
from tests.sources.forge.recorded import exchanges

NOTHING: Final = {"NoneType"}
TOOLS: Final = "/repos/acme/tools"
Fields = dict[str, set[str]]


def fields(found: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Return each field of a document, by its place, and of what type it is; all of a list are as one."""
    yield place, type(found).__name__
    if isinstance(found, dict):
        for name, value in found.items():
            yield from fields(value, f"{place}.{name}")
    if isinstance(found, list):
        for value in found:
            yield from fields(value, f"{place}[]")


def gather(documents: list[Any]) -> Fields:
    """Return the types of each field in all of these."""
    found: Fields = defaultdict(set)
    for document in documents:
        for place, kind in fields(document):
            found[place].add(kind)
    return found


def recorded(path: str) -> Fields:
    """Return what a real server told at an endpoint."""
    (pattern,) = [each.pattern for each in ROUTES if (each.method, each.path) == ("GET", path)]
    said = [each for each in exchanges() if each.method == "GET" and each.status == 200]
    return gather([each.document for each in said if pattern.match(each.path)])


@pytest.fixture
def full(forgejo: FakeForge) -> FakeForge:
    """A forge that has something of everything."""
    tools, alice = forgejo.tools, forgejo.by(forgejo.alice)
    tools.milestones.append(Milestone(900, "Spring", tools.created))
    issue = forgejo.issue("Count the crates", "All of them.")
    pull = forgejo.pull("Count them twice", "Closes #1")
    assert pull.pull
    for thread in (issue, pull):
        thread.milestone = tools.milestones[0]
        alice.label(thread, founding.label(forgejo.forge, tools.labels, f"kind/{thread.number}"))
        alice.assign(thread, forgejo.bob)
        alice.comment(thread, "Here.")
    alice.say(pull.pull.head, "ci/test", "success")
    forgejo.by(forgejo.bob).review(pull, "APPROVED")
    alice.merge(forgejo.pull("Count them thrice"))
    alice.close(forgejo.issue("Done"))
    tools.rules["main"] = Rule("main", 1, ("ci/test",))
    return forgejo


ASKED: Final = {
    "/user": ["/user"],
    "/repos/{owner}/{repo}": [TOOLS],
    "/repos/{owner}/{repo}/issues": [f"{TOOLS}/issues?state=all"],
    "/repos/{owner}/{repo}/issues/{index}": [f"{TOOLS}/issues/{number}" for number in (1, 2, 4)],
    "/repos/{owner}/{repo}/issues/{index}/comments": [f"{TOOLS}/issues/1/comments"],
    "/repos/{owner}/{repo}/pulls": [f"{TOOLS}/pulls?state=all"],
    "/repos/{owner}/{repo}/pulls/{index}": [f"{TOOLS}/pulls/{number}" for number in (2, 3)],
    "/repos/{owner}/{repo}/pulls/{index}/commits": [f"{TOOLS}/pulls/2/commits"],
    "/repos/{owner}/{repo}/branches": [f"{TOOLS}/branches"],
    "/repos/{owner}/{repo}/branches/{branch...}": [f"{TOOLS}/branches/main"],
}


@pytest.mark.parametrize("path", ASKED)
def test_it_tells_what_a_real_one_told(full: FakeForge, path: str) -> None:
    """At an endpoint that was recorded it has no field that a real server had not, and each of a type that was seen."""
    real = recorded(path)
    told = gather([talk(full, each, token=full.login(full.alice)).json for each in ASKED[path]])
    seen = {place: kinds for place, kinds in told.items() if whole(real, place)}
    assert seen
    assert {place for place in seen if place not in real and not place.endswith("[]")} == set()
    others = {place: kinds - NOTHING - real.get(place, kinds) for place, kinds in seen.items()}
    assert {place for place, kinds in others.items() if kinds and real[place] - NOTHING} == set()
    assert {place for place in real if place not in told and whole(told, place) and not place.endswith("[]")} == set()


def whole(of: Fields, place: str) -> bool:
    """Whether all that a field is in was there: of what was null, nobody knows what it would have been."""
    parents = re.findall(r"\.\w+|\[\]", place)[:-1]
    return all("".join(parents[:number]) in of for number in range(len(parents) + 1)) and (
        not parents or bool(of["".join(parents)] - NOTHING)
    )
