"""One look at one view, without a server: at what is known now, or at what was known at a moment that is over.

Rule 1: a look at the past collects nothing and starts nothing. It reads the history, and the history only.
Rule 2: a word that the view does not understand is refused: an answer to half of a question is one to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from quarterdeck.errors import UsageError
from quarterdeck.settings import Settings
from quarterdeck.truth.instance import ALL, Instance
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall
from quarterdeck.views.when import moment_of
from quarterdeck.views.words import clock

DEADLINE_S = 6.0
"""Seconds to wait for the slowest source; whatever has not answered by then is unknown for that reason."""
LONGEST = 200
"""Characters of a word."""

Remember = Callable[[Settings], AbstractContextManager[Recall | None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see."""

    view: str
    instance: str | None = None
    at: str | None = None
    """RFC 3339, or how long ago; None for now."""
    words: Mapping[str, str] = field(default_factory=dict)
    """The view's own parameters."""
    homes: Sequence[Path] = ()
    config: Path | None = None


class Seen(NamedTuple):
    """What was seen."""

    view: View
    known_since: datetime | None
    """When the history begins; None when there is none."""
    homes: Mapping[str, str]
    """The folders of the instances, and how to call them where nobody needs to know where they lie."""


def look(wanted: Wanted, remember: Remember | None = None) -> Seen:
    """Make one view.

    Raises:
        QuarterdeckError: when the view, the instance, a word, the moment or the settings are wrong.
    """
    from quarterdeck import settings, wiring

    asked = asked_of(wanted)
    decided = settings.load(wanted.config, wanted.homes)
    spec = VIEWS[wanted.view]
    recalling = spec.recall is not None or wanted.at is not None
    opened = (remember or remembered)(decided) if recalling else nullcontext(None)
    with opened as memory:
        if wanted.at is None:
            deck = wiring.build(decided)
            judged = Judged(deck.look_once(DEADLINE_S), deck.clock())
        else:
            judged = _past(wanted.at, memory, wiring.utc_now())
        view = view_of(wanted.view, asked, judged, memory)
        return Seen(
            view,
            memory.began() if memory is not None else None,
            _homes((*judged.instances.values(), *decided.instances)),
        )


def view_of(name: str, asked: Asked, judged: Judged, memory: Recall | None) -> View:
    """Make a view of what is judged and remembered.

    Raises:
        UsageError: when there is no such instance.
    """
    if asked.instance != ALL and asked.instance not in judged.instances:
        named = ", ".join(list(judged.instances)[:20])
        raise UsageError(f"No instance is called {asked.instance}", f"Ask for {ALL} or one of: {named}.")
    spec, asked = VIEWS[name], asked._replace(past=judged.past)
    recalled = spec.recall(memory, asked, judged.now) if spec.recall is not None and memory is not None else None
    return spec.make(judged, asked, recalled)


def asked_of(wanted: Wanted) -> Asked:
    """Read what is asked of a view.

    Raises:
        UsageError: when there is no such view, or it does not understand a word.
    """
    if wanted.view not in VIEWS:
        raise UsageError(f"There is no view called {wanted.view}", f"Ask for one of: {', '.join(VIEWS)}.")
    params = VIEWS[wanted.view].params
    words = {name: _word(name, value, params) for name, value in wanted.words.items()}
    kept = {name: value for name, value in words.items() if value and value != params[name].default}
    return Asked(ALL if wanted.instance is None else wanted.instance, words=tuple(sorted(kept.items())))


def _word(name: str, value: str, params: Mapping[str, Param]) -> str:
    if name not in params:
        known = f"It understands: {', '.join(params)}." if params else "It takes none."
        raise UsageError(f"This view does not understand --{name}", known)
    if params[name].among and value not in (*params[name].among, "", params[name].default):
        raise UsageError(f"--{name} cannot be that", f"It is one of: {', '.join(params[name].among)}.")
    if len(value) > LONGEST or not value.isprintable():
        raise UsageError(f"--{name} is no text", f"It has at most {LONGEST} characters, all of them visible.")
    return value


def _past(text: str, memory: Recall | None, now: datetime) -> Judged:
    """Judge what was known at a moment."""
    at = moment_of(text, now)
    if at is None:
        raise UsageError(
            f"{text[:40]!r} is no moment",
            "Write it as in 2026-11-21T03:04:11Z (RFC 3339), or how long ago: 90m, 8h, 7d.",
        )
    if at > now:
        raise UsageError("That moment is yet to come", f"It is {clock(now)} now.")
    if memory is None:
        raise UsageError(
            "Nothing is remembered, so there is no past to look at", "The history begins with `quarterdeck up`."
        )
    moment, snapshot = memory.moment(at), memory.snapshot_at(at)
    if snapshot is None or moment is None:
        began = memory.began()
        since = "Nothing has been recorded yet." if began is None else f"Memory begins at {clock(began)}."
        raise UsageError("Nothing is known of that moment", since)
    return Judged(snapshot, moment, past=True)


def _homes(instances: Iterable[Instance]) -> dict[str, str]:
    """Name homes by their instance, the deepest folder first: a profile lies in the home it belongs to."""
    named = {
        str(one.home): f"home of {one.id}" for one in instances if one.home is not None and len(one.home.parts) > 1
    }
    return dict(sorted(named.items(), key=lambda each: -len(each[0])))


def remembered(decided: Settings) -> AbstractContextManager[Recall | None]:
    """Open the history for reading only; nothing where none was ever written."""
    from quarterdeck import wiring

    return wiring.looking_back(decided)
