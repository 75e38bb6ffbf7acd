from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import PurePath

import hypothesis
from hypothesis import strategies as st

from quarterdeck.store import codec
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.fields import FIELDS
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, any_reading, place

ANY = st.sampled_from(list(FIELDS.values())).flatmap(lambda field: any_reading(field, place(field)))


@hypothesis.given(ANY)
@hypothesis.settings(max_examples=400)
def test_every_reading_comes_back(reading: AnyReading) -> None:
    """A reading of any field comes back as it was: value, type and order, reason and words."""
    found = codec.reading(reading.subject, reading.field, codec.content(reading), codec.when(reading))
    assert found == reading
    assert repr(found) == repr(reading)


@hypothesis.given(st.sampled_from(list(FIELDS.values())).flatmap(lambda f: st.tuples(*[any_reading(f, place(f))] * 2)))
def test_what_was_known_last_comes_back(pair: tuple[AnyReading, AnyReading]) -> None:
    """What was known before something became unavailable comes back inside it."""
    lost, last = pair
    if isinstance(last, Known):
        reading = Unavailable(lost.subject, lost.field, lost.origin, NOW, Reason.TIMEOUT, "did not answer", last)
        assert codec.reading(lost.subject, lost.field, codec.content(reading), NOW) == reading


def test_what_is_not_understood_any_more_is_not_shown() -> None:
    """A value of a shape that its field no longer has, or of a field that is no more, is unavailable and says why."""
    origin = Origin("jobs", "cron/jobs.json")
    said = codec.content(F.ENABLED.known("hermes:a/cron/1", origin, True, NOW))
    for field in ("state", "abolished"):
        found = codec.reading("hermes:a/cron/1", field, said, NOW)
        assert isinstance(found, Unavailable)
        assert (found.reason, found.detail) == (Reason.SCHEMA, codec.MISFIT)


def test_the_fleet_comes_back() -> None:
    """Who was watched comes back with policy and limits; what another release knew of them beside that is left out."""
    fleet = (
        Instance("a", "A", PurePath("/a"), PurePath("/"), "p", None, "me", "a.service", "system", "http://127.0.0.1:1"),
        Instance("b", "B", snapshot=PurePath("/b"), policy=Policy(True, False), thresholds=Thresholds(disk_share=0.1)),
    )
    assert codec.fleet(codec.fleet_body(fleet)) == fleet
    row = json.loads(codec.fleet_body(fleet[:1]))[0]
    row |= {"moons": 2, "policy": {"job_names": True, "dreams": True}, "thresholds": {"patience_s": 1}}
    (found,) = codec.fleet(json.dumps([row]))
    assert asdict(found) == asdict(replace(fleet[0], policy=Policy(job_names=True)))
