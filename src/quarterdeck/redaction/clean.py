"""The one way through the rules: a text goes in, and comes out with marks where something was.

Rule 1: what a rule finds is masked whole. Where findings overlap, all that they cover is masked once.
Rule 2: a text that is clean stays as it is, to the letter, and cleaning twice is cleaning once.
Rule 3: whatever the text is, this ends soon and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from quarterdeck.redaction.exact import NOTHING_KNOWN, KnownValues
from quarterdeck.redaction.marks import mark
from quarterdeck.redaction.rules import BASE64, DISCORD, REST, RULES, Rule, compiled, decoded

ROUNDS: Final = 8
"""A mark may bring together what was apart before: so often it is looked again."""

SHORTEST: Final = 8
LOOKS_BACK: Final = 32
HINTS: Final = tuple((hint, rule) for rule in RULES for hint in rule.hints)
ESCAPES: Final = ("\\n", "\\r", "\\t", "\\b", "\\f")


class Span(NamedTuple):
    """From where to where something stands, and by which rule."""

    begin: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is masked in a text, and under which key it is named."""

    secrets: bool = True
    pii: bool = False
    known: KnownValues = NOTHING_KNOWN
    """The exact values that must not be seen, in whatever form."""
    key: bytes | None = field(default=None, repr=False)


MASKING: Final = Redaction()
"""What holds where nobody decided otherwise."""


def clean(text: str, policy: Redaction = MASKING) -> str:
    """Return a text with what the policy does not let through masked."""
    for _ in range(ROUNDS):
        spans = _merged(find(text, policy))
        if not spans:
            break
        text = _masked(text, spans, policy.key or policy.known.key)
    return text


def holds_secret(text: str) -> bool:
    """Whether anything in a text looks like a credential."""
    return len(text) >= SHORTEST and next(_by_rules(text), None) is not None


def find(text: str, policy: Redaction = MASKING) -> Iterator[Span]:
    """Return where something stands that the policy does not let through, in no order."""
    if len(policy.known):
        yield from (Span(begin, end, "known") for begin, end in policy.known.find(text))
    if policy.secrets and len(text) >= SHORTEST:
        yield from _by_rules(text)
    if policy.pii:
        from quarterdeck.redaction import pii  # noqa: PLC0415 -- seldom asked for, and dear to load

        yield from (Span(*found) for found in pii.find(text))


def _by_rules(text: str) -> Iterator[Span]:
    yield from _plain(text)
    for found in compiled(BASE64).finditer(text):
        begin, end = found.span()
        told = decoded(found[0])
        if told is not None and (next(_plain(told), None) or compiled(DISCORD).search(told)):
            yield Span(begin, end, "base64")
        elif text[end : end + 1] == ".":
            yield from _bot(text, begin)


def _bot(text: str, begin: int) -> Iterator[Span]:
    """A bot's token begins its run of signs, but for the letter of an escape that may stand before it."""
    for at in (begin, begin + 1):
        found = compiled(DISCORD).match(text, at)
        if found is not None and (at == begin or text[begin - 1 : at] in ESCAPES):
            yield Span(at, found.end(), "discord_bot")
            return


def find_by_rule(text: str, rule: Rule) -> Iterator[Span]:
    """Return where one rule holds."""
    folded = _folded(text)
    for hint in rule.hints:
        yield from _at(text, folded, rule, hint)


def _plain(text: str) -> Iterator[Span]:
    folded = _folded(text)
    for hint, rule in HINTS:
        if hint in folded:
            yield from _at(text, folded, rule, hint)


def _folded(text: str) -> str:
    """Return a text in small letters, each sign where it was."""
    folded = text.lower()  # one letter of Turkish becomes two when it is made small
    return folded if len(folded) == len(text) else text.replace("\u0130", "I").lower()


def _at(text: str, folded: str, rule: Rule, hint: str) -> Iterator[Span]:
    """Try a rule wherever one of its literals stands."""
    pattern = compiled(rule.pattern)
    at = folded.find(hint)
    while at >= 0:
        span = None
        if not rule.whole or _begins(text, at):
            found = pattern.match(text, at)
            if found is not None and (rule.check is None or rule.check(found)):
                span = _span(text, at, rule, found)
        if span is not None:
            yield span
        at = folded.find(hint, at + 1 if span is None else span.end)


def _span(text: str, at: int, rule: Rule, found: re.Match[str]) -> Span | None:
    """Return what of a match is masked; nothing when what must stand before it does not."""
    part = "s" if "s" in found.re.groupindex else 0
    begin, end = found.span(part)
    if rule.behind is not None:
        before = compiled(rule.behind).search(text[max(0, at - LOOKS_BACK) : at])
        if before is None:
            return None
        begin -= 0 if part else len(before[0])
    if rule.check is not None and end == found.end():
        rest = compiled(REST).match(text, end)
        end = end if rest is None else rest.end()
    return Span(begin, end, rule.name)


def _begins(text: str, at: int) -> bool:
    """Whether a word begins here: behind no letter or digit, or behind one that only writes another sign."""
    before = text[at - 1 : at]
    if not (before.isascii() and before.isalnum()):
        return True
    return text[max(0, at - 2) : at] in ESCAPES or (
        text[max(0, at - 3) : at - 2] == "%" and all(c in "0123456789abcdefABCDEF" for c in text[at - 2 : at])
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Put together what overlaps, under the name of what begins first."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.begin, -each.end)):
        if merged and span.begin < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _masked(text: str, spans: Iterable[Span], key: bytes | None) -> str:
    parts, at = [], 0
    for begin, end, rule in spans:
        parts += [text[at:begin], mark(rule, text[begin:end], key)]
        at = end
    return "".join((*parts, text[at:]))
