"""What a module retrieves with: a run's tuned encoder in place of its own, and the way back.

What depends on the embedding model is known by the hash of its weights, and is built again in
order: the index, the point (k_desc, k_exemplar), the datasets. What isn't is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import Manifest
from radu_core.errors import InputError, NotFoundError, RaduError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.progress import Progress, silent
from radu_core.retrieval import Embedder, RetrievalSettings, save_index
from radu_core.schema import parse_schema
from radu_core.terms import describe_point
from radu_core.training.joint.files import ENCODER
from radu_core.training.joint.folds import folds_of
from radu_core.training.joint.guard import (
    Guard,
    Remembering,
    Retrieved,
    Retrieving,
    Row,
    compare,
    retrieve,
)
from radu_core.training.run.directory import RunDirectory
from radu_core.words import percent, quantity
from radu_core.workflows.coverage.indexing import (
    build_index,
    choose_point,
    chosen_point,
    point_embedder,
    retrieval_before,
    retrieval_settings,
    switch_retrieval,
)
from radu_core.workflows.coverage.report import coverage_report
from radu_core.workflows.frame.run_list import lives, open_run, runs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.trained_labels import read_trained_labels
from radu_core.workflows.train.dataset import DatasetView, build, datasets

__all__ = [
    "Standing",
    "Step",
    "Switch",
    "has_encoder",
    "judge",
    "kept_guard",
    "modules_using",
    "restore",
    "runs_using",
    "standing",
    "use",
]

_TARGET = 0.99  # coverage that a point is chosen for, as everywhere


@dataclass(frozen=True)
class Step:
    """What was built again, and what came out."""

    name: str
    figure: str


@dataclass(frozen=True)
class Switch:
    """A change of what ``module`` retrieves with, from ``before`` to ``now``.

    ``done`` is False where the guard kept the old one. ``stale`` names what still is of the old
    one, and what to do.
    """

    module: str
    before: str
    now: str
    guard: Guard | None
    done: bool
    steps: tuple[Step, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What ``module`` retrieves with.

    With what ``restore`` would bring back ("": nothing), and what of the module is of another
    embedding model.
    """

    module: str
    embedder: str
    before: str
    stale: tuple[str, ...]


def use(
    workspace: Workspace,
    name: str,
    *,
    who: str,
    anyway: bool = False,
    progress: Progress = silent,
) -> Switch:
    """Let the module of a run retrieve with the run's encoder, and rebuild what depends on it.

    Not if the guard says that it is worse (``anyway``: then, too).
    """
    run = _tuned_run(workspace, name)
    own = retrieval_settings(workspace, run.module)
    if own.embedder == run.id:
        raise InputError(f"{run.module} retrieves with that run already", value=run.id)
    guard = judge(workspace, run.id, progress=progress)
    if not (guard.ok or anyway):
        return Switch(run.module, own.embedder, run.id, guard, done=False)
    settings_chosen = own.model_copy(update={"embedder": run.id})
    return _switch(workspace, run.module, settings_chosen, guard, who, progress)


def restore(workspace: Workspace, module: str, *, who: str, progress: Progress = silent) -> Switch:
    """Let a module retrieve as it did before ``use``, and build again what depends on it."""
    before = retrieval_before(workspace, module)
    if before is None:
        raise InputError(
            f"{module} has had no other retriever",
            value=retrieval_settings(workspace, module).embedder,
            remedy="There is nothing to bring back.",
        )
    return _switch(workspace, module, before, None, who, progress, back=True)


def standing(workspace: Workspace, module: str) -> Standing:
    """What a module retrieves with, and what of it is stale."""
    now = retrieval_settings(workspace, module).embedder
    before = retrieval_before(workspace, module)
    embedder = before.embedder if before and before.embedder != now else ""
    return Standing(module, now, embedder, tuple(_stale(workspace, module)))


