"""A dataset's rows as a run trains on them: all are tokenized before anything is launched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radu_core.dataset import read_dataset, read_rows
from radu_core.errors import DatasetError, InputError
from radu_core.files import content_hash
from radu_core.tokenizing import PLAIN, Encoded, Encoder, chat_template, encode_row
from radu_core.training.run.config import TrainConfig
from radu_core.words import quantity

if TYPE_CHECKING:
    from radu_core.dataset import Manifest, Mixture

__all__ = ["Preflight", "encoder_of", "leave_in", "preflight"]


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


def leave_in(model: Any, tokenizer: Any, rows: Preflight) -> None:
    """Let what will be saved say how it was trained: its chat template, and where to stop.

    Without a template it is one that gives the prompt as it is.
    """
    tokenizer.chat_template = rows.template or PLAIN
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    end_tokens = base.generation_config.eos_token_id
    ends = end_tokens if isinstance(end_tokens, list) else [end_tokens]
    if rows.end is not None and rows.end not in ends:
        base.generation_config.eos_token_id = [rows.end, *(e for e in ends if e is not None)]


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
    taught_keys: set[tuple[str, str]] = set()
    train = _encode_split(config, encoder, "train", overlong, special, taught_keys)
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
            f"{quantity(len(special), 'row')}, and {config.base_model} takes it for a special "
            "token",
            remedy="Remove it from utterances, descriptions and prompt templates.",
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
        frozenset(taught_keys),
    )


def _check_lengths(config: TrainConfig, encoder: Encoder, manifest: Manifest | Mixture) -> None:
    """What the dataset counted with the same tokenizer needn't be counted to be refused."""
    tokenizer_counted, longest = manifest.tokenizer, manifest.longest
    if (
        tokenizer_counted is None
        or longest is None
        or config.skip_overlong
        or longest <= config.max_length
    ):
        return
    if tokenizer_counted.hash == encoder.hash:
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
    taught_keys: set[tuple[str, str]],
) -> list[Encoded]:
    encoded_rows = []
    for row in read_rows(config.dataset, split):
        encoded_row = encode_row(encoder, row.prompt, row.completion)
        if sign := encoder.special_in(row.prompt + row.completion):
            special.append((row.exemplar_id, row.task, len(encoded_row.input_ids), split, sign))
        elif len(encoded_row.input_ids) > config.max_length:
            overlong.append((row.exemplar_id, row.task, len(encoded_row.input_ids), split))
        else:
            encoded_rows.append(replace(encoded_row, task=row.task))
            taught_keys.add((row.module, row.exemplar_id))
    return encoded_rows
