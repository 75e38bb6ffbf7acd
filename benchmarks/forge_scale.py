"""A forge of 200 repositories with 5,000 open pull requests and 20,000 issues, as a hub holds it.

What the forge says is made here, reading by reading, through the same fields as that of a real one: asking a server so
much would measure the server. Merging, judging, making pages and recording are the program's own. All that grows with
the forge is measured at a quarter, at half and at all of it, in a process of its own each time; then the pages of a hub
with all of it are asked for while some of it moves each minute. There is no peer: the floor is what growth in step
would cost.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
import psutil

from benchmarks import homes
from benchmarks.f3_scale import percentile, take_templates
from benchmarks.measure import (
    BenchmarkError,
    Figure,
    Promise,
    Stopwatch,
    middle,
    own_environment,
    running,
    visiting,
)
from quarterdeck import settings, wiring
from quarterdeck.cli import up
from quarterdeck.demo import exported
from quarterdeck.sources.collector import Collector
from quarterdeck.sources.merge import Merged
from quarterdeck.sources.wake import Waker
from quarterdeck.store.gaps import Beat
from quarterdeck.store.keeper import Keeper
from quarterdeck.truth import forge as work
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import watched
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Known, Origin
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from quarterdeck.wiring.memory import Memory
from quarterdeck.wiring.remembering import kept, observers
from quarterdeck.wiring.work import Work
from tests.real.agents import REPOSITORY

FORGE: Final = "main"
SOURCE: Final = f"forge:{FORGE}"
REPOS, PULLS, CARDS = 200, 5_000, 20_000
SHARES, SMOKE_SHARES = (0.25, 0.5, 1.0), (0.01, 0.02, 0.04)
"""Of these numbers so much is made."""
MOVES: Final = 0.01
"""Share of the pull requests and issues that move from one look to the next."""
QUARTER: Final = 4
INSTANCES, SMOKE_INSTANCES = 20, 2
OFTEN_S: Final = 60.0
"""How often the forge that is served is looked at: as often as a real one."""
SERVED_S: Final = 35.0
ROUNDS: Final = 7
LIMIT_S: Final = 300.0
FOLLOWS: Final = 12
MINUTE: Final = timedelta(minutes=1)
LOGINS: Final = tuple(sys.intern(f"agent-{number}") for number in range(40))
LABELS: Final = tuple((sys.intern(f"area/{number}"), sys.intern("status/ready")) for number in range(20))
RULE: Final = work.BranchRule(
    protected=True, approvals=1, checks=("ci/*",), rejections_block=True, requests_block=False, outdated_blocks=False,
    stale_approvals_ignored=False,
)  # fmt: skip


PAGES: Final = ("/brief", "/reviews", "/board")
ASK_EVERY_S: Final = 0.02


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shares = SMOKE_SHARES if smoke else SHARES
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="forge-", dir=cache) as folder:
        place = Path(folder).resolve()
        costs = [_measured(place, share) for share in shares]
        took, rss_mb = _served(place, shares[-1], smoke)
    whole, half = costs[-1], costs[-2]
    yield Figure("V3", "forge_merge_all_new_cpu_ms", whole.merge_ms, "CPU-ms", Promise("<=300"))
    yield Figure("V3", "forge_merge_some_moved_cpu_ms", whole.merge_some_ms, "CPU-ms", Promise("<=300"))
    for name in ("judge_ms", "judge_one_ms", "tick_ms", "brief_ms", "follow_ms", "record_ms"):
        yield Figure("V3", f"forge_{name[:-3]}_cpu_ms", float(getattr(whole, name)), "CPU-ms")
    for name in ("merge_ms", "judge_ms", "follow_ms"):
        twice = 2 * float(getattr(half, name))
        words = "twice that of half as large a forge"
        yield Figure(
            "V3", f"forge_{name[:-3]}_growth", getattr(whole, name), "CPU-ms", Promise("ratio>=0.7"), words, twice
        )
    for page in PAGES:
        promise = Promise("<=10") if page == "/brief" else None
        note = f"{len(took[page])} requests"
        yield Figure("V3", f"forge_{page[1:]}_p99_ms", percentile(took[page], 99), "ms", promise, note=note)
    yield Figure("V3", "forge_hub_rss_mb", rss_mb, "MB", Promise("<=250"))


def _measured(place: Path, share: float) -> Cost:
    """Measure a forge of one size in a process that has seen no other."""
    command = [sys.executable, "-m", "benchmarks.forge_scale", str(place), str(share)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise BenchmarkError(f"A forge of {share:.0%} could not be measured: {done.stderr[-300:]}")
    return Cost(**json.loads(done.stdout))


# --- a forge ---------------------------------------------------------------------------------------------------------


class Talking:
    """All that a forge of some size says: each pull request and each issue is told anew only when it has moved.

    What has not moved is now and then seen again, a quarter of it in each look, as the source of a forge does it.
    """

    name, budget_s = SOURCE, 30.0

    def __init__(self, share: float, every_s: float = 60.0) -> None:
        """Take how much of the whole there is."""
        self.repos, self.pulls, self.cards = (max(1, int(share * count)) for count in (REPOS, PULLS, CARDS))
        self.every_s = every_s
        self._told: dict[str, tuple[AnyReading, ...]] = {}
        self._turn = 0

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Tell of everything; some of it has moved since the last look."""
        for number in range(self.pulls):
            yield from self._of(number, now, "pull")
        for number in range(self.cards):
            yield from self._of(number, now, "card")
        yield from repositories(self.repos, self.pulls, self.cards, now)
        self._turn += 1

    def _of(self, number: int, now: datetime, kind: str) -> tuple[AnyReading, ...]:
        place, turn = f"{kind}{number}", number + self._turn
        if place not in self._told or turn % int(1 / MOVES) == 0:
            make = pull if kind == "pull" else card
            self._told[place] = tuple(make(number, repo_of(number, self.repos), now, self._turn))
        elif turn % QUARTER == 0:
            self._told[place] = tuple(
                Known(each.subject, each.field, each.origin, each.value, now, each.fresh_for)
                for each in self._told[place]
                if isinstance(each, Known)
            )
        return self._told[place]


