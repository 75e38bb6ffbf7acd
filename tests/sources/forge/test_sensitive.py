"""Which paths are sensitive, by the operator's globs, protected patterns and CODEOWNERS; and when that is not known."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.forge import codeowners
from quarterdeck.sources.forge.codeowners import NOBODY, parse
from quarterdeck.sources.forge.sensitive import (
    BUDGET_S,
    MOST,
    PATHS,
    Change,
    Globs,
    Rules,
    of_branch,
    of_settings,
    seen,
)
from quarterdeck.truth.forge import FEW, Files

NONE = Globs(())
OPEN = Rules(NONE, NONE)


def rules(settings: tuple[str, ...] = (), protected: str | None = "", owners: str = "") -> Rules:
    """Rules as they are written in their three places."""
    return Rules(of_settings(settings), None if protected is None else of_branch(protected), parse(owners))


def files(by: Rules, *paths: str, whole: bool = True) -> Files:
    """What a change of these paths is."""
    return seen([Change(path) for path in paths], len(paths), by, whole=whole)


@pytest.mark.parametrize(
    ("glob", "path", "is_sensitive"),
    [
        ("deploy/**", "deploy/prod/main.yml", True), ("deploy/", "deploy/prod/main.yml", True),
        ("*.key", "keys/of/north.key", True), ("/Makefile", "Makefile", True), ("/Makefile", "sub/Makefile", False),
        ("Makefile", "sub/Makefile", True), ("src/*.py", "src/a/b.py", False), ("dockerfile", "Dockerfile", True),
    ],
)  # fmt: skip
def test_a_glob_of_the_settings(glob: str, path: str, is_sensitive: bool) -> None:
    """A glob without a slash is for a name anywhere, one that ends in a slash for all in a folder; ``**`` crosses."""
    found = files(rules((glob,)), path).sensitive
    assert [(each.path, each.why, each.by) for each in found] == ([(path, "setting", glob)] if is_sensitive else [])


def test_protected_patterns_are_those_of_the_forge() -> None:
    """They are divided by semicolons, stop at dots and slashes, and know no large letters."""
    by = rules(protected=" *.LOCK ; infra/** ;; ")
    assert [each.path for each in files(by, "poetry.lock", "a.b.lock", "Infra/x/y.tf", "src/a.py").sensitive] == [
        "poetry.lock",
        "Infra/x/y.tf",
    ]


CODEOWNERS = r"""
# who sees to what
docs/.* @alice   # everything below
.*\\.sql	@acme/data
!src/.* @carol
nobody/.*
\#odd @bob
"""


def test_codeowners_is_read_as_the_forge_reads_it() -> None:
    """Lines are expressions for whole paths; what is negated owns all else; without an owner a line says nothing."""
    owned = parse(CODEOWNERS)
    assert owned.whole
    assert [rule.text for rule in owned.rules] == ["docs/.*", r".*\.sql", "!src/.*", "#odd"]
    by = {
        path: [rule.text for rule in owned.rules if rule.covers(path)] for path in ("src/a.py", "src/a.sql", "docs/b")
    }
    assert by == {"src/a.py": [], "src/a.sql": [r".*\.sql"], "docs/b": ["docs/.*", "!src/.*"]}
    assert not files(Rules(NONE, NONE, owned), "src/nobody/a.py").sensitive


@pytest.mark.parametrize("line", ["(?=x)y @alice", "[a @alice", "a** @alice"])
def test_a_line_that_cannot_be_read_leaves_a_doubt(line: str) -> None:
    """An expression that is wrong or foreign might have named any path: then it is not known what is sensitive."""
    owned = parse(f"docs/.* @alice\n{line}\n")
    assert (len(owned.rules), owned.whole) == (1, False)
    assert files(Rules(NONE, NONE, owned), "src/a.py").whole is False


def test_a_file_of_owners_without_end_is_read_to_its_limit() -> None:
    """What stands beyond the limit is not read, and that is told."""
    owned = parse("a @alice\n" * (codeowners.MOST + 1))
    assert (len(owned.rules), owned.whole) == (codeowners.MOST, False)
    assert parse("") == NOBODY


def test_a_renamed_file_is_judged_by_both_names() -> None:
    """Whoever moves a file out of a guarded folder changes something guarded."""
    by = rules(("deploy/**",))
    assert seen([Change("src/a.yml", "deploy/a.yml")], 1, by, whole=True).sensitive[0].path == "deploy/a.yml"


def test_a_doubt_is_told() -> None:
    """A list that was cut, a glob that cannot be read, and rules that failed to be read, are no clean bill."""
    assert files(OPEN, "a").whole
    assert not files(OPEN, "a", whole=False).whole
    assert not files(rules(("[a",)), "a").whole
    assert not files(rules(protected="{a"), "a").whole


def test_patterns_that_the_token_is_not_shown_leave_a_doubt_unless_the_operator_spoke() -> None:
    """Without globs of the operator nobody has said what is sensitive; with them, somebody has."""
    assert not files(rules(protected=None), "a").whole
    assert files(rules(("deploy/**",), protected=None), "a").whole


def test_only_some_paths_are_named() -> None:
    """Of hundreds of sensitive paths the first are named; that there are so many leaves no doubt."""
    found = files(rules(("**",)), *[f"f{number}" for number in range(FEW + 10)])
    assert (found.total, len(found.sensitive), found.whole) == (FEW + 10, FEW, True)
    assert not files(OPEN, *["a"] * (PATHS + 1)).whole


def test_many_rules_are_soon_held_against_many_paths() -> None:
    """Thousands of files and hundreds of owners take a moment, with no doubt left, and what is owned is found."""
    by = rules(owners="\n".join(rf"{number:03d}(a|b|c)*\\d+x.*[a-z]{{3}}q$ @alice" for number in range(500)))
    paths = [f"some/deep/folder/of/a/repository/file-number-{number}.py" for number in range(5_000)]
    began = time.process_time()
    found = files(by, *paths, "499abc7x/readmeq")
    assert time.process_time() - began < 2.0
    assert found.whole
    assert [(each.path, each.by) for each in found.sensitive] == [("499abc7x/readmeq", r"499(a|b|c)*\d+x.*[a-z]{3}q$")]


@pytest.mark.parametrize("line", [".*a.{{400}}b.{{400}}{}", "!.*a.{{400}}b.{{400}}{}|.*", r"\\Q.*{}(a|b)*c.{{100}}x"])
def test_rules_that_are_made_to_take_long_leave_a_doubt(line: str) -> None:
    """Whoever writes rules and paths that are dear to compare gets a limit, and a doubt that is told."""
    by = rules(owners="\n".join(f"{line.format(number)} @alice" for number in range(500)))
    began = time.process_time()
    found = files(by, *["ab" * 2_000 + str(number) for number in range(1_000)])
    assert time.process_time() - began < 4.0
    assert (found.sensitive, found.whole) == ((), False)


def test_what_was_not_looked_at_in_time_is_a_doubt() -> None:
    """When the time is over nothing more is held against the rules, and that is told; what was found stays found."""
    clock = itertools.count(0.0, BUDGET_S / 8)
    changes = [Change("deploy/a.yml"), *(Change(f"src/{number}") for number in range(20))]
    found = seen(changes, 21, rules(("deploy/**",)), whole=True, spent=lambda: next(clock))
    assert [each.path for each in found.sensitive] == ["deploy/a.yml"]
    assert not found.whole


@given(st.lists(st.from_regex(r"\A!?[ab.]{1,3}[*+]?\Z"), max_size=6), st.text("ab", max_size=5))
def test_the_first_line_that_covers_a_path_is_named(lines: list[str], path: str) -> None:
    """Holding all lines against a path together changes nothing in which of them is named."""
    owned = parse("\n".join(f"{line} @alice" for line in lines))
    first = next((rule.text for rule in owned.rules if path and rule.covers(path)), None)
    found = files(Rules(NONE, NONE, owned), path).sensitive
    assert [each.by for each in found] == ([] if first is None else [first])


def test_a_branch_with_patterns_without_end_is_read_to_a_limit() -> None:
    """What stands beyond the limit is not read, and that is told."""
    of = of_branch(";".join(f"f{number}" for number in range(MOST + 1)))
    assert (len(of.all), of.whole) == (MOST, False)
