"""Who can be asked whether a text holds a secret.

Rule: an answer names the rules that fired, and never what they fired on.
"""

from __future__ import annotations

from typing import Protocol

from quarterdeck.redaction.clean import MASKING, Redaction, find


class SecretScanner(Protocol):
    """Looks for secrets in a text."""

    def scan(self, text: str) -> tuple[str, ...]:
        """Return the names of the rules by which something in a text is a secret, each once; none when nothing is."""


class OwnRules:
    """Our own rules, and the exact values where some are known."""

    def __init__(self, policy: Redaction = MASKING) -> None:
        self._policy = policy

    def scan(self, text: str) -> tuple[str, ...]:
        """Return the names of the rules that find something."""
        return tuple(sorted({span.rule for span in find(text, self._policy)}))
