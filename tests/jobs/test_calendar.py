"""When systemd elapses, asked of systemd itself."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.jobs.agent_cron import NotUnderstoodError
from quarterdeck.jobs.calendar import elapses
from tests.jobs.test_agent_cron import ZONES

EXPRESSIONS = (
    "hourly", "daily", "weekly", "*:0/10", "*:59", "*-*-* 02:30:00", "*-*-* 00/2:30", "*-*-* 01,02,03:15:00",
    "Mon..Fri 06:00", "*-*-01 00:00:00", "*-*~1 02:00", "*-02-29 12:00", "Sun 02:00", "*-*-* 02:30:00 UTC",
    "*-*-* 02:30 America/New_York", "*:*:30",
)  # fmt: skip
LINE = re.compile(r"\(in UTC\): \w+ (\S+ \S+) UTC|(?:elapse|#\d+): \w+ (\S+ \S+) UTC")
MANY = 6


def asked(expression: str, zone: str, base: datetime) -> list[datetime]:
    """What ``systemd-analyze`` says."""
    command = ["systemd-analyze", "calendar", f"--iterations={MANY}", f"--base-time={base:%Y-%m-%d %H:%M:%S} UTC"]
    environment = {**os.environ, "TZ": zone, "LC_ALL": "C"}
    said = subprocess.run([*command, expression], capture_output=True, text=True, check=True, env=environment).stdout
    lines = [line for line in said.splitlines() if LINE.search(line)]
    in_utc = [line for line in lines if "in UTC" in line] or lines
    found = (LINE.search(line) for line in in_utc)
    return [datetime.fromisoformat(match[1] or match[2]).replace(tzinfo=UTC) for match in found if match]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from([(zone, moment) for zone, moments in ZONES.items() for moment in moments]),
    st.integers(-30 * 3_600, 20 * 3_600) | st.integers(-3 * 3_600, 3 * 3_600),
)
def test_timers_elapse_when_systemd_says(expression: str, place: tuple[str, str], seconds: int) -> None:
    """Whatever the expression, around changes of the clocks, leap days and ends of years, in zones near and far."""
    zone, moment = place
    base = datetime.fromisoformat(moment).replace(tzinfo=UTC) + timedelta(seconds=seconds)
    found = elapses(expression, ZoneInfo(zone), base, base + timedelta(days=15_000))
    assert list(islice(found, MANY)) == asked(expression, zone, base)


def test_a_span_ends_where_it_ends() -> None:
    """What elapses after the span is not told, what elapses at its very end is."""
    base = datetime(2026, 3, 1, tzinfo=UTC)
    found = list(elapses("*:00:00", ZoneInfo("UTC"), base, base + timedelta(hours=3)))
    assert found == [base + timedelta(hours=hour) for hour in (1, 2, 3)]


@pytest.mark.parametrize("expression", ["", "now and then", "*-*-* 25:00:00", "*-*-* 00:00:00.5"])
def test_what_is_no_calendar_is_not_understood(expression: str) -> None:
    """No guess is made at an expression that is none, or that is finer than can be followed."""
    with pytest.raises(NotUnderstoodError):
        list(elapses(expression, ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
