"""Imports that can be taken back, and a trash for exemplars and modules."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. Of earlier imports no rows are known: they stay, and can't be taken back."""
    time = sa.DateTime(timezone=True)
    op.add_column("module", sa.Column("trashed", time))
    op.add_column("module", sa.Column("trashed_by", sa.String(200)))
    op.add_column(
        "import", sa.Column("kind", sa.String(20), nullable=False, server_default="import")
    )
    op.add_column("import", sa.Column("details", sa.Text))
    op.add_column("import", sa.Column("schema_before", sa.Text))
    op.add_column("import", sa.Column("schema_after", sa.Text))
    op.add_column("import", sa.Column("undone", sa.Integer, nullable=False, server_default="0"))
    op.add_column("import", sa.Column("moved", time))
    op.add_column("import", sa.Column("moved_by", sa.String(200)))
    op.create_table(
        "import_row",
        sa.Column("batch", sa.Integer, sa.ForeignKey("import.id"), primary_key=True),
        sa.Column("exemplar", sa.String(200), primary_key=True),
        sa.Column("module", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("undone", sa.Integer, nullable=False),
    )
    op.create_index("ix_import_row_exemplar", "import_row", ["module", "exemplar"])
    op.create_table(
        "trash",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("module", sa.String(80), sa.ForeignKey("module.id"), nullable=False),
        sa.Column("exemplar", sa.String(200), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("batch", sa.Integer),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_trash_exemplar", "trash", ["module", "exemplar"])
    op.create_index("ix_trash_batch", "trash", ["batch", "exemplar"])


def downgrade() -> None:
    """Nothing is deleted, so there is no way back; restore a backup."""
    raise NotImplementedError("Restore a backup instead.")
