"""Encoders as ONNX graphs (see ``onnx_encoder``): what is written, and how exact it is."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.errors import ModelError
from radu_core.files import write_json
from radu_core.inference.onnx_encoder import HEADS, MODEL, SETTINGS, TOKENIZER, Settings
from radu_core.retrieval.embedder import is_plain

if TYPE_CHECKING:
    from radu_core.retrieval import SentenceEmbedder
    from radu_core.training.joint.model import JointEncoder

__all__ = ["export_embedder", "export_reader"]

_TEXTS = ("two tickets, please", "a rather longer utterance, which pads the first one of the batch")
_EXACT = 1e-3  # of a vector's length: more isn't rounding


def export_reader(model: JointEncoder, directory: Path) -> None:
    """Write a tuned encoder and its heads. ``ModelError`` where ONNX computes something else."""
    from safetensors.torch import save_file

    prompts = {"symmetric": model.prompt}
    settings = Settings("", "", prompts, *_padding(model.encoder))
    _export(model.encoder, directory, settings)
    heads = {k: v.contiguous() for k, v in model.state_dict().items() if not _is_encoder(k)}
    save_file(heads, str(directory / HEADS))


def export_embedder(embedder: SentenceEmbedder, directory: Path) -> None:
    """Write an embedding model with one tower. ``ModelError`` where it can't be written so."""
    query, document = embedder.exact.towers()
    plain = all(is_plain(document, prompt) for prompt in embedder.prompts.values())
    if query is not document or not plain:
        raise ModelError(
            "That kind of embedding model can't be written as ONNX", value=embedder.name
        )
    settings = Settings(embedder.name, embedder.identity, embedder.prompts, *_padding(document))
    _export(document, directory, settings)


def _is_encoder(name: str) -> bool:
    return name.startswith("encoder.")


def _padding(encoder: Any) -> tuple[int, int, bool]:
    tokenizer = encoder.tokenizer
    is_right = getattr(tokenizer, "padding_side", "right") == "right"
    return int(encoder.max_seq_length or 512), int(tokenizer.pad_token_id or 0), is_right


def _export(encoder: Any, directory: Path, settings: Settings) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = encoder.tokenizer
    tokenizer.backend_tokenizer.save(str(directory / TOKENIZER))
    write_json(directory / SETTINGS, asdict(settings))
    batch = tokenizer(list(_TEXTS), padding=True, return_tensors="pt")
    example = (batch["input_ids"], batch["attention_mask"])
    _write_graph(encoder, example, directory / MODEL)
    _check(encoder, example, directory / MODEL)


def _write_graph(encoder: Any, example: Sequence[Any], path: Path) -> None:
    import torch

    dims = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                _module(encoder),
                tuple(example),
                dynamo=True,
                input_names=["input_ids", "attention_mask"],
                output_names=["vectors", "tokens"],
                dynamic_shapes={"input_ids": dims, "attention_mask": dims},
                verbose=False,
            )
        except Exception as error:  # whatever the model's own code leads the exporter to
            raise ModelError(
                f"That encoder can't be written as ONNX ({type(error).__name__})",
                value=str(error).split("\n", 1)[0][:200],
            ) from error
    assert program is not None
    # weights beside the graph are mapped into memory: vocabulary that nobody uses isn't read
    program.save(str(path), external_data=True)


def _module(encoder: Any) -> Any:
    import torch

    from radu_core.training.joint.model import encode

    class Both(torch.nn.Module):
        """An encoder's vectors and tokens, by its two inputs."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return encode(self.encoder, {"input_ids": input_ids, "attention_mask": attention_mask})

    return Both().eval()


def _check(encoder: Any, example: Sequence[Any], path: Path) -> None:
    """Ask graph and model for the same batch, and for one of another shape."""
    import numpy as np
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids, mask = example
    for batch in ((ids, mask), (ids[:1, :5], mask[:1, :5])):
        with torch.inference_mode():
            right = _module(encoder)(*batch)
        inputs = {"input_ids": batch[0].numpy(), "attention_mask": batch[1].numpy()}
        for answer, output in zip(right, session.run(None, inputs), strict=True):
            expected_output = answer.numpy()
            real = batch[1].numpy().astype(bool) if expected_output.ndim == 3 else slice(None)
            apart = (
                np.abs(output[real] - expected_output[real]).max()
                / np.abs(expected_output[real]).max()
            )
            if not apart < _EXACT:
                raise ModelError(
                    "The ONNX encoder's results differ from the original's", value=float(apart)
                )
