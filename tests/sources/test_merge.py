from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.merge import Merged
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reason, Unavailable
from quarterdeck.truth.snapshot import remember, unanswered
from tests.fakes.clock import START

SOURCES = ("first", "second", "third")
LIFE = timedelta(minutes=1)

keys = st.tuples(st.sampled_from(("host:a", "host:b", "host:c")), st.sampled_from(("load_1m", "cpus")))
answers = st.dictionaries(keys, st.none() | st.integers(0, 3), max_size=6)
steps = st.lists(st.tuples(st.sampled_from(SOURCES), st.none() | answers), max_size=12)


def reading(key: Key, source: str, value: int | None, at: datetime) -> AnyReading:
    """Make a reading; without a value it is one that could not be learnt."""
    origin = Origin(source, "there")
    if value is None:
        return Unavailable(*key, origin, at, Reason.BUSY, "busy")
    return Known(*key, origin, value, at, LIFE)


def from_scratch(held: dict[str, dict[Key, AnyReading]]) -> dict[Key, AnyReading]:
    """What many sources say together, the plain way: the first has its word."""
    return {key: said for source in reversed(SOURCES) for key, said in held.get(source, {}).items()}


def subjects(readings: Iterable[Key]) -> set[str]:
    return {subject for subject, _ in readings}


@given(steps)
def test_merging_bit_by_bit_is_merging_anew(steps: list[tuple[str, dict[Key, int | None] | None]]) -> None:
    """After any answers and failures the merged readings are those that a merge from nothing would give."""
    merged, held = Merged(SOURCES), dict[str, dict[Key, AnyReading]]()
    for number, (source, answer) in enumerate(steps):
        at = START + timedelta(seconds=number)
        if answer is None:
            merged.unanswered(source, at, Reason.TIMEOUT, "late")
            held[source] = unanswered(held.get(source, {}), at, Reason.TIMEOUT, "late")
        else:
            said = [reading(key, source, value, at) for key, value in answer.items()]
            merged.answered(source, said, at)
            held[source] = remember(held.get(source, {}), said)
        assert dict(merged.readings()) == from_scratch(held)


@given(steps)
def test_a_subject_is_here_or_gone_but_never_both(steps: list[tuple[str, dict[Key, int | None] | None]]) -> None:
    """Whatever was once known is still reported or has a tombstone, and never both; a failure makes nothing go."""
    merged, ever = Merged(SOURCES), set[str]()
    for source, answer in steps:
        gone = merged.gone(START).keys()
        if answer is None:
            merged.unanswered(source, START, Reason.TIMEOUT, "late")
            assert merged.gone(START).keys() == gone
        else:
            merged.answered(source, [reading(key, source, value, START) for key, value in answer.items()], START)
        here = merged.readings()
        ever |= {subject for (subject, _), said in here.items() if isinstance(said, Known)}
        assert not merged.gone(START).keys() & subjects(here)
        assert ever <= merged.gone(START).keys() | subjects(here)


@given(steps)
def test_no_last_value_is_lost(steps: list[tuple[str, dict[Key, int | None] | None]]) -> None:
    """What a source once knew of a fact that it still reports is its value or, as old, inside what is unknown."""
    merged = Merged(["first"])
    before: Grouped = merged.readings()
    for _, answer in steps:
        if answer is None:
            merged.unanswered("first", START, Reason.TIMEOUT, "late")
        else:
            merged.answered("first", [reading(key, "first", value, START) for key, value in answer.items()], START)
        now = merged.readings()
        for key, said in now.items():
            known = before.get(key)
            if isinstance(said, Unavailable) and known is not None:
                assert said.last == (known if isinstance(known, Known) else known.last)
        before = now


@given(st.dictionaries(keys, st.integers(), max_size=6))
def test_grouped_is_the_mapping_it_was_made_of(values: dict[Key, int]) -> None:
    """Readings kept by subject are the same mapping as readings that lie side by side."""
    plain = {key: reading(key, "first", value, START) for key, value in values.items()}
    grouped = Grouped.of(plain)
    assert dict(grouped) == dict(grouped.items()) == plain
    assert len(grouped) == len(plain)
    assert all(grouped[key] is plain[key] for key in plain)
    assert ("host:a", "nothing") not in grouped
    assert ("host:z", "cpus") not in grouped
    assert {(subject, field) for subject, fields in grouped.subjects.items() for field in fields} == set(plain)


def test_unchanged_subjects_are_shared() -> None:
    """A snapshot shares every subject that did not change with the one before; nothing is copied for the others."""
    merged = Merged(SOURCES)
    merged.answered("first", [reading(("host:a", "cpus"), "first", 1, START)], START)
    merged.answered("second", [reading(("host:b", "cpus"), "second", 1, START)], START)
    before = merged.readings()
    merged.answered("second", [reading(("host:b", "cpus"), "second", 2, START)], START)
    after = merged.readings()
    assert after.subjects["host:a"] is before.subjects["host:a"]
    assert after.subjects["host:b"] is not before.subjects["host:b"]
