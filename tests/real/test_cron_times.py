"""When the real agent would run, and what it does about the runs it missed."""

from __future__ import annotations

import json
import random
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from quarterdeck.jobs.agent_cron import AgentCron, NotUnderstoodError
from quarterdeck.jobs.fires import Span
from quarterdeck.jobs.ledger import DAY, Ledger, context, ledger
from quarterdeck.sources.hermes.source import HermesSource
from quarterdeck.store.engine import Engine
from quarterdeck.store.history import History
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.runs import RunBook
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.past import Blind
from quarterdeck.truth.snapshot import Snapshot
from tests.real.agents import Agent
from tests.real.conftest import HomeMaker
from tests.real.homes import Home, wait_until

CASES: Final = 500
CHANGES: Final = {
    "Europe/Berlin": ("2025-03-30T01:00", "2025-10-26T01:00"),
    "America/New_York": ("2025-03-09T07:00", "2025-11-02T06:00"),
    "Australia/Lord_Howe": ("2025-04-05T15:00", "2025-10-04T15:30"),
    "Pacific/Auckland": ("2025-04-05T14:00", "2025-09-27T14:00"),
    "UTC": ("2024-02-28T23:00", "2025-12-31T23:00"),
}
ASK: Final = """
import json, sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
import cron.jobs as jobs
said = []
for expression, zone, base in json.load(sys.stdin):
    now = datetime.fromtimestamp(base, timezone.utc).astimezone(ZoneInfo(zone))
    jobs._hermes_now = lambda now=now: now
    try:
        jobs.parse_schedule(expression)
        said.append(jobs.compute_next_run({"kind": "cron", "expr": expression}, now.isoformat()))
    except Exception:  # whatever it refuses with, it names no time; ours must then name none either
        said.append(None)
json.dump(said, sys.stdout)
"""
"""The agent's own function, asked in its own interpreter, as if it were another moment."""


def _part(chance: random.Random, low: int, high: int) -> str:
    one, two, step = chance.randint(low, high), chance.randint(low, high), chance.randint(1, 9)
    return chance.choice(
        ["*", "*", f"*/{step}", str(one), f"{one}-{two}", f"{one}-{two}/{step}", f"{one},{two}", f"{one}/{step}"]
    )


def _case(chance: random.Random) -> tuple[str, str, float]:
    zone = chance.choice(sorted(CHANGES))
    near = datetime.fromisoformat(chance.choice(CHANGES[zone])).replace(tzinfo=UTC)
    base = near + timedelta(seconds=chance.randint(-40 * 3_600, 5 * 3_600))
    parts = [_part(chance, *limits) for limits in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))]
    if chance.random() < 0.7:
        parts[2:] = ["*", "*", "*"]
    return " ".join(parts), zone, base.timestamp()


def _ours(expression: str, zone: str, base: float) -> str | None:
    try:
        due = AgentCron(expression, ZoneInfo(zone), True, True).after(datetime.fromtimestamp(base, UTC))
    except NotUnderstoodError:
        return None
    return due.at.isoformat()


def test_the_next_time_is_the_one_the_agent_reckons(new_home: HomeMaker, agent: Agent) -> None:
    """Around changes of the clocks, for schedules of every form: its own function says the same moment as ours."""
    home, chance = new_home("times"), random.Random(7)
    cases = [_case(chance) for _ in range(CASES)]
    asked = subprocess.run(
        [str(agent.python), "-c", ASK],
        input=json.dumps(cases), capture_output=True, text=True, check=True, env=home.environment, timeout=50,
    )  # fmt: skip
    theirs = json.loads(asked.stdout)
    moments = [None if said is None else datetime.fromisoformat(said).astimezone(UTC).isoformat() for said in theirs]
    differ = [(case, said, _ours(*case)) for case, said in zip(cases, moments, strict=True) if said != _ours(*case)]
    assert differ == []
    assert sum(said is not None for said in moments) > CASES / 2


class Watch:
    """Looks at a home at moments of its choosing, and remembers."""

    def __init__(self, home: Home, place: Path) -> None:
        self.engine = Engine(place / "history.db")
        self.engine.write(upgrade)
        self.book, self.blind = RunBook(self.engine.names), list[Blind]()
        self.instance = Instance("north", "North", home=home.root)
        self.source = HermesSource(self.instance)
        self.last: datetime | None = None
        self.shown = Snapshot(0, datetime.now(UTC), (self.instance,), Grouped({}))

    def look(self, now: datetime) -> None:
        readings = {(reading.subject, reading.field): reading for reading in self.source.look(now)}
        self.shown = Snapshot(1, now, (self.instance,), Grouped.of(readings))
        self.engine.write(partial(self._write, self.shown))
        if self.last is not None and now - self.last > timedelta(minutes=10):
            self.blind.append(Blind(self.last, now, "not running"))
        self.last = now

    def _write(self, snapshot: Snapshot, connection: Connection) -> None:
        self.book.observe(connection, snapshot, {subject for subject, _ in snapshot.readings})

    def ledger(self, job: str) -> Ledger:
        now = self.shown.generated_at
        facts = Facts(f"hermes:north/cron/{job}", self.shown.readings, now)
        record = History(self.engine).run_record(facts.subject, now - DAY - context(facts), now)
        return ledger(record, self.blind, facts, Span(now - timedelta(hours=4), now))


def _verdicts(found: Ledger) -> list[str]:
    return [slot.verdict.value for slot in found.slots]


def _went_on(home: Home, before: str) -> Any:
    return home.jobs()["hourly"]["next_run_at"] != before and not home.jobs()["hourly"].get("run_claim")


def test_what_a_stopped_gateway_missed_is_told_and_what_it_makes_up_for(
    new_home: HomeMaker, agent: Agent, tmp_path: Path
) -> None:
    """While it is down its times are missed. Come back, 0.19 makes the last one late; 0.14 passes over all of them."""
    home = new_home("missed")
    home.script("fine.sh", "echo fine\n")
    home.create_jobs({"name": "hourly", "schedule": "0 * * * *", "prompt": None, "no_agent": True, "script": "fine.sh"})
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    due = (hour - timedelta(hours=3)).isoformat()
    home.edit_jobs("hourly", created_at=(now - timedelta(days=2)).isoformat(), next_run_at=due)
    job, watch = str(home.jobs()["hourly"]["id"]), Watch(home, tmp_path)
    watch.look(hour - timedelta(hours=3, minutes=10))  # before the first of them, at whatever minute this runs
    watch.look(now)
    found = watch.ledger(job)
    assert found.lost is None
    assert _verdicts(found)[-4:-1] == ["missed"] * 3
    assert "no gateway is alive" in found.slots[-2].why
    with home.gateway():
        wait_until("the agent to go on", partial(_went_on, home, due))
        wait_until("a run to be written down", partial(_is_over, home, agent))
        watch.look(datetime.now(UTC))
    verdicts = _verdicts(watch.ledger(job))
    assert verdicts[-4:-1] == ["skipped by grace"] * 3
    if agent.series == "0.19":
        assert verdicts[-1] in {"late", "on time"}
    else:
        assert verdicts[-1] in {"skipped by grace", "waiting"}


def _is_over(home: Home, agent: Agent) -> bool:
    return agent.series != "0.19" or home.jobs()["hourly"]["last_run_at"] is not None
