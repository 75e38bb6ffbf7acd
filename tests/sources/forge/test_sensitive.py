"""Which paths are sensitive, by the operator's globs, protected patterns and CODEOWNERS; and when that is not known."""

from __future__ import annotations

import pytest

from quarterdeck.sources.forge import codeowners
from quarterdeck.sources.forge.codeowners import NOBODY, parse
from quarterdeck.sources.forge.sensitive import PATHS, Change, Globs, Rules, of_branch, of_settings, seen
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
