"""Home: the funnel of each module, and the next thing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radu_core.dataset import read_manifest
from radu_core.eligibility import Purpose, Reason
from radu_core.errors import DamagedError, DatasetError, NotFoundError, StaleIndexError
from radu_core.retrieval import count_indexed
from radu_core.terms import STAGES
from radu_core.training.run.directory import RunDirectory, RunState
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import damaged_reports, reports
from radu_core.workflows.frame.run_list import answers, runs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.attention import Attention, needs_attention
from radu_core.workflows.home.newest_result import Result, newest_result
from radu_core.workflows.load.eligible import left_out
from radu_core.workflows.load.traces import Day, drift
from radu_core.workflows.train.dataset import datasets

__all__ = ["ModuleFunnel", "NextStep", "funnels"]


@dataclass(frozen=True)
class NextStep:
    """What to do next: the page that does it, and a sentence that says why."""

    page: str
    label: str
    why: str


@dataclass(frozen=True)
class ModuleFunnel:
    """loaded → resolved → in an index → in a dataset → trained, counted in exemplars.

    ``left_out`` is reason → loaded exemplars that no dataset can have a row of; ``waiting`` is the
    length of the Annotate page's queues, ``unlabelled`` of them wait for a function; ``result`` is
    the newest; ``drift`` are the days of imported traces, oldest first; ``attention`` is what to
    look at; ``notes`` say what of the module is damaged. ``next`` is None where nothing of it can
    be read.
    """

    module: str
    description: str
    functions: int
    loaded: int
    resolved: int
    waiting: int
    indexed: int
    in_dataset: int
    trained: int
    next: NextStep | None
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = ()
    unlabelled: int = 0
    result: Result | None = None
    drift: tuple[Day, ...] = ()
    attention: tuple[Attention, ...] = ()

    @property
    def caption(self) -> str:
        """Why the next step is the next one."""
        return f"Next: {self.next.why}" if self.next else ""

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The funnel's stages by name."""
        figures = (self.loaded, self.resolved, self.indexed, self.in_dataset, self.trained)
        return tuple(zip(STAGES, figures, strict=True))

    @property
    def unused_text(self) -> str:
        """A sentence about the loaded exemplars that no dataset can use; empty if all can be.

        Unlabelled ones stand where they are dealt with: in ``attention``.
        """
        reasons = "; ".join(
            f"{why} ({n:,})" for why, n in self.left_out.items() if why != Reason.UNLABELLED
        )
        return f"No dataset can use these: {reasons}." if reasons else ""


def funnels(workspace: Workspace) -> list[ModuleFunnel]:
    """The funnel of every module, by id. One that can't be read stops none of the others."""
    return [_readable(workspace, module) for module in workspace.store.modules()]


def _readable(workspace: Workspace, module: str) -> ModuleFunnel:
    try:
        return _funnel(workspace, module)
    except DamagedError as error:
        return ModuleFunnel(module, "", 0, 0, 0, 0, 0, 0, 0, None, {}, (str(error),))


def _funnel(workspace: Workspace, module: str) -> ModuleFunnel:
    schema = workspace.store.schema(module)
    workspace.store.settings(module)  # every page needs them: said here if they can't be read
    counts = workspace.store.counts(module)
    loaded_count = sum(counts.values())
    resolved = sum(n for (_, outcome), n in counts.items() if outcome == "resolved")
    unlabelled = sum(n for (_, outcome), n in counts.items() if outcome == "unlabelled")
    queues = workspace.store.waiting(module)
    waiting = sum(queues.values())
    in_index, notes = _count_indexed(workspace, module)
    views = datasets(workspace, module)
    manifests = [d.manifest.modules[module] for d in views]
    in_dataset = max((m.exemplars.get("train", 0) for m in manifests), default=0)
    states = [(*run.state(), run) for run in runs(workspace, module)]
    notes += [f"Run {run.id} is damaged: {why}" for state, why, run in states if state == "damaged"]
    finished = [run for state, _, run in states if state == "finished"]
    trained_count = max((_count_trained(run, module) for run in finished), default=0)
    is_measured = {
        run.id: bool(reports(run, module) or damaged_reports(run, module))
        for run in finished
        if answers(run)
    }
    figures = (loaded_count, resolved, in_index, in_dataset, trained_count)
    step = _next(figures, waiting, unlabelled, [state for state, _, _ in states], is_measured)
    return ModuleFunnel(
        module,
        schema.description,
        len(schema.functions),
        loaded_count,
        resolved,
        waiting,
        in_index,
        in_dataset,
        trained_count,
        step,
        left_out(workspace, module)[Purpose.ROWS],
        tuple(notes),
        unlabelled,
        newest_result(finished, module),
        drift(workspace, module),
        needs_attention(
            workspace, module, counts=counts, waiting=queues, datasets=views, states=states
        ),
    )


def _count_indexed(workspace: Workspace, module: str) -> tuple[int, list[str]]:
    """How many exemplars the index holds; a damaged one holds none and is a note."""
    try:
        return count_indexed(workspace.index(module)), []
    except NotFoundError:
        return 0, []
    except StaleIndexError as error:
        return 0, [f"{error.what}. It is built again when it is needed next."]


def _count_trained(run: RunDirectory, module: str) -> int:
    """How many of the module's exemplars a finished run was trained on; 0 if that can't be read."""
    folder = run.path / "serving"
    try:
        own = folder / module if (folder / module).is_dir() else folder
        return read_manifest(own).exemplars.get("train", 0)
    except DatasetError:
        return 0


def _next(
    figures: tuple[int, int, int, int, int],
    waiting: int,
    unlabelled: int,
    states: list[RunState],
    is_measured: Mapping[str, bool],
) -> NextStep:
    *before, trained_count = figures
    if step := _next_before_training(before, waiting, unlabelled):
        return step
    if any(s in ("created", "queued", "loading", "running", "saving") for s in states):
        return NextStep("train", "Watch the run", "A run is under way.")
    if trained_count == 0:
        return NextStep("train", "Launch a run", "The dataset hasn't been trained on.")
    if not is_measured:
        why = "What has finished tuned the embedding model alone: no run answers utterances yet."
        return NextStep("train", "Launch a run", why)
    if not any(is_measured.values()):
        return NextStep("evaluate", "Evaluate", "The newest run hasn't been measured.")
    return NextStep("evaluate", "Look at the errors", "Send what is wrong back to annotation.")


def _next_before_training(figures: Sequence[int], waiting: int, unlabelled: int) -> NextStep | None:
    loaded_count, resolved, indexed, in_dataset = figures
    if loaded_count == 0:
        return NextStep("load", "Load utterances", "The module has a schema, but no utterances.")
    if unlabelled == loaded_count:
        return NextStep(
            "annotate", f"Label {unlabelled:,}", "Nobody has said yet what the utterances mean."
        )
    if resolved == 0:
        return NextStep("load", "Resolve", "No value has been placed yet.")
    if waiting > 0.05 * loaded_count:
        return NextStep(
            "annotate",
            f"Annotate {waiting:,}",
            f"{quantity(waiting, 'utterance waits', 'utterances wait')} for a person.",
        )
    if indexed == 0:
        return NextStep("coverage", "See coverage", "No index has been built yet.")
    if in_dataset == 0:
        return NextStep("train", "Build a dataset", "Look at the prompts, then build a dataset.")
    return None
