"""The register's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "requests",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("id_folded", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("received", sa.Date, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("requester", sa.String(20), nullable=False),
        sa.Column("reply_to", sa.String(320), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("regime", sa.String(2), nullable=False),
        sa.Column("calendar", sa.String(10), nullable=False),
        sa.Column("no_reasonable_doubt", sa.Text, nullable=False),
        sa.Column("handler", sa.String(100), nullable=False),
        sa.Column("letter_sha256", sa.String(64)),
        sa.Column("line_sha256", sa.String(64)),
        sa.Column("registered_at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_requests"),
        sa.UniqueConstraint("id", name="uq_requests_id"),
        sa.UniqueConstraint("id_folded", name="uq_requests_id_folded"),
    )
    op.create_index("ix_requests_letter_sha256", "requests", ["letter_sha256"])
    op.create_table(
        "rights",
        sa.Column("request", sa.String(40), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("request", "name", name="pk_rights"),
    )
    op.create_table(
        "identifiers",
        sa.Column("request", sa.String(40), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("value", sa.String(400), nullable=False),
        sa.Column("standing", sa.String(20), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("request", "kind", "value", name="pk_identifiers"),
    )
    op.create_index("ix_identifiers_value", "identifiers", ["value"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("request", sa.String(40), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("on", sa.Date, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("right", sa.String(20), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_request", "events", ["request"])
    op.create_table(
        "meta",
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
