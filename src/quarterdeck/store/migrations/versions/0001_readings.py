"""Subjects; readings and looks, when each was known; status changes; our own gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "subjects",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("instance", sa.Text, nullable=False),
    )
    op.create_index("ix_subjects_instance", "subjects", ["instance"])
    op.create_table(
        "keys",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
    )
    op.create_index("uq_keys_subject_field", "keys", ["subject", "field"], unique=True)
    op.create_table(
        "origins",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("locator", sa.Text, nullable=False),
    )
    _snapshots()
    _readings()
    _ourselves()


def _snapshots() -> None:
    op.create_table(
        "records",
        sa.Column("seq", ID, primary_key=True, autoincrement=False),
        sa.Column("known_us", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("epoch", ID, nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("until_us", sa.BigInteger),
        sa.Column("stands_for", sa.Integer, nullable=False, server_default="1"),
        sa.Column("longest_us", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("ix_records_step_known_us_seq", "records", ["step", "known_us", "seq"])
    op.create_index("ix_records_epoch", "records", ["epoch"])
    op.create_table(
        "clocks",
        sa.Column("epoch", ID, primary_key=True, autoincrement=False),
        sa.Column("clock", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ticks",
        sa.Column("clock", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", ID, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ticks_seq", "ticks", ["seq"])


def _readings() -> None:
    op.create_table(
        "readings",
        sa.Column("key", ID, primary_key=True, autoincrement=False),
        sa.Column("seq", ID, primary_key=True, autoincrement=False),
        sa.Column("clock", sa.Integer),
        sa.Column("origin", sa.Integer),
        sa.Column("lives_us", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("body", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_readings_seq", "readings", ["seq"])
    op.create_table(
        "late",
        sa.Column("seq", ID, primary_key=True, autoincrement=False),
        sa.Column("key", ID, primary_key=True, autoincrement=False),
        sa.Column("true_us", sa.BigInteger, nullable=False),
        sa.Column("known_us", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _ourselves() -> None:
    op.create_table(
        "changes",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject", ID, nullable=False),
        sa.Column("known_us", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("activity", sa.Text),
        sa.Column("knowledge", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since_us", sa.BigInteger),
        sa.Column("before", sa.Text),
    )
    op.create_index("ix_changes_subject_id", "changes", ["subject", "id"])
    op.create_index("ix_changes_known_us", "changes", ["known_us"])
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", ID, nullable=False),
    )
    op.create_table(
        "blinds",
        sa.Column("id", ID, primary_key=True),
        sa.Column("began_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("ix_blinds_ended_us", "blinds", ["ended_us"])
    op.create_table(
        "notes",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
