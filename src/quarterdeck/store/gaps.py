"""When Quarterdeck itself did not look, and what befell its history.

Rule 1: who records says now and then that it is there. From the last such beat to the next start nobody looked.
Rule 2: a clock that jumps makes moments mean two things, or none. The jump is an interval of its own, and numbers, not
        moments, say what came after what.
Rule 3: what happened to the history itself is noted in the history: damage that was set aside, a clock that stepped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Column, Connection, Index, Table, Text, delete, insert, select, update

from quarterdeck.store.schema import Id, Moment, exact, metadata, us
from quarterdeck.truth.past import Blind

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Id, nullable=False),
)
"""Small facts about the history itself, by name."""

blinds = Table(
    "blinds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("began_us", Moment, nullable=False),
    Column("ended_us", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Index("ix_blinds_ended_us", "ended_us"),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at_us", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("words", Text, nullable=False),
)

BEAT: Final = "beat"
NOT_RUNNING: Final = "not running"
STEPPED_BACK: Final = "clock stepped back"
STEPPED_ON: Final = "clock stepped forward, or the machine slept"
HELD_UP: Final = "held up"
NOT_WRITTEN: Final = "history could not be written"

STEP: Final = timedelta(seconds=2)
"""By how much the clock and the steady clock may differ between two beats before the clock counts as having jumped."""
SILENCE: Final = timedelta(seconds=60)
"""Between two beats of one run: longer, and the program was held up."""
LIMIT: Final = 1_000


class Beat(NamedTuple):
    """A sign of life: our clock, and the steady one in seconds."""

    at: datetime
    steady: float


def mark(connection: Connection, name: str) -> int | None:
    """Return a small fact; None when it was never noted."""
    return connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar_one_or_none()


def set_mark(connection: Connection, name: str, value: int) -> None:
    """Note a small fact in the place of what it was."""
    if connection.execute(update(marks).where(marks.c.name == name).values(value=value)).rowcount == 0:
        connection.execute(insert(marks).values(name=name, value=value))


def note(connection: Connection, at: datetime, kind: str, words: str) -> None:
    """Note what befell the history."""
    connection.execute(insert(notes).values(at_us=us(at), kind=kind, words=words))


def last_note(connection: Connection, kind: str) -> tuple[datetime, str] | None:
    """Return when something of a kind last befell the history, and its words."""
    asked = select(notes.c.at_us, notes.c.words).where(notes.c.kind == kind).order_by(notes.c.id.desc()).limit(1)
    row = connection.execute(asked).one_or_none()
    return None if row is None else (exact(row.at_us), row.words)


def add(connection: Connection, gap: Blind) -> None:
    """Note an interval in which we did not look."""
    row = {"began_us": us(gap.began_at), "ended_us": us(gap.ended_at), "why": gap.why}
    connection.execute(insert(blinds).values(**row))


def between(connection: Connection, since: datetime, until: datetime, limit: int = LIMIT) -> Sequence[Blind]:
    """Return the intervals that touch a span, oldest first."""
    asked = select(blinds).where(blinds.c.ended_us >= us(since), blinds.c.began_us <= us(until))
    newest = connection.execute(asked.order_by(blinds.c.ended_us.desc(), blinds.c.id.desc()).limit(limit)).all()
    found = (Blind(exact(row.began_us), exact(row.ended_us), row.why) for row in newest)
    return sorted(found, key=lambda gap: (gap.began_at, gap.ended_at))


def forget_before(connection: Connection, moment: datetime) -> None:
    """Drop what ended before a moment."""
    connection.execute(delete(blinds).where(blinds.c.ended_us < us(moment)))


def missed(before: Beat, now: Beat) -> Iterator[Blind]:
    """Return what the time between two beats of one run says of our looking."""
    steady = timedelta(seconds=now.steady - before.steady)
    jumped = (now.at - before.at) - steady
    if jumped < -STEP:
        yield Blind(min(now.at, before.at), max(now.at, before.at), STEPPED_BACK)
    elif jumped > STEP:
        yield Blind(before.at, now.at, STEPPED_ON)
    elif steady > SILENCE:
        yield Blind(before.at, now.at, HELD_UP)


def since_last_run(connection: Connection, now: datetime) -> Blind | None:
    """Return the interval since anybody last recorded here; None when nobody ever did."""
    written = mark(connection, BEAT)
    if written is None:
        return None
    last = exact(written)
    if last > now:
        return Blind(now, last, STEPPED_BACK)
    return Blind(last, now, NOT_RUNNING)
