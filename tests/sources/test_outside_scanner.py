"""A second opinion: what it finds is named, and whatever goes wrong is no permission."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.cli.evidence import must_be_clean
from quarterdeck.errors import UsageError
from quarterdeck.redaction.scanner import OwnRules, SecretScanner
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.outside_scanner import Gitleaks
from quarterdeck.truth.reading import Reason
from tests.fakes import gitleaks

TOKEN = "gh" + "p_" + "Ab1" * 12


@pytest.mark.parametrize(
    ("text", "found"), [("", ()), ("nothing " * 100_000, ()), ("it is planted, planted", ("generic-api-key",))]
)
def test_what_it_finds_is_named(tmp_path: Path, text: str, found: tuple[str, ...]) -> None:
    """The rules that fired are named, each once, however long the text is that goes in."""
    assert Gitleaks(gitleaks.install(tmp_path)).scan(text) == found


@pytest.mark.parametrize(
    ("misbehaves", "reason"),
    [
        ("sys.exit(1)", Reason.CORRUPT),
        ("print('all is well'); sys.exit(0)", Reason.CORRUPT),
        ("print('{}'); sys.exit(0)", Reason.SCHEMA),
        ("print('[]'); sys.exit(code)", Reason.SCHEMA),
        ("print(json.dumps([1])); sys.exit(0)", Reason.SCHEMA),
        ("import time; time.sleep(60)", Reason.TIMEOUT),
    ],
)
def test_no_answer_is_no_permission(tmp_path: Path, misbehaves: str, reason: Reason) -> None:
    """A program that fails, hangs, or contradicts itself is an error, not a clean bill."""
    with pytest.raises(SourceError) as error:
        Gitleaks(gitleaks.install(tmp_path, misbehaves), limit_s=5).scan("text")
    assert error.value.reason is reason


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Who asks for a second opinion and has nobody to ask, gets none."""
    with pytest.raises(SourceError) as error:
        Gitleaks({"PATH": str(tmp_path)}).scan("text")
    assert error.value.reason is Reason.MISSING


def test_what_a_rule_is_called_is_not_believed(tmp_path: Path) -> None:
    """An answer cannot bring a secret back under the name of a rule."""
    scanner = Gitleaks(gitleaks.install(tmp_path, "found = [dict(RuleID='planted secret!'), 7]"))
    assert scanner.scan("planted") == ("unnamed rule",)


def test_our_own_rules_can_be_asked_in_the_same_way() -> None:
    """Whoever takes a scanner may be given ours."""
    own: SecretScanner = OwnRules()
    assert own.scan(f"it is {TOKEN}") == ("github",)
    assert own.scan("it is none") == ()


def test_evidence_is_not_written_when_a_scanner_objects(tmp_path: Path) -> None:
    """What it takes for a secret is refused with the names of its rules; so is evidence it could not look at."""
    scanner = Gitleaks(gitleaks.install(tmp_path))
    must_be_clean({"rows": ["fine"]}, scanner)
    with pytest.raises(UsageError, match="generic-api-key"):
        must_be_clean({"rows": ["planted"]}, scanner)
    with pytest.raises(UsageError, match="no answer"):
        must_be_clean({}, Gitleaks({"PATH": ""}))
