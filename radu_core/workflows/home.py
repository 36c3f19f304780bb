"""Home: the funnel of each module, and the next thing to do."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.files import read_json
from radu_core.training import RunState
from radu_core.workflows.annotate import waits
from radu_core.workflows.train import datasets, run_view, runs
from radu_core.workflows.workspace import Workspace

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

    ``waiting`` is the length of the Annotate page's queue.
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
    next: NextStep

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The funnel's stages by name."""
        return (
            ("loaded", self.loaded),
            ("resolved", self.resolved),
            ("in an index", self.indexed),
            ("in a dataset", self.in_dataset),
            ("trained", self.trained),
        )


def funnels(workspace: Workspace) -> list[ModuleFunnel]:
    """The funnel of every module, by id."""
    return [_funnel(workspace, module) for module in workspace.store.modules()]


def _funnel(workspace: Workspace, module: str) -> ModuleFunnel:
    schema = workspace.store.schema(module)
    counts = workspace.store.counts(module)
    loaded = sum(counts.values())
    resolved = sum(n for (_, outcome), n in counts.items() if outcome == "resolved")
    waiting = sum(map(waits, workspace.store.exemplars(module, unfinished=True)))
    meta = workspace.index(module) / "meta.json"
    indexed = len(read_json(meta)["exemplars"]) if meta.is_file() else 0
    built = datasets(workspace, module)
    in_dataset = max((d.manifest.exemplars.get("train", 0) for d in built), default=0)
    states = [(run_view(r).state, r) for r in runs(workspace, module)]
    trained = 0
    evaluated = False
    for state, run in states:
        if state == "finished":
            manifest = run.path / "serving" / "manifest.json"
            if manifest.is_file():
                trained = max(trained, read_json(manifest)["exemplars"].get("train", 0))
            evaluated = evaluated or any((run.path / "evaluation").glob("*.json"))
    figures = (loaded, resolved, indexed, in_dataset, trained)
    step = _next(figures, waiting, [s for s, _ in states], evaluated)
    return ModuleFunnel(
        module, schema.description, len(schema.functions), loaded, resolved, waiting,
        indexed, in_dataset, trained, step,
    )  # fmt: skip


def _next(
    figures: tuple[int, int, int, int, int],
    waiting: int,
    states: list[RunState],
    evaluated: bool,
) -> NextStep:
    loaded, resolved, indexed, in_dataset, trained = figures
    if loaded == 0:
        return NextStep("load", "Load utterances", "The module has a schema, but no utterances.")
    if resolved == 0:
        return NextStep("load", "Resolve", "No value has been placed yet.")
    if waiting > 0.05 * loaded:
        return NextStep(
            "annotate", f"Annotate {waiting}", f"{waiting} utterances wait for a person."
        )
    if indexed == 0:
        return NextStep("coverage", "See coverage", "No index has been built yet.")
    if in_dataset == 0:
        return NextStep("train", "Build a dataset", "Look at the prompts, then build a dataset.")
    if any(s in ("created", "loading", "running", "saving") for s in states):
        return NextStep("train", "Watch the run", "A run is under way.")
    if trained == 0:
        return NextStep("train", "Launch a run", "The dataset hasn't been trained on.")
    if not evaluated:
        return NextStep("evaluate", "Evaluate", "The newest run hasn't been measured.")
    return NextStep("evaluate", "Look at the errors", "Send what is wrong back to annotation.")
