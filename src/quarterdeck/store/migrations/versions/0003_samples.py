"""How numbers went over time, from when on each level of it is whole; what sessions and alerts came to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of numbers over time."""
    op.create_table(
        "series",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", sa.BigInteger, sa.ForeignKey("subjects.id"), nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("locator", sa.Text, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("subject_id", "field", name="uq_series"),
    )
    op.create_table(
        "samples",
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("series", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("total", sa.Double, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("step", "series", "at", name="pk_samples"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sample_horizons",
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session_days",
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("sessions", "tokens", "tokens_unknown", "cost", "unpriced")
        ),
        sa.PrimaryKeyConstraint("instance", "day", name="pk_session_days"),
    )
    op.create_table(
        "alert_hours",
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("alerts", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("instance", "hour", "severity", name="pk_alert_hours"),
    )
