"""What a CODEOWNERS file says, as the forge reads it.

Rule 1: it is not the file of the same name elsewhere: each line is a regular expression of Go that stands for a whole
        path, and ``!`` before it means every path that is not so. A backslash that is meant must be written twice.
Rule 2: a line without an owner says nothing. A line that cannot be read is told as such: it might have named the path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from quarterdeck.sources.forge.patterns import Pattern, PatternError, expression

PLACES: Final = ("CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS", ".forgejo/CODEOWNERS")
"""Where it may lie, in the order in which a forge looks for it. Only Forgejo knows the last one."""
MOST: Final = 500
"""Lines that are read."""


class Rule(NamedTuple):
    """A line that names owners."""

    text: str
    """How it is written, without the owners."""
    pattern: Pattern
    negated: bool

    def covers(self, path: str) -> bool:
        """Whether a path is owned by this line."""
        return self.pattern.matches(path) is not self.negated


class Owned(NamedTuple):
    """What a whole file says."""

    rules: tuple[Rule, ...]
    whole: bool
    """Whether every line could be read."""


NOBODY: Final = Owned((), whole=True)
"""What no file at all says."""


def parse(text: str) -> Owned:
    """Read a file; nothing that stands in one makes this fail."""
    rules, whole = list[Rule](), True
    for number, line in enumerate(text.splitlines()):
        if number >= MOST:
            return Owned(tuple(rules), whole=False)
        what, *owners = _tokens(line) or ("",)
        if owners:
            try:
                rules.append(Rule(what, expression(f"^{what.removeprefix('!')}$"), what.startswith("!")))
            except PatternError:
                whole = False
    return Owned(tuple(rules), whole)


def _tokens(line: str) -> tuple[str, ...]:
    """Divide a line at its spaces, up to a comment; a backslash takes the meaning of the sign behind it, and goes."""
    return tuple("".join(word) for word in _words(line.strip().replace("\t", " ")) if word)


def _words(line: str) -> Iterator[list[str]]:
    word: list[str] = []
    escaped = False
    for sign in line:
        if escaped or sign not in "\\# ":
            word.append(sign)
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == "#":
            break
        else:
            yield word
            word = []
    yield word
