"""The command that takes a run's model out of the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radu_core.cli.output import Answer, command, progress_bar, workspace
from radu_core.cli.runs import Run
from radu_core.words import counted

__all__: list[str] = []


@command("export-model")
def export_model(
    run: Run,
    out: Annotated[Path, typer.Option(help="A new or empty directory.")],
    adapter_only: Annotated[
        bool, typer.Option("--adapter-only", help="The LoRA adapter, without the base model.")
    ] = False,
    gguf: Annotated[
        bool, typer.Option("--gguf", help="Add model.gguf, by llama.cpp's converter.")
    ] = False,
) -> Answer:
    """Write a finished run's model so that it loads with plain transformers, with a card."""
    from radu_core.workflows import export_model as workflow

    with progress_bar() as progress:
        made = workflow.export_model(
            workspace(), run, out, adapter_only=adapter_only, gguf=gguf, progress=progress
        )
    lines = [
        f"{made.directory}: {counted(len(made.files), 'file')}, {made.size / 1e6:,.1f} MB, "
        f"{made.dtype}.",
        *([f"GGUF: {made.gguf}"] if made.gguf else []),
        *(f"note: {note}" for note in made.notes),
        *(("Serve it with vLLM:", made.vllm) if made.vllm else ()),
    ]
    return Answer(made, lines)
