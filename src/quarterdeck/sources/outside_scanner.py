"""A second opinion on whether a text holds a secret: Gitleaks, where it is installed and somebody asks for it.

Rule 1: it is asked only where somebody said so. It gets the text through its standard input, never through a file, and
        says which of its rules fired: its own masking is on, so that no secret comes back.
Rule 2: no answer is no permission. A program that is not there, breaks off, or says something else is an error.
Rule 3: nothing that lies around is obeyed: neither a list of exceptions nor a comment in the text that allows itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from quarterdeck.sources import command
from quarterdeck.sources.files import SourceError, parse_json
from quarterdeck.truth.reading import Reason

FOUND: Final = 9
LIMIT_S: Final = 60.0
ARGUMENTS: Final = (
    "gitleaks", "stdin", "--no-banner", "--log-level", "fatal", "--redact", "--report-format", "json", "--report-path",
    "-", "--exit-code", str(FOUND), "--ignore-gitleaks-allow", "--gitleaks-ignore-path", os.devnull,
)  # fmt: skip


class Gitleaks:
    """Asks the program of that name."""

    def __init__(self, environment: Mapping[str, str] = os.environ, *, limit_s: float = LIMIT_S) -> None:
        """Look for the program where ``environment`` says; it sees nothing else of it."""
        self._environment = {"PATH": environment.get("PATH", os.defpath)}
        self._limit_s = limit_s

    def scan(self, text: str) -> tuple[str, ...]:
        """Return the names of the rules that fired.

        Raises:
            SourceError: when it gave no answer that can be relied on.
        """
        said = command.run(ARGUMENTS, self._environment, self._limit_s, said=text.encode("utf-8", "replace"))
        if said.code not in {0, FOUND}:
            raise SourceError(Reason.CORRUPT, f"gitleaks ended with {said.code} instead of an answer")
        found = parse_json(said.out)
        if not isinstance(found, list) or bool(found) != (said.code == FOUND):
            raise SourceError(Reason.SCHEMA, "gitleaks said something that this release does not understand")
        return tuple(sorted({_name(each) for each in found}))


def _name(found: object) -> str:
    """Return the name of a rule, as its issuer wrote it, if it is one."""
    name = found.get("RuleID") if isinstance(found, dict) else None
    fits = isinstance(name, str) and len(name) <= 80 and name.replace("-", "").isalnum()  # noqa: PLR2004 -- the longest has 40
    return str(name) if fits else "unnamed rule"
