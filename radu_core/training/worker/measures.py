"""How well the model in training answers validation rows: loss, function accuracy, slot F1.

Measured on the dataset's own rows, so that nothing is retrieved while a run trains; the Evaluate
page measures the finished model as it is used.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radu_core.errors import RaduError
from radu_core.files import parse_json
from radu_core.tokenizing import IGNORED, Collator, Encoded
from radu_core.training.worker.loss import completion_logits, passes

__all__ = ["CHOOSES", "FILLS", "measure_rows", "slot_pairs", "tasks_of"]

CHOOSES = ("rag", "knn")  # tasks whose completion names a function, or says yes or no to one
FILLS = ("all", "single")  # tasks whose completion holds a slot's value or all slots' as JSON
_BATCH = 16


@dataclass(frozen=True)
class _Seen:
    """What one forward pass says of a row: summed loss, its tokens, and whether all are right."""

    loss: float
    tokens: int
    right: bool


def tasks_of(rows: Sequence[Encoded]) -> dict[str, bool]:
    """Which task metrics these rows can give."""
    tasks = {r.task for r in rows}
    return {
        "function_accuracy": bool(tasks & set(CHOOSES)),
        "slot_f1": bool(tasks & set(FILLS)),
    }


def measure_rows(
    model: Any, tokenizer: Any, rows: Sequence[Encoded], *, tokens: int, task_metrics: bool
) -> dict[str, float]:
    """``loss`` per supervised token and, where rows allow, ``function_accuracy`` and ``slot_f1``.

    One forward pass gives the loss and whether greedy decoding gives the completion: it does
    exactly if every supervised token, the end token among them, is the likeliest one after those
    before it. Only slot rows that aren't right are generated, to count the values that are.
    """
    import torch

    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            measured_rows = list(_measure_rows(model, rows, tokenizer.eos_token_id, tokens, device))
            measures = {
                "loss": sum(s.loss for s in measured_rows)
                / max(1, sum(s.tokens for s in measured_rows))
            }
            if task_metrics:
                measures |= _task_metrics(model, tokenizer, rows, measured_rows, device)
    finally:
        model.train(was_training)
    return measures


def _measure_rows(
    model: Any, rows: Sequence[Encoded], pad: int, tokens: int, device: Any
) -> Iterator[_Seen]:
    import torch

    collate = Collator(pad)
    row_by_number: dict[int, _Seen] = {}
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i].input_ids), i))
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        batch = collate([{"input_ids": rows[i].input_ids, "labels": rows[i].labels} for i in part])
        batch["row"] = torch.tensor([[i] * batch["labels"].shape[1] for i in part])
        for some in passes(batch, tokens):
            numbers = some.pop("row")[:, 0].tolist()
            logits, targets = completion_logits(model, {k: v.to(device) for k, v in some.items()})
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
            ).sum(dim=1)
            is_counted = targets != IGNORED
            right = ((logits.argmax(dim=-1) == targets) | ~is_counted).all(dim=1)
            for at, number in enumerate(numbers):
                row_by_number[number] = _Seen(
                    float(losses[at]), int(is_counted[at].sum()), bool(right[at])
                )
    return iter(row_by_number[i] for i in range(len(rows)))


def _task_metrics(
    model: Any, tokenizer: Any, rows: Sequence[Encoded], measured_rows: Sequence[_Seen], device: Any
) -> dict[str, float]:
    can = tasks_of(rows)
    metrics: dict[str, float] = {}
    if can["function_accuracy"]:
        choices = [s.right for r, s in zip(rows, measured_rows, strict=True) if r.task in CHOOSES]
        metrics["function_accuracy"] = sum(choices) / len(choices)
    if can["slot_f1"]:
        wrong = [
            r for r, s in zip(rows, measured_rows, strict=True) if r.task in FILLS and not s.right
        ]
        answers = iter(_generate(model, tokenizer, wrong, device))
        both = answered = labelled = 0
        for row, one in zip(rows, measured_rows, strict=True):
            if row.task not in FILLS:
                continue
            gold = slot_pairs(_completion(tokenizer, row))
            own = gold if one.right else slot_pairs(next(answers))
            both += (gold & own).total()
            answered += own.total()
            labelled += gold.total()
        metrics["slot_f1"] = 2 * both / max(1, answered + labelled)
    return metrics


def _completion(tokenizer: Any, row: Encoded) -> str:
    answer = [i for i in row.labels if i != IGNORED]
    return str(tokenizer.decode(answer, skip_special_tokens=True))


def _generate(model: Any, tokenizer: Any, rows: Sequence[Encoded], device: Any) -> list[str]:
    """Greedy continuations; a longer one than any of the right ones is wrong however it ends."""
    import torch

    texts = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        prompts = [r.input_ids[: len(r.input_ids) - r.supervised_tokens] for r in part]
        width = max(map(len, prompts))
        pad, end = tokenizer.eos_token_id, part[0].labels[-1]  # every row's last is its end token
        out = model.generate(
            input_ids=torch.tensor(
                [[pad] * (width - len(p)) + list(p) for p in prompts], device=device
            ),
            attention_mask=torch.tensor(
                [[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device
            ),
            do_sample=False,
            use_cache=True,
            max_new_tokens=max(r.supervised_tokens for r in part) + 4,
            pad_token_id=pad,
            eos_token_id=[end, pad],
        )
        texts += [str(tokenizer.decode(o[width:], skip_special_tokens=True)) for o in out]
    return texts


def slot_pairs(completion: str) -> Counter[tuple[str, str]]:
    """(slot, value as JSON) pairs of an answer; none where it is null or isn't JSON."""
    try:
        data = parse_json(completion.strip())
    except (RaduError, ValueError):
        return Counter()
    arguments = data if isinstance(data, Mapping) else {"": data}
    return Counter(
        (str(slot), json.dumps(value, sort_keys=True))
        for slot, values in arguments.items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    )
