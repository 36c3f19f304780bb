"""The command that takes a run's model out of the studio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from radu_core.cli.model import RunModule
from radu_core.cli.output import Output, command, progress_bar, workspace
from radu_core.cli.runs import Run
from radu_core.errors import InputError
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    from radu_core.workflows.playground.bundle import WrittenBundle
    from radu_core.workflows.playground.export_model import Export

__all__: list[str] = []


@command("export-model")
def export_run(
    run: Run,
    directory: Annotated[Path, typer.Argument(help="A new or empty directory.")],
    to: Annotated[
        Literal["model", "bundle", "onnx"],
        typer.Option(
            help="model: weights that load with plain transformers. bundle: all that answering "
            "needs, for radu.load and radu serve. onnx: a tuned encoder alone, for onnxruntime."
        ),
    ] = "model",
    adapter_only: Annotated[
        bool, typer.Option("--adapter-only", help="The LoRA adapter, without the base model.")
    ] = False,
    gguf: Annotated[
        bool,
        typer.Option(
            "--gguf",
            help="Add model.gguf for llama.cpp and a Modelfile for Ollama, and compare their "
            "answers.",
        ),
    ] = False,
    gguf_type: Annotated[
        Literal["bf16", "f16", "f32"] | None,
        typer.Option(help="With --gguf: the type of its weights. By default the model's own."),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            help="Bundles: a run whose language model is asked where the fast model is unsure."
        ),
    ] = None,
    module: RunModule = None,
    runtime: Annotated[
        Literal["onnx", "torch"],
        typer.Option(help="Bundles: how encoders are written; onnx loads without torch."),
    ] = "onnx",
    texts: Annotated[
        bool,
        typer.Option(help="Fast bundles: keep the labels' words, or hashes of them (no texts)."),
    ] = True,
    name: Annotated[
        str | None, typer.Option(help="Bundles: what clients call the model. Default: the module.")
    ] = None,
) -> Output:
    """Write a finished run's model with a card: as weights, or as a bundle that answers."""
    if to != "model" and (adapter_only or gguf or gguf_type):
        raise InputError(
            f"{'A bundle holds' if to == 'bundle' else 'ONNX is of'} the whole model",
            remedy="Leave out --adapter-only, --gguf and --gguf-type.",
        )
    if to != "bundle" and (generator or module or name or not texts or runtime != "onnx"):
        raise InputError(
            "Only a bundle has these options",
            remedy="Add --to bundle, or leave out --generator, --module, --runtime, --name and "
            "--no-texts.",
        )
    if to == "onnx":
        return _export_onnx(run, directory)
    if to == "bundle":
        from radu_core.workflows.playground.bundle import write_bundle

        with progress_bar() as progress:
            bundle = write_bundle(
                workspace(),
                run,
                directory,
                generator=generator,
                module=module,
                runtime=runtime,
                texts=texts,
                model_name=name,
                progress=progress,
            )
        return Output(_bundle_data(bundle), _bundle_lines(bundle))
    from radu_core.workflows.playground.export_model import export_model

    with progress_bar() as progress:
        model = export_model(
            workspace(),
            run,
            directory,
            adapter_only=adapter_only,
            gguf=gguf or gguf_type is not None,
            gguf_type=gguf_type,
            progress=progress,
        )
    return Output(model, _model_lines(model))


def _model_lines(export: Export) -> list[str]:
    return [
        f"{export.directory}: {quantity(len(export.files), 'file')}, {export.size / 1e6:,.1f} MB, "
        f"{export.dtype}.",
        *(
            [f"When it was saved, beside the trained model: {_check_text(export.check)}."]
            if export.check
            else []
        ),
        *([f"GGUF: {export.gguf}"] if export.gguf else []),
        *([f"Compared with the model: {export.agreement}."] if export.agreement else []),
        *(f"note: {note}" for note in export.notes),
        *(("Serve it with vLLM:", export.vllm) if export.vllm else ()),
    ]


def _export_onnx(run: str, target: Path) -> Output:
    from radu_core.workflows.playground.export_onnx import export_onnx

    with progress_bar() as progress:
        export = export_onnx(workspace(), run, target, progress=progress)
    lines = [
        f"{export.directory}: {quantity(len(export.files), 'file')}, {export.size / 1e6:,.1f} MB.",
        *([f"Compared with the encoder: {export.agreement}."] if export.agreement else []),
        *(f"note: {note}" for note in export.notes),
        f"How to use it: {export.directory / 'README.md'}",
    ]
    return Output(export, lines)


def _check_text(check: Mapping[str, Any]) -> str:
    return (
        f"the same next token for {percent(check['equal_argmax'], 2)} of "
        f"{quantity(check['supervised_tokens'], 'token')} in {quantity(check['rows'], 'row')}, "
        f"mean loss {check['loss_written']:.4f} (trained {check['loss_trained']:.4f})"
    )


def _bundle_lines(bundle: WrittenBundle) -> list[str]:
    manifest, test = bundle.manifest, bundle.manifest.self_test
    same = f"{test.equal:,} of {test.rows_text}" if test else "no row"
    return [
        f"{bundle.directory}: a {manifest.kind} bundle of {manifest.module}, "
        f"{quantity(len(manifest.files), 'file')}, {bundle.size / 1e6:,.1f} MB.",
        f"Loaded again and compared with the run: the same call for {same}.",
        *(f"note: {note}" for note in bundle.notes),
        f"Serve it: radu serve {bundle.directory}",
        f'Use it in Python: radu.load("{bundle.directory}").parse("what somebody says")',
    ]


def _bundle_data(bundle: WrittenBundle) -> dict[str, object]:
    return {
        "directory": bundle.directory,
        "size": bundle.size,
        "notes": bundle.notes,
        "manifest": bundle.manifest.model_dump(mode="json"),
    }