def repo_of(number: int, repos: int) -> str:
    """Return the repository of a pull request or an issue."""
    return f"acme/service-{number % repos}"


def repositories(repos: int, pulls: int, cards: int, now: datetime) -> Iterator[AnyReading]:
    """Return what is said of the forge and of each of its repositories."""
    asked = Origin("forge main", "repos")
    of_forge = {
        G.FORGE_ANSWERS: "yes", G.FORGE_SAID: None, G.FORGE_WHOLE: True, G.FORGE_RESTS_UNTIL: None,
        G.FORGE_CLOCK_AHEAD: 0.0, G.TOKEN_ADMIN: False, G.TOKEN_HUMAN: False, G.TOKEN_EXCESS: (), G.TOKEN_MISSING: (),
    }  # fmt: skip
    yield from told(SOURCE, now, of_forge, asked)
    each = {
        G.REPO_STATE: "there", G.REPO_SAID: None, G.OPEN_PULLS: pulls // repos, G.OPEN_ISSUES: cards // repos,
        G.PULLS_WHOLE: True, G.ISSUES_WHOLE: True,
    }  # fmt: skip
    for number in range(repos):
        yield from told(work.repo(FORGE, repo_of(number, repos)), now, each, asked)


def told(name: str, now: datetime, facts: Mapping[Field[Any], object], witness: Origin) -> Iterator[AnyReading]:
    """Return what one witness says of a subject."""
    return (field.known(name, witness, value, now) for field, value in facts.items())


