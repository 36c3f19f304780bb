"""Checking what comes back (from the trash, by an undo) against the schema of now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from radu_core.errors import DamagedError
from radu_core.store.tables import events
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.labels import contradict
from radu_core.workflows.load.outcomes import resolve

__all__ = ["realign"]


def realign(workspace: Workspace, module: str, *, since: datetime, who: str) -> None:
    """Take back decisions that the schema contradicts, and align again.

    Only if the schema was changed ``since`` (then, or later): otherwise all that came back is as
    this schema made it.
    """
    own = (events.c.module == module) & (events.c.kind == "schema") & (events.c.at >= since)
    with workspace.store.reading() as connection:
        change_count = connection.scalar(select(func.count()).select_from(events).where(own))
    if not change_count:
        return
    try:
        contradict(workspace, workspace.store.schema(module), who=who)
        resolve(workspace, module, who=who)
    except DamagedError as error:
        raise DamagedError(
            f"Done, but {module} couldn't be aligned again, so what came back isn't checked "
            f"against its schema. {error}"
        ) from error
