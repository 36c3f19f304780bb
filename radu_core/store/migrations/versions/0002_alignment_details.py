"""What alignment found of each value, and a module's settings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; empty means not aligned since, and no settings."""
    op.add_column("exemplar", sa.Column("details", sa.Text))
    op.add_column("module", sa.Column("settings", sa.Text))


def downgrade() -> None:
    """Nothing is deleted, so there is no way back; restore a backup."""
    raise NotImplementedError("Restore a backup instead.")