def judge(workspace: Workspace, name: str, *, progress: Progress = silent) -> Guard:
    """A run's encoder beside what its module retrieves with now, on rows that neither has learnt.

    The run has measured its untuned base. Another model is measured here on the same folds, and of
    another run's encoder what it retrieved out of fold is taken, where that is of the same rows.
    """
    run = _tuned_run(workspace, name)
    now = retrieval_settings(workspace, run.module).embedder
    try:
        retrieval_kept = Retrieved.load(run.path)
    except NotFoundError:  # its folds weren't asked
        return compare(now, {}, {}, chosen_point(workspace, run.module))
    embedder = workspace.embedder(now, progress=progress)
    if embedder.identity == retrieval_kept.identity:
        return retrieval_kept.guard
    other = workspace.runs / now
    if Path(now).name == now and other.is_dir():
        rows = _of_run(run, RunDirectory(other), retrieval_kept)
    else:
        rows = _measure(run, retrieval_kept, embedder, progress)
    return compare(now, rows, retrieval_kept.tuned, retrieval_kept.how.point)


def kept_guard(run: RunDirectory) -> Guard | None:
    """What a run has measured itself: its encoder beside its untuned base."""
    try:
        return Retrieved.load(run.path).guard
    except RaduError:
        return None


def modules_using(workspace: Workspace, name: str) -> list[str]:
    """The modules that retrieve with a run's encoder."""
    modules = workspace.store.modules()
    return [m for m in modules if retrieval_settings(workspace, m).embedder == name]


def runs_using(workspace: Workspace, name: str) -> list[str]:
    """The other runs that retrieve with a run's encoder, as they were trained."""
    pairs_asked = []
    for run in runs(workspace):
        for path in (run.path / "serving").glob("**/manifest.json"):
            with suppress(RaduError, AttributeError):
                if run.id != name and read_json(path).get("embedder") == name:
                    pairs_asked.append(run.id)
    return list(dict.fromkeys(pairs_asked))


def has_encoder(run: RunDirectory) -> bool:
    """Whether a run has written an embedding model."""
    return any((p / "modules.json").is_file() for p in (run.model / ENCODER, run.model))


def _tuned_run(workspace: Workspace, name: str) -> RunDirectory:
    run = open_run(workspace, name)
    state, _ = run.state()
    if state != "finished" or not has_encoder(run):
        of = "has tuned no retriever" if state == "finished" else f"is {state}"
        raise InputError(
            f"Run {run.id} {of}", remedy="Name a finished run whose target is the retriever."
        )
    return run


def _labels(run: RunDirectory) -> list[AnnotatedExemplar]:
    return list(read_trained_labels(run.path / "serving").exemplars)


def _measure(
    run: RunDirectory, retrieved: Retrieved, embedder: Embedder, progress: Progress
) -> dict[str, Row]:
    """What another embedder retrieves for the rows that the run's folds were asked about."""
    labels, config = _labels(run), run.config()
    schema = parse_schema(read_json(run.path / "serving" / "schema.json"))
    folds = folds_of(labels, config.folds, seed=config.seed)
    asking = Remembering(embedder)
    rows: dict[str, Row] = {}
    for fold in sorted(set(folds)):
        pairs = list(zip(labels, folds, strict=True))
        exemplars_asked = [e for e, f in pairs if f == fold and e.id in retrieved.tuned]
        progress("Retrieving with what the module has", len(rows), len(retrieved.tuned))
        learnt = [e for e, f in pairs if f != fold]
        rows |= retrieve(schema, learnt, exemplars_asked, asking, retrieved.how)
    return rows


def _of_run(run: RunDirectory, other: RunDirectory, retrieved: Retrieved) -> dict[str, Row]:
    """What another run's fold models retrieved for the same rows at the same point, if they did."""
    try:
        theirs = Retrieved.load(other.path)
    except RaduError:
        return {}
    if _point_and_weight(theirs.how) != _point_and_weight(retrieved.how):
        return {}
    learnt = {e.id: (e.utterance, e.function) for e in _labels(other)}
    same = {e.id for e in _labels(run) if learnt.get(e.id) == (e.utterance, e.function)}
    return {i: row for i, row in theirs.tuned.items() if i in same}


def _point_and_weight(how: Retrieving) -> tuple[tuple[int, int], float]:
    return how.point, how.settings.dense_weight


# --- what depends on it ----------------------------------------------------------------------


