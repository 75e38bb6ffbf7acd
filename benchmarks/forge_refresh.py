"""How long it takes to read a forge of seven repositories with forty open pull requests for the first time, and how
many questions it takes from then on.

The forge is the one of the demo, in a process of its own, and takes 100 ms for each answer, over real connections. Its
own work comes on top of that, so the floor is how long its answers took, four at a time. It also says what is spent
here on each look, and what it costs to notice one thing that moved.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from benchmarks import homes
from benchmarks.measure import BenchmarkError, Figure, Promise, Stopwatch, middle
from quarterdeck.demo.forge.state import Rule
from quarterdeck.http import Answer
from quarterdeck.http.reader import Reader
from quarterdeck.sources.forge.source import ForgeSource
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import Known
from quarterdeck.truth.watched import Forge
from tests.fakes.forge import FakeForge
from tests.real.agents import REPOSITORY

REPOS, PULLS, ISSUES, WORKED = 7, 40, 80, 4
"""``WORKED`` issues are assigned to somebody, beside those that a pull request closes."""
SMOKE: Final = (2, 4, 6, 1)
ANSWER_S: Final = 0.1
LOOKS: Final = 12
ID: Final = "S3"
EVERY: Final = timedelta(seconds=60)
SERVE: Final = "serve"
SINCE: Final = re.compile(r"&since=[^&]*")


class Timed:
    """Asks, counts how long it waited for answers, and keeps them."""

    def __init__(self, reader: Reader, answers: dict[str, Answer]) -> None:
        self._reader, self._answers, self.waited_s = reader, answers, 0.0

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask."""
        answer = await self._reader.get(url, headers)
        self.waited_s += answer.took_s
        self._answers[SINCE.sub("", url)] = answer
        return answer


class Punctual:
    """Gives the same answers again, each after the same time."""

    def __init__(self, answers: Mapping[str, Answer], at_once: int) -> None:
        self._answers, self._turns = answers, asyncio.Semaphore(at_once)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:  # noqa: ARG002 -- as a reader
        """Wait, and answer."""
        async with self._turns:
            await asyncio.sleep(ANSWER_S)
            return self._answers[SINCE.sub("", url)]


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:  # noqa: ARG001 -- as every benchmark
    """Measure, and return the figures."""
    shape = SMOKE if smoke else (REPOS, PULLS, ISSUES, WORKED)
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder), shape) as (forge, pipe):
        timed: list[Timed] = []
        answers: dict[str, Answer] = {}
        source, now = ForgeSource(forge, opens=lambda forge: _timed(forge, timed, answers)), datetime.now(UTC)
        watch = Stopwatch()
        told = _told(source, now)
        cold, calls = watch.read(), told[G.FORGE_CALLS.name]
        if told[G.FORGE_ANSWERS.name] != "yes" or not told[G.FORGE_WHOLE.name]:
            raise BenchmarkError(f"The forge was not read: {told}")
        floor = timed[-1].waited_s / forge.in_flight * 1e3
        name = "forge_first_look_ms"
        each_ms = timed[-1].waited_s / calls * 1e3
        note = f"{shape[0]} repositories, {shape[1]} pull requests, {calls} questions of {each_ms:.0f} ms"
        yield Figure(ID, name, cold.wall_ms, "ms", Promise("<=5000"), "its answers alone", floor, note)
        yield Figure(ID, "forge_first_look_cpu_ms_an_answer", cold.cpu_ms / calls, "ms")
        note = "of drafts, which wait for the second look, and what a slow forge did not answer in time"
        yield Figure(ID, "forge_details_left_after_first_look", told[G.FORGE_DEBTS.name], "", note=note)
        told = _told(source, now + EVERY)
        yield Figure(ID, "forge_details_left_after_second_look", told[G.FORGE_DEBTS.name], "", Promise("<=0"))
        yield from _punctual(forge, answers, now)
        yield from _warm(source, now + 2 * EVERY)
        pipe.write("move\n")
        pipe.flush()
        told = _told(source, now + (LOOKS + 2) * EVERY)
        yield Figure(ID, "forge_look_questions_when_one_moved", told[G.FORGE_CALLS.name], "")


