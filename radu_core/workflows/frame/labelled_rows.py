"""The utterances of a split that a system can be measured on."""

from __future__ import annotations

from radu_core.eligibility import Eligible, Purpose, sort_out
from radu_core.exemplars import Split
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["labelled_rows"]


def labelled_rows(workspace: Workspace, module: str, split: Split) -> Eligible:
    """Those with labels, and why each of the others isn't measured."""
    items = workspace.store.exemplars(module, splits=[split])
    schema = workspace.store.schema(module)
    return sort_out(schema, (i.exemplar for i in items), Purpose.EVALUATION)
