"""Patterns over paths, matched in a time that grows with the path and with nothing else.

Rule 1: whoever may push to a repository writes them, so matching never goes back: a path is read once, sign by sign.
Rule 2: they mean what they mean on the forge, which is written in Go. What is not understood here is refused and never
        guessed at: a rule that cannot be read makes a path doubtful, not harmless.
Rule 3: a pattern has a length and a size, and so has what is remembered of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

LONGEST: Final = 1_000
LARGEST: Final = 4_000
"""States of a pattern, at most: what ``{1000}`` of ``{1000}`` would need is refused."""
DEEPEST: Final = 50
REPEATS: Final = 1_000
REMEMBERED: Final = 20_000
"""Steps that are remembered of one pattern; beyond that they are found anew."""

Spans: TypeAlias = tuple[tuple[str, str], ...]

DIGITS: Final[Spans] = (("0", "9"),)
WORDS: Final[Spans] = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACES: Final[Spans] = (("\t", "\n"), ("\f", "\r"), (" ", " "))
PERL: Final = {"d": DIGITS, "w": WORDS, "s": SPACES}
POSIX: Final[dict[str, Spans]] = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "digit": DIGITS,
    "lower": (("a", "z"),),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (("A", "Z"),),
    "word": WORDS,
    "xdigit": (("0", "9"), ("A", "F"), ("a", "f")),
}
CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
MARKS: Final = frozenset("\\.+*?()|[]{}^$/-_#@!\"'%&,:;<=>~` ")

FLAGS: Final = {"i": "folded", "s": "all_signs"}
FOREIGN: Final = "uses something of which this deck does not know what it means"


class PatternError(ValueError):
    """A pattern that is wrong, or that asks for more than is understood here."""


class OneOf(NamedTuple):
    """One sign, of some spans or of all others."""

    spans: Spans
    negated: bool = False
    folded: bool = False

    def takes(self, sign: str) -> bool:
        """Whether it is this sign."""
        signs = {sign, sign.lower(), sign.upper()} if self.folded else {sign}
        return any(low <= each <= high for low, high in self.spans for each in signs) is not self.negated


class Edge(NamedTuple):
    """The begin or the end of the text."""

    end: bool


class Row(NamedTuple):
    """Several parts, one after the other."""

    parts: tuple[Part, ...]


class Either(NamedTuple):
    """One of several parts."""

    parts: tuple[Part, ...]


class Times(NamedTuple):
    """A part, several times; ``most`` is None for as often as one likes."""

    part: Part
    least: int
    most: int | None


Part: TypeAlias = OneOf | Edge | Row | Either | Times
ANY: Final = OneOf((), negated=True)


class _Flags(NamedTuple):
    folded: bool = False
    all_signs: bool = False


class _Reader:
    """Reads an expression in the syntax of Go."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise PatternError(f"is longer than {LONGEST} signs")
        self._text, self._at, self._depth, self._flags = text, 0, 0, _Flags()

    def read(self) -> Part:
        part = self._either()
        if self._at < len(self._text):
            raise PatternError("has a bracket too many")
        return part

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        sign = self._peek()
        if not sign:
            raise PatternError("ends too soon")
        self._at += 1
        return sign

    def _eat(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _either(self) -> Part:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PatternError("is nested too deeply")
        parts = [self._row()]
        while self._eat("|"):
            parts.append(self._row())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _row(self) -> Part:
        parts: list[Part] = []
        while (sign := self._peek()) and sign not in "|)":
            part = self._atom()
            if part is not None:
                parts.append(self._repeated(part))
        return Row(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        bounds = self._bounds()
        if bounds is None:
            return part
        self._eat("?")
        if self._bounds() is not None:
            raise PatternError("repeats a repetition")
        return Times(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._eat(sign):
                return bounds
        end = self._text.find("}", self._at)
        if self._peek() != "{" or end < 0:
            return None
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if not (_is_number(low) and (not high or _is_number(high))):
            return None  # a brace that counts nothing is a sign like any other
        least, most = int(low), int(high) if high else (None if comma else int(low))
        if least > REPEATS or (most is not None and not least <= most <= REPEATS):
            raise PatternError("repeats something too often")
        self._at = end + 1
        return least, most

    def _atom(self) -> Part | None:
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class()
        if sign == "\\":
            return self._escape()
        if sign in "*+?":
            raise PatternError("repeats nothing")
        if sign == ".":
            return ANY if self._flags.all_signs else OneOf((("\n", "\n"),), negated=True)
        if sign in "^$":
            return Edge(sign == "$")
        return self._one(((sign, sign),))

    def _one(self, spans: Spans, *, negated: bool = False) -> OneOf:
        return OneOf(spans, negated, self._flags.folded)

    def _group(self) -> Part | None:
        """Read what is in brackets; None for flags that hold from here on."""
        before = self._flags
        if self._eat("?P<"):
            self._at = self._text.find(">", self._at) + 1 or len(self._text)
        elif self._eat("?") and not self._set_flags():
            return None
        part = self._either()
        if not self._eat(")"):
            raise PatternError("has an open bracket")
        self._flags = before
        return part

    def _set_flags(self) -> bool:
        """Read flags; whether they are for the group that they begin, and no other."""
        on = True
        while (sign := self._next()) not in ":)":
            if sign == "-":
                on = False
            elif sign in FLAGS:
                self._flags = self._flags._replace(**{FLAGS[sign]: on})
            else:
                raise PatternError(FOREIGN)
        return sign == ":"

    def _escape(self) -> Part:
        sign = self._next()
        if sign.lower() in PERL:
            return self._one(PERL[sign.lower()], negated=sign.isupper())
        if sign in "Az":
            return Edge(sign == "z")
        literal = self._literal(sign)
        return self._one(((literal, literal),))

    def _literal(self, sign: str) -> str:
        if sign in CONTROLS or sign in MARKS:
            return CONTROLS.get(sign, sign)
        raise PatternError(FOREIGN)

    def _class(self) -> Part:
        negated = self._eat("^")
        spans: list[tuple[str, str]] = []
        first = True
        while first or self._peek() != "]":
            first = False
            if self._eat("[:"):
                name, _, _ = self._text[self._at :].partition(":]")
                if name not in POSIX:
                    raise PatternError("names a class of signs that there is not")
                self._at += len(name) + 2
                spans += POSIX[name]
            elif self._peek() == "\\" and self._text[self._at + 1 : self._at + 2] in PERL:
                self._at += 2
                spans += PERL[self._text[self._at - 1]]
            else:
                spans.append(self._span())
        self._at += 1
        return self._one(tuple(spans), negated=negated)

    def _span(self) -> tuple[str, str]:
        low = self._class_sign()
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in {"]", ""}:
            return low, low
        self._at += 1
        high = self._class_sign()
        if high < low:
            raise PatternError("has a span that runs backwards")
        return low, high

    def _class_sign(self) -> str:
        sign = self._next()
        return self._literal(self._next()) if sign == "\\" else sign


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(REPEATS))


class _Step(NamedTuple):
    """One state of the machine: what it takes, and where it goes on."""

    takes: OneOf | Edge | None
    to: tuple[int, ...]


DONE: Final = 0
States: TypeAlias = frozenset[int]


class Pattern:
    """A pattern that can be held against paths; all of a path must be as it says."""

    def __init__(self, part: Part) -> None:
        """Make a machine of it.

        Raises:
            PatternError: when that would be too large.
        """
        self._steps: list[_Step] = [_Step(None, ())]
        self._first = frozenset({self._build(part, DONE)})
        self._known: dict[tuple[States, str], States] = {}

    def matches(self, text: str) -> bool:
        """Whether a text is as the pattern says, from its begin to its end."""
        states, begin = self._first, True
        for sign in text:
            states = self._after(states, sign, begin=begin)
            if not states:
                return False
            begin = False
        return DONE in self._closed(states, begin=begin, end=True)

    def _after(self, states: States, sign: str, *, begin: bool) -> States:
        key = (states, sign)
        found = None if begin else self._known.get(key)
        if found is None:
            steps = (self._steps[state] for state in self._closed(states, begin=begin, end=False))
            found = frozenset(step.to[0] for step in steps if isinstance(step.takes, OneOf) and step.takes.takes(sign))
            if not begin and len(self._known) < REMEMBERED:
                self._known[key] = found
        return found

    def _closed(self, states: Iterable[int], *, begin: bool, end: bool) -> set[int]:
        """Return the states that are reached without taking a sign."""
        seen, ahead = set[int](), list(states)
        while ahead:
            state = ahead.pop()
            if state in seen:
                continue
            seen.add(state)
            takes, to = self._steps[state]
            if takes is None or (isinstance(takes, Edge) and (end if takes.end else begin)):
                ahead += to
        return seen

    def _add(self, takes: OneOf | Edge | None, *to: int) -> int:
        if len(self._steps) >= LARGEST:
            raise PatternError("is too large")
        self._steps.append(_Step(takes, to))
        return len(self._steps) - 1

    def _build(self, part: Part, then: int) -> int:
        """Add the states of a part that goes on at ``then``; return its first one."""
        if isinstance(part, OneOf | Edge):
            return self._add(part, then)
        if isinstance(part, Either):
            return self._add(None, *[self._build(each, then) for each in part.parts])
        if isinstance(part, Row):
            for each in reversed(part.parts):
                then = self._build(each, then)
            return then
        return self._repeat(part, then)

    def _repeat(self, times: Times, then: int) -> int:
        if times.most is None:
            loop = self._add(None)
            self._steps[loop] = _Step(None, (self._build(times.part, loop), then))
            then = loop
        else:
            end = then
            for _ in range(times.most - times.least):
                then = self._add(None, self._build(times.part, then), end)
        for _ in range(times.least):
            then = self._build(times.part, then)
        return then


def expression(text: str) -> Pattern:
    """Return a regular expression of Go; it is looked for anywhere in a path, unless it says where it must stand.

    Raises:
        PatternError: when it is none, or asks for more than is understood.
    """
    anything = Times(ANY, 0, None)
    return Pattern(Row((anything, _Reader(text).read(), anything)))


def glob(text: str, between: str = "/") -> Pattern:
    """Return a glob over whole paths, whatever the size of their letters.

    ``*`` and ``?`` stop at the signs of ``between``; ``**`` does not stop.

    Raises:
        PatternError: when it is none.
    """
    if len(text) > LONGEST:
        raise PatternError(f"is longer than {LONGEST} signs")
    parts, rest = _glob(text, 0, between, depth=0)
    if rest < len(text):
        raise PatternError("has a bracket too many")
    return Pattern(parts)


def _glob(text: str, at: int, between: str, *, depth: int) -> tuple[Part, int]:
    """Read a glob up to its end, or up to the end of one of several in braces."""
    inner = OneOf(tuple((each, each) for each in between), negated=True)
    parts: list[Part] = []
    while at < len(text) and not (depth and text[at] in ",}"):
        if text.startswith("**/", at) and between == "/" and (at == 0 or text[at - 1] == "/"):
            parts.append(Times(Row((Times(ANY, 0, None), OneOf((("/", "/"),)))), 0, 1))
            at += 3
        elif text.startswith("**", at):
            parts.append(Times(ANY, 0, None))
            at += 2
        elif text[at] in "*?":
            parts.append(Times(inner, 0, None) if text[at] == "*" else inner)
            at += 1
        elif text[at] == "[":
            part, at = _glob_class(text, at)
            parts.append(part)
        elif text[at] == "{":
            part, at = _glob_either(text, at, between, depth=depth + 1)
            parts.append(part)
        else:
            at += text[at] == "\\"
            if at >= len(text):
                raise PatternError("ends too soon")
            parts.append(OneOf(((text[at], text[at]),), folded=True))
            at += 1
    return Row(tuple(parts)), at


def _glob_either(text: str, at: int, between: str, *, depth: int) -> tuple[Part, int]:
    if depth > DEEPEST:
        raise PatternError("is nested too deeply")
    parts: list[Part] = []
    while text[at : at + 1] != "}":
        if at >= len(text):
            raise PatternError("has an open bracket")
        part, at = _glob(text, at + 1, between, depth=depth)
        parts.append(part)
    return Either(tuple(parts)), at + 1


def _glob_class(text: str, at: int) -> tuple[Part, int]:
    negated = text[at + 1 : at + 2] in {"!", "^"}
    begin = at + 1 + negated
    end = text.find("]", begin + 1)
    if end < 0:
        raise PatternError("has an open bracket")
    return OneOf(tuple(_glob_spans(text[begin:end])), negated, folded=True), end + 1


def _glob_spans(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            yield text[at], text[at + 2]
            at += 3
        else:
            yield text[at], text[at]
            at += 1
