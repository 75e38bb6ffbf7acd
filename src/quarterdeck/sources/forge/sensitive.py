"""Which changed paths take judgement.

Rule 1: three witnesses name such paths: the operator's globs, the protected patterns of the branch, and CODEOWNERS. One
        of them is enough.
Rule 2: a file that was renamed is judged by both of its names.
Rule 3: a list that was cut, and a rule that could not be read, leave a doubt, and the doubt is told. Patterns that the
        token is not shown (that takes an admin) leave one too, unless the operator has said by globs what is sensitive.
Rule 4: whoever may push writes rules and paths, and as many as they like. To hold them against each other takes no
        longer than a limit; what was not looked at then is a doubt like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from quarterdeck.sources.forge.codeowners import NOBODY, Owned
from quarterdeck.sources.forge.patterns import Pattern, PatternError, Patterns, glob
from quarterdeck.truth.forge import FEW, Files, Sensitive

SEPARATORS: Final = "./"
"""At these the forge's own patterns stop: ``*.lock`` is no path with two dots."""
PATHS: Final = 20_000
"""Paths of one change that are held against the rules; of those beyond it is told that they were not."""
BUDGET_S: Final = 1.0
"""Time of the processor that one change may take."""
MOST: Final = 500
"""Protected patterns of one branch that are read."""


Names: TypeAlias = Callable[[str], str | None]
"""Returns what says of a path that it is sensitive; None where nothing does."""
Witness: TypeAlias = tuple[str, Names]


class Globs(NamedTuple):
    """Globs with what they are called."""

    all: tuple[tuple[str, Pattern], ...]
    whole: bool = True
    """Whether every one of them could be read, and all were told."""


class Rules(NamedTuple):
    """Everything that says of a path that it is sensitive."""

    settings: Globs
    protected: Globs | None
    """None where the token is not told."""
    owned: Owned = NOBODY

    @property
    def whole(self) -> bool:
        """Whether nothing else can name a path."""
        told = bool(self.settings.all) if self.protected is None else self.protected.whole
        return self.settings.whole and told and self.owned.whole


class Change(NamedTuple):
    """A file that is changed."""

    path: str
    before: str | None = None
    """What it was called, when it was renamed."""


@lru_cache(maxsize=64)
def of_settings(globs: tuple[str, ...]) -> Globs:
    """Return the operator's globs.

    One without a slash is for a name in any folder; one that ends in a slash is for all that is in a folder.
    """
    return _read(globs, lambda text: glob(_whole_path(text)))


@lru_cache(maxsize=512)
def of_branch(patterns: str) -> Globs:
    """Return the protected patterns of a branch, which are divided by semicolons."""
    texts = tuple(filter(None, map(str.strip, patterns.split(";"))))
    read = _read(texts[:MOST], lambda text: glob(text.lower(), SEPARATORS))
    return read._replace(whole=read.whole and len(texts) <= MOST)


def seen(
    changes: Iterable[Change],
    total: int,
    rules: Rules,
    *,
    whole: bool,
    spent: Callable[[], float] = time.thread_time,
) -> Files:
    """Say what a change is, by the rules. ``whole`` is whether all its files are listed.

    ``spent`` tells the time of the processor that was spent so far.
    """
    until = spent() + BUDGET_S
    witnesses = _witnesses(rules, lambda: spent() < until)
    found: list[Sensitive] = []
    whole = whole and rules.whole
    for number, change in enumerate(changes):
        if len(found) >= FEW:
            break
        if number >= PATHS or spent() >= until:
            return Files(total, whole=False, sensitive=tuple(found))
        try:
            found += _first(_why(change, witnesses))
        except PatternError:
            whole = False
    return Files(total, whole, tuple(found))


def _first(found: Iterator[Sensitive]) -> tuple[Sensitive, ...]:
    one = next(found, None)
    return () if one is None else (one,)


def _why(change: Change, witnesses: Sequence[Witness]) -> Iterator[Sensitive]:
    """Return every reason why a file is sensitive."""
    for path in filter(None, (change.path, change.before)):
        for why, named in witnesses:
            if (by := named(path)) is not None:
                yield Sensitive(path, why, by)


def _witnesses(rules: Rules, in_time: Callable[[], bool]) -> Sequence[Witness]:
    settings, protected = (_of_globs(globs, in_time) for globs in (rules.settings, rules.protected or Globs(())))
    return (
        ("setting", settings), ("protected", lambda path: protected(path.lower())),
        ("owned", _of_owners(rules.owned, in_time)),
    )  # fmt: skip


def _of_globs(globs: Globs, in_time: Callable[[], bool]) -> Names:
    patterns = Patterns([pattern for _, pattern in globs.all])

    def named(path: str) -> str | None:
        number = patterns.first(path, in_time)
        return None if number is None else globs.all[number][0]

    return named


def _of_owners(owned: Owned, in_time: Callable[[], bool]) -> Names:
    """Return what names the first rule that covers a path.

    That is one that stands for it, or one that is negated and does not.
    """
    plain = [rule for rule in owned.rules if not rule.negated]
    negated = [rule for rule in owned.rules if rule.negated]
    patterns, places = Patterns([rule.pattern for rule in plain]), {id(rule): n for n, rule in enumerate(owned.rules)}

    def named(path: str) -> str | None:
        number = patterns.first(path, in_time)
        first = None if number is None else plain[number]
        for rule in negated:
            if first is not None and places[id(first)] < places[id(rule)]:
                break
            if not in_time():
                raise PatternError("comes too late")
            if rule.covers(path):
                return rule.text
        return None if first is None else first.text

    return named


def _whole_path(text: str) -> str:
    inside = text + "**" if text.endswith("/") else text
    return inside.removeprefix("/") if "/" in inside else f"**/{inside}"


def _read(texts: tuple[str, ...], read: Callable[[str], Pattern]) -> Globs:
    good, whole = list[tuple[str, Pattern]](), True
    for text in texts:
        try:
            good.append((text, read(text)))
        except PatternError:
            whole = False
    return Globs(tuple(good), whole)
