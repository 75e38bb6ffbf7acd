"""``quarterdeck doctor``: what is found, what cannot be seen, why, and what to do.

Rule 1: it does not say how the agents are; `show` does. It says how well they can be seen.
Rule 2: what cannot be seen is said once for each place and reason, with the number of facts that hang on it. What is
        not there, as before an agent's first start, is noted; it is nothing that could be seen.
Exit codes: 0 everything can be seen, 1 something cannot. (2 is a usage or settings error.)
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from quarterdeck import __version__, settings, wiring
from quarterdeck.settings import Settings
from quarterdeck.sources.wake import can_tell, plan
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth import forge as names
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, instance_of, subject
from quarterdeck.truth.judgement import words
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.watched import Forge
from quarterdeck.views.words import ADVICE
from quarterdeck.wiring.entrance import find_ledger

DEADLINE_S: Final = 10.0
INOTIFY: Final = Path("/proc/sys/fs/inotify")


class Level(StrEnum):
    """How a finding counts."""

    FINE = "fine"
    NOTE = "note"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: about what, what is the case, and what to do where something is to be done."""

    level: Level
    about: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine says of itself that is no reading."""

    user: str
    host: str
    python: str
    folders: int
    """Folders whose changes should wake a look."""
    tells: bool
    """Whether the system would tell of changes in them."""
    watches: str
    """How many folders a user may watch, as the kernel says; empty when it does not."""
    history: wiring.Found | None = None
    """How the history is found; None when nobody asked."""
    ledger: wiring.Found | None = None
    """How it is found who has come in; None when nobody asked."""


def doctor(*, homes: Sequence[Path] = (), config: Path | None = None, as_data: bool = False) -> int:
    """Look once and report; return the exit code.

    Raises:
        QuarterdeckError: when the settings are wrong.
    """
    decided = settings.load(config, homes)
    deck = wiring.build(decided)
    snapshot = deck.look_once(DEADLINE_S)
    findings = tuple(examine(decided, snapshot, machine(deck), deck.clock()))
    sys.stdout.write(as_json(findings) if as_data else as_text(findings))
    return exit_code(findings)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 when something cannot be seen."""
    return int(any(finding.level is Level.UNSEEN for finding in findings))


