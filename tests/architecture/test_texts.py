from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.code import PACKAGE, ROOT, TESTS, modules, short, text_files

LOCKS: Final = sorted((ROOT / "requirements").glob("*.txt"))

# Written in pieces, so that this file does not hold what it forbids.
MACHINE_PATHS: Final = {
    "a folder of somebody's workshop": re.compile(r"(?<![\w.~-])/(?:wor" + r"k|far" + r"m)/"),
    "a home of root": re.compile(r"(?<![\w.~-])/roo" + r"t/\.?(?:pyenv|local|cache)"),
    "a temporary folder of one session": re.compile(r"(?<![\w.~-])/tm" + r"p/(?!\{|\$)\w+/\w"),
}

UNFINISHED: Final = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

PATCHING: Final = {"monkeypatch.setattr", "monkeypatch.setitem", "monkeypatch.delattr", "mocker.patch"}
SKIPPING: Final = {"pytest.skip", "pytest.xfail", "pytest.importorskip"}
SKIPPING_MARKS: Final = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}


def test_there_are_locks() -> None:
    """What runs, what builds and what tests each has a lock."""
    assert {"base.txt", "build.txt", "dev.txt"} <= {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_packages_and_hashes_and_no_place(lock: Path) -> None:
    """A lock file says which package with which hash, and never where it was found."""
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "file:" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE), "an option such as an index"
    pinned = re.findall(r"^[\w.\[\],-]+==", text, re.MULTILINE)
    blocks = [block for block in re.split(r"^(?=[\w])", text, flags=re.MULTILINE) if block.strip()]
    assert len(pinned) == len(blocks)
    assert all("--hash=sha256:" in block for block in blocks)


def test_what_runs_is_tested_as_it_runs() -> None:
    """The development lock holds every package of the other two at the same version."""
    wanted = pins("base.txt") | pins("build.txt")
    assert wanted.items() <= pins("dev.txt").items()


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """No file in the repository names a path that exists only where somebody worked."""
    found = [
        f"{short(path)}:{number} holds {what}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in MACHINE_PATHS.items()
        if pattern.search(line)
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    """No file says that something is still to be done: what is promised and missing is in the acceptance rows."""
    found = [
        f"{short(path)}:{number}"
        for path, text in text_files()
        if path.suffix in {".py", ".toml", ".html", ".css", ".js", ".sh"} or path.name == "Makefile"
        for number, line in enumerate(text.splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def every_test() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, module in modules(TESTS):
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield path, node


def test_each_test_says_what_it_proves() -> None:
    """The docstring of a test is the sentence it proves."""
    silent = [f"{short(path)}:{test.lineno} {test.name}" for path, test in every_test() if not ast.get_docstring(test)]
    assert silent == []


def test_no_test_patches_or_looks_away() -> None:
    """Our own code is never patched (a named fake takes its place), and no test is skipped or expected to fail."""
    forbidden = PATCHING | SKIPPING | SKIPPING_MARKS
    found = [
        f"{short(path)}:{node.lineno} {ast.unparse(node)}"
        for path, module in modules(TESTS)
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in forbidden
    ]
    found += [
        f"{short(path)} imports unittest.mock"
        for path, module in modules(TESTS)
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom | ast.Import) and "unittest.mock" in ast.unparse(node)
    ]
    assert found == []


def test_no_error_is_swallowed_whole() -> None:
    """Nothing catches every error there is and goes on."""
    found = [
        f"{short(path)}:{node.lineno}"
        for path, module in modules(PACKAGE)
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert found == []
