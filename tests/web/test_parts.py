"""What is different between two renderings of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.reading import Known
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from quarterdeck.web.address import Wanted
from quarterdeck.web.pages import Frame, render
from quarterdeck.web.parts import MOMENTS, Change, Part, change, split
from tests.truth.cast import NOW
from tests.web.worlds import world

AGE = re.compile(r'(data-(?:age-of|when)="\d+"[^>]*>)[^<]*')
SEEN = re.compile(r'(title="[^"]*), (?:\d+ \w+ ago|just now)(?=")')
CLOCK = re.compile(r'(data-now="\d+")[^>]*>[^<]*')
SHELL = re.compile(r'data-state="[^"]*" data-now="\d+"')


def page(snapshot: Snapshot, now: datetime, view: str, state: str = "s") -> str:
    """Render a view at a moment."""
    return render(VIEWS[view].make(Judged(snapshot, now), Asked(), None), Frame(Wanted(view, Asked()), state))


def renewed(told: Change, found: re.Match[str]) -> str:
    """Return a moment as a change has it."""
    return f'data-{found[1]}="{told.moments.get(found[1], {}).get(found[2], found[2])}"'


def applied(old: str, told: Change) -> str:
    """Do to a page what a browser does with a change."""
    old = MOMENTS.sub(partial(renewed, told), old)
    for identity, text in told.parts:
        part = next(each for each in every(split(old).root) if each.id == identity)
        body = split(old).text
        old = old.replace(body, body[: part.start] + text + body[part.end :])
    if told.title:
        old = re.sub(r"<title>[^<]*</title>", lambda _: told.title or "", old)
    return old


def every(part: Part) -> Iterator[Part]:
    """Return a part and all inside it."""
    yield part
    for inner in part.inside:
        yield from every(inner)


def without_ages(text: str) -> str:
    """Leave out what the page itself writes: ages, the clock, and the name of the rendering."""
    return SHELL.sub("", SEEN.sub(r"\1", CLOCK.sub(r"\1", AGE.sub(r"\1", text))))


@given(
    st.sampled_from(["brief", "agents", "cron", "ops", "coverage"]),
    st.lists(st.sampled_from(range(6)), min_size=2, max_size=2),
    st.floats(0, 4_000),
)
def test_what_is_told_makes_the_new_page_of_the_old(view: str, worlds: list[int], seconds: float) -> None:
    """Whatever became of the fleet meanwhile, the old page with the change is the new page."""
    old = page(world(worlds[0], NOW), NOW, view, "a")
    later = NOW + timedelta(seconds=seconds)
    new = page(world(worlds[1], later), later, view, "b")
    told = change(split(old), split(new))
    assert told is not None
    assert without_ages(applied(old, told)) == without_ages(new)


def test_readings_made_anew_that_say_the_same_are_told_as_moments() -> None:
    """When everything was looked at again and nothing is different, no part of the page goes out."""
    first, then = world(0, NOW), NOW + timedelta(seconds=5)
    seen_anew = {key: replace(r, observed_at=then) for key, r in first.readings.items() if isinstance(r, Known)}
    again = replace(first, generated_at=then, readings={**first.readings, **seen_anew})
    for view in ("brief", "agents", "ops"):
        told = change(split(page(first, NOW, view)), split(page(again, then, view)))
        assert told is not None
        assert [name for name, _ in told.parts] == []
        assert told.moments["expires"]
        assert sum(map(len, told.moments.values())) < 40


def test_one_row_that_changed_is_told_alone() -> None:
    """What is told of one changed row is that row, its head and the count in the navigation."""
    told = change(split(page(world(0, NOW), NOW, "agents")), split(page(world(1, NOW), NOW, "agents")))
    assert told is not None
    assert {name for name, _ in told.parts} <= {"hermes:north/gateway", "head", "views"}
    assert "hermes:north/gateway" in {name for name, _ in told.parts}


def test_a_moment_that_means_two_things_now_is_told_with_its_parts() -> None:
    """Where what was one moment has become two, the elements that differ go out whole."""
    said = '<i data-seen="1">x</i>'
    old = f'<body><p id="a">{said}</p><p id="b">{said}</p><p id="c">{said}</p></body>'
    new = old.replace('id="c"><i data-seen="1"', 'id="c"><i data-seen="9"')
    told = change(split(old), split(new))
    assert told == Change((("c", '<p id="c"><i data-seen="9">x</i></p>'),), {}, None)
    assert applied(old, told) == new


def test_what_lies_outside_of_all_parts_takes_the_whole_page() -> None:
    """A difference that no element with an id holds cannot be told in parts."""
    assert change(split("<body><p>a</p></body>"), split("<body><p>b</p></body>")) is None


def test_of_two_elements_with_one_id_the_first_has_it() -> None:
    """Markup that breaks the rule of one id is told all the same, with what lies around it."""
    old = '<body><ul id="u"><li id="x">1</li><li id="x">2</li></ul></body>'
    told = change(split(old), split(old.replace(">2<", ">3<")))
    assert told is not None
    assert [name for name, _ in told.parts] == ["u"]


def test_the_cast_is_one_fleet() -> None:
    """The worlds of these tests are different from one another."""
    assert len({page(world(number, NOW), NOW, "ops") for number in range(6)}) == 6