def pull(number: int, repo: str, now: datetime, turn: int) -> Iterator[AnyReading]:
    """Return what is said of a pull request: what the list tells, and what was asked of it alone."""
    name, author = work.pull(FORGE, repo, number), LOGINS[number % 40]
    opened, moved = now - timedelta(days=number % 90), now - timedelta(hours=number % 30)
    head = f"{number:08x}{turn:032x}"
    state = "requested" if number % 3 else "approved"
    mark = {"stale": False, "dismissed": False, "is_team": False, "is_bot": False, "is_ours": True}
    review = work.Review(LOGINS[(number + 7) % 40], state, official=True, at=moved, commit=head, **mark)
    listed = {
        G.PULL_TITLE: f"Let the service number {number} answer a little sooner than before",
        G.PULL_LINK: f"https://git.example.com/{repo}/pulls/{number}", G.PULL_AUTHOR: author,
        G.PULL_AGENT: author if number % 2 else None, G.PULL_OPENED_AT: opened, G.PULL_MOVED_AT: moved,
        G.PULL_DRAFT: number % 11 == 0, G.PULL_LABELS: LABELS[number % 20], G.PULL_BLOCKED_BY_LABEL: False,
        G.PULL_ASSIGNEES: (author,), G.PULL_MILESTONE: None, G.PULL_HEAD: head, G.PULL_BRANCH: f"work/{number}",
        G.PULL_BASE: "main", G.PULL_OUTDATED: False, G.PULL_CLOSES: (f"{repo}#{number}",), G.PULL_MERGEABLE: True,
        G.PULL_UNMERGEABLE: None,
    }  # fmt: skip
    asked = {
        G.PULL_REVIEWS: (review,),
        G.PULL_CHECKS: tuple(work.Check(f"ci/{job}", "success", moved) for job in ("build", "lint", "test")),
        G.PULL_PUSHED_AT: moved, G.PULL_RULE: RULE, G.PULL_FILES: work.Files(4, whole=True, sensitive=()),
        G.PULL_BLOCKERS: (), G.PULL_AUTO_MERGE: False, G.PULL_STIRRED_AT: moved,
    }  # fmt: skip
    yield from told(name, now, listed, origin(repo, "pulls"))
    yield from told(name, now, asked, origin(repo, "reviews"))


def card(number: int, repo: str, now: datetime, _turn: int) -> Iterator[AnyReading]:
    """Return what is said of an issue; a fifth of them is assigned, and some of those claimed."""
    name, author, taken = work.card(FORGE, repo, number), LOGINS[number % 40], number % 5 == 0
    opened, moved = now - timedelta(days=number % 90), now - timedelta(hours=number % 30)
    listed = {
        G.CARD_TITLE: f"The service number {number} should answer a little sooner than before",
        G.CARD_LINK: f"https://git.example.com/{repo}/issues/{number}", G.CARD_AUTHOR: author, G.CARD_OPEN: True,
        G.CARD_OPENED_AT: opened, G.CARD_MOVED_AT: moved, G.CARD_CLOSED_AT: None,
        G.CARD_LABELS: LABELS[number % 20] if taken else (), G.CARD_SAYS: ("ready",) if taken else (),
        G.CARD_TRIAGED: taken, G.CARD_ASSIGNEES: (author,) if taken else (), G.CARD_ABSENT: (),
        G.CARD_AGENTS: (author,) if taken else (), G.CARD_MILESTONE: None, G.CARD_EXPLAINED: False,
        G.CARD_PULLS: (), G.CARD_PULLS_WHOLE: True,
        G.CARD_CLAIM: work.Claim(f"claim/{number}", moved, author) if number % 100 == 0 else None,
    }  # fmt: skip
    yield from told(name, now, listed, origin(repo, "issues"))
    if taken:
        yield from told(name, now, {G.CARD_BLOCKERS: ()}, origin(repo, "dependencies"))


_ORIGINS: dict[tuple[str, str], Origin] = {}


def origin(repo: str, what: str) -> Origin:
    """Return where something was learnt: one for all that the same list tells."""
    return _ORIGINS.setdefault((repo, what), Origin("forge main", f"repos/{repo}/{what}"))


