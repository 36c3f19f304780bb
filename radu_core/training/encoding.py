"""Rows → token ids and labels: loss on the completion and its end token only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radu_core.dataset import Encoder, chat_template, load_tokenizer, read_dataset, read_rows
from radu_core.dataset.encoder import PLAIN
from radu_core.errors import DatasetError, InputError
from radu_core.files import content_hash
from radu_core.training.config import TrainConfig
from radu_core.words import quantity

if TYPE_CHECKING:
    import torch

    from radu_core.dataset import Manifest, Mixture

__all__ = [
    "IGNORED",
    "Collator",
    "Encoded",
    "Preflight",
    "encode_row",
    "encoder_of",
    "leave_in",
    "load_tokenizer",
    "preflight",
    "row_hash",
]

IGNORED = -100  # the label that torch's cross-entropy passes over


@dataclass(frozen=True)
class Encoded:
    """One row: ``labels`` are ``IGNORED`` on the prompt and equal ``input_ids`` after it."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    task: str = ""

    @property
    def supervised_tokens(self) -> int:
        """How many tokens are learnt: the completion and its end token."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class Preflight:
    """What tokenizing every row found. ``overlong`` lists (exemplar id, task, tokens, split).

    ``special`` lists (exemplar id, task, tokens, split, sign) of rows whose text holds a sign that
    the model takes for one of its own, as ``<|im_end|>``; they are left out as well.
    ``template`` is the chat template that the rows were written with, ``end`` the token that ends
    a completion, ``tokenizer_hash`` of tokenizer and template, ``dataset_hash`` the manifest's.
    ``taught`` has (module, exemplar id) of every training row that is left.
    """

    train: tuple[Encoded, ...]
    validation: tuple[Encoded, ...]
    overlong: tuple[tuple[str, str, int, str], ...]
    tokens_hash: str
    template: str | None = None
    end: int | None = None
    tokenizer_hash: str = ""
    dataset_hash: str = ""
    special: tuple[tuple[str, str, int, str, str], ...] = ()
    taught: frozenset[tuple[str, str]] = frozenset()

    @property
    def train_tokens(self) -> int:
        """Tokens in one pass over the training rows."""
        return sum(len(e.input_ids) for e in self.train)


def encoder_of(config: TrainConfig, tokenizer: Any) -> Encoder:
    """What writes a run's rows; ``InputError`` or ``ModelError`` when its template won't do."""
    return Encoder(tokenizer, chat_template(tokenizer, config.chat_template))


def encode_row(encoder: Encoder | Any, prompt: str, completion: str) -> Encoded:
    """A row's ids and labels, by an encoder, or by a tokenizer as plain text."""
    encoder = encoder if isinstance(encoder, Encoder) else Encoder(encoder)
    start, answer = encoder.row(prompt, completion)
    return Encoded((*start, *answer), (*[IGNORED] * len(start), *answer))


def leave_in(model: Any, tokenizer: Any, rows: Preflight) -> None:
    """Let what will be saved say how it was trained: its chat template, and where to stop.

    Without a template it is one that gives the prompt as it is.
    """
    tokenizer.chat_template = rows.template or PLAIN
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    known = base.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known]
    if rows.end is not None and rows.end not in ends:
        base.generation_config.eos_token_id = [rows.end, *(e for e in ends if e is not None)]


def row_hash(input_ids: Sequence[int], labels: Sequence[int]) -> str:
    """SHA-256 over a row's ids and labels, without padding."""
    return content_hash([list(input_ids), list(labels)])


def preflight(config: TrainConfig, tokenizer: Any, *, here: bool = True) -> Preflight:
    """Tokenize every row before anything is launched. Nothing is ever truncated.

    Raises ``InputError`` when the run is to be ``here`` and this machine lacks what it asks for,
    ``DatasetError`` when rows are longer than ``max_length`` (unless ``skip_overlong``: then they
    are left out and listed), when none is left, or when the dataset was changed. Rows with a
    special token in their text are left out and listed.
    """
    if here and (lacking := config.unavailable):
        fields = "; ".join(f"{name}: {lack}" for name, lack in lacking.items())
        raise InputError(f"It can't be done here: {fields}", remedy="Correct these fields.")
    manifest = read_dataset(config.dataset, verify=True)
    encoder = encoder_of(config, tokenizer)
    _check_lengths(config, encoder, manifest)
    overlong: list[tuple[str, str, int, str]] = []
    special: list[tuple[str, str, int, str, str]] = []
    taught: set[tuple[str, str]] = set()
    train = _encode_split(config, encoder, "train", overlong, special, taught)
    validation = _encode_split(config, encoder, "validation", overlong, special, set())
    if overlong and not config.skip_overlong:
        longest = max(overlong, key=lambda item: item[2])
        raise DatasetError(
            f"{quantity(len(overlong), 'row is', 'rows are')} longer than "
            f"max_length={config.max_length} tokens; the longest has {longest[2]} ({longest[3]}, "
            f"{longest[1]}, exemplar {longest[0]})",
            remedy="Raise max_length, show fewer exemplars, or set skip_overlong.",
        )
    if not train and special:
        raise DatasetError(
            f"No training row is left: {special[0][4]} is in the text of "
            f"{quantity(len(special), 'row')}, and {config.base_model} takes it for a sign of its "
            "own",
            remedy="Take it out of utterances, descriptions and prompt templates.",
        )
    if not train:
        raise DatasetError("No training row is left", remedy="Build a dataset with rows in train.")
    hashed = content_hash([[list(e.input_ids), list(e.labels)] for e in (*train, *validation)])
    return Preflight(
        tuple(train),
        tuple(validation),
        tuple(overlong),
        hashed,
        encoder.template,
        encoder.end,
        encoder.hash,
        manifest.hash,
        tuple(special),
        frozenset(taught),
    )


def _check_lengths(config: TrainConfig, encoder: Encoder, manifest: Manifest | Mixture) -> None:
    """What the dataset counted with the same tokenizer needn't be counted to be refused."""
    counted, longest = manifest.tokenizer, manifest.longest
    if counted is None or longest is None or config.skip_overlong or longest <= config.max_length:
        return
    if counted.hash == encoder.hash:
        raise DatasetError(
            f"Rows are longer than max_length={config.max_length} tokens: the dataset's manifest "
            f"says that the longest has {longest}",
            remedy="Raise max_length, build the dataset for it, or set skip_overlong.",
        )


def _encode_split(
    config: TrainConfig,
    encoder: Encoder,
    split: str,
    overlong: list[tuple[str, str, int, str]],
    special: list[tuple[str, str, int, str, str]],
    taught: set[tuple[str, str]],
) -> list[Encoded]:
    kept = []
    for row in read_rows(config.dataset, split):
        encoded = encode_row(encoder, row.prompt, row.completion)
        if sign := encoder.special_in(row.prompt + row.completion):
            special.append((row.exemplar_id, row.task, len(encoded.input_ids), split, sign))
        elif len(encoded.input_ids) > config.max_length:
            overlong.append((row.exemplar_id, row.task, len(encoded.input_ids), split))
        else:
            kept.append(replace(encoded, task=row.task))
            taught.add((row.module, row.exemplar_id))
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

        def pad(values: Iterable[Sequence[int]], filler: int) -> torch.Tensor:
            return torch.tensor([[filler] * (width - len(v)) + list(v) for v in values])

        mask = pad(([1] * len(r["input_ids"]) for r in rows), 0)
        return {
            "input_ids": pad((r["input_ids"] for r in rows), self._pad_id),
            "attention_mask": mask,
            "position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0),
            "labels": pad((r["labels"] for r in rows), IGNORED),
        }
