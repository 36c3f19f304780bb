"""The index of a module: built, kept in memory, and brought up to date by what changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from radu_core.errors import InputError, NotFoundError, StaleIndexError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.retrieval import (
    Contents,
    ModuleIndex,
    RetrievalSettings,
    fingerprint,
    read_index,
    save_index,
)
from radu_core.retrieval.saved import count_indexed, mark_current, saved_fingerprint
from radu_core.schema import Schema
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "build_index",
    "choose_point",
    "chosen_point",
    "data_state",
    "index_fingerprint",
    "load_index",
    "point_embedder",
    "resolved_exemplars",
    "retrieval_before",
    "retrieval_settings",
    "set_retrieval",
    "switch_retrieval",
]

_SETTING = "retrieval"
_POINT = "point"  # what prompts and datasets begin with
_POINT_OF = "point_embedder"  # the identity of the embedder that it was chosen with
_BEFORE = "retrieval_before"  # settings that others took the place of, oldest first
_FIRST_POINT = (3, 4)
_FETCHED_SINGLY = 500  # changed exemplars; more are read with all the others
_SAVED_BELOW = 5_000  # exemplars: saving a larger index takes longer than bringing it up to date


@dataclass(frozen=True)
class _Held:
    """An index in memory and the revisions of the exemplars it was built from."""

    index: ModuleIndex
    revisions: Mapping[str, tuple[int, Any]]


def resolved_exemplars(
    workspace: Workspace, module: str, *, splits: Sequence[Split] | None = None
) -> list[AnnotatedExemplar]:
    """The resolved exemplars of a module, by id."""
    items = workspace.store.exemplars(module, splits=splits, outcomes=["resolved"])
    return [i.exemplar for i in items]


def retrieval_settings(workspace: Workspace, module: str) -> RetrievalSettings:
    """How a module retrieves; the defaults until somebody has chosen."""
    stored_setting = workspace.store.settings(module).get(_SETTING, {})
    try:
        return RetrievalSettings.model_validate(stored_setting)
    except ValidationError:  # of a later studio
        return RetrievalSettings()


def set_retrieval(
    workspace: Workspace, module: str, settings: RetrievalSettings, *, who: str
) -> None:
    """Save how a module retrieves: its prompts and datasets change with it."""
    workspace.embedder(settings.embedder)  # raises now if it isn't there
    stored_setting = RetrievalSettings.model_validate(settings.model_dump()).model_dump(mode="json")
    workspace.store.change_settings(module, {_SETTING: stored_setting}, who=who)


def chosen_point(workspace: Workspace, module: str) -> tuple[int, int]:
    """The (k_desc, k_exemplar) that prompts and datasets of a module begin with.

    What somebody chose on the Coverage page or by ``radu find-k --use``, otherwise (3, 4).
    """
    stored_point = workspace.store.settings(module).get(_POINT)
    if (
        isinstance(stored_point, list)
        and len(stored_point) == 2
        and all(type(k) is int for k in stored_point)
    ):
        return stored_point[0], stored_point[1]
    return _FIRST_POINT


def choose_point(workspace: Workspace, module: str, point: tuple[int, int], *, who: str) -> None:
    """Save the point that prompts and datasets begin with; each dataset may choose another."""
    if min(point) < 0 or max(point) > 50 or point == (0, 0):
        raise InputError(
            "Those numbers can't be retrieved",
            value=point,
            remedy="Use 0 to 50 each, but not 0 for both.",
        )
    identity = workspace.embedder(retrieval_settings(workspace, module).embedder).identity
    values = {_POINT: list(point), _POINT_OF: identity}
    workspace.store.change_settings(module, values, who=who)


def point_embedder(workspace: Workspace, module: str) -> str | None:
    """The identity of the embedder that the module's point was chosen with.

    None where nobody has chosen one.
    """
    settings = workspace.store.settings(module)
    return str(settings.get(_POINT_OF, "")) if settings.get(_POINT) else None


def switch_retrieval(
    workspace: Workspace, module: str, settings: RetrievalSettings, *, who: str, back: bool = False
) -> None:
    """Set how a module retrieves, and keep what was before so that it can be brought back.

    Like ``set_retrieval``; going ``back`` forgets what was kept.
    """
    before = _before(workspace, module)
    own = retrieval_settings(workspace, module).model_dump(mode="json")
    settings_before = before[:-1] if back else [*before, own]
    values = {_SETTING: settings.model_dump(mode="json"), _BEFORE: settings_before or None}
    workspace.store.change_settings(module, values, who=who)


def retrieval_before(workspace: Workspace, module: str) -> RetrievalSettings | None:
    """How a module retrieved before ``switch_retrieval``; None where that never was."""
    before = _before(workspace, module)
    try:
        return RetrievalSettings.model_validate(before[-1]) if before else None
    except ValidationError:  # of a later studio
        return None


def _before(workspace: Workspace, module: str) -> list[Any]:
    """How a module retrieved, oldest first."""
    revisions_seen = workspace.store.settings(module).get(_BEFORE)
    return revisions_seen if isinstance(revisions_seen, list) else []


def data_state(workspace: Workspace, module: str) -> str:
    """What changes whenever a resolved exemplar, the schema or the settings of a module do."""
    store = workspace.store
    revisions = [[i, *map(str, at)] for i, at in sorted(store.revisions(module).items())]
    settings = retrieval_settings(workspace, module).model_dump(mode="json")
    return content_hash([store.schema(module).hash, settings, revisions])


def index_fingerprint(workspace: Workspace, module: str) -> str:
    """The fingerprint that the module's index has, or would have; nothing is embedded."""
    settings = retrieval_settings(workspace, module)
    contents = Contents.of(workspace.store.schema(module), resolved_exemplars(workspace, module))
    identity = workspace.embedder(settings.embedder).identity
    return fingerprint(workspace.store.schema(module), contents, identity, settings)


