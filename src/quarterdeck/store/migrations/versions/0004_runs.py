"""When jobs and timers were to run, when they ran, and over which stretches all their runs are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of runs, plans and covers."""
    op.create_table(
        "job_runs",
        _subject(),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("known", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("result", sa.Text),
        sa.Column("over_known", sa.BigInteger),
        sa.PrimaryKeyConstraint("subject_id", "began", name="pk_job_runs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_plans",
        _subject(),
        sa.Column("known", sa.BigInteger, nullable=False),
        sa.Column("schedule", sa.Text),
        sa.Column("zone", sa.Text),
        sa.Column("zone_configured", sa.Boolean, nullable=False),
        sa.Column("is_on", sa.Boolean),
        sa.Column("runner", sa.Boolean),
        sa.Column("catches_up", sa.Boolean),
        sa.Column("due", sa.BigInteger),
        sa.PrimaryKeyConstraint("subject_id", "known", name="pk_job_plans"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_covers",
        _subject(),
        sa.Column("known", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.PrimaryKeyConstraint("subject_id", "known", name="pk_job_covers"),
        sqlite_with_rowid=False,
    )


def _subject() -> sa.Column[int]:
    return sa.Column("subject_id", ID, sa.ForeignKey("subjects.id"), nullable=False)
