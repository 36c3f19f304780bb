"""An earlier version of a schema, as it can be used again: with the names that were given since."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.errors import InputError, NotFoundError
from radu_core.schema import Schema
from radu_core.store import SchemaVersion, renames
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.schema.rename import Target, with_new_name

__all__ = ["Restorable", "restorable"]


@dataclass(frozen=True)
class Restorable:
    """What restoring a version puts in use.

    ``names`` were given since, in words: exemplars have them, and would contradict a schema with
    the old ones.
    """

    version: SchemaVersion
    schema: Schema
    names: tuple[str, ...] = ()


def restorable(workspace: Workspace, module: str, number: int) -> Restorable:
    """Version ``number`` of the module's schema, its functions and slots named as they are now."""
    versions = {v.number: v for v in workspace.store.schema_versions(module)}
    if number not in versions:
        raise NotFoundError(
            f"{module} has no schema version of that number",
            value=number,
            remedy=f"It has 1 to {len(versions)}.",
        )
    version = versions[number]
    schema, names = version.schema, []
    with workspace.store.reading() as connection:
        all_renames = renames.list_renames(connection, module)
    for rename in all_renames:
        what = Target(rename.old, rename.function if rename.slot else None)
        if rename.at is not None and rename.at > version.at and _has(schema, what):
            try:
                schema = with_new_name(schema, what, rename.new)
            except InputError:  # the version has something else of that name
                continue
            names.append(rename.note)
    return Restorable(version, schema, tuple(names))


def _has(schema: Schema, what: Target) -> bool:
    owner = schema.function(what.function or what.name)
    return owner is not None and (what.function is None or owner.slot(what.name) is not None)