def as_text(findings: Sequence[Finding]) -> str:
    """Write findings for people."""
    shapes = {Level.FINE: "✔", Level.NOTE: "•", Level.UNSEEN: "✖"}
    width = max((len(finding.about) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{shapes[finding.level]} {finding.about:<{width}}  {finding.what}")
        if finding.fix:
            lines.append(f"  {'':<{width}}  → {finding.fix}")
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    """Write findings for programs."""
    return json.dumps({"findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2) + "\n"


def machine(deck: wiring.Deck) -> Machine:
    """Ask the machine."""
    folders = plan(deck.sources)
    return Machine(
        user=wiring.user_name(),
        host=os.uname().nodename,
        python=platform.python_version(),
        folders=len(folders.there),
        tells=can_tell(tuple(folders.there)) if folders.there else True,
        watches=_kernel_says("max_user_watches"),
        history=wiring.find_history(deck.settings),
        ledger=find_ledger(deck.settings),
    )


def _kept(about: str, found: wiring.Found) -> Finding:
    """Say how it stands with what is kept. What was set aside is a note: it needs somebody, and hides nothing."""
    level = Level.UNSEEN if not found.readable else Level.NOTE if found.fix else Level.FINE
    return Finding(level, about, found.what, found.fix)


def examine(decided: Settings, snapshot: Snapshot, found: Machine, now: datetime) -> Iterator[Finding]:
    """Say everything there is to say of how well things can be seen."""
    yield Finding(Level.FINE, "quarterdeck", f"{__version__}, Python {found.python}, as {found.user} on {found.host}")
    where = "none, and none are needed" if decided.file is None else str(decided.file)
    yield Finding(Level.FINE, "settings", where)
    yield from (Finding(Level.UNSEEN, "settings", note) for note in decided.notes)
    if found.history is not None:
        yield _kept("history", found.history)
    if found.ledger is not None:
        yield _kept("ledger", found.ledger)
    if not decided.instances:
        fix = "Name a home with --home DIR or in the settings, or let its owner run the exporter."
        yield Finding(Level.UNSEEN, "instances", "no agent is found", fix)
    for instance in decided.instances:
        yield from _instance(instance, snapshot, now)
    yield from _managers(snapshot)
    for forge in decided.forges:
        yield from _forge(forge, snapshot)
        yield _bell(forge, decided.port)
    yield from _others(snapshot)
    yield from _changes(found)


# --- instances -----------------------------------------------------------------------------------------------------


def _instance(instance: Instance, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    about = f"instance {instance.id}"
    readings = [reading for (name, _), reading in snapshot.readings.items() if instance_of(name) == instance.id]
    known = sum(isinstance(reading, Known) for reading in readings)
    yield Finding(Level.FINE if known else Level.UNSEEN, about, f"{_way(instance, snapshot)}: {_facts(known)} known")
    release = ", ".join(_release(instance, snapshot))
    if release:
        yield Finding(Level.FINE, about, release)
    yield from _snapshot_age(instance, snapshot, now)
    yield from _unseen(about, readings, now)


def _way(instance: Instance, snapshot: Snapshot) -> str:
    if f"exporter:{instance.id}" in snapshot.looks or instance.home is None:
        return f"snapshot {instance.snapshot}"
    return f"home {instance.home}" + (f", profile of {instance.root}" if instance.root else "")


def _release(instance: Instance, snapshot: Snapshot) -> Iterator[str]:
    versions: tuple[tuple[str, Field[Any]], ...] = (
        ("agent", F.AGENT_VERSION),
        ("schema", F.SCHEMA_VERSION),
        ("configuration", F.CONFIG_VERSION),
    )
    for name, field in versions:
        reading = snapshot.readings.get((subject(instance.id), field.name))
        if isinstance(reading, Known) and reading.value is not None:
            yield f"{name} {reading.value}"


def _snapshot_age(instance: Instance, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    reading = snapshot.readings.get((f"source:exporter:{instance.id}", F.SNAPSHOT_WRITTEN_AT.name))
    if isinstance(reading, Known):
        age = now - reading.value
        late = age > F.SNAPSHOT_WRITTEN_AT.fresh_for
        fix = "See whether its timer runs: systemctl status 'quarterdeck-export-*'." if late else ""
        level = Level.UNSEEN if late else Level.FINE
        yield Finding(level, f"instance {instance.id}", f"its exporter wrote {words(age)} ago", fix)


def _unseen(about: str, readings: Iterable[AnyReading], now: datetime) -> Iterator[Finding]:
    """Say what cannot be seen, once for each place and reason."""
    readings = list(readings)
    lost = Counter(
        (reading.origin.locator, reading.reason, reading.detail)
        for reading in readings
        if isinstance(reading, Unavailable)
    )
    for (place, reason, detail), number in lost.most_common():
        level = Level.NOTE if reason is Reason.MISSING else Level.UNSEEN
        fix = "" if "`" in detail else ADVICE[reason]  # a detail that names a command has said what to do
        yield Finding(level, about, f"{place} {reason}: {detail} ({_facts(number)})", fix)
    stale = sum(reading.knowledge(now) is Knowledge.STALE for reading in readings)
    if stale:
        yield Finding(Level.UNSEEN, about, f"{_facts(stale)} stale", "Nobody has looked for too long.")


def _facts(number: int) -> str:
    return count(number, "fact", "facts")


def count(number: int, one: str, many: str) -> str:
    """Write a number of things."""
    return f"{number:,} {one if number == 1 else many}"


# --- forges --------------------------------------------------------------------------------------------------------

MENDS: Final = {
    "denied": "Make a token for its account anew, and write it into token_file.",
    "tls": 'Where it is signed by yourself, name its certificate as "authorities" in [[forges]].',
    "not a forge": 'Write into "url" the address that a browser opens.',
}
"""What to do where a forge does not answer as one."""
REACH_IT: Final = "See whether it runs, and whether its url in [[forges]] is right."
TOKEN: Final = "Make a token with read:issue, read:repository, read:organization and read:user, and no other scope."  # noqa: S105 -- words about one
NAMED: Final = 3


def _forge(forge: Forge, snapshot: Snapshot) -> Iterator[Finding]:
    about = f"forge {forge.id}"

    def told(field: Field[Any]) -> Any:  # noqa: ANN401 -- of whatever shape the field is
        reading = snapshot.readings.get((forge.subject, field.name))
        return reading.value if isinstance(reading, Known) else None

    answers, said = told(G.FORGE_ANSWERS), told(G.FORGE_SAID)
    if answers != "yes":
        how = answers or "it was not heard in time"
        yield Finding(
            Level.UNSEEN, about, f"{forge.url}: {how}" + (f": {said}" if said else ""), MENDS.get(how, REACH_IT)
        )
        return
    release, repos = told(G.FORGE_RELEASE) or "of an unknown release", told(G.FORGE_REPOS)
    watched = "how many repositories is not known" if repos is None else count(repos, "repository", "repositories")
    yield Finding(Level.FINE, about, f"{told(G.FORGE_FLAVOUR) or 'a forge'} {release} at {forge.url}, {watched}")
    if told(G.FORGE_KNOWN_RELEASE) is False:
        yield Finding(Level.NOTE, about, "this was not made for its release: what it tells may be misread")
    yield from (Finding(level, about, what, fix) for level, what, fix in _token(forge, told))
    lost = list(_lost(forge, snapshot))
    if lost:
        named = ", ".join(lost[:NAMED]) + (" and others" if len(lost) > NAMED else "")
        fix = "Let the token's account read them, or leave them out: `without` in [[forges]]."
        yield Finding(
            Level.UNSEEN, about, f"{count(len(lost), 'repository', 'repositories')} cannot be read: {named}", fix
        )
    if debts := told(G.FORGE_DEBTS):
        yield Finding(Level.NOTE, about, f"{count(debts, 'detail', 'details')} still to be read, in the next looks")


def _token(forge: Forge, told: Callable[[Field[Any]], Any]) -> Iterator[tuple[Level, str, str]]:
    if forge.token_file is None:
        yield Level.NOTE, "asked without a token: only what it tells everybody is seen", TOKEN
        return
    login, scopes = told(G.TOKEN_LOGIN), told(G.TOKEN_SCOPES)
    of = f"the token is {login}'s" if login else "whose the token is, it does not tell"
    yield Level.FINE, of + (f", with {', '.join(scopes)}" if scopes else ""), ""
    if missing := told(G.TOKEN_MISSING):
        yield Level.UNSEEN, f"the token lacks {', '.join(missing)}", TOKEN
    if excess := told(G.TOKEN_EXCESS):
        yield Level.NOTE, f"the token may do more than is needed: {', '.join(excess)}", TOKEN
    if told(G.TOKEN_ADMIN):
        yield Level.NOTE, "the token is an admin's", "Make an account of its own for it, that is no admin."
    if told(G.TOKEN_HUMAN):
        yield Level.NOTE, "the token is a person's", "Make an account of its own for it."


def _lost(forge: Forge, snapshot: Snapshot) -> Iterator[str]:
    below = names.repo(forge.id, "")
    for (name, field), reading in snapshot.readings.items():
        if field == G.REPO_STATE.name and name.startswith(below):
            state = reading.value if isinstance(reading, Known) else reading.reason
            if state not in ("there", "archived"):
                yield f"{name.removeprefix(below)} ({state})"


def _bell(forge: Forge, port: int) -> Finding:
    about = f"forge {forge.id}"
    if forge.bell_file is None:
        how = f"it cannot ring: what moves there is seen within {forge.every_s:g} s"
        return Finding(Level.NOTE, about, how, "For less, give it a webhook and name its secret as bell_file.")
    return Finding(Level.FINE, about, f"its webhooks are heard at http://127.0.0.1:{port}/hooks/forge/{forge.id}")


# --- everything else -----------------------------------------------------------------------------------------------


def _managers(snapshot: Snapshot) -> Iterator[Finding]:
    """Say of each systemd manager how it is asked."""
    for name, look in sorted(snapshot.looks.items()):
        if not name.startswith("systemd:"):
            continue
        reading = snapshot.readings.get((f"source:{name}", F.SOURCE_ASKED_AS.name))
        units = {about for about, _ in snapshot.readings if about.startswith(f"{name}/")}
        if isinstance(reading, Known) and reading.value is None:
            yield Finding(Level.NOTE, name, "this host has no such manager")
        elif look.answered and isinstance(reading, Known):
            yield Finding(
                Level.FINE, name, f"{count(len(units), 'unit or timer', 'units and timers')}, asked as {reading.value}"
            )
        else:
            yield Finding(Level.UNSEEN, name, look.detail, "See `systemctl status` for that user.")


def _others(snapshot: Snapshot) -> Iterator[Finding]:
    """Say how the other sources answered."""
    for name, look in sorted(snapshot.looks.items()):
        if name.startswith("systemd:"):
            continue
        if look.answered:
            yield Finding(Level.FINE, name, f"answered in {look.took_ms:.0f} ms")
        else:
            yield Finding(Level.UNSEEN, name, look.detail, ADVICE[Reason.TIMEOUT])


def _changes(found: Machine) -> Iterator[Finding]:
    if found.tells:
        limit = f", of {found.watches} that a user may watch" if found.watches else ""
        folders = count(found.folders, "folder", "folders")
        yield Finding(Level.FINE, "changes", f"seen within a second in {folders}{limit}")
    else:
        fix = "Raise fs.inotify.max_user_watches or fs.inotify.max_user_instances with sysctl."
        yield Finding(Level.NOTE, "changes", "the system will not tell of them; they are looked for every second", fix)


def _kernel_says(limit: str) -> str:
    try:
        return (INOTIFY / limit).read_text(encoding="ascii").strip()
    except OSError:
        return ""
