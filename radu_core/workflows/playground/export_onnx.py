"""A tuned encoder as ONNX, asked what the encoder says before it is called done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.errors import InputError, ModelError
from radu_core.files import disk_errors, whole_directory, write_text
from radu_core.inference.onnx_encoder import OnnxEmbedder
from radu_core.progress import Progress, silent
from radu_core.retrieval import SentenceEmbedder
from radu_core.training.joint.files import ENCODER
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.directory import RunDirectory
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import reports
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.run_list import open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_files import base_directory, free_target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OnnxAgreement", "OnnxExport", "export_onnx"]

_LEAST_COSINE, _LEAST_EQUAL = 0.999, 0.99


@dataclass(frozen=True)
class OnnxAgreement:
    """The graph beside the encoder, on ``rows`` validation utterances.

    The least cosine of their vectors, and how many have the same nearest of the ``exemplars``
    training utterances.
    """

    rows: int
    exemplars: int
    least_cosine: float
    equal_nearest: int

    @property
    def is_same(self) -> bool:
        """Whether the graph can be used in the encoder's place."""
        return self.least_cosine >= _LEAST_COSINE and (
            self.equal_nearest >= _LEAST_EQUAL * self.rows
        )

    def __str__(self) -> str:
        return (
            f"onnxruntime: the same nearest of {quantity(self.exemplars, 'exemplar')} for "
            f"{self.equal_nearest:,} of {quantity(self.rows, 'validation row')}, cosine at least "
            f"{self.least_cosine:.6f}"
        )


@dataclass(frozen=True)
class OnnxExport:
    """What was written; ``agreement`` is None where the module has no rows to compare on."""

    directory: Path
    files: tuple[str, ...]
    size: int
    agreement: OnnxAgreement | None
    notes: tuple[str, ...]


def export_onnx(
    workspace: Workspace, name: str, out: Path, *, progress: Progress = silent
) -> OnnxExport:
    """Write the encoder that the run ``name`` tuned to ``out``: all or nothing.

    The directory holds ``model.onnx``, ``tokenizer.json``, ``settings.json`` and a card with an
    example. ``InputError`` where the run tuned no encoder, ``ModelError`` where ONNX can't hold it
    or computes something else.
    """
    run = open_run(workspace, name)
    if run.config().target != "retriever":
        raise InputError(
            f"Run {run.id} tuned a language model, and ONNX is for encoders",
            remedy="Choose a run that tuned the retriever, or export this one as GGUF.",
        )
    place = _encoder_of(run)
    target = free_target(out)
    embedder = SentenceEmbedder(place, name=run.id).exact
    with whole_directory(target) as new, disk_errors(target):
        progress("Writing the encoder", 0, 0)
        from radu_core.inference.onnx_export import export_embedder

        export_embedder(embedder, new)
        agreement = _compare(workspace, run, embedder, OnnxEmbedder(new), progress)
        if agreement and not agreement.is_same:
            raise ModelError(
                f"The ONNX encoder's results differ from the original's ({agreement})",
                remedy="Nothing was exported. Export the model as it is.",
            )
        write_text(new / "README.md", _card(workspace, run, agreement))
        files = sorted(p for p in new.rglob("*") if p.is_file())
        size = sum(p.stat().st_size for p in files)
        names = tuple(p.relative_to(new).as_posix() for p in files)
    missing = f"{run.module} has no validation or no training rows: the graph wasn't compared."
    return OnnxExport(target, names, size, agreement, () if agreement else (missing,))


def _encoder_of(run: RunDirectory) -> Path:
    """The sentence-transformers model that the run wrote."""
    for place in (run.model / ENCODER, run.model):
        if (place / "modules.json").is_file():
            return place
    state, reason = run.state()
    raise InputError(
        f"Run {run.id} has no encoder to export: it is {state}. {reason}".rstrip(),
        remedy="Choose a finished run.",
    )


def _compare(
    workspace: Workspace,
    run: RunDirectory,
    encoder: SentenceEmbedder,
    graph: OnnxEmbedder,
    progress: Progress,
) -> OnnxAgreement | None:
    queries = [e.utterance for e in labelled_rows(workspace, run.module, "validation").exemplars]
    train = labelled_rows(workspace, run.module, "train").exemplars
    exemplars = sorted({e.utterance for e in train})  # equal texts are equally near
    if not queries or not exemplars:
        return None
    progress("Comparing the graph with the encoder", 0, 0)
    query_vectors, exemplar_vectors = encoder.embed(queries), encoder.embed(exemplars)
    same_asked, same_kept = graph.embed(queries), graph.embed(exemplars)
    nearest, same_nearest = (
        _nearest(query_vectors, exemplar_vectors),
        _nearest(same_asked, same_kept),
    )
    return OnnxAgreement(
        rows=len(queries),
        exemplars=len(exemplars),
        least_cosine=float((query_vectors * same_asked).sum(axis=1).min()),
        equal_nearest=int((nearest == same_nearest).sum()),
    )


def _nearest(queries: NDArray[np.float32], exemplars: NDArray[np.float32]) -> NDArray[np.intp]:
    nearest: NDArray[np.intp] = (queries @ exemplars.T).argmax(axis=1)
    return nearest


def _card(workspace: Workspace, run: RunDirectory, agreement: OnnxAgreement | None) -> str:
    config = run.config()
    card = model_card(
        run.id,
        config,
        run.report() or {},
        base=base_directory(workspace, config),
        modules=[run.module],
        place=".",
        form="model",
        evaluations=[r.model_dump(mode="json") for r in reports(run).values()],
    )
    alone = re.sub(r"## Use\n.*?(?=\n## )", "", card, flags=re.DOTALL)  # of the whole model
    text = f"\n\nCompared with the tuned encoder: {agreement}." if agreement else ""
    return f"{alone.rstrip()}\n\n{_USE}{text}\n"


_USE = """## This directory is the encoder alone, as ONNX

`pip install onnxruntime tokenizers`, then, in the directory of this file:

```python
import json
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

settings = json.load(open("settings.json", encoding="utf-8"))
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(settings["longest"])
session = onnxruntime.InferenceSession("model.onnx")

text = settings["prompts"]["symmetric"] + "what somebody says"
ids = np.array([tokenizer.encode(text).ids])
asked = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
vector = session.run(["vectors"], asked)[0][0]
vector /= np.linalg.norm(vector)  # cosines are products then
```"""
