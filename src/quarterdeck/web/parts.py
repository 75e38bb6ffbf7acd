"""A page in parts, and what is different between two renderings of it.

Rule 1: a part is an element with an id. What changed is told as the smallest parts that hold it; the rest of a page
        that somebody is reading is not touched.
Rule 2: that a reading was made anew is no change of what it says. When it was seen and how long it lives
        (``data-seen``, ``data-expires``, ``data-age-of``, ``data-when``, ``data-now``: milliseconds since 1970) goes
        out as numbers, old to new, for all elements that carry them; the page writes the words of an age itself.
Rule 3: where that cannot be said truly, a part goes out whole; where no part can be named, the page does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

TAG: Final = re.compile(r"<(/?)([a-zA-Z][\w-]*)([^>]*)>")
ID: Final = re.compile(r'(?:^|\s)id="([^"]*)"')
TITLE: Final = re.compile(r"<title>[^<]*</title>")
BODY: Final = re.compile(r"<body\b[^>]*>(.*)</body>", re.DOTALL)
ALONE: Final = frozenset(
    "area base br col embed hr img input link meta path circle use rect line source track wbr".split()  # noqa: SIM905
)
MOMENTS: Final = re.compile(r'data-(expires|seen|age-of|when|now)="(\d+)"')
AGES: Final = re.compile(r'(data-(?:age-of|when|now)=""[^>]*>)[^<]*')
STATED: Final = re.compile(r'(data-now="")[^>]*')
SEEN: Final = re.compile(r'(title="[^"]*), (?:\d+ \w+ ago|just now)(?=")')

Moment = tuple[str, str]
"""What a number is about, and the number."""


@dataclass(slots=True)
class Part:
    """An element with an id: where it lies in the page, what is in it, and the parts inside."""

    id: str
    start: int
    end: int = 0
    inside: list[Part] = field(default_factory=list)
    words: str = ""
    """What it says by itself, with a mark for each part inside, without moments."""
    moments: list[Moment] = field(default_factory=list)


class Split(NamedTuple):
    """A rendering in its parts."""

    text: str
    title: str
    root: Part


class Change(NamedTuple):
    """What is different: the parts to put in place, their ids, and the moments to renew."""

    parts: tuple[tuple[str, str], ...]
    moments: dict[str, dict[str, str]]
    title: str | None


def split(page: str) -> Split:
    """Part a page by the ids in it."""
    title, body = TITLE.search(page), BODY.search(page)
    text = body[1] if body else page
    root = Part("", 0, len(text))
    _nest(text, root)
    _word(text, root)
    return Split(text, title[0] if title else "", root)


def _nest(text: str, root: Part) -> None:
    """Find the elements with an id, each inside the one around it. Of two with one id, the first has it."""
    around, known, open_ = [root], {""}, list[tuple[str, Part | None]]()
    for tag in TAG.finditer(text):
        closes, name, attributes = tag.groups()
        if closes:
            while open_:
                opened, part = open_.pop()
                if part is not None:
                    part.end = tag.end() if opened == name else tag.start()
                    around.pop()
                if opened == name:
                    break
        elif name not in ALONE and not attributes.endswith("/"):
            found = ID.search(attributes) if name != "symbol" and 'id="' in attributes else None
            part = None
            if found and found[1] not in known:
                known.add(found[1])
                part = Part(found[1], tag.start(), len(text))
                around[-1].inside.append(part)
                around.append(part)
            open_.append((name, part))


def _word(text: str, part: Part) -> None:
    """Note what a part says by itself."""
    pieces, at = list[str](), part.start
    for inner in part.inside:
        pieces += (text[at : inner.start], f"<#{inner.id}>")
        at = inner.end
        _word(text, inner)
    own = "".join((*pieces, text[at : part.end]))
    part.moments = MOMENTS.findall(own)
    if part.moments:
        own = AGES.sub(r"\1", MOMENTS.sub(r'data-\1=""', own))
        own = SEEN.sub(r"\1", STATED.sub(r"\1", own))
    part.words = own


def change(old: Split, new: Split) -> Change | None:
    """Say how to make the new page of the old one; None when it takes the whole page."""
    if old.root.words != new.root.words:
        return None
    same, differing = list[tuple[Part, Part]](), list[Part]()
    _compare(old.root, new.root, same, differing)
    moments, contrary = _moments(same)
    if any(part.id == "" for part in contrary):
        return None
    parts = [part for part in (*differing, *contrary) if not _within(part, (*differing, *contrary))]
    return Change(
        tuple((part.id, new.text[part.start : part.end]) for part in sorted(parts, key=lambda part: part.start)),
        moments,
        new.title if new.title != old.title else None,
    )


def _compare(old: Part, new: Part, same: list[tuple[Part, Part]], differing: list[Part]) -> None:
    if old.words != new.words:
        differing.append(new)
        return
    same.append((old, new))
    for before, after in zip(old.inside, new.inside, strict=True):
        _compare(before, after, same, differing)


def _within(part: Part, parts: tuple[Part, ...]) -> bool:
    return any(other is not part and other.start <= part.start and part.end <= other.end for other in parts)


def _moments(same: list[tuple[Part, Part]]) -> tuple[dict[str, dict[str, str]], list[Part]]:
    """Say what each old moment has become, and name the parts in which the same one has become something else."""
    votes: dict[Moment, dict[str, int]] = {}
    for before, after, _ in _pairs(same):
        counts = votes.setdefault(before, {})
        counts[after[1]] = counts.get(after[1], 0) + 1
    became = {before: max(counts, key=lambda value: counts[value]) for before, counts in votes.items()}
    contrary = {id(part): part for before, after, part in _pairs(same) if became[before] != after[1]}
    told: dict[str, dict[str, str]] = {}
    for (name, old), new in became.items():
        if new != old:
            told.setdefault(name, {})[old] = new
    return told, list(contrary.values())


def _pairs(same: list[tuple[Part, Part]]) -> Iterator[tuple[Moment, Moment, Part]]:
    for before, after in same:
        for was, now in zip(before.moments, after.moments, strict=True):
            yield was, now, after
