"""Credentials and personal data in texts: what they look like, and what stands in their place.

Rule 1: there is one pack of rules, in ``rules``, and one way through it. Who shows, writes or sends a text that
        somebody else wrote asks here.
Rule 2: what is masked is masked whole and named: ``[redacted:github#3fa9]`` says which rule fired, and by a fingerprint
        under a secret key whether it is the same value as elsewhere. Where there is no key, there is no fingerprint.
Rule 3: nothing here opens, runs or remembers anything, and no value is ever part of a name, a repr or an error.
Rule 4: what has no form of its own cannot be told from any other word. Only the exact values an agent keeps in its own
        files (``exact``) close that gap, for that agent.
"""

from __future__ import annotations

from quarterdeck.redaction.clean import MASKING, Redaction, clean, holds_secret
from quarterdeck.redaction.exact import KnownValues
from quarterdeck.redaction.inert import inert

__all__ = ["MASKING", "KnownValues", "Redaction", "clean", "holds_secret", "inert"]