# --- in a process of its own -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """What a forge of one size costs, in milliseconds of the processor and megabytes."""

    merge_ms: float
    """Taking in a look in which every reading is a new one: nothing can cost more."""
    merge_some_ms: float
    """Taking in a look in which one in a hundred moved."""
    judge_ms: float
    judge_one_ms: float
    """Judging after a single pull request moved."""
    tick_ms: float
    """Judging and making the brief a second later, when nothing was learnt."""
    brief_ms: float
    follow_ms: float
    """Saying what follows from all of it, after a single pull request moved."""
    record_ms: float
    """Recording a snapshot in which one in a hundred moved."""
    rss_mb: float


FOLLOWED: Final = watched.Forge(FORGE, FORGE, "https://git.example.com", agents={login: login for login in LOGINS})


def measure(folder: Path, share: float) -> Cost:
    """Look, merge, judge, make the brief, say what follows, and record."""
    source, now = Talking(share), datetime.now(UTC)
    merged, following = Merged([source.name, Work.name]), Work([FOLLOWED], time.monotonic)
    merged.answered(source.name, source.look(now), now)
    snapshot = Snapshot(1, now, (), merged.readings())
    judging = _cpu_ms(lambda: Judged(snapshot, now).judgements)
    judged = Judged(snapshot, now)
    _ = judged.judgements
    for _ in range(FOLLOWS):  # it judges for a second at a time
        merged.answered(following.name, following.readings(snapshot, now), now)
    rss_mb = psutil.Process().memory_info().rss / 1e6
    costs = [_round(source, merged, following, judged, now + turn * MINUTE) for turn in range(1, 1 + ROUNDS)]
    recording = _recorded(folder, source, merged, now + ROUNDS * MINUTE)
    anew = [replace(each, observed_at=now) for each in merged.readings().values() if isinstance(each, Known)]
    every = _cpu_ms(lambda: merged.answered(source.name, anew, now))
    some, one, tick, brief, follow = (middle([cost[place] for cost in costs]) for place in range(5))
    return Cost(every, some, judging, one, tick, brief, follow, recording, rss_mb)


def _round(
    source: Talking, merged: Merged, following: Work, judged: Judged, now: datetime
) -> tuple[float, float, float, float, float]:
    """Return what it costs to take a look in, and then what follows from one pull request that moved."""
    readings = list(source.look(now))
    some = _cpu_ms(lambda: merged.answered(source.name, readings, now))
    before = Judged.after(judged, Snapshot(2, now, (), merged.readings()), now)
    _ = before.judgements
    following.readings(before.snapshot, now)
    moved = [*pull(0, repo_of(0, source.repos), now, 99)]
    name = moved[0].subject
    merged.answered(source.name, [*(each for each in readings if each.subject != name), *moved], now)
    snapshot = Snapshot(3, now, (), merged.readings())
    one = _cpu_ms(lambda: Judged.after(before, snapshot, now).judgements)
    after = Judged.after(before, snapshot, now)
    _ = after.judgements
    later = now + timedelta(seconds=1)
    tick = _cpu_ms(lambda: _brief(Judged.after(after, snapshot, later)))
    follow = _cpu_ms(lambda: following.readings(snapshot, later))
    return some, one, tick, _cpu_ms(lambda: _brief(after)), follow


def _brief(judged: Judged) -> None:
    VIEWS["brief"].make(judged, Asked(), None)


def _recorded(folder: Path, source: Talking, merged: Merged, now: datetime) -> float:
    """Return what it costs to record a snapshot in which some moved."""
    keeper = Keeper(folder / f"history-{source.pulls}.db", observers)
    costs = []
    for turn in range(ROUNDS):
        at = now + timedelta(minutes=turn)
        merged.answered(source.name, source.look(at), at)
        snapshot = Snapshot(4 + turn, at, (), merged.readings())
        judged = Judged(kept(snapshot), at)
        beat = Beat(at, 60.0 * turn)
        costs.append(_cpu_ms(lambda: _record(keeper, snapshot, judged, beat)))  # noqa: B023 -- it is called at once
    keeper.close()
    return middle(costs[1:])


