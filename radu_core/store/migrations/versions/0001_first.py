"""The first tables.

Frozen: a later change of ``tables.py`` is a new file beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "module",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("schema", sa.Text, nullable=False),
        sa.Column("schema_hash", sa.String(64), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "exemplar",
        sa.Column("module", sa.String(80), sa.ForeignKey("module.id"), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("function", sa.String(100)),
        sa.Column("split", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("resolved_by", sa.String(20)),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("imported", sa.Text),
        sa.Column("readings", sa.Text, nullable=False),
        sa.Column("flag", sa.Text),
        sa.Column("decided", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_exemplar_outcome", "exemplar", ["module", "outcome"])
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("module", sa.String(80), nullable=False),
        sa.Column("exemplar", sa.String(200)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("ix_event_exemplar", "event", ["module", "exemplar"])
    op.create_table(
        "template",
        sa.Column("module", sa.String(80), sa.ForeignKey("module.id"), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
    )
    op.create_table(
        "import",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("module", sa.String(80), sa.ForeignKey("module.id"), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("rejections", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Nothing is deleted, so there is no way back; restore a backup."""
    raise NotImplementedError("Restore a backup instead.")
