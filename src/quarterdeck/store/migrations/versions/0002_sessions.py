"""The ledger of sessions: groups and what they come to, sessions, older revisions, words of titles, streams."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEYS = ("started", "ended", "duration", "messages", "tool_calls", "tokens", "cost")


def upgrade() -> None:
    """Make the tables of the ledger."""
    op.create_table(
        "session_groups",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("instance", "source", "model", "outcome")),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("sessions", "tokens", "tokens_unknown", "cost", "unpriced")
        ),
        sa.UniqueConstraint("instance", "source", "model", "outcome", name="uq_session_groups"),
    )
    op.create_table(
        "sessions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("group_id", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("epoch", "revision", "known_at", "first_known_at", *KEYS)
        ),
        sa.Column("priced", sa.Boolean, nullable=False),
        sa.Column("title", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.UniqueConstraint("instance", "id", name="uq_sessions"),
    )
    op.create_index("ix_sessions_id", "sessions", ["id", "seq", "group_id", "started"])
    for name in KEYS:
        started = [] if name == "started" else ["started"]
        op.create_index(f"ix_sessions_{name}", "sessions", [name, "seq", "group_id", *started])
        op.create_index(f"ix_sessions_group_{name}", "sessions", ["group_id", name, "seq", *started])
    op.create_table(
        "session_revisions",
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("title", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq", "known_at", name="pk_session_revisions"),
    )
    op.create_table(
        "session_words",
        sa.Column("word", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("word", "seq", name="pk_session_words"),
    )
    op.create_index("ix_session_words_seq", "session_words", ["seq", "word"])
    op.create_table(
        "session_streams",
        sa.Column("instance", TEXT, primary_key=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("locator", TEXT, nullable=False),
        sa.Column("cursor", TEXT),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("titles", sa.Boolean, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("tried_at", sa.BigInteger, nullable=False),
        sa.Column("reason", TEXT),
        sa.Column("detail", TEXT),
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("session_streams", "session_words", "session_revisions", "sessions", "session_groups"):
        op.drop_table(name)
