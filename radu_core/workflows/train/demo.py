"""``radu demo``: ``radu fit`` on the sample project, from raw labels to a measured model."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.errors import NotFoundError
from radu_core.progress import Progress, silent
from radu_core.words import join_words
from radu_core.workflows.coverage.report import CoverageReport, coverage_report
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import ResolveReport
from radu_core.workflows.load.sample import (
    GoldCheck,
    check_against_gold,
    load_sample,
    sample_modules,
)
from radu_core.workflows.train.fit import FitReport, fit

__all__ = ["DemoResult", "demo"]


@dataclass(frozen=True)
class DemoResult:
    """What ``fit`` gave, beside the sample's gold file and the coverage of its index."""

    resolve: ResolveReport
    gold: GoldCheck
    coverage: CoverageReport
    fit: FitReport


def demo(
    workspace: Workspace,
    *,
    module: str = "aurora_travel_en",
    minutes: float | None = None,
    progress: Progress = silent,
) -> DemoResult:
    """Import and ``fit`` one sample module. ``minutes`` bounds the training."""
    samples = {f"aurora_{path.name}_en": path for path in sample_modules()}
    if module not in samples:
        raise NotFoundError(
            "No such module in the sample",
            value=module,
            remedy=f"Use {join_words([*samples], 'or')}.",
        )
    directory = samples[module]
    bot = directory.name
    resolved = load_sample(workspace, only=(bot,), progress=progress)[0]
    gold = check_against_gold(workspace, directory)
    coverage = coverage_report(workspace, module, progress=progress)
    fit_report = fit(workspace, module, who="demo", minutes=minutes, progress=progress)
    return DemoResult(resolved, gold, coverage, fit_report)
