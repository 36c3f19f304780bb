"""One encoder with two heads: which function, and where the values stand.

Joint intent classification and slot filling (Chen, Zhuo and Wang 2019, "BERT for joint intent
classification and slot filling"), on a sentence-transformers model, with a CRF on top of the tags.
The directory it is saved in is a sentence-transformers model as well: the tuned retriever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from radu_core.errors import ModelError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.hardware import native_bf16
from radu_core.models import loading
from radu_core.training.joint.crf import SlotCrf
from radu_core.training.joint.reading import Reading, Transitions
from radu_core.training.joint.rows import Batch, Labels, Row, collate, row_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "HEADS",
    "JointEncoder",
    "Said",
    "encode",
    "find_overlong",
    "open_encoder",
    "prompt_of",
    "tokens_read",
]

HEADS = "joint.safetensors"


@dataclass(frozen=True)
class Said:
    """What a joint encoder says of a batch.

    ``vectors`` ``(B, dim)`` before normalisation, ``functions`` ``(B, F)`` logits, ``emissions``
    ``(B, T, 1 + 2S)``.
    """

    vectors: Tensor
    functions: Tensor
    emissions: Tensor


class JointEncoder(nn.Module):
    """A sentence-transformers ``encoder`` with two heads: for the function, and for the values.

    A linear head on its embedding, and a tagger on the mean of the tokens of each piece. Heads
    start at zero, so that models of other folds can be averaged.
    """

    def __init__(self, encoder: Any, labels: Labels, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.labels = labels
        dim = int(encoder.get_embedding_dimension())
        width = int(encoder[0].model.config.hidden_size)
        self.function_head = nn.Linear(dim, len(labels.functions))
        self.tagger = nn.Linear(width, 1 + 2 * len(labels.slots))
        self.crf = SlotCrf(len(labels.slots))
        self.dropout = nn.Dropout(dropout)
        self.adapters: list[Any] = []  # a plain list: their weights are the encoder's own
        for head in (self.function_head, self.tagger):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    @property
    def tokenizer(self) -> Any:
        """The encoder's own."""
        return self.encoder.tokenizer

    def row(self, text: str, exemplar: Any = None) -> Row:
        """A text, or an exemplar to learn from, as a row."""
        longest = self.encoder.max_seq_length or 512
        labels = self.labels if exemplar is not None else None
        return row_of(
            self.tokenizer,
            text,
            prompt=self.prompt,
            longest=longest,
            exemplar=exemplar,
            labels=labels,
        )

    @property
    def prompt(self) -> str:
        """What the encoder wants before a text."""
        return prompt_of(self.encoder)

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Rows, padded."""
        return collate(rows, self.tokenizer, self.labels)

    def forward(self, batch: Batch) -> Said:
        """The vectors, the functions' logits and the labels' scores, in float32."""
        vectors, tokens = encode(self.encoder, batch.features)
        pieces = batch.share @ tokens
        return Said(
            vectors,
            self.function_head(self.dropout(vectors)),
            self.tagger(self.dropout(pieces)),
        )

    def read(self, utterances: Sequence[str]) -> Reading:
        """What it says of utterances; the model has to be in its evaluation mode."""
        rows = [self.row(u) for u in utterances]
        with torch.inference_mode():
            outputs = self(self.batch(rows))
        return Reading(
            outputs.functions.log_softmax(-1).numpy(),
            outputs.emissions.numpy(),
            tuple(r.pieces for r in rows),
            tuple(r.end for r in rows),
        )

    @property
    def transitions(self) -> Transitions:
        """The tagger's."""
        return self.crf.weights_of()

    def save(self, directory: Path) -> None:
        """Write the encoder as a sentence-transformers model, and the heads beside it."""
        from safetensors.torch import save_file

        self.encoder.save(str(directory), create_model_card=False)
        heads = {k: v.contiguous() for k, v in self.state_dict().items() if _is_head(k)}
        save_file(heads, str(directory / HEADS))
        self.labels.save(directory)

    @classmethod
    def load(cls, directory: Path) -> JointEncoder:
        """The model that ``save`` wrote, ready to answer."""
        from safetensors.torch import load_file

        with loading(
            f"the tuned encoder from {directory}",
            remedy="Restore a backup of the run, or launch it again.",
        ):
            model = cls(open_encoder(directory), Labels.read(directory))
            model.load_state_dict(load_file(str(directory / HEADS)), strict=False)
        return model.eval()


def open_encoder(directory: Path) -> Any:
    """A sentence-transformers model in float32; ``ModelError`` for one that can't be tuned here."""
    from sentence_transformers import SentenceTransformer

    with loading(f"the embedding model from {directory}", remedy="Name another one."):
        model = SentenceTransformer(
            str(directory),
            local_files_only=True,
            device="cpu",
            model_kwargs={"dtype": torch.float32},
        )
    if type(model[0]).__name__ != "Transformer" or not getattr(model.tokenizer, "is_fast", False):
        raise ModelError(
            "That embedding model can't be tuned",
            value=str(directory),
            remedy="Choose a transformer with a fast tokenizer, such as all-MiniLM-L6-v2.",
        )
    return model


def prompt_of(encoder: Any) -> str:
    """What an encoder wants before a text of any kind."""
    return str(encoder.prompts.get(encoder.default_prompt_name or "", ""))


def tokens_read(encoder: Any, exemplar: AnnotatedExemplar) -> int:
    """How many tokens of an exemplar's utterance an encoder reads."""
    return min(_length(encoder, exemplar), _longest(encoder))


def find_overlong(encoder: Any, exemplars: Sequence[AnnotatedExemplar]) -> list[str]:
    """The ids of those whose utterances an encoder doesn't read to their end."""
    return [e.id for e in exemplars if _length(encoder, e) > _longest(encoder)]


def _length(encoder: Any, exemplar: AnnotatedExemplar) -> int:
    return len(encoder.tokenizer(prompt_of(encoder) + exemplar.utterance)["input_ids"])


def _longest(encoder: Any) -> int:
    return int(encoder.max_seq_length or 512)


def encode(encoder: Any, features: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Embeddings ``(B, dim)`` before normalisation, and tokens ``(B, T, width)``.

    Float32, and float64 if the encoder is.

    bf16 is for training alone: an answer is the same on every machine, in a batch or by itself.
    """
    with _autocast() if encoder.training else nullcontext():
        first, *others = encoder.children()
        vectors = first(dict(features))
        tokens = vectors["token_embeddings"]
        tokens = tokens.to(torch.promote_types(tokens.dtype, torch.float32))
    vectors["token_embeddings"] = tokens
    for module in others:
        if type(module).__name__ != "Normalize":
            vectors = module(vectors)
    return vectors["sentence_embedding"].to(tokens.dtype), tokens


def _is_head(name: str) -> bool:
    return not name.startswith("encoder.")


def _autocast() -> AbstractContextManager[Any]:
    return torch.autocast("cpu", dtype=torch.bfloat16) if native_bf16() else nullcontext()
