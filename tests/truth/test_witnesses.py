"""Several witnesses of one fact."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.witnesses import contradictions, question
from tests.truth.cast import NOW, ago, place, readings

ALIVE = "is the gateway alive?"
WHICH = "which process is it?"


def _facts(spoiled: dict[F.Field[object], object]) -> Facts:
    return Facts(place(F.LOCK_HOLDER), readings(spoiled), NOW)


def test_witnesses_that_agree_raise_no_contradiction() -> None:
    """A healthy instance has nothing in dispute."""
    assert contradictions(_facts({})) == ()


def test_a_killed_gateway_whose_file_says_running_is_in_dispute() -> None:
    """Every witness is heard, also the one that is wrong."""
    facts = _facts({F.LOCK_HOLDER: None, F.RECORDED_PROCESS: "gone", F.HEARTBEAT_AT: ago(600), F.UNIT_ACTIVE: "failed"})
    heard = {a.witness: a.says for a in contradictions(facts)[0].answers}
    assert heard == {
        "kernel lock": "no",
        "what it wrote": "yes",
        "the process that wrote it": "no",
        "heartbeat": "no",
        "systemd": "no",
    }


def test_two_numbers_for_one_process_are_in_dispute() -> None:
    """A state file that names another process than the lock is shown with both numbers."""
    (found,) = contradictions(_facts({F.RECORDED_PID: 12}))
    assert found.asked == WHICH
    assert {a.says for a in found.answers} == {"858", "12", None}


def test_a_witness_that_does_not_know_contradicts_nobody() -> None:
    """Unknown is not a no."""
    facts = _facts({F.RECORDED_STATE: Reason.CORRUPT, F.HEARTBEAT_EXPECTED: False})
    assert not question(ALIVE, facts).disputed
