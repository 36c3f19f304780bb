"""What annotators of a module should do in doubt: Markdown, each version an event."""

from __future__ import annotations

from radu_core.errors import ConflictError, InputError
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["KEY", "LONGEST", "guidelines", "set_guidelines"]

LONGEST = 50_000  # characters
KEY = "guidelines"  # in a module's settings


def guidelines(workspace: Workspace, module: str) -> str:
    """The guidelines of ``module``, empty by default."""
    return str(workspace.store.settings(module).get(KEY, ""))


def set_guidelines(workspace: Workspace, module: str, text: str, *, before: str, who: str) -> None:
    """Replace the guidelines that were ``before``; ``ConflictError`` if they have changed since."""
    if len(text) > LONGEST:
        raise InputError(
            f"Guidelines have at most {LONGEST:,} characters, not {len(text):,}",
            remedy="Shorten them, or link to the rest.",
        )
    if guidelines(workspace, module) != before:
        raise ConflictError(
            "The guidelines were changed in the meantime",
            remedy="Copy what you wrote, cancel, and write it into theirs.",
        )
    workspace.store.change_settings(module, {KEY: text.strip()}, who=who)
