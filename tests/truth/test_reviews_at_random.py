"""What holds of every pull request, whatever the forge says and whatever it does not say."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import checks
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.flags import FLAGS, flags
from quarterdeck.truth.forge import CLASSES, Files
from quarterdeck.truth.judgement import Facts, Judgement, NotKnown, Status
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Reason
from quarterdeck.truth.reviews import NEEDS, ON, READY, SCHEDULED, class_of, conditions, need, waits_for
from quarterdeck.truth.tables.pull import PULL as TABLE
from tests.truth.cast import NOW, ORIGIN
from tests.truth.pulls import DECIDING, PULL, facts, judged, lose, worlds

World = dict[Key, AnyReading]
WIDE: Final = {"suppress_health_check": list(HealthCheck)}
GREEN: Final = (READY, SCHEDULED)


@settings(max_examples=400, **WIDE)  # type: ignore[arg-type]  # settings by their names
@given(worlds())
def test_a_pull_request_has_exactly_one_class(world: World) -> None:
    """Whatever the readings: the judgement is of one class, and every other question has an answer."""
    found, f = judged(world), facts(world)
    assert class_of(found) in CLASSES
    assert found.rule in {*CLASSES, "doubt"}
    assert need(f, found) in NEEDS
    assert waits_for(f, found).on in ON
    assert {each.id for each in flags(f)} <= set(FLAGS)
    assert found.reason


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(whole=True))
def test_where_all_is_known_only_one_class_can_be_said_and_it_is_the_first(world: World) -> None:
    """With every reading known, the class is that of the first row that holds, asked for by itself."""
    found = judged(world)
    holds = [rule for rule in TABLE if rule.when(facts(world))]
    assert (found.rule, found.status) == (holds[0].id, holds[0].status)


@settings(max_examples=500, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_nothing_is_ready_with_a_condition_that_is_not_met(world: World) -> None:
    """Ready is only what has met every condition; one that is not met, or not known, keeps it in another class."""
    found = judged(world)
    met = [each.met for each in conditions(facts(world))]
    if class_of(found) in GREEN:
        assert all(each is True for each in met)
        assert found.status is Status.OK
    if found.status is Status.OK and all(each is True for each in met):
        assert class_of(found) in GREEN


@settings(max_examples=500, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(), st.sampled_from(DECIDING), st.sampled_from(list(Reason)))
def test_to_know_less_never_makes_anything_greener(world: World, field: Field[Any], reason: Reason) -> None:
    """Take any reading away: nothing becomes ready, routine or nobody's, and no condition is newly met."""
    less = lose(world, field, reason)
    before, after = judged(world), judged(less)
    assert after.rule == before.rule or class_of(after) == "unknown"
    assert after.status is not Status.OK or before.status is Status.OK
    needed = need(facts(world), before), need(facts(less), after)
    assert needed[0] == needed[1] or needed[1] == "judgement"
    met = {each.text for each in conditions(facts(world)) if each.met}
    assert {each.text for each in conditions(facts(less)) if each.met} <= met


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_a_class_is_said_only_of_what_is_known(world: World) -> None:
    """A class other than unknown rests on no doubt, and on nothing that is unavailable or has expired."""
    found = judged(world)
    if class_of(found) != "unknown":
        assert found.doubts == ()
        assert all(isinstance(r, Known) and r.knowledge(facts(world).now) in CURRENT for r in found.because)


CURRENT: Final = (Knowledge.FRESH, Knowledge.LATE)


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_what_is_sensitive_or_may_be_is_never_routine(world: World) -> None:
    """A change whose paths are sensitive, or not all known, or that nothing has checked, is no routine."""
    files, f = world.get((PULL, "files")), facts(world)
    sure = f.get(G.PULL_FILES) is not None and isinstance(files, Known) and files.value == files.value._replace(
        whole=True, sensitive=()
    )  # fmt: skip
    if not sure or _unchecked(f):
        assert need(f, judged(world)) != "routine"


def _unchecked(f: Facts) -> bool:
    try:
        return checks.none_ran(f)
    except NotKnown:
        return True


@pytest.mark.parametrize("files", [Reason.MISSING, Files(3, False, ())])
@settings(max_examples=120, **WIDE)  # type: ignore[arg-type]  # as above
@given(world=worlds())
def test_unknown_files_count_as_sensitive(files: Reason | Files, world: World) -> None:
    """Where the files are not known, or not all of them, the flag says so, and nothing is routine."""
    if isinstance(files, Reason):
        world = lose(world, G.PULL_FILES, files)
    else:
        world = {**world, (PULL, "files"): G.PULL_FILES.known(PULL, ORIGIN, files, NOW)}
    f = facts(world)
    assert "files not known" in {each.id for each in flags(f)}
    assert need(f, judged(world)) != "routine"


@settings(max_examples=200, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_known_conditions_are_listed_also_while_the_class_is_unknown(world: World) -> None:
    """Every question has its line, or the branch does not ask it; what cannot be answered says why."""
    for each in conditions(facts(world)):
        lost = [r for r in each.readings if not isinstance(r, Known) or r.knowledge(facts(world).now) not in CURRENT]
        assert each.met is not True or not _deciding(lost)
        assert each.text


def _deciding(lost: list[AnyReading]) -> list[AnyReading]:
    """Those that a condition follows from; since when the head is there is only told beside."""
    return [reading for reading in lost if reading.field != G.PULL_PUSHED_AT.name]


@settings(max_examples=120, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_looking_at_conditions_changes_nothing_of_the_judgement(world: World) -> None:
    """To ask for conditions, flags and waits leaves the facts as they were."""
    f, found = facts(world), judged(world)
    first: tuple[object, ...] = (conditions(f), flags(f), waits_for(f, found), need(f, found))
    assert first == (conditions(f), flags(f), waits_for(f, found), need(f, found))
    assert _again(world) == found


def _again(world: World) -> Judgement:
    return judged(dict(reversed(world.items())))