def _record(keeper: Keeper, snapshot: Snapshot, judged: Judged, beat: Beat) -> None:
    with keeper.writing(beat) as scribe:
        scribe.write(kept(snapshot), judged.judgements, beat)


def _cpu_ms(work: Callable[[], object]) -> float:
    gc.collect()
    watch = Stopwatch()
    work()
    return watch.read().cpu_ms


# --- served ----------------------------------------------------------------------------------------------------------


def serve_it(place: Path, share: float) -> None:
    """Serve a deck with agents and with a forge whose answers are made here, until told to stop."""
    decided = settings.load(place / "quarterdeck.toml", ())
    deck = wiring.build(decided)
    memory = Memory(decided, deck.clock, time.monotonic)
    talking = Talking(share, OFTEN_S)
    sources = (*(talking if one.name == SOURCE else one for one in deck.sources), memory)
    collector = Collector(sources, decided.instances, deck.clock, thresholds=decided.thresholds)
    memory.record(collector, sources)
    deck.forges.follow(lambda: collector.snapshot)
    waker = Waker(sources, collector.wake)
    with up.listening(0) as listener:
        deck = deck._replace(collector=collector, waker=waker, sources=sources, memory=memory)
        with deck.running():
            up.serve(deck, listener)


def _served(place: Path, share: float, smoke: bool) -> tuple[dict[str, list[float]], float]:  # noqa: FBT001
    """Serve it, ask for its pages, and return how long that took, and the memory."""
    templates, user = take_templates(place / "taken"), place / "user"
    user.mkdir()
    for name in exported.names(SMOKE_INSTANCES if smoke else INSTANCES):
        exported.write(templates[0], place / "snapshots", name, datetime.now(UTC))
    agents = ", ".join(f'{login} = "{name}"' for login, name in zip(LOGINS, exported.names(2), strict=False))
    config = place / "quarterdeck.toml"
    config.write_text(
        f'discover = false\n[[exporters]]\nfiles = ["{place}/snapshots/*/{exported.SNAPSHOT}"]\n'
        f'[[forges]]\nid = "{FORGE}"\nurl = "http://127.0.0.1:9"\nagents = {{ {agents} }}\n',
        encoding="utf-8",
    )
    command, log = [sys.executable, "-m", "benchmarks.forge_scale", str(place), str(share), "serve"], place / "up.out"
    with running(command, own_environment(user), log) as hub:
        visitor = visiting(hub, log)
        with httpx.Client(base_url=visitor.base, headers=visitor.headers, timeout=LIMIT_S) as client:
            _wait_for(client, log)
            took = _asked(client, 1.0 if smoke else SERVED_S)
        return took, psutil.Process(hub.pid).memory_info().rss / 1e6


def _wait_for(client: httpx.Client, log: Path) -> None:
    """Wait until all of the forge is known and judged."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        rows = client.get("/api/v1/views/brief").raise_for_status().json()
        known = [figure for figure in rows["figures"] if figure["figure"] == "tasks_blocked"]
        if known and known[0]["value"] is not None and not known[0]["at_least"]:
            return
        time.sleep(0.5)
    raise BenchmarkError(f"The forge was not taken in: {log.read_text(encoding='utf-8')[-300:]}")


def _asked(client: httpx.Client, for_s: float) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    for page in PAGES:  # one after the other: each is measured while nobody looks at the others
        client.get(page).raise_for_status()  # what nobody has asked for yet is made first
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            began = time.perf_counter()
            client.get(page).raise_for_status()
            took[page].append((time.perf_counter() - began) * 1e3)
            time.sleep(ASK_EVERY_S)
    return took


def main(place: str, share: str, *words: str) -> None:
    """Measure a forge of one size, or serve it."""
    if words:
        serve_it(Path(place), float(share))
    else:
        print(json.dumps(asdict(measure(Path(place), float(share)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