def _switch(
    workspace: Workspace,
    module: str,
    settings: RetrievalSettings,
    guard: Guard | None,
    who: str,
    progress: Progress,
    *,
    back: bool = False,
) -> Switch:
    """Change what a module retrieves with, and build again in order what depends on it.

    The index comes first, and only when it is there is anything changed.
    """
    before = retrieval_settings(workspace, module).embedder
    current = [v for v in datasets(workspace, module) if not (v.outdated or v.is_mixed)]
    index = build_index(workspace, module, settings=settings, progress=progress)
    switch_retrieval(workspace, module, settings, who=who, back=back)
    save_index(index, workspace.index(module))
    steps = [Step("index", f"{quantity(len(index.exemplars), 'exemplar')}, {settings.embedder}")]
    unbuilt: list[str] = []
    point = chosen_point(workspace, module)
    with _listing(unbuilt, f"{describe_point(*point)}: not measured again"):
        steps += _point(workspace, module, who, progress)
    for view in current:
        with _listing(unbuilt, f"Dataset {view.title}: not built again"):
            steps.append(_rebuilt(workspace, module, view, point, progress))
    if settings.dense_weight != RetrievalSettings().dense_weight:
        unbuilt.append(
            f"The weight of the dense ranking, {settings.dense_weight:g}, was chosen with {before}."
        )
    stale = dict.fromkeys([*unbuilt, *_stale(workspace, module)])
    return Switch(module, before, settings.embedder, guard, True, tuple(steps), tuple(stale))


@contextmanager
def _listing(unbuilt: list[str], what: str) -> Iterator[None]:
    """Name what can't be built again, with the reason; the rest is built all the same."""
    try:
        yield
    except RaduError as error:
        unbuilt.append(f"{what}. {error}")


def _point(workspace: Workspace, module: str, who: str, progress: Progress) -> list[Step]:
    """Choose the point again, where somebody has chosen one; the default stays the default."""
    if point_embedder(workspace, module) is None:
        return []
    before = chosen_point(workspace, module)
    choice = coverage_report(workspace, module, target=_TARGET, progress=progress).choice
    now = (choice.k_desc, choice.k_exemplar)
    choose_point(workspace, module, now, who=who)
    text = "as before" if now == before else f"before {before[0]} and {before[1]}"
    return [Step("k", f"{describe_point(*now)}, {text}, coverage {percent(choice.share)}")]


def _rebuilt(
    workspace: Workspace,
    module: str,
    view: DatasetView,
    before: tuple[int, int],
    progress: Progress,
) -> Step:
    """Build a dataset again with its own options; its k is the module's, where it was before."""
    assert isinstance(view.manifest, Manifest)
    for run in runs(workspace, module):
        if lives(run) and run.config().dataset == view.directory:
            raise InputError(f"Run {run.id} is learning from it", remedy="Build it when that ends.")
    config = view.manifest.config
    if (config.k_desc, config.rows.k_exemplar) == before:
        k_desc, k_exemplar = chosen_point(workspace, module)
        rows = config.rows.model_copy(update={"k_exemplar": k_exemplar})
        config = config.model_copy(update={"k_desc": k_desc, "rows": rows})
    dataset = build(workspace, module, name=view.name, config=config, progress=progress)
    return Step(f"dataset {view.name}", quantity(dataset.manifest.rows("train"), "training row"))


def _stale(workspace: Workspace, module: str) -> Iterator[str]:
    """What of a module is of another embedding model than it retrieves with now."""
    now = workspace.embedder(retrieval_settings(workspace, module).embedder)
    k_desc, k_exemplar = chosen_point(workspace, module)
    if point_embedder(workspace, module) not in (None, "", now.identity):
        yield (
            f"{describe_point(k_desc, k_exemplar)} were chosen with another embedding model: "
            "measure coverage again."
        )
    for view in datasets(workspace, module):
        if view.outdated:
            yield f"Dataset {view.title}: {view.outdated}. Build it again."
    others = [run.id for run in runs(workspace, module) if _retrieves_otherwise(run, now.identity)]
    if others:
        yield (
            f"{quantity(len(others), 'run')} of the generator, trained on what another embedding "
            f"model retrieved, still ask that one: {', '.join(others)}."
        )


def _retrieves_otherwise(run: RunDirectory, identity: str) -> bool:
    """Whether a finished run of the generator asks an index of another embedding model."""
    if run.state()[0] != "finished" or run.config().target == "retriever":
        return False
    try:
        source = read_json(run.path / "serving" / "index" / "meta.json")["source"]
        return bool(source["embedder_identity"] != identity)
    except (RaduError, LookupError, TypeError):
        return False
