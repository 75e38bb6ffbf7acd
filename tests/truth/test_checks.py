"""Which checks a pull request must pass."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.checks import answers
from quarterdeck.truth.forge import Check
from quarterdeck.truth.reviews import class_of
from tests.truth.cast import NOW
from tests.truth.pulls import RULE, judged, readings

GLOBS = [
    ("ci/build", "ci/build", True),
    ("ci/build", "ci/build2", False),
    ("ci/*", "ci/build / linux (push)", True),
    ("*", "anything/at/all", True),
    ("**", "anything/at/all", True),
    ("ci/?", "ci/a", True),
    ("ci/?", "ci/ab", False),
    ("ci/[ab]", "ci/b", True),
    ("ci/[!ab]", "ci/b", False),
    ("ci/[!ab]", "ci/c", True),
    ("CI/build", "ci/build", False),
    ("{lint,test}/*", "test/unit", True),
    ("{lint,test}/*", "deploy/unit", False),
    ("{a,b}{c,d}", "bd", True),
    ("{a,b}{c,d}", "b", False),
    (r"ci/\*", "ci/*", True),
    (r"ci/\*", "ci/build", False),
    (r"ci/\{a", "ci/{a", True),
    ("ci/{a", "ci/{a", True),
    ("ci/build [linux]", "ci/build [linux]", True),
    ("ci/", "ci/", True),
    ("", "", True),
    ("", "ci/build", False),
    ("\\", "\\", True),
    ("{a,b}" * 9, "ab" * 4 + "a", False),
]


@pytest.mark.parametrize(("glob", "context", "expected"), GLOBS)
def test_a_check_answers_to_a_glob_as_the_forge_reads_it(glob: str, context: str, expected: bool) -> None:
    """Stars cross slashes, letters count, alternatives and escapes are read; what is too wide answers to nothing."""
    assert answers(glob, context) is expected


@settings(max_examples=300)
@given(st.text("a*?[]{},!\\/-", max_size=60), st.text("a*?[]{},!\\/-", max_size=60))
def test_any_glob_has_an_answer(glob: str, context: str) -> None:
    """No glob raises, whatever is in it, and every context answers to itself."""
    answers(glob, context)
    assert answers(context, context)


def test_a_glob_made_to_take_for_ever_takes_no_time() -> None:
    """A glob of a hundred stars over a context that almost fits costs no more than a blink."""
    began = time.process_time()
    assert not answers("*a" * 99 + "b", "a" * 200)
    assert not answers("*?" * 99 + "b", "a" * 200)
    assert time.process_time() - began < 0.5


LONG = "ci/" + "x" * 200


@pytest.mark.parametrize(
    ("asked", "context"),
    [(f"{LONG} windows", f"{LONG} linux"), (LONG[:200], f"{LONG} linux"), ("ci/*", f"{LONG} linux")],
)
def test_names_of_which_only_a_part_can_be_held_are_taken_for_no_others(asked: str, context: str) -> None:
    """A check is not met by another whose name begins as its own does: it is not known whether it is met."""
    told = readings({G.PULL_RULE: RULE._replace(checks=(asked,)), G.PULL_CHECKS: (Check(context, "success", NOW),)})
    assert class_of(judged(told)) == "unknown"