def build_index(
    workspace: Workspace,
    module: str,
    *,
    settings: RetrievalSettings | None = None,
    progress: Progress = silent,
) -> ModuleIndex:
    """Build the retrieval index of ``module`` from its resolved training exemplars.

    It is saved if it is the module's own, and not if it was built with other ``settings``.
    """
    own = retrieval_settings(workspace, module)
    settings_used = settings or own
    schema = workspace.store.schema(module)
    revisions = workspace.store.revisions(module)
    exemplars = resolved_exemplars(workspace, module)
    embedder = workspace.embedder(settings_used.embedder, progress=progress)
    index = ModuleIndex.build(
        schema, exemplars, embedder, settings=settings_used, progress=progress
    )
    _require_exemplars(index)
    if settings_used == own:
        save_index(index, workspace.index(module))
    workspace.hold((module, settings_used), _Held(index, revisions))
    return index


def _require_exemplars(index: ModuleIndex) -> None:
    if not index.exemplars:
        raise InputError(
            f"{index.schema.module} has no resolved training exemplars to index",
            remedy="Import utterances and resolve them first.",
        )


def load_index(
    workspace: Workspace,
    module: str,
    *,
    settings: RetrievalSettings | None = None,
    progress: Progress = silent,
) -> ModuleIndex:
    """The index of ``module`` as its exemplars and schema are now; never a stale one.

    The one in memory is updated by what changed; the saved one is read if it is whole and current;
    otherwise it is built again, with the embeddings that are known.
    """
    settings_used = settings or retrieval_settings(workspace, module)
    schema = workspace.store.schema(module)
    index_held = workspace.recall((module, settings_used))
    if isinstance(index_held, _Held):
        return _up_to_date(workspace, settings_used, schema, index_held)
    revisions = workspace.store.revisions(module)
    contents = Contents.of(schema, resolved_exemplars(workspace, module))
    embedder = workspace.embedder(settings_used.embedder, progress=progress)
    expected = fingerprint(schema, contents, embedder.identity, settings_used)
    try:
        index = read_index(
            workspace.index(module), embedder, expected_fingerprint=expected, contents=contents
        )
    except (StaleIndexError, NotFoundError):
        return build_index(workspace, module, settings=settings, progress=progress)
    _keep(workspace, index)
    workspace.hold((module, settings_used), _Held(index, revisions))
    return index


def _up_to_date(
    workspace: Workspace, settings: RetrievalSettings, schema: Schema, kept_index: _Held
) -> ModuleIndex:
    module = schema.module
    revisions = workspace.store.revisions(module)
    before = kept_index.revisions
    changed_ids = [i for i, revision in revisions.items() if before.get(i) != revision]
    deleted_ids = [i for i in before if i not in revisions]
    if not changed_ids and not deleted_ids and schema.hash == kept_index.index.schema.hash:
        _keep(workspace, kept_index.index)
        return kept_index.index
    ids = changed_ids if len(changed_ids) <= _FETCHED_SINGLY else None
    items = workspace.store.exemplars(module, ids=ids, outcomes=["resolved"]) if changed_ids else []
    exemplar_by_id = {i.exemplar.id: i.exemplar for i in items}
    changes = {i: exemplar_by_id.get(i) for i in (*changed_ids, *deleted_ids)}
    index = kept_index.index.change(changes, schema=schema)
    _require_exemplars(index)
    _keep(workspace, index)
    workspace.hold((module, settings), _Held(index, revisions))
    return index


def _keep(workspace: Workspace, index: ModuleIndex) -> None:
    """Save a small module's own index where the saved one is another, or damaged.

    Where it is the same, its time becomes now: Home counts what has changed since.
    """
    module = index.schema.module
    if index.settings != retrieval_settings(workspace, module):
        return
    directory = workspace.index(module)
    same = saved_fingerprint(directory) == index.fingerprint
    if same and count_indexed(directory) == index.contents.members:
        mark_current(directory)
    elif len(index.exemplars) < _SAVED_BELOW:
        save_index(index, directory)
