"""Everything that is wrong with a settings file, said at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from quarterdeck.errors import ConfigurationError


class Mistake(NamedTuple):
    """One thing that is wrong: in which line, what, and what to do. Line 0 stands for the file as a whole."""

    line: int
    what: str
    fix: str


class SettingsError(ConfigurationError):
    """The settings file cannot be used as it is."""

    def __init__(self, file: str, mistakes: Iterable[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(sorted(mistakes))
        lines = [
            f"{file}{f', line {mistake.line}' if mistake.line else ''}: {mistake.what}" for mistake in self.mistakes
        ]
        said = [f"{line}. {mistake.fix}" for line, mistake in zip(lines, self.mistakes, strict=True)]
        super().__init__("\n".join([*said[:-1], lines[-1]]), self.mistakes[-1].fix)
