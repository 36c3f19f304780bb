"""A module's schema and settings, inside a transaction that is open."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from radu_core.errors import NotFoundError
from radu_core.store.stored_json import read_settings
from radu_core.store.tables import modules

__all__ = ["schema_and_settings"]


def schema_and_settings(connection: Connection, module: str) -> tuple[str, dict[str, Any]]:
    """The schema of ``module`` as JSON text, and its settings; ``NotFoundError`` without one."""
    query = select(modules.c.schema, modules.c.settings).where(
        modules.c.id == module, modules.c.trashed.is_(None)
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError("No such module", value=module, remedy="Reload the page.")
    return str(row.schema), read_settings(row.settings, module=module)
