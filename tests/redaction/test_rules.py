"""Credentials of every form the rules know, wherever agents leave them; and what is none, left alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.redaction import clean, holds_secret
from quarterdeck.redaction.rules import RULES
from tests.redaction import heldout
from tests.redaction.corpus import HARMLESS, corpus
from tests.redaction.made import Made

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "redaction.md"
PIECE: Final = 12


def leaks(made: Made) -> bool:
    """Whether a secret, or a piece of it that says something, can still be seen."""
    cleaned = clean(made.text)
    pieces = {made.secret[at : at + PIECE] for at in range(0, max(1, len(made.secret) - PIECE + 1), 4)}
    return any(piece in cleaned for piece in pieces)


def recall(found: list[Made]) -> tuple[int, int]:
    """Count the forms of which every example is masked, and all forms."""
    leaking = Counter(made.form for made in found if leaks(made))
    forms = {made.form for made in found}
    return len(forms) - len(leaking), len(forms)


@pytest.mark.parametrize("made", list(corpus()), ids=lambda made: made.form)
def test_what_the_rules_are_made_for_is_masked(made: Made) -> None:
    """A credential of a known form is masked whole, in each place where agents leave such things."""
    assert not leaks(made)
    assert "[redacted:" in clean(made.text)
    assert holds_secret(made.text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_is_left_alone(text: str) -> None:
    """Programs, logs, hashes, ids and sentences about secrets come out to the letter as they went in."""
    assert clean(text) == text


def test_what_is_around_a_credential_stays() -> None:
    """A mark says by which rule it stands there, and the text around it can still be read."""
    token = "gh" + "p_" + "Ab1" * 12
    assert clean(f"with {token}, see https://u:{'Pa55' + 'word!'}@h/x") == (
        "with [redacted:github], see https://u:[redacted:url_login]@h/x"
    )


def test_the_published_recall_is_what_a_run_gives() -> None:
    """The share of forms that are masked though no rule was made for them is the one the document names."""
    agent, agent_all = recall(list(heldout.agent()))
    others, others_all = recall(list(heldout.others()))
    document = " ".join(DOCUMENT.read_text().split())
    assert f"**{agent} of {agent_all}** ({agent / agent_all:.0%})" in document
    assert f"**{others} of {others_all}** ({others / others_all:.0%})" in document


def test_every_rule_is_in_the_document() -> None:
    """Whoever meets a mark finds in the document what its name means."""
    document = DOCUMENT.read_text()
    names = {rule.name for rule in RULES} | {"base64", "discord_bot", "known", "email", "phone", "card", "ip"}
    assert [name for name in sorted(names) if f"`{name}`" not in document] == []


def test_hints_are_what_patterns_begin_with() -> None:
    """A literal is written in small letters: in any other way it would never be found."""
    assert [hint for rule in RULES for hint in rule.hints if hint != hint.lower() or not hint] == []
