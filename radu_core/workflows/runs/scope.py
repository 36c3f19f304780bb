"""What a fast model refuses: the share of utterances in scope that it keeps."""

from __future__ import annotations

from radu_core.errors import InputError, NotFoundError
from radu_core.files import write_json
from radu_core.inference import FastParser, FullParser, Parser
from radu_core.training.joint.files import HEAD_FILE, read_head
from radu_core.training.joint.scope import KEPT, Curve, Scope
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.run_list import check_answers, open_run
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["LEAST", "check_kept", "curve_of_run", "fast_of", "set_kept", "share_kept_by"]

LEAST = min(KEPT)


def share_kept_by(workspace: Workspace, name: str) -> float:
    """The share of utterances in scope that a run's model keeps."""
    return float(read_head(_model(workspace, name).model)["scope"]["kept"])


def curve_of_run(workspace: Workspace, name: str) -> Curve | None:
    """How well a run's model told apart what isn't in scope, out of fold."""
    return Scope.read(read_head(_model(workspace, name).model)["scope"]).curve


def set_kept(workspace: Workspace, name: str, kept: float) -> float:
    """Save the share that a run's model keeps, without training again. Returns the former one."""
    check_kept(kept)
    model = _model(workspace, name).model
    data = read_head(model)
    before = float(data["scope"]["kept"])
    data["scope"]["kept"] = kept
    write_json(model / HEAD_FILE, data)
    return before


def check_kept(kept: float) -> float:
    """The same; ``InputError`` unless it is a share that can be kept."""
    if not LEAST <= kept <= 1.0:
        raise InputError(
            "That isn't a share of the utterances in scope",
            value=kept,
            remedy=f"Give a number from {LEAST:g} to 1; 1 refuses nothing.",
        )
    return kept


def fast_of(parser: Parser | FastParser | FullParser, name: str) -> FastParser | FullParser:
    """A parser that has a score for what isn't in scope; ``InputError`` for another one."""
    if isinstance(parser, FastParser | FullParser):
        return parser
    raise InputError(
        "That model has no out-of-scope score: it is a generator",
        value=name,
        remedy="Leave out the share to keep, or name a run that tuned the retriever.",
    )


def _model(workspace: Workspace, name: str) -> RunDirectory:
    run = open_run(workspace, name)
    check_answers(run)
    if (run.model / HEAD_FILE).is_file():
        return run
    if run.model.is_dir():
        raise InputError(
            "That run's model has no out-of-scope score: it is a generator",
            value=run.id,
            remedy="Name a run that tuned the retriever.",
        )
    raise NotFoundError(f"Run {run.id} has no model yet", remedy="Wait until it has finished.")
