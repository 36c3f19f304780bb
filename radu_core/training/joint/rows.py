"""Exemplars as tensors: subword tokens, the pieces they belong to, BIO labels, functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.pieces import cut, label
from radu_core.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Batch", "Labels", "Row", "arrays_of", "collate", "own_slots", "row_of"]

_FILE = "joint.json"


@dataclass(frozen=True)
class Labels:
    """What a joint encoder tells apart.

    A function's name is "" for out of scope; ``own`` are the places in ``slots`` of each function's
    slots, as far as no recognizer fills them.
    """

    functions: tuple[str, ...]
    slots: tuple[str, ...]
    own: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, schema: Schema, exemplars: Sequence[AnnotatedExemplar]) -> Labels:
        """Those of a schema's functions; out of scope only where some exemplar is."""
        slots = {
            f.name: [s.name for s in f.slots if s.recognizer is None] for f in schema.functions
        }
        if any(e.function is None for e in exemplars):
            slots[""] = []
        slot_names = sorted({name for names in slots.values() for name in names})
        place = {name: n for n, name in enumerate(slot_names)}
        own = (tuple(place[s] for s in slots[name]) for name in slots)
        return cls(tuple(slots), tuple(slot_names), tuple(own))

    def save(self, directory: Path) -> None:
        """Write them to ``directory``."""
        write_json(directory / _FILE, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Labels:
        """What ``save`` wrote."""
        data = read_json(directory / _FILE)
        return cls(
            tuple(data["functions"]),
            tuple(data["slots"]),
            tuple(tuple(own) for own in data["own"]),
        )

    def tags(self, function: int, local: Sequence[int]) -> list[str]:
        """Local labels of a function as ``pieces`` has them: "O", "B-slot", "I-slot"."""
        own = [self.slots[n] for n in self.own[function]]
        return ["O" if v == 0 else f"{'B' if v % 2 else 'I'}-{own[(v - 1) // 2]}" for v in local]


@dataclass(frozen=True)
class Row:
    """An utterance in tokens.

    ``of`` are each token's pieces; ``function`` is -1 where it isn't known, ``labels`` are local to
    the function's slots, as ``SlotCrf`` has them. ``is_cut``: it has more tokens than the encoder
    reads.
    """

    ids: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...]
    of: tuple[tuple[int, ...], ...]
    is_cut: bool = False
    function: int = -1
    labels: tuple[int, ...] = ()

    @property
    def end(self) -> int | None:
        """Where what is read of the text ends; None where all of it is."""
        pieces_seen = [self.pieces[n][1] for some in self.of for n in some]
        return max(pieces_seen, default=0) if self.is_cut else None


@dataclass(frozen=True)
class Batch:
    """Rows padded to one length, with ``features`` for the encoder.

    ``share`` ``(B, T, tokens)`` is the part that a token has in each piece; ``lengths`` ``(B,)`` in
    pieces; ``functions`` ``(B,)``; ``slots`` ``(B, K)`` and ``labels`` ``(B, T)`` of them.
    """

    features: Mapping[str, Any]
    share: Tensor
    lengths: Tensor
    functions: Tensor
    slots: Tensor
    labels: Tensor


def row_of(
    tokenizer: Any,
    text: str,
    *,
    prompt: str = "",
    longest: int,
    exemplar: AnnotatedExemplar | None = None,
    labels: Labels | None = None,
) -> Row:
    """A text as a row; with ``exemplar`` and ``labels`` as one to learn from.

    Tokens beyond ``longest`` are cut off; pieces without a token are O.
    """
    encoding = tokenizer(
        prompt + text, truncation=True, max_length=longest, return_offsets_mapping=True
    )
    pieces = cut(text)
    at = {place: n for n, (start, end) in enumerate(pieces) for place in range(start, end)}
    of = tuple(
        tuple(sorted({at[p] for p in range(start - len(prompt), end - len(prompt)) if p in at}))
        for start, end in encoding["offset_mapping"]
    )
    ids, pieces_seen = tuple(encoding["input_ids"]), {piece for some in of for piece in some}
    is_cut = len(ids) >= longest and len(pieces_seen) < len(pieces)
    if exemplar is None or labels is None:
        return Row(ids, tuple(pieces), of, is_cut)
    function = labels.functions.index(exemplar.function or "")
    own = {labels.slots[n]: place for place, n in enumerate(labels.own[function])}
    spans = [s for s in exemplar.spans or () if s.slot in own]
    local = [
        1 + 2 * own[tag[2:]] + (tag[0] == "I") if tag != "O" and piece in pieces_seen else 0
        for piece, tag in enumerate(label(pieces, spans))
    ]
    return Row(ids, tuple(pieces), of, is_cut, function, tuple(local))


def arrays_of(
    rows: Sequence[Row], *, padding: int, is_right: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Rows as one batch of arrays.

    Token ids and their mask ``(B, tokens)``, and the part ``(B, T, tokens)`` that each token has in
    each piece.
    """
    import numpy as np

    width = max(len(r.ids) for r in rows)
    ids = np.full((len(rows), width), padding, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    pieces = max(1, *(len(r.pieces) for r in rows))
    share = np.zeros((len(rows), pieces, width), dtype=np.float32)
    for n, row in enumerate(rows):
        before = 0 if is_right else width - len(row.ids)
        ids[n, before : before + len(row.ids)] = row.ids
        mask[n, before : before + len(row.ids)] = 1
        for token, some in enumerate(row.of):
            share[n, list(some), before + token] = 1.0
    share /= np.maximum(share.sum(-1, keepdims=True), 1.0)
    return ids, mask, share


def collate(rows: Sequence[Row], tokenizer: Any, labels: Labels) -> Batch:
    """Rows as one batch."""
    import torch

    is_right = getattr(tokenizer, "padding_side", "right") == "right"
    ids, mask, share = arrays_of(rows, padding=tokenizer.pad_token_id or 0, is_right=is_right)
    targets = torch.zeros(share.shape[:2], dtype=torch.long)
    for n, row in enumerate(rows):
        targets[n, : len(row.labels)] = torch.tensor(row.labels, dtype=torch.long)
    return Batch(
        {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)},
        torch.from_numpy(share),
        torch.tensor([len(r.pieces) for r in rows]),
        torch.tensor([r.function for r in rows]),
        own_slots([r.function for r in rows], labels),
        targets,
    )


def own_slots(functions: Sequence[int], labels: Labels) -> Tensor:
    """``(B, K)``: the places of each function's slots, padded with -1."""
    import torch

    own = [labels.own[f] if f >= 0 else () for f in functions]
    width = max([0, *map(len, own)])
    return torch.tensor([[*o, *[-1] * (width - len(o))] for o in own], dtype=torch.long).reshape(
        len(own), width
    )