def _punctual(forge: Forge, answers: Mapping[str, Answer], now: datetime) -> Iterator[Figure]:
    """Measure a first look at a forge that takes no longer than it should, however busy this machine is."""
    source = ForgeSource(forge, opens=lambda forge: nullcontext(Punctual(answers, forge.in_flight)))
    watch = Stopwatch()
    told = _told(source, now)
    spent, calls = watch.read().wall_ms, told[G.FORGE_CALLS.name]
    floor, note = (
        calls / forge.in_flight * ANSWER_S * 1e3,
        f"{calls} questions, {told[G.FORGE_DEBTS.name]} details left",
    )
    name = "forge_first_look_at_100_ms_sharp_ms"
    yield Figure(ID, name, spent, "ms", Promise("<=5000"), "its answers alone", floor, note)


def _warm(source: ForgeSource, now: datetime) -> Iterator[Figure]:
    looks, asked = [], []
    for turn in range(LOOKS):
        watch = Stopwatch()
        asked.append(_told(source, now + turn * EVERY)[G.FORGE_CALLS.name])
        looks.append(watch.read())
    yield Figure(ID, "forge_quiet_look_questions", max(asked), "", Promise("<=10"))
    yield Figure(ID, "forge_quiet_look_ms", middle([each.wall_ms for each in looks]), "ms")
    yield Figure(ID, "forge_quiet_look_cpu_ms", middle([each.cpu_ms for each in looks]), "ms")


@asynccontextmanager
async def _timed(forge: Forge, timed: list[Timed], answers: dict[str, Answer]) -> AsyncIterator[Timed]:
    async with Reader(in_flight=forge.in_flight) as reader:
        timed.append(Timed(reader, answers))
        yield timed[-1]


def _told(source: ForgeSource, now: datetime) -> dict[str, Any]:
    """Look once, and return what was told of the forge."""
    wanted = {field.name for field in (G.FORGE_CALLS, G.FORGE_DEBTS, G.FORGE_WHOLE, G.FORGE_ANSWERS)}
    return {each.field: each.value for each in source.look(now) if isinstance(each, Known) and each.field in wanted}


@contextmanager
def _serving(folder: Path, shape: tuple[int, ...]) -> Iterator[tuple[Forge, IO[str]]]:
    """Serve a forge from a process of its own; it ends when its input does."""
    command = [sys.executable, "-m", "benchmarks.forge_refresh", SERVE, str(folder), *map(str, shape)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        if process.stdout is None or process.stdin is None:
            raise BenchmarkError("The forge has no pipes.")
        said = process.stdout.readline()
        if not said:
            raise BenchmarkError("The forge did not start.")
        told: Mapping[str, str] = json.loads(said)
        agents = {"north-bot": "north", "south-bot": "south"}
        token = Path(told["token_file"])
        yield Forge("main", "Forge", told["url"], token, sensitive=("deploy/**",), agents=agents), process.stdin
        process.stdin.close()


def _serve(folder: Path, repos: int, pulls: int, issues: int, worked: int) -> None:
    with FakeForge(folder / "forge") as fake:
        fake.stand_still(datetime.now(UTC) - timedelta(hours=1))
        places = [fake.repo(f"place-{number}") for number in range(repos)]
        for place in places:
            place.rules["main"] = Rule("main", 1, ("ci/*",), protected_file_patterns="*.lock")
        del fake.forge.repos["acme/tools"]
        for number in range(issues):
            thread = fake.issue(f"Issue {number}", "As it says.", repo=places[number % repos])
            if number >= issues - worked:
                fake.by(fake.alice, places[number % repos]).assign(thread, fake.north)
        made = []
        for number in range(pulls):
            place = places[number % repos]
            closes = f"Closes #{number // repos + 1}" if number % 4 == 0 else ""
            title = f"WIP: change {number}" if number % 10 == 9 else f"Change {number}"
            pull = fake.pull(title, closes, repo=place)
            sha = place.trees.branches()[f"work-{number + 1}"]
            fake.by(fake.south, place).say(sha, "ci/build", "success")
            fake.by(fake.bob, place).review(pull, "APPROVED")
            made.append((pull, place))
        fake.forge.clock = lambda: datetime.now(UTC)
        token = folder / "word"
        token.write_text(fake.token, encoding="ascii")
        fake.forge.faults.delay_s = ANSWER_S
        sys.stdout.write(json.dumps({"url": fake.url, "token_file": str(token)}) + "\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            fake.by(fake.alice, made[0][1]).comment(made[0][0], "Something moved.")


if __name__ == "__main__":
    _serve(Path(sys.argv[2]), *map(int, sys.argv[3:]))
