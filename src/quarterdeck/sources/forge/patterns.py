"""Patterns over paths: regular expressions of Go, and globs, which are written as such.

Rule 1: whoever may push to a repository writes them. RE2 matches them, which never goes back: the time grows with the
        path and with nothing else, and a pattern that would need much memory is refused.
Rule 2: they mean what they mean on the forge: it is written in Go, whose expressions are RE2's. What is refused there
        is refused here and never guessed at: a rule that cannot be read makes a path doubtful, not harmless.
"""

from __future__ import annotations

from typing import Final

import re2  # type: ignore[import-untyped]  # it brings no types

LONGEST: Final = 1_000
DEEPEST: Final = 20
"""Braces within braces of a glob."""
MEMORY: Final = 1 << 20
"""Bytes that one pattern may need."""


class PatternError(ValueError):
    """A pattern that is wrong, or that asks for too much."""


class Pattern:
    """A pattern that can be held against paths."""

    __slots__ = ("_found",)

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise PatternError(f"is longer than {LONGEST} signs")
        options = re2.Options()
        options.log_errors, options.max_mem = False, MEMORY
        try:
            self._found = re2.compile(text.encode(), options)
        except (re2.error, UnicodeError) as error:
            raise PatternError("is no expression of Go, or too large a one") from error

    def matches(self, path: str) -> bool:
        """Whether it stands for a path."""
        return bool(self._found.search(path.encode("utf-8", "replace")))


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
