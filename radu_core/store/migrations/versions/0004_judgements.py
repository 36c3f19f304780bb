"""Judgements: what people said of two exemplars, whether they really mean the same."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "judgement",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("module", sa.String(80), nullable=False),
        sa.Column("first", sa.String(200), nullable=False),
        sa.Column("second", sa.String(200), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
    )
    op.create_index("ix_judgement_pair", "judgement", ["module", "first", "second"])


def downgrade() -> None:
    """Nothing is deleted, so there is no way back; restore a backup."""
    raise NotImplementedError("Restore a backup instead.")
