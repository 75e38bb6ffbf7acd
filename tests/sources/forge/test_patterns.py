"""Patterns over paths: what they mean on the forge, how they are refused, and that none of them takes long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.sources.forge.patterns import LONGEST, PatternError, Patterns, expression, glob

EXPRESSIONS = [
    (r"^docs/.*$", "docs/a/b.md", True),
    (r"^docs/.*$", "src/docs/a.md", False),
    (r"^.*\.go$", "a/b.go", True),
    (r"^.*\.go$", "a/bxgo", False),
    (r"^(src|lib)/[a-z]+\.py$", "lib/abc.py", True),
    (r"^(src|lib)/[a-z]+\.py$", "lib/ab1.py", False),
    (r"^a|b$", "a/anything", True),
    (r"^a|b$", "x/b", True),
    (r"^a|b$", "x/c", False),
    (r"^*.go$", "deep/down/x.go", True),
    (r"^(?i)readme\.md$", "ReadMe.MD", True),
    (r"^(?i:readme)\.md$", "README.MD", False),
    (r"^x{2,3}$", "xx", True),
    (r"^x{2,3}$", "xxxx", False),
    (r"^x{,3}$", "x{,3}", True),
    (r"^[[:alpha:]_-]+$", "a_b-c", True),
    (r"^[^/]+$", "a/b", False),
    (r"^[\w.]+\d$", "v1.2.3", True),
    (r"^(?:a*)*$", "aaa", True),
    (r"^a??b+?$", "abb", True),
    (r"^\Aa\z$", "a", True),
    (r"^(?P<name>a)$", "a", True),
    (r"^.$", "\n", False),
    (r"^(?s).$", "\n", True),
    (r"^\.$", ".", True),
    (r"^$", "", True),
    (r"^\pL+$", "äb", True),
    (r"\bword\b", "a/word.md", True),
    (r"^\Qa.b\E$", "axb", False),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), EXPRESSIONS)
def test_an_expression_means_what_it_means_in_go(pattern: str, path: str, matches: bool) -> None:
    """Alternatives, classes, counts, flags and anchors are those of Go; it is looked for anywhere in a path."""
    assert expression(pattern).matches(path) is matches


@pytest.mark.parametrize(
    "pattern",
    ["^(", "^)$", "^[a", "^a**$", "^(+)$", "^|*$", r"^(?=a)$", r"^(?!a)$", r"^(?<=a)$", r"^(a)\1$", "^[b-a]$",
     "^a{1001}$", "^((a{100}){100}){100}$", "a" * (LONGEST + 1), "^a\\", "^[[:nothing:]]$", "^x{3,2}$"],
)  # fmt: skip
def test_what_is_wrong_or_too_large_is_refused(pattern: str) -> None:
    """What Go refuses, and what would grow beyond measure, is refused and not guessed at."""
    with pytest.raises(PatternError):
        expression(pattern)


GLOBS = [
    ("deploy/**", "deploy/a/b.yml", True),
    ("deploy/**", "deployed/a", False),
    ("**/secrets/*.env", "a/b/secrets/x.env", True),
    ("**/secrets/*.env", "secrets/x.env", True),
    ("**/secrets/*.env", "secrets/a/x.env", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("*.key", "a.key", True),
    ("*.key", "a/b.key", False),
    ("?.key", "ab.key", False),
    ("[a-c]x", "bx", True),
    ("[!a-c]x", "bx", False),
    ("{a,b/{c,d}}.yml", "b/d.yml", True),
    ("{a,b}.yml", "c.yml", False),
    (r"\*", "*", True),
    (r"\*", "x", False),
    ("DOCKERFILE", "Dockerfile", True),
    ("a[]]b", "a]b", True),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), GLOBS)
def test_a_glob_stops_at_folders_unless_it_says_otherwise(pattern: str, path: str, matches: bool) -> None:
    """``*`` and ``?`` stay in a folder, ``**`` does not; classes, alternatives and large letters work."""
    assert glob(pattern).matches(path) is matches


@pytest.mark.parametrize("pattern", ["[a", "{a,b", "a\\", "{" * 60 + "}" * 60, "x" * (LONGEST + 1), "a}b{"])
def test_a_glob_that_is_none_is_refused(pattern: str) -> None:
    """An open bracket, a lone backslash and bottomless nesting are refused."""
    with pytest.raises(PatternError):
        glob(pattern)


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"^(a|a)*$", r"^(.*)*x$", r"^(a*)*b$", r"^.*.*.*.*.*x$"])
def test_no_expression_takes_long(pattern: str) -> None:
    """Expressions at which others despair are read sign by sign: ten times the path costs some ten times the time."""
    machine = expression(pattern)
    machine.matches("a" * 100)
    spent = []
    for size in (1_000, 10_000):
        began = time.process_time()
        assert machine.matches("a" * size + "!") is False
        spent.append(time.process_time() - began)
    assert spent[1] < max(40 * spent[0], 0.2)


def test_several_patterns_are_those_they_are_alone() -> None:
    """Flags, anchors, names and quotes of one pattern do not reach into the next: the first that matches is found."""
    texts = ["^(?i)a$", "^b$", r"^\Qx$)|(?:^", "^(?P<n>c)$", "^(?P<n>d)$", "^e|f$", "^(?s:.)g$"]
    for some in (texts, texts[:2], texts[:1], texts[2:4], texts[4:], []):
        patterns = [expression(text) for text in some]
        for path in ("A", "a", "B", "b", "x$)|(?:^", "c", "d", "e1", "1f", "\ng", ""):
            alone = [number for number, each in enumerate(patterns) if each.matches(path)]
            assert Patterns(patterns).first(path, lambda: True) == next(iter(alone), None)


def test_a_path_that_is_too_long_for_a_pattern_is_refused() -> None:
    """The time that one question may take is bounded by refusing it."""
    large = expression("^.*a.{900}b$")
    assert large.matches("a" * 1_000) is False
    with pytest.raises(PatternError):
        large.matches("ab" * 100_000)


def test_several_patterns_are_left_when_it_may_not_be_gone_on() -> None:
    """Whoever has no time left gets no answer, and not that nothing matches."""
    with pytest.raises(PatternError):
        Patterns([expression("a"), expression("b")]).first("b", lambda: False)
    assert Patterns([expression("a"), expression("b")]).first("c", lambda: False) is None


@settings(max_examples=300)
@given(st.text("ab./*?[]{}()|+^$\\-,!:", max_size=12), st.text("ab./-", max_size=8))
def test_whatever_somebody_writes_is_understood_or_refused(pattern: str, path: str) -> None:
    """No text makes a pattern fail in any other way than by being refused."""
    for make in (expression, glob):
        try:
            made = make(pattern)
        except PatternError:
            continue
        assert made.matches(path) in (True, False)


@settings(max_examples=300)
@given(
    st.recursive(
        st.sampled_from(["a", "b", ".", "[ab]", "[^a]"]),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join), st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
            inner.map(lambda one: f"(?:{one})*"), inner.map(lambda one: f"(?:{one}){{1,2}}"),
        ),
        max_leaves=6,
    ),
    st.text("ab", max_size=6),
)  # fmt: skip
def test_where_both_know_it_go_and_python_agree(pattern: str, path: str) -> None:
    """On expressions that mean the same in both, the outcome is that of the library of Python."""
    assert expression(f"^{pattern}$").matches(path) is (re.fullmatch(pattern, path) is not None)
