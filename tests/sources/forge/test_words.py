"""What titles, texts, labels and branches say, as the forge reads them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.forge import words
from quarterdeck.truth.watched import SAYINGS

HERE = "https://git.example.com"


def closes(body: str, title: str = "A change") -> tuple[str, ...]:
    """What a pull request of ``acme/tools`` closes."""
    return words.closes(title, body, "acme/tools", HERE)


@pytest.mark.parametrize(
    "word", ["close", "closes", "closed", "Fix", "FIXES", "fixed", "resolve", "resolves", "resolved"]
)
def test_each_word_that_closes(word: str) -> None:
    """All nine words close, in whatever letters, with and without a colon."""
    assert closes(f"{word} #7") == closes(f"{word}: #7") == closes("", f"{word} #7") == ("acme/tools#7",)


@pytest.mark.parametrize(
    ("body", "refs"),
    [
        ("Closes #1, #2", ("acme/tools#1",)),
        ("Closes #1 and closes acme/site#2.", ("acme/tools#1", "acme/site#2")),
        ("(fixes #3)", ("acme/tools#3",)),
        ("line\nfixes #3\nline", ("acme/tools#3",)),
        ("fixes #3 fixes #3", ("acme/tools#3",)),
        ("prefixes #3", ()),
        ("closes  #3", ()),
        ("closes #3x", ()),
        ("closes#3", ()),
        ("closing #3", ()),
        ("see #3", ()),
        ("closes !3", ()),
        ("closes #00012", ("acme/tools#12",)),
        ("`closes #3`", ()),
        ("``a ` closes #3``", ()),
        ("```\ncloses #3\n```\nfixes #4", ("acme/tools#4",)),
        ("~~~ text\ncloses #3\n```\nfixes #4", ()),
        ("text\n\n    closes #3\n", ()),
        ("text\n    closes #3\n", ("acme/tools#3",)),
        ("<!-- closes #3 -->", ()),
        ("<!-- closes #3", ()),
        ("closes [#3](https://git.example.com/acme/tools/issues/3)", ()),
        (f"closes {HERE}/acme/tools/issues/3", ()),
    ],
)
def test_what_closes_and_what_does_not(body: str, refs: tuple[str, ...]) -> None:
    """The word, at most a colon, one space, the number; code, hidden comments and links say nothing."""
    assert closes(body) == refs


def test_a_title_may_name_an_issue_by_its_address() -> None:
    """In a title an address of this forge is the same as its number; one of another forge is not."""
    assert closes("", f"Closes {HERE}/acme/site/issues/9") == ("acme/site#9",)
    assert closes("", "Closes https://elsewhere.example/acme/site/issues/9") == ()


@pytest.mark.parametrize("text", ["`" * 50_000, "<!--" * 20_000, "[a](" * 20_000, "closes " * 15_000, "[" * 90_000,
                                  "close close: " * 9_000, "    a\n\n" * 15_000, "blocked by" + " " * 90_000,
                                  "depends on" + "\t " * 40_000 + "\n", "waits for :" * 9_000, "`a``b" * 18_000,
                                  "[](" + "b" * 90_000, "closes " + "a/" * 45_000, "```\n" * 20_000, "~`" * 40_000,
                                  "https://" + "a/" * 45_000, "https://a/https://" * 5_000])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    """Texts made to be hard to read are read soon."""
    began = time.process_time()
    closes(text, text)
    words.explains(text)
    assert time.process_time() - began < 2.0


@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    """Whatever somebody writes, what it closes are refs."""
    assert all(ref.count("#") == 1 for ref in closes(text, text))


@pytest.mark.parametrize(
    ("text", "explains"),
    [("Blocked by the move of the servers", True), ("depends on #4", True), ("Waiting for: alice", True),
     ("blocked", False), ("`blocked by #4`", False), ("", False)],
)  # fmt: skip
def test_whether_a_text_says_what_blocks(text: str, explains: bool) -> None:
    """Only words that name something explain."""
    assert words.explains(text) is explains


def test_labels_say_a_lane_each() -> None:
    """Each label that says something is told, also when two of them do not agree; all others say nothing."""
    assert words.sayings(("Status/Ready", "bug", "Blocked"), SAYINGS) == ("ready", "blocked")


def test_drafts_begin_with_what_the_settings_say() -> None:
    """Large and small letters are the same, and nothing is a draft for an empty prefix."""
    assert words.is_draft("wip: no", ("WIP:",))
    assert not words.is_draft("work", ("WIP:", ""))


@pytest.mark.parametrize(
    ("branch", "form", "number"),
    [("claim/12", "claim/{number}", 12), ("claim/12x", "claim/{number}", None), ("claim/012", "claim/{number}", None),
     ("x.12-y", "x.{number}-y", 12), ("xz12-y", "x.{number}-y", None), ("claim/" + "9" * 40, "claim/{number}", None)],
)  # fmt: skip
def test_a_claim_is_a_branch_of_that_form(branch: str, form: str, number: int | None) -> None:
    """Its number is where the form says, and nothing else is a sign of a pattern."""
    assert words.claimed(branch, form) == number
