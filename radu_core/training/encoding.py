"""Rows → token ids and labels: loss on the completion and its end token only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radu_core.dataset import load_tokenizer, read_dataset, read_rows
from radu_core.dataset.fit import tokenizer_hash
from radu_core.errors import DatasetError
from radu_core.files import content_hash
from radu_core.training.config import TrainConfig

if TYPE_CHECKING:
    import torch

    from radu_core.dataset import Manifest, Mixture

__all__ = [
    "IGNORED",
    "Collator",
    "Encoded",
    "Preflight",
    "encode_row",
    "load_tokenizer",
    "preflight",
]

IGNORED = -100  # the label that torch's cross-entropy passes over


@dataclass(frozen=True)
class Encoded:
    """One row: ``labels`` are ``IGNORED`` on the prompt and equal ``input_ids`` after it."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    task: str = ""

    @property
    def supervised(self) -> int:
        """How many tokens are learnt: the completion and its end token."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class Preflight:
    """What tokenizing every row found. ``overlong`` lists (exemplar id, task, tokens)."""

    train: tuple[Encoded, ...]
    validation: tuple[Encoded, ...]
    overlong: tuple[tuple[str, str, int], ...]
    tokens_hash: str

    @property
    def train_tokens(self) -> int:
        """Tokens in one pass over the training rows."""
        return sum(len(e.input_ids) for e in self.train)


def encode_row(tokenizer: Any, prompt: str, completion: str) -> Encoded:
    """Prompt and completion are tokenized apart and joined; the end token is appended."""
    start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = [
        *tokenizer(completion, add_special_tokens=False)["input_ids"],
        tokenizer.eos_token_id,
    ]
    return Encoded((*start, *answer), (*[IGNORED] * len(start), *answer))


def preflight(config: TrainConfig, tokenizer: Any) -> Preflight:
    """Tokenize every row before anything is launched. Nothing is ever truncated.

    Raises ``DatasetError`` when rows are longer than ``max_length`` (unless ``skip_overlong``:
    then they are left out and listed), when none is left, or when the dataset was changed.
    """
    manifest = read_dataset(config.dataset, verify=True)
    _check_lengths(config, tokenizer, manifest)
    overlong: list[tuple[str, str, int]] = []
    train = _encode_split(config, tokenizer, "train", overlong)
    validation = _encode_split(config, tokenizer, "validation", overlong)
    if overlong and not config.skip_overlong:
        longest = max(overlong, key=lambda item: item[2])
        raise DatasetError(
            f"{len(overlong)} rows are longer than max_length={config.max_length} tokens; the "
            f"longest has {longest[2]} ({longest[1]}, exemplar {longest[0]})",
            remedy="Raise max_length, show fewer exemplars, or set skip_overlong.",
        )
    if not train:
        raise DatasetError("No training row is left", remedy="Build a dataset with rows in train.")
    hashed = content_hash([[list(e.input_ids), list(e.labels)] for e in (*train, *validation)])
    return Preflight(tuple(train), tuple(validation), tuple(overlong), hashed)


def _check_lengths(config: TrainConfig, tokenizer: Any, manifest: Manifest | Mixture) -> None:
    """What the dataset counted with the same tokenizer needn't be counted to be refused."""
    counted, longest = manifest.tokenizer, manifest.longest
    if counted is None or longest is None or config.skip_overlong or longest <= config.max_length:
        return
    if counted.hash == tokenizer_hash(tokenizer):
        raise DatasetError(
            f"Rows are longer than max_length={config.max_length} tokens: the dataset's manifest "
            f"says that the longest has {longest}",
            remedy="Raise max_length, build the dataset for it, or set skip_overlong.",
        )


def _encode_split(
    config: TrainConfig, tokenizer: Any, split: str, overlong: list[tuple[str, str, int]]
) -> list[Encoded]:
    kept = []
    for row in read_rows(config.dataset, split):
        encoded = encode_row(tokenizer, row["prompt"], row["completion"])
        if len(encoded.input_ids) > config.max_length:
            overlong.append((row["exemplar_id"], row["task"], len(encoded.input_ids)))
        else:
            kept.append(replace(encoded, task=row["task"]))
    return kept


class Collator:
    """Pads on the left, so that all completions end at the last position.

    Then the model need compute the logits of the last few positions only (``logits_to_keep``).
    Gives ``input_ids, attention_mask, position_ids, labels``, each ``(rows, width)`` int64.
    """

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
        import torch

        width = max(len(r["input_ids"]) for r in rows)

        def padded(values: Iterable[Sequence[int]], filler: int) -> torch.Tensor:
            return torch.tensor([[filler] * (width - len(v)) + list(v) for v in values])

        mask = padded(([1] * len(r["input_ids"]) for r in rows), 0)
        return {
            "input_ids": padded((r["input_ids"] for r in rows), self._pad_id),
            "attention_mask": mask,
            "position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0),
            "labels": padded((r["labels"] for r in rows), IGNORED),
        }
