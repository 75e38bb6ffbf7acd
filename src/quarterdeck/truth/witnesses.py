"""Several witnesses of one fact, side by side.

Rule: when witnesses disagree, nobody is silenced. All of them are shown with what they say; which
of them a status rests on is the business of the judgement tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Facts, NotKnown
from quarterdeck.truth.reading import AnyReading
from quarterdeck.truth.tables.beats import older


class Answer(NamedTuple):
    """What one witness says, with the reading it rests on; None when the witness does not know."""

    witness: str
    says: str | None
    reading: AnyReading


class Question(NamedTuple):
    """A fact with several witnesses, and whether they disagree."""

    asked: str
    answers: tuple[Answer, ...]

    @property
    def disputed(self) -> bool:
        """Whether two witnesses that know say different things."""
        return len({answer.says for answer in self.answers if answer.says is not None}) > 1


Testimony = Callable[[Facts], str | None]
Witness = tuple[str, Field[Any], Testimony]


def _yes(holds: bool) -> str:  # noqa: FBT001 -- a word for a truth value
    return "yes" if holds else "no"


def _beating(f: Facts) -> str | None:
    return _yes(not older(f, f[F.HEARTBEAT_AT], f.thresholds.heartbeat_s)) if f[F.HEARTBEAT_EXPECTED] else None


def _pid(field: Field[int | None]) -> Testimony:
    return lambda f: str(pid) if (pid := f[field]) is not None else None


WITNESSES: dict[str, tuple[Witness, ...]] = {
    "is the gateway alive?": (
        ("kernel lock", F.LOCK_HOLDER, lambda f: _yes(f[F.LOCK_HOLDER] is not None)),
        (
            "what it wrote",
            F.RECORDED_STATE,
            lambda f: (
                None
                if f[F.RECORDED_STATE] is None
                else _yes(f[F.RECORDED_STATE] in ("starting", "running", "degraded", "draining"))
            ),
        ),
        (
            "the process that wrote it",
            F.RECORDED_PROCESS,
            lambda f: None if f[F.RECORDED_PROCESS] is None else _yes(f[F.RECORDED_PROCESS] == "alive"),
        ),
        ("heartbeat", F.HEARTBEAT_AT, _beating),
        ("systemd", F.UNIT_ACTIVE, lambda f: _yes(f[F.UNIT_ACTIVE] == "active")),
    ),
    "which process is it?": (
        ("kernel lock", F.LOCK_HOLDER, _pid(F.LOCK_HOLDER)),
        ("what it wrote", F.RECORDED_PID, _pid(F.RECORDED_PID)),
        ("heartbeat", F.HEARTBEAT_PID, _pid(F.HEARTBEAT_PID)),
        ("systemd", F.UNIT_PID, _pid(F.UNIT_PID)),
    ),
}


def question(asked: str, facts: Facts) -> Question:
    """Hear every witness of one question."""
    answers = []
    for witness, field, testimony in WITNESSES[asked]:
        reading = facts.reading(field)
        try:
            says = testimony(facts)
        except NotKnown:
            says = None
        answers.append(Answer(witness, says, reading))
    return Question(asked, tuple(answers))


def contradictions(facts: Facts) -> tuple[Question, ...]:
    """Return the questions about a gateway on which its witnesses disagree."""
    heard = (question(asked, facts) for asked in WITNESSES)
    return tuple(q for q in heard if q.disputed)
