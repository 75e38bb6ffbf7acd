from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.truth.fields import Kind
from quarterdeck.truth.judgement import Activity, Status
from quarterdeck.truth.reading import Knowledge, Reason
from tests.architecture.code import DOCS, PACKAGE, ROOT, TESTS, short
from tests.architecture.reference import PAGES

PAPERS: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


def rooms() -> set[str]:
    """Name the rooms of the house as the documents write them: folders end with a slash."""
    folders = {f"{init.parent.name}/" for init in PACKAGE.glob("*/__init__.py")}
    modules = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    return folders | modules


def test_the_architecture_names_the_rooms_there_are() -> None:
    """The table of rooms has a row for each room in the package, and none for a room that is not there."""
    table = re.findall(r"^\| `([\w./]+)` \|", (DOCS / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(rooms())


@pytest.mark.parametrize("words", [Status, Activity, Knowledge, Reason, Kind])
def test_the_concepts_explain_the_words_of_the_code(words: type[StrEnum]) -> None:
    """Each status, activity, knowledge, reason and kind that a page can show is explained in the concepts."""
    text = (DOCS / "concepts.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*|^\| ([\w -]+) \|", text, re.MULTILINE))
    assert {str(word) for word in words} <= {found for group in explained for found in group}


def local_links(paper: Path) -> list[str]:
    links = LINK.findall(paper.read_text(encoding="utf-8"))
    return [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]


@pytest.mark.parametrize("paper", PAPERS, ids=short)
def test_links_lead_somewhere(paper: Path) -> None:
    """Each link between documents leads to a file that is there, and to a heading in it."""
    broken = [link for link in local_links(paper) if not leads_somewhere(paper, link)]
    assert broken == []


def leads_somewhere(paper: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (paper.parent / name).resolve() if name else paper
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target)


def anchors(paper: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", paper.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_document_can_be_found() -> None:
    """Whoever starts at the README or the index of the documents reaches every document by links."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md", DOCS / "index.md"]
    while waiting:
        paper = waiting.pop()
        if paper in reached or paper.suffix != ".md":
            continue
        reached.add(paper)
        waiting += [(paper.parent / link.partition("#")[0]).resolve() for link in local_links(paper)]
    lost = [short(paper) for paper in DOCS.rglob("*.md") if paper not in reached]
    assert lost == []


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_program_says(name: str) -> None:
    """Each page of the reference is, to the letter, what the program writes today; `make docs` renews it."""
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name]()


def test_nothing_else_is_in_the_reference() -> None:
    """Only pages that the program writes are in the reference, beside its index."""
    assert {path.name for path in (DOCS / "reference").iterdir()} == {"index.md", *PAGES}


def acceptance_rows() -> dict[str, dict[str, object]]:
    with (DOCS / "acceptance.toml").open("rb") as file:
        return tomllib.load(file)


def test_acceptance_rows_are_numbered_without_gaps() -> None:
    """The rows of each group count from one, in order, so that a lost row is noticed."""
    for letter, ids in groupby(acceptance_rows(), key=lambda row_id: row_id[0]):
        numbers = [int(row_id[1:]) for row_id in ids]
        assert numbers == list(range(1, len(numbers) + 1)), letter


def test_acceptance_rows_name_tests_that_exist() -> None:
    """Each test that a row names is in the repository: its file or folder, and its function where one is named."""
    lost = [
        f"{row_id}: {reference}"
        for row_id, row in acceptance_rows().items()
        for reference in references(row)
        if not exists(reference)
    ]
    assert lost == []


def references(row: dict[str, object]) -> list[str]:
    tests = row.get("tests", [])
    assert isinstance(tests, list)
    return [str(test) for test in tests]


def exists(reference: str) -> bool:
    file, *names = reference.partition("[")[0].split("::")
    path = ROOT / file
    if not path.is_relative_to(TESTS) or not path.exists():
        return False
    return all(re.search(rf"^\s*(?:async )?(?:def|class) {name}\b", path.read_text(), re.MULTILINE) for name in names)
