"""Which changed paths take judgement.

Rule 1: three witnesses name such paths: the operator's globs, the protected patterns of the branch, and CODEOWNERS. One
        of them is enough.
Rule 2: a file that was renamed is judged by both of its names.
Rule 3: a list that was cut, and a rule that could not be read, leave a doubt, and the doubt is told. Patterns that the
        token is not shown (that takes an admin) leave one too, unless the operator has said by globs what is sensitive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from quarterdeck.sources.forge.codeowners import NOBODY, Owned
from quarterdeck.sources.forge.patterns import Pattern, PatternError, glob
from quarterdeck.truth.forge import FEW, Files, Sensitive

SEPARATORS: Final = "./"
"""At these the forge's own patterns stop: ``*.lock`` is no path with two dots."""
PATHS: Final = 20_000
"""Paths of one change that are held against the rules; of those beyond it is told that they were not."""


class Globs(NamedTuple):
    """Globs with what they are called."""

    all: tuple[tuple[str, Pattern], ...]
    whole: bool = True
    """Whether every one of them could be read, and all were told."""

    def named(self, path: str) -> str | None:
        """Return the first one that names a path."""
        return next((text for text, pattern in self.all if pattern.matches(path)), None)


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
    return _read(tuple(filter(None, map(str.strip, patterns.split(";")))), lambda text: glob(text.lower(), SEPARATORS))


def seen(changes: Iterable[Change], total: int, rules: Rules, *, whole: bool) -> Files:
    """Say what a change is, by the rules. ``whole`` is whether all its files are listed."""
    found: list[Sensitive] = []
    for number, change in enumerate(changes):
        if len(found) >= FEW or number >= PATHS:
            return Files(total, whole=whole and rules.whole and number < PATHS, sensitive=tuple(found))
        found += _first(_why(change, rules))
    return Files(total, whole and rules.whole, tuple(found))


def _first(found: Iterator[Sensitive]) -> tuple[Sensitive, ...]:
    one = next(found, None)
    return () if one is None else (one,)


def _why(change: Change, rules: Rules) -> Iterator[Sensitive]:
    """Return every reason why a file is sensitive."""
    for path in filter(None, (change.path, change.before)):
        if (by := rules.settings.named(path)) is not None:
            yield Sensitive(path, "setting", by)
        if rules.protected is not None and (by := rules.protected.named(path.lower())) is not None:
            yield Sensitive(path, "protected", by)
        for rule in rules.owned.rules:
            if rule.covers(path):
                yield Sensitive(path, "owned", rule.text)


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
