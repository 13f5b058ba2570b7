"""The description of each node as it was recorded last: so that a new owner or text is noticed, and built for never."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "descriptions",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "node", name=op.f("pk_descriptions")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("descriptions")
