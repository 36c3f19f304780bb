"""Encoders that answer without torch: an ONNX graph, and the tokenizer beside it.

A directory holds ``model.onnx`` (token ids and mask → the vectors before normalisation, and the
tokens' vectors) with its weights in ``model.onnx.data``, ``tokenizer.json``, and ``settings.json``;
that of a tuned encoder also the weights of its heads.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.errors import ModelError
from radu_core.files import read_json
from radu_core.hardware import usable_cores
from radu_core.progress import Progress, silent
from radu_core.training.joint.head import log_softmax
from radu_core.training.joint.reading import Reading, Transitions
from radu_core.training.joint.rows import Labels, Row, arrays_of, row_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.retrieval.embedder import Side

__all__ = ["HEADS", "MODEL", "SETTINGS", "TOKENIZER", "OnnxEmbedder", "OnnxReader", "Settings"]

MODEL, TOKENIZER, SETTINGS, HEADS = (
    "model.onnx",
    "tokenizer.json",
    "settings.json",
    "heads.safetensors",
)
_REMEMBERED = 512  # vectors: an utterance is embedded once for all that look at it
_BATCH = 8  # rows of about one length: a processor gains little by more, and they are padded more


@dataclass(frozen=True)
class Settings:
    """What surrounds an encoder's graph.

    The model's ``name`` and ``identity`` (the hash of the weights that it was made from), the
    ``prompts`` before a text by side, how many tokens it reads at most, and how rows are padded.
    """

    name: str
    identity: str
    prompts: Mapping[str, str]
    longest: int
    padding: int
    is_right: bool


class _Tokenizer:
    """A ``tokenizer.json``, called as transformers' tokenizers are."""

    def __init__(self, path: Path, longest: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        # half a pair of surrogates is no text to a tokenizer
        encoded = self._tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8"))
        return {"input_ids": encoded.ids, "offset_mapping": encoded.offsets}


class _Graph:
    """An encoder's graph, tokenizer and settings."""

    def __init__(self, directory: Path, threads: int) -> None:
        import onnxruntime

        try:
            self.settings = Settings(**read_json(directory / SETTINGS))
            self._tokenizer = _Tokenizer(directory / TOKENIZER, self.settings.longest)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads or usable_cores()
            # a thread that waits for work by spinning takes a core from the other encoder
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            options.enable_cpu_mem_arena = False  # it keeps the largest batch's memory for ever
            self._session = onnxruntime.InferenceSession(
                str(directory / MODEL), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # whatever the file's bytes lead the libraries to
            raise ModelError(
                f"The encoder can't be loaded ({type(error).__name__}: {str(error)[:200]})",
                value=str(directory),
                remedy="Export the bundle again.",
            ) from error

    def row(self, text: str, prompt: str) -> Row:
        return row_of(self._tokenizer, text, prompt=prompt, longest=self.settings.longest)

    def tokens(self, text: str, prompt: str) -> Row:
        """The row without the pieces of its text."""
        return Row(tuple(self._tokenizer(prompt + text)["input_ids"]), (), ())

    def run(
        self, rows: Sequence[Row]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Run the graph on rows of tokens.

        Returns vectors ``(B, dim)``, tokens ``(B, tokens, width)``, and the share of each token in
        each piece ``(B, T, tokens)``.
        """
        ids, mask, share = arrays_of(
            rows, padding=self.settings.padding, is_right=self.settings.is_right
        )
        vectors, tokens = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return vectors, tokens, share


def _by_length(rows: Sequence[Row]) -> Iterator[list[int]]:
    """Their places, in batches of about one length."""
    order = sorted(range(len(rows)), key=lambda n: len(rows[n].ids))
    for at in range(0, len(order), _BATCH):
        yield order[at : at + _BATCH]


class OnnxEmbedder:
    """An embedding model in ONNX; the vectors of the last texts are remembered.

    An ``Embedder`` (see ``retrieval.embedder``). Several threads may ask it.
    """

    def __init__(self, directory: Path, *, threads: int = 0) -> None:
        self._graph = _Graph(directory, threads)
        self.name = self._graph.settings.name
        self.identity = self._graph.settings.identity
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """``(len(texts), dim)`` float32, L2-normalised."""
        import numpy as np

        prompt = self._graph.settings.prompts[side]
        keys = [f"{prompt}\n{text}" for text in texts]
        with self._lock:
            vector_by_key = {k: self._known[k] for k in keys if k in self._known}
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in vector_by_key}
        rows = {k: self._graph.tokens(text, prompt) for k, text in missing.items()}
        order = list(rows)
        for number, part in enumerate(_by_length(list(rows.values()))):
            progress("Embedding", number * _BATCH, len(order))
            some = [order[n] for n in part]
            vectors, _, _ = self._graph.run([rows[k] for k in some])
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vector_by_key.update(zip(some, vectors / np.maximum(norms, 1e-12), strict=True))
        with self._lock:
            for key in keys:
                self._known[key] = vector_by_key[key]
                self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if not keys:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([vector_by_key[k] for k in keys])

    def without_cache(self) -> OnnxEmbedder:
        """The same model, which embeds every text it is asked for: what time that takes."""
        fresh = copy.copy(self)
        fresh._known, fresh._lock = OrderedDict(), threading.Lock()
        return fresh


class OnnxReader:
    """A tuned encoder with its two heads: a ``Reader`` (see ``training.joint.reading``)."""

    def __init__(self, directory: Path, labels: Labels, *, threads: int = 0) -> None:
        from safetensors.numpy import load_file

        self.labels = labels
        self._graph = _Graph(directory, threads)
        self._heads = load_file(str(directory / HEADS))

    def read(self, utterances: Sequence[str]) -> Reading:
        """What it says of the utterances, in order."""
        import numpy as np

        prompt = self._graph.settings.prompts["symmetric"]
        rows = [self._graph.row(u, prompt) for u in utterances]
        longest = max([1, *(len(r.pieces) for r in rows)])
        logits = np.zeros((len(rows), len(self._heads["function_head.bias"])), np.float32)
        emissions = np.zeros((len(rows), longest, len(self._heads["tagger.bias"])), np.float32)
        for part in _by_length(rows):
            vectors, tokens, share = self._graph.run([rows[n] for n in part])
            logits[part] = self._linear("function_head", vectors)
            emissions[part, : share.shape[1]] = self._linear("tagger", share @ tokens)
        return Reading(
            log_softmax(logits.astype("float64")).astype("float32"),
            emissions,
            tuple(r.pieces for r in rows),
            tuple(r.end for r in rows),
        )

    @cached_property
    def transitions(self) -> Transitions:
        """The tagger's."""
        return Transitions(float(self._heads["crf.outside"]), self._heads["crf.weights"])

    def _linear(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = self._heads[f"{name}.weight"]
        result: NDArray[np.float32] = values @ weights.T + self._heads[f"{name}.bias"]
        return result
