"""What people write in titles, texts, labels and names of branches, as far as it means something here.

Rule 1: what closes an issue is read as the forge reads it: the word, at most a colon, exactly one space, the number.
        Code, comments that are not shown and the text of links say nothing.
Rule 2: of a text nothing is kept but what it names.
Rule 3: every pattern here reads a text in a time that grows with it, and no text is read beyond a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from quarterdeck.truth.shapes import IDENT

LONGEST: Final = 100_000
"""Signs of a text that are read."""
MOST: Final = 100
"""Issues that one text may close."""

WORD: Final = r"(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"
PART: Final = r"[0-9A-Za-z_.-]{1,100}"
CLOSING: Final = re.compile(
    rf"(?i:(?:(?<=\s)|(?<=^)|(?<=[(\[])){WORD}):?[ ]"
    rf"(?P<repo>{PART}/{PART})?(?P<sign>[#!])(?P<number>[0-9]{{1,10}})"
    r"(?=$|[\s)\]'\"]|[:;,.?!](?:\s|$))"
)
ADDRESS: Final = re.compile(
    rf"(?P<base>https?://[^\s/]{{1,200}}(?:/[^\s/]{{1,100}}){{0,2}})/(?P<repo>{PART}/{PART})/(?:issues|pulls)/(?P<number>[0-9]{{1,10}})"
)
HIDDEN: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
CODE: Final = re.compile(r"(?<!`)(`{1,5})(?!`)[^`]*?(?<!`)\1(?!`)")
LINK: Final = re.compile(r"!?\[[^\[\]\n]{0,500}\]\([^()\n]{0,1000}\)")
FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
EXPLAINS: Final = re.compile(r"(?i)\b(?:blocked (?:by|on)|depends on|waiting (?:for|on)|waits for)\b[ \t]*+\S")
"""The blanks are not given back: whoever writes a row of them would have each divided in every way there is."""


def closes(title: str, body: str, full_name: str, base: str) -> tuple[str, ...]:
    """Return the issues that a pull request says it closes, as refs: of its own repository where it names none.

    ``base`` is where a person opens the forge: a title may name an issue by its address.
    """
    texts = (_with_refs(title[:LONGEST], base), shown(body))
    found = dict.fromkeys(ref for text in texts for ref in _closed(text, full_name))
    return tuple(found)[:MOST]


def explains(body: str) -> bool:
    """Whether the text of an issue says what it waits for."""
    return EXPLAINS.search(shown(body)) is not None


def shown(body: str) -> str:
    """Return what of a text in Markdown is shown as plain text."""
    text = HIDDEN.sub(" ", body[:LONGEST])
    return LINK.sub("\n", CODE.sub("\n", "\n".join(_outside_code(text))))


def sayings(labels: Iterable[str], meaning: Mapping[str, str]) -> tuple[str, ...]:
    """Return what labels say of a lane, one word for each label that says something."""
    return tuple(meaning[name] for label in labels if (name := label.lower()) in meaning)


def is_draft(title: str, prefixes: Iterable[str]) -> bool:
    """Whether a title says that a pull request is not done."""
    return title.upper().startswith(tuple(prefix.upper() for prefix in prefixes if prefix))


def claimed(branch: str, form: str) -> int | None:
    """Return the number of the issue that a branch claims by its name."""
    found = _form(form).fullmatch(branch)
    return None if found is None else int(found[1])


@lru_cache(maxsize=64)
def _form(form: str) -> re.Pattern[str]:
    before, _, after = form.partition("{number}")
    return re.compile(f"{re.escape(before)}([1-9][0-9]{{0,8}}){re.escape(after)}")


def _closed(text: str, full_name: str) -> Iterator[str]:
    for found in CLOSING.finditer(text):
        ref = f"{found['repo'] or full_name}#{int(found['number'])}"
        if found["sign"] == "#" and IDENT.fullmatch(ref):  # the other sign is for pull requests
            yield ref


def _with_refs(title: str, base: str) -> str:
    """Return a title with addresses of this forge written as refs."""
    return ADDRESS.sub(lambda found: f"{found['repo']}#{found['number']}" if found["base"] == base else found[0], title)


def _outside_code(text: str) -> Iterator[str]:
    """Return the lines that stand in no block of code."""
    fence, before = "", ""
    for line in text.splitlines():
        opened = FENCE.match(line)
        if fence:
            fence = "" if opened and opened[1].startswith(fence) and not line.strip(" `~") else fence
        elif opened:
            fence = opened[1]
        elif before or not line.startswith(("    ", "\t")):  # indented behind a line of text, it goes on with it
            yield line
            before = line.strip()
            continue
        before = ""
