"""What proves that a form was made by a page of ours for the person who sends it.

Rule: it is an HMAC over who they are, under a secret that every start of the program draws anew. A page of somebody
else's cannot know it, and a page from before a restart has to be opened again.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from quarterdeck.access.identity import Person

FIELD: Final = "csrf"
FIELDS: Final = 16
"""Fields that a form may have."""


class Forms:
    """Marks forms, and reads those that are marked."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._secret = secret or secrets.token_bytes(32)

    def mark(self, person: Person) -> str:
        """Return what a form of somebody carries in its field ``csrf``."""
        who = f"{person.how}\0{person.login}\0{person.role}\0{person.session}"
        return hmac.digest(self._secret, who.encode(), "sha256").hex()

    def read(self, person: Person, body: bytes) -> dict[str, str] | None:
        """Return the fields of a form; None when it is not one that was made for this person."""
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=FIELDS,
            )
        except ValueError:
            return None
        fields = dict(pairs)
        if len(fields) != len(pairs):
            return None
        sent = fields.pop(FIELD, "").encode()
        return fields if hmac.compare_digest(sent, self.mark(person).encode()) else None
