"""Patterns over paths: regular expressions of Go, and globs, which are written as such.

Rule 1: whoever may push to a repository writes them. RE2 matches them, which never goes back: the time grows with the
        path and with nothing else, and a pattern that would need much memory is refused.
Rule 2: they mean what they mean on the forge: it is written in Go, whose expressions are RE2's. What is refused there
        is refused here and never guessed at: a rule that cannot be read makes a path doubtful, not harmless.
Rule 3: many patterns are held against many paths. All of them together are held against a path first, since most paths
        are of no interest to any. A path that is too long for a large pattern is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]  # it brings no types

LONGEST: Final = 1_000
DEEPEST: Final = 20
"""Braces within braces of a glob."""
MEMORY: Final = 1 << 20
"""Bytes that one pattern may need."""
TOGETHER: Final = 8 << 20
"""Bytes that many patterns may need together."""
MANY: Final = 2
STEPS: Final = 20_000_000
"""Signs of a path times parts of a pattern: so much is read in some tenths of a second at the worst."""


class PatternError(ValueError):
    """A pattern that is wrong, or that asks for too much."""


class Pattern:
    """A pattern that can be held against paths."""

    __slots__ = ("_found", "_parts", "text")

    def __init__(self, text: str, longest: int = LONGEST, memory: int = MEMORY) -> None:
        if len(text) > longest:
            raise PatternError(f"is longer than {longest} signs")
        options = re2.Options()
        options.log_errors, options.max_mem = False, memory
        try:
            self._found = re2.compile(text.encode(), options)
        except (re2.error, UnicodeError) as error:
            raise PatternError("is no expression of Go, or too large a one") from error
        self.text, self._parts = text, self._found.programsize

    def fits(self, path: str) -> bool:
        """Whether it can be held against so long a path."""
        return bool(len(path) * self._parts <= STEPS)

    def matches(self, path: str) -> bool:
        """Whether it stands for a path.

        Raises:
            PatternError: when the path is too long for it.
        """
        if not self.fits(path):
            raise PatternError("is too large for so long a path")
        return bool(self._found.search(path.encode("utf-8", "replace")))


class Patterns:
    """Several patterns, of which the first that stands for a path is looked for."""

    __slots__ = ("_all", "_together")

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._all, self._together = patterns, _together(tuple(each.text for each in patterns))

    def first(self, path: str, may_go_on: Callable[[], bool]) -> int | None:
        """Return which is the first that stands for a path; None when there is none.

        Raises:
            PatternError: when one of them cannot be held against it, or when it may not be gone on.
        """
        if self._together is not None and self._together.fits(path) and not self._together.matches(path):
            return None
        for number, pattern in enumerate(self._all):
            if not may_go_on():
                raise PatternError("comes too late")
            if pattern.matches(path):
                return number
        return None


@lru_cache(maxsize=4)
def _together(texts: tuple[str, ...]) -> Pattern | None:
    """Return one pattern that stands for whatever one of several stands for; None where that cannot be written."""
    if len(texts) < MANY or any(r"\Q" in text for text in texts):  # what is quoted may have no end
        return None
    try:
        return Pattern("|".join(f"(?:{text})" for text in texts), TOGETHER, TOGETHER)
    except PatternError:
        return None
    finally:
        re2.purge()  # it would hold on to what it compiled


def expression(text: str) -> Pattern:
    """Return a regular expression of Go; it is looked for anywhere in a path, unless it says where it must stand.

    Raises:
        PatternError: when it is none, or too large.
    """
    return Pattern(text)


def glob(text: str, between: str = "/") -> Pattern:
    """Return a glob over whole paths, whatever the size of their letters.

    ``*`` and ``?`` stop at the signs of ``between``; ``**`` does not stop.

    Raises:
        PatternError: when it is none.
    """
    written, rest = _glob(text[: LONGEST + 1], 0, between, depth=0)
    if rest < len(text):
        raise PatternError("has a bracket too many")
    return Pattern(rf"(?is)\A(?:{written})\z")


def _glob(text: str, at: int, between: str, *, depth: int) -> tuple[str, int]:
    """Write a glob as an expression, up to its end or up to the end of one of several in braces."""
    inner = f"[^{re2.escape(between)}]"
    written = ""
    while at < len(text) and not (depth and text[at] in ",}"):
        sign = text[at]
        if text.startswith("**/", at) and between == "/" and (at == 0 or text[at - 1] == "/"):
            written, at = f"{written}(?:.*/)?", at + 3
        elif text.startswith("**", at):
            written, at = f"{written}.*", at + 2
        elif sign in "*?":
            written, at = written + inner + sign.replace("?", ""), at + 1
        elif sign in "[{":
            part, at = _class(text, at) if sign == "[" else _either(text, at, between, depth=depth + 1)
            written += part
        else:
            at += sign == "\\"
            if at >= len(text):
                raise PatternError("ends too soon")
            written, at = written + re2.escape(text[at]), at + 1
    return written, at


def _either(text: str, at: int, between: str, *, depth: int) -> tuple[str, int]:
    """Write several in braces."""
    if depth > DEEPEST:
        raise PatternError("is nested too deeply")
    parts = []
    while text[at : at + 1] != "}":
        if at >= len(text):
            raise PatternError("has an open bracket")
        part, at = _glob(text, at + 1, between, depth=depth)
        parts.append(part)
    return f"(?:{'|'.join(parts)})", at + 1


def _class(text: str, at: int) -> tuple[str, int]:
    """Write one of several signs; its spans are as they are, and all other signs are only themselves."""
    negated = text[at + 1 : at + 2] in {"!", "^"}
    begin = at + 1 + negated
    end = text.find("]", begin + 1)
    if end < 0:
        raise PatternError("has an open bracket")
    spans = "".join(sign if sign == "-" else re2.escape(sign) for sign in text[begin:end])
    return f"[{'^' if negated else ''}{spans}]", end + 1
