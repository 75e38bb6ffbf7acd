"""Redaction: how much text a second of the processor gets through, and that no text holds a rule up.

The text is what agents keep: sessions as JSON, with programs, prose, ids and now and then a credential. The slowest
rule is looked for on a megabyte of each single sign, and of its own beginnings glued together in the ways that make a
careless pattern try again and again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from benchmarks import homes
from benchmarks.measure import Figure, Promise, Stopwatch, middle
from quarterdeck.redaction import KnownValues, Redaction, clean, holds_secret
from quarterdeck.redaction.clean import find, find_by_rule
from quarterdeck.redaction.rules import RULES, Rule
from tests.real.agents import REPOSITORY
from tests.redaction.corpus import corpus

ID: Final = "A7"
MEGABYTE: Final = 1_000_000
SIGNS: Final = "aA0 -_.:/=+@#\"'\\[\n%e"
GLUES: Final = ("", "-", "=a", " ", "a" * 30, "-1" * 20)
NAMES: Final = ("20261120_235801_a1b2c3", "gateway.lock", "hermes:north/cron/934a7b9942d5", "claude-opus-4-5")
SECRET_EVERY: Final = 50


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:  # noqa: ARG001 -- as all of them
    """Measure, and return the figures."""
    lines, rounds, size = (50, 1, 20_000) if smoke else (4_000, 5, MEGABYTE)
    text = "\n".join(sessions(lines))
    known = KnownValues(f"{number:x}Secret{number * 7919:x}Value" for number in range(30))
    promise = Promise(">=5")
    note = f"{len(text) / MEGABYTE:.1f} MB of sessions as JSON"
    for name, policy, promised in (
        ("rules", Redaction(), promise),
        ("rules_and_30_known_values", Redaction(known=known), None),
        ("rules_and_personal_data", Redaction(pii=True), None),
    ):
        yield Figure(ID, f"{name}_mb_a_cpu_s", _speed(text, policy, rounds), "MB/CPU-s", promised, note=note)
    yield Figure(ID, "masked_mb_a_cpu_s", _masking(text, rounds), "MB/CPU-s", note="found and masked")
    yield Figure(ID, "a_name_us", _names(2_000 if smoke else 20_000), "CPU-us", note="holds_secret of an id")
    seconds, worst = max(_slowest(size))
    yield Figure(ID, "slowest_rule_cpu_s", seconds, "CPU-s", Promise("<1"), note=f"{worst}, {size:,} signs")


def sessions(lines: int) -> Iterator[str]:
    """Make up lines of sessions from this project's own prose and programs."""
    rnd = Random(1)
    files = sorted((*REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("src/quarterdeck/truth/*.py")))
    words = [word for file in files for word in file.read_text().split(" ")]
    secrets = list(corpus())
    for number in range(lines):
        said = " ".join(rnd.choices(words, k=200))
        said += rnd.choice(secrets).text if number % SECRET_EVERY == 0 else ""
        row = {"role": "tool", "content": said, "id": f"{rnd.getrandbits(128):032x}", "timestamp": 1.7e9 + number}
        yield json.dumps(row)


def _speed(text: str, policy: Redaction, rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        watch = Stopwatch()
        for _found in find(text, policy):
            pass
        spent.append(watch.read().cpu_ms / 1e3)
    return len(text) / MEGABYTE / middle(spent)


def _masking(text: str, rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        watch = Stopwatch()
        for line in text.split("\n"):
            clean(line)
        spent.append(watch.read().cpu_ms / 1e3)
    return len(text) / MEGABYTE / middle(spent)


def _names(rounds: int) -> float:
    watch = Stopwatch()
    for _ in range(rounds):
        for name in NAMES:
            holds_secret(name)
    return watch.read().cpu_ms * 1e3 / rounds / len(NAMES)


def _slowest(size: int) -> Iterator[tuple[float, str]]:
    """Time every rule on every text that could hold it up."""
    for rule in RULES:
        for sign in SIGNS:
            yield _timed(sign * size, rule), f"{rule.name} on {sign!r}"
        for hint in rule.hints:
            for glue in GLUES:
                piece = f"{hint}{glue}"
                yield _timed(piece * (size // len(piece)), rule), f"{rule.name} on {piece[:20]!r}"


def _timed(text: str, rule: Rule) -> float:
    watch = Stopwatch()
    for _found in find_by_rule(text, rule):
        pass
    return watch.read().cpu_ms / 1e3
