"""What was known when: the tables in which snapshots are kept, and how little of them has to be written.

Rule 1: every recorded snapshot has a number, ``seq``, and the numbers only grow. They are the order; ``known_us``, our
        clock at that moment, is only a label, which may go back when the clock is set.
Rule 2: a reading is written when it says something new. The row of a key that has the greatest number not above that
        of a snapshot is what the snapshot held.
Rule 3: readings that are observed together share a clock. When all of them are observed again and say the same, the
        clock ticks: one row, however many they are. A reading that leaves its company gets a row with another clock.
Rule 4: an epoch is a stretch of numbers that needs nothing from before: its first snapshot is written whole.

Beside readings, a key may hold three other things a snapshot knows: how the last look of a source went, that a subject
is gone, and who is watched. They are kept in the same way, under fields that no reading can have.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from quarterdeck.store.schema import Id, Moment, metadata

LOOK = "@look"
GONE = "@gone"
FLEET = "@fleet"

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("subject", Id, nullable=False),
    Column("field", Text, nullable=False),
    Index("uq_keys_subject_field", "subject", "field", unique=True),
)

origins = Table(
    "origins",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("locator", Text, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("known_us", Moment, nullable=False),
    Column("step", Integer, nullable=False),
    Column("epoch", Id, nullable=False),
    Column("version", Id, nullable=False),
    Column("until_us", Moment),
    Column("stands_for", Integer, nullable=False, server_default="1"),
    Column("longest_us", Moment, nullable=False, server_default="0"),
    Index("ix_records_step_known_us_seq", "step", "known_us", "seq"),
    Index("ix_records_epoch", "epoch"),
)
"""``step`` counts how often the clock went back. ``until_us`` is set when later snapshots were thinned out: until when
this one was the newest; ``stands_for`` is for how many it stands, ``longest_us`` the longest time between two of them.
"""

clocks = Table(
    "clocks",
    metadata,
    Column("epoch", Id, primary_key=True, autoincrement=False),
    Column("clock", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

ticks = Table(
    "ticks",
    metadata,
    Column("clock", Integer, primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at_us", Moment, nullable=False),
    Index("ix_ticks_seq", "seq"),
    sqlite_with_rowid=False,
)

readings = Table(
    "readings",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("clock", Integer),
    Column("origin", Integer),
    Column("lives_us", Moment),
    Column("reason", Text),
    Column("body", Text),
    Index("ix_readings_seq", "seq"),
    sqlite_with_rowid=False,
)
"""``clock`` is null from where on a snapshot no longer holds the key. ``reason`` is null for what is known."""

late = Table(
    "late",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("key", Id, primary_key=True, autoincrement=False),
    Column("true_us", Moment, nullable=False),
    Column("known_us", Moment, nullable=False),
    Column("at_us", Moment, nullable=False),
    sqlite_with_rowid=False,
)
"""Rows of ``readings`` that tell of something that had been true for a while when it became known; they stay."""
