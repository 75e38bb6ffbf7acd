"""What coverage says of forges: what they do not tell, what could not be read, and that none is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import BranchRule
from quarterdeck.truth.reading import AnyReading, Origin, Reason
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.asked import Asked
from quarterdeck.views.coverage import FEW, coverage
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Gap
from tests.truth.cast import NOW

MAIN: Final = "forge:main"
WHERE: Final = Origin("forge main", "acme/tools#1")
RULE: Final = BranchRule(
    protected=True,
    approvals=1,
    checks=None,
    rejections_block=True,
    requests_block=True,
    outdated_blocks=False,
    stale_approvals_ignored=False,
)


def known(subject: str, field: Field[Any], value: object) -> AnyReading:
    """Something a forge told."""
    return field.known(subject, WHERE, value, NOW)


def gaps(*told: AnyReading, partial: bool = False) -> dict[str, Gap]:
    """What is not covered, by place."""
    snapshot = Snapshot(1, NOW, (), {(each.subject, each.field): each for each in told})
    view = coverage(Judged(replace(snapshot, partial=partial), NOW), Asked())
    return {gap.place: gap for gap in view.gaps}


def test_no_forge_is_a_gap() -> None:
    """Without a forge nobody sees reviews and tasks, and it is said how to name one; whoever sees some agents only is
    told that it is not for them.
    """
    assert "[[forges]]" in gaps()["reviews and tasks"].fix
    found = gaps(partial=True)["reviews and tasks"]
    assert "not shown to you" in found.why
    assert not found.fix


def test_a_forge_that_tells_all_leaves_no_gap() -> None:
    """Where it is one of those this was made for, its lists are whole and its rules are told, nothing is said of it."""
    pull = forge.pull("main", "acme/tools", 1)
    told = [known(MAIN, G.FORGE_KNOWN_RELEASE, value=True), known(MAIN, G.FORGE_WHOLE, value=True)]
    told += (known(MAIN, G.TOKEN_LOGIN, "watcher"), known(MAIN, G.TOKEN_SCOPES, ("read:issue",)))
    found = gaps(*told, known(pull, G.PULL_RULE, RULE))
    assert not [place for place in found if place.startswith(MAIN) or place == "reviews and tasks"]


def test_what_a_forge_does_not_tell_is_a_gap_with_its_reading() -> None:
    """Its release, cut lists, whose the token is, and rules that only admins are told: once each, with who says so."""
    pulls = [forge.pull("main", "acme/tools", number) for number in (1, 2)]
    rules = [known(pull, G.PULL_RULE, RULE._replace(rejections_block=None)) for pull in pulls]
    told = [known(MAIN, G.FORGE_KNOWN_RELEASE, value=False), known(MAIN, G.FORGE_WHOLE, value=False)]
    told += (known(MAIN, G.TOKEN_LOGIN, None), known(MAIN, G.TOKEN_SCOPES, ("read:issue",)))
    found = {place: gap for place, gap in gaps(*told, *rules).items() if place.startswith(MAIN)}
    whole = {f"{MAIN}: its release", f"{MAIN}: its lists", f"{MAIN}: its token", f"{MAIN}: what branches ask"}
    assert set(found) == whole
    assert all(len(gap.readings) == 1 for gap in found.values())


def lost(name: str, number: int, detail: str = "not shown") -> Iterator[AnyReading]:
    """A pull request and a card that could not be read."""
    for subject, field in (
        (forge.pull("main", name, number), G.PULL_TITLE),
        (forge.card("main", name, number), G.CARD_TITLE),
    ):
        yield field.unavailable(subject, Origin("forge main", f"{name}#{number}"), Reason.DENIED, detail, NOW)


def test_a_repository_that_cannot_be_read_is_one_place() -> None:
    """Of a hundred pull requests and cards behind one repository one line is said, with the number of facts and a few
    of them; what failed for another reason is another line.
    """
    readings = [each for number in range(50) for each in lost("acme/tools", number)]
    found = gaps(known(MAIN, G.FORGE_WHOLE, value=True), *readings, *lost("acme/site", 1, "cut off"))
    assert "denied: not shown (100 facts)" in found["forge main: acme/tools"].why
    assert len(found["forge main: acme/tools"].readings) == FEW
    assert "denied: cut off (2 facts)" in found["forge main: acme/site"].why


def test_a_forge_that_is_down_is_one_line() -> None:
    """What hangs on it in all its repositories is one line, however many there are."""
    readings = [each for number in range(40) for each in lost(f"acme/site-{number}", number)]
    found = gaps(known(MAIN, G.FORGE_WHOLE, value=True), *readings)
    assert "(80 facts)" in found["forge main: 40 repositories"].why
    assert len(found["forge main: 40 repositories"].readings) == FEW
