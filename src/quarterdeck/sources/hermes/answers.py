"""What a look found out, gathered part by part.

Rule 1: every part is asked on its own. What fails becomes the reason of its own fields, and of no others.
Rule 2: a moment is believed only when it can be one. What should lie in the past and lies in the future is no answer:
        its age would be negative, and anything compared with a limit would look fresh.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, ParamSpec, TypeAlias, TypeVar

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import SKEW, AnyReading, Origin, Reason

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

Answer: TypeAlias = T | SourceError
"""What a part said, or why it said nothing."""

LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


class Report:
    """The readings of one look, in the order in which they were told."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.readings: list[AnyReading] = []

    def tell(self, subject: str, origin: Origin, what: Field[Any], answer: object) -> None:
        """Add a reading: known when there is an answer, unavailable with its reason when there is none."""
        if isinstance(answer, SourceError):
            self.readings.append(what.unavailable(subject, origin, answer.reason, answer.detail, self.at))
        else:
            self.readings.append(what.known(subject, origin, answer, self.at))


def attempt(part: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | SourceError:
    """Ask one part; a failure is an answer like any other."""
    try:
        return part(*args, **kwargs)
    except SourceError as error:
        return error


def given(answer: T | SourceError) -> T:
    """Return what a part said, or raise why it said nothing."""
    if isinstance(answer, SourceError):
        raise answer
    return answer


def after(answer: T | SourceError, part: Callable[[T], U]) -> U | SourceError:
    """Go on with what a part said, or hand on why it said nothing."""
    return answer if isinstance(answer, SourceError) else attempt(part, answer)


def from_epoch(value: object) -> datetime:
    """Read seconds since the epoch."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LAST_SECOND:
        return datetime.fromtimestamp(value, UTC)
    raise SourceError(Reason.CORRUPT, "holds something that is not a time")


def from_text(value: object, zone: tzinfo | None = None) -> datetime:
    """Read a moment written as text. One without a zone is meant in ``zone``, or else in the zone of this machine."""
    if not isinstance(value, str):
        raise SourceError(Reason.CORRUPT, "holds something that is not a time")
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise SourceError(Reason.CORRUPT, "holds something that is not a time") from None


def past(moment: datetime, now: datetime) -> datetime:
    """Hand on a moment that should lie in the past."""
    if moment > now + SKEW:
        raise SourceError(Reason.CORRUPT, "carries a time from the future; a clock may have been set back")
    return moment
