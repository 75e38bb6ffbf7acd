"""What may be said of what is masked: that something was caught, and who masks nothing."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Facts, Rule, Status


def _caught(f: Facts) -> str:
    facts = f.get(F.WITHHELD) or 0
    where = "1 fact" if facts == 1 else f"{facts:,} facts"
    return f"a secret of the agent stood in {where} that it tells of itself; it was masked"


def _masks(f: Facts) -> str:
    personal = "personal data too" if f.get(F.MASKS_PII) else "personal data are not"
    known = f.get(F.KNOWN_VALUES)
    by_value = "" if known is None else f"; {known:,} looked for by their value"
    return f"credentials are masked, {personal}{by_value}"


REDACTION: tuple[Rule, ...] = (
    Rule("secret caught", Status.DEGRADED, lambda f: f[F.WITHHELD] > 0, _caught),
    Rule(
        "shown as they stand",
        Status.DEGRADED,
        lambda f: not f[F.MASKS_SECRETS],
        "credentials in the texts of its sessions are shown as they stand: policy.redact_secrets is false",
    ),
    Rule(
        "agent masks nothing",
        Status.DEGRADED,
        lambda f: not f[F.AGENT_MASKS_SECRETS],
        "the agent is told not to mask credentials in its own logs and tool results: security.redact_secrets is false",
    ),
    Rule("masked", Status.OK, lambda f: f[F.MASKS_SECRETS] and f[F.KNOWN_VALUES] >= 0, _masks),
)
