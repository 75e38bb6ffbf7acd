"""The table of redaction: what was caught comes before who masks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN

ABOUT = "hermes:north/redaction"
WELL: dict[Field[Any], object] = {
    F.MASKS_SECRETS: True,
    F.MASKS_PII: False,
    F.KNOWN_VALUES: 12,
    F.WITHHELD: 0,
    F.AGENT_MASKS_SECRETS: True,
    F.AGENT_MASKS_PII: False,
}


@pytest.mark.parametrize(
    ("changed", "rule", "status", "said"),
    [
        ({}, "masked", Status.OK, "credentials are masked, personal data are not; 12 looked for by their value"),
        ({F.MASKS_PII: True}, "masked", Status.OK, "credentials are masked, personal data too"),
        ({F.WITHHELD: 1}, "secret caught", Status.DEGRADED, "stood in 1 fact"),
        ({F.WITHHELD: 2, F.MASKS_SECRETS: False}, "secret caught", Status.DEGRADED, "stood in 2 facts"),
        ({F.MASKS_SECRETS: False}, "shown as they stand", Status.DEGRADED, "policy.redact_secrets is false"),
        ({F.AGENT_MASKS_SECRETS: False}, "agent masks nothing", Status.DEGRADED, "security.redact_secrets is false"),
    ],
)
def test_what_is_said_of_redaction(changed: dict[Field[Any], object], rule: str, status: Status, said: str) -> None:
    """Each row of the table, with its words."""
    readings = {
        (ABOUT, field.name): field.known(ABOUT, ORIGIN, value, NOW) for field, value in (WELL | changed).items()
    }
    found = judge_subject(ABOUT, readings, NOW, Thresholds())
    assert (found.rule, found.status) == (rule, status)
    assert said in found.reason


def test_secret_files_that_cannot_be_read_are_not_taken_for_none() -> None:
    """Whether a secret stands somewhere is not known while the files that hold them cannot be read."""
    readings = {(ABOUT, field.name): field.known(ABOUT, ORIGIN, value, NOW) for field, value in WELL.items()}
    lost = F.KNOWN_VALUES.unavailable(ABOUT, ORIGIN, Reason.DENIED, "not allowed", NOW)
    assert judge_subject(ABOUT, readings | {(ABOUT, lost.field): lost}, NOW, Thresholds()).status is Status.UNKNOWN
