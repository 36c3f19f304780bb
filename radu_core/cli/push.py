"""The command that puts a run on a model hub."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from radu_core.cli.model import RunModule
from radu_core.cli.output import Output, command, progress_bar, workspace
from radu_core.cli.runs import Run
from radu_core.errors import InputError
from radu_core.words import quantity

__all__: list[str] = []


@command("push")
def push(
    run: Run,
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="OWNER/NAME on the hub.")],
    to: Annotated[
        Literal["bundle", "model"],
        typer.Option(
            help="bundle: all that answering needs, for radu serve. model: weights that load with "
            "plain transformers."
        ),
    ] = "bundle",
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository a private one.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Commit to an existing repository.")
    ] = False,
    texts: Annotated[
        bool,
        typer.Option(help="Fast bundles: keep the labels' words, or hashes of them (no texts)."),
    ] = True,
    generator: Annotated[
        str | None,
        typer.Option(
            help="Bundles: a run whose language model is asked where the fast model is unsure."
        ),
    ] = None,
    module: RunModule = None,
) -> Output:
    """Export a finished run and put it on a model hub, in one commit, with a card.

    The token is read from HF_TOKEN, the hub from HF_ENDPOINT; neither is kept.
    """
    if to != "bundle" and (generator or module or not texts):
        raise InputError(
            "Only a bundle has these options",
            remedy="Leave out --to model, or --generator, --module and --no-texts.",
        )
    from radu_core.workflows.playground.push import push_run

    with progress_bar() as progress:
        report = push_run(
            workspace(),
            run,
            repository,
            to=to,
            private=private,
            update=update,
            texts=texts,
            generator=generator,
            module=module,
            progress=progress,
        )
    text = "a new repository" if report.created else "a repository that was there"
    return Output(
        report,
        [
            f"{report.url}: {quantity(report.files, 'file')}, {report.size / 1e6:,.1f} MB, "
            f"in {text}.",
            f"Commit {report.commit}.",
            *(f"note: {note}" for note in report.notes),
        ],
    )
