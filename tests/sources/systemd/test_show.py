from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.show import PROPERTIES, parse, parse_moment, parse_span
from quarterdeck.truth.reading import Reason
from tests.sources.systemd.fake import CASES, block

RECORDED = (CASES / "first.txt").read_bytes()
SECRET = "sk-" + "marker" * 5


def test_a_recorded_answer_gives_its_units() -> None:
    """What a real systemd said is understood unit by unit, those with escaped names included."""
    units = parse(RECORDED)
    assert {unit.id for unit in units.values()} == {
        "bad.timer", "enabled.timer", "good.timer", "hermes-gateway-loop.service", "hermes-gateway-up.service",
        "long.timer", "missing.service", r"my\x20disk.timer", "once.timer", "unborn.timer",
    }  # fmt: skip
    assert units["hermes-gateway-up.service"].home == "/srv/my hermes"
    assert units["missing.service"].found is False
    assert units["good.timer"].span("NextElapseUSecMonotonic") is not None
    assert units["unborn.timer"].moment("NextElapseUSecRealtime") == datetime(2035, 1, 1, tzinfo=UTC)


def test_an_alias_is_the_same_unit() -> None:
    """A unit is found by each of its names."""
    units = parse(block("real.service", Names="real.service alias.service").encode())
    assert units["alias.service"] is units["real.service"]


def test_nothing_of_an_environment_is_kept_but_the_home() -> None:
    """Secrets in a unit's environment are forgotten as soon as they are read."""
    unit = parse(block("a.service", Environment=f'"HERMES_HOME=/srv/a b/" TOKEN={SECRET}').encode())["a.service"]
    assert unit.home == "/srv/a b"
    assert SECRET not in repr(unit)


HOMES = {
    "plain": ("HERMES_HOME=/srv/a", "/srv/a"),
    "quoted": ('"HERMES_HOME=/srv/a b" X=1', "/srv/a b"),
    "the last one holds": ("HERMES_HOME=/srv/a HERMES_HOME=/srv/b", "/srv/b"),
    "the root": ("HERMES_HOME=/", "/"),
    "none": ("X=1", None),
    "a name that only begins so": ("HERMES_HOME_OLD=/srv/a", None),
    "a value that mentions it": ("X=HERMES_HOME=/srv/a", None),
    "quotes that do not end": ('"HERMES_HOME=/srv/a', None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("environment", "home"), HOMES.values(), ids=HOMES.keys())
def test_the_home_in_an_environment(environment: str, home: str | None) -> None:
    """The home is what the variable says, and nothing else is taken for it."""
    assert parse(block("a.service", Environment=environment).encode())["a.service"].home == home


SPANS = {
    "0us": timedelta(0),
    "33.269345s": timedelta(microseconds=33_269_345),
    "5h 25min 33.269345s": timedelta(hours=5, minutes=25, microseconds=33_269_345),
    "2w 3d 1ms": timedelta(weeks=2, days=3, milliseconds=1),
    "1y 1month 12us": timedelta(seconds=31_557_600 + 2_629_800, microseconds=12),
}


@pytest.mark.parametrize(("text", "span"), SPANS.items(), ids=SPANS.keys())
def test_spans(text: str, span: timedelta) -> None:
    """A span is read in all the units in which systemd writes it."""
    assert parse_span(text, "x") == span


@pytest.mark.parametrize(
    "text", ["", " ", "5", "5 h", "h", "-5h", "5h,3min", "1e3s", "٣s", "9" * 19 + "s", "9" * 18 + "y"]
)
def test_spans_that_are_none(text: str) -> None:
    """What is not a span is refused with a reason, however much it resembles one."""
    with pytest.raises(SourceError) as refused:
        parse_span(text, "x")
    assert refused.value.reason is Reason.SCHEMA


MOMENTS = {
    "Sat 2026-11-21 01:42:51 UTC": datetime(2026, 11, 21, 1, 42, 51, tzinfo=UTC),
    "2026-11-21 01:42:51.000001 UTC": datetime(2026, 11, 21, 1, 42, 51, 1, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "moment"), MOMENTS.items(), ids=MOMENTS.keys())
def test_moments(text: str, moment: datetime) -> None:
    """A moment is read with and without its weekday and its fraction."""
    assert parse_moment(text, "x") == moment


@pytest.mark.parametrize(
    "text",
    ["", "Sat 2026-11-21 01:42:51 CET", "Sat 2026-11-21 01:42:51", "Sat 2026-13-21 01:42:51 UTC", "@1763700000", "now"],
)
def test_moments_that_are_none(text: str) -> None:
    """A moment in another zone, without a zone, or that no calendar has, is refused with a reason."""
    with pytest.raises(SourceError) as refused:
        parse_moment(text, "x")
    assert refused.value.reason is Reason.SCHEMA


@pytest.mark.parametrize("text", ["", "0", "n/a", "infinity"])
def test_never_is_an_answer(text: str) -> None:
    """The words systemd has for "there is no such time" mean that it was observed to be none."""
    unit = parse(block("a.timer", NextElapseUSecMonotonic=text, LastTriggerUSec=text).encode())["a.timer"]
    assert unit.span("NextElapseUSecMonotonic") is None
    assert unit.moment("LastTriggerUSec") is None


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "0x1", "٣", "9" * 19, "[not set]"])
def test_counts_that_are_none(text: str) -> None:
    """What is not a whole number is refused with a reason."""
    unit = parse(block("a.service", NRestarts=text).encode())["a.service"]
    with pytest.raises(SourceError) as refused:
        unit.count("NRestarts")
    assert refused.value.reason is Reason.SCHEMA


def test_what_was_not_said_is_an_error() -> None:
    """A property that systemd does not mention has no value, not an empty one."""
    unit = parse(b"Id=a.service")["a.service"]
    for ask in (unit.text, unit.count, unit.moment, unit.span):
        with pytest.raises(SourceError, match="says nothing of MainPID"):
            ask("MainPID")


@pytest.mark.parametrize("end", range(0, len(RECORDED), 37))
def test_an_answer_cut_short_invents_nothing(end: int) -> None:
    """Wherever an answer breaks off, what is understood before is what it says in full."""
    whole, cut = parse(RECORDED), parse(RECORDED[:end])
    for name, unit in cut.items():
        full = whole[name].said
        assert all(full[key].startswith(value) for key, value in unit.said.items())


LINES = st.one_of(
    st.text(max_size=30),
    st.builds(
        lambda name, value: f"{name}={value}",
        st.sampled_from(PROPERTIES),
        st.one_of(
            st.text(max_size=20), st.sampled_from(["a.service", "b.timer", "infinity", "5h", '"', "0", "not-found"])
        ),
    ),
)


@given(st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=40).map(lambda lines: "\n".join(lines).encode())))
def test_any_bytes_are_parsed(data: bytes) -> None:
    """Whatever comes out of systemctl, the parser returns units, and each of them answers with a value or a reason."""
    for unit in parse(data).values():
        for name in PROPERTIES:
            for ask in (unit.text, unit.count, unit.moment, unit.span):
                with suppress(SourceError):
                    ask(name)
