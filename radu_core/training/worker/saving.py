"""The end of a run: ``adapter/`` and ``model/``, and a check that ``model/`` is what was trained.

Merging an adapter and rounding to bfloat16 both change the weights. So what was written is loaded
again and its answers on validation rows are compared with those of the model as it was trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radu_core.errors import RunError
from radu_core.files import read_json, whole_directory, write_json
from radu_core.hardware import native_bf16
from radu_core.models import quiet_loading
from radu_core.progress import Progress, silent
from radu_core.tokenizing import IGNORED, Collator, Encoded
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.quantized import dequantize_and_merge
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    import torch

__all__ = [
    "CHECK_FILE",
    "ModelCheck",
    "checking_bytes",
    "checking_tokens",
    "save_model",
    "shortfalls",
    "supervised_logits",
]

CHECK_FILE = "model_check.json"
Dtype = Literal["bfloat16", "float32"]
Told = Callable[[int, int], None]

_ROWS = 32
_ROWS_AT_ONCE = 4
_MOST_LOGITS = 2**28  # 1 GiB of float32, of the trained model; fewer rows where it would be more
_LEAST_EQUAL = 0.99
_LOSS_SHARE, _LOSS_PLUS = 0.01, 0.005  # the losses may differ by that share, and so much more


@dataclass(frozen=True)
class ModelCheck:
    """The written model beside the trained one, on ``supervised_tokens`` of ``rows`` rows.

    ``equal_argmax`` is the share of these tokens for which both would say the same one; losses are
    means per supervised token, in nats. ``dtype`` is that of the written weights, ``computed_in``
    the one in which they were used here: their own, but float32 where the processor only emulates
    bfloat16, where the check is of the weights alone. The trained model computes in float32.
    """

    rows: int
    supervised_tokens: int
    equal_argmax: float
    loss_trained: float
    loss_written: float
    max_logit_difference: float
    dtype: Dtype
    computed_in: Dtype

    @property
    def is_same(self) -> bool:
        """Whether the written model does what the trained one did. A loss that is no number fails.

        The bound on the loss is 1 % of the trained model's and 0.005 nats.
        """
        return not shortfalls(asdict(self))

    def __str__(self) -> str:
        why = "; ".join(shortfalls(asdict(self)))
        return (
            f"{self.dtype}: {percent(self.equal_argmax, 2)} of "
            f"{quantity(self.supervised_tokens, 'token')} in {quantity(self.rows, 'row')} are "
            f"equal, loss {self.loss_written:.4f} instead of "
            f"{self.loss_trained:.4f}, logits differ by up to {self.max_logit_difference:.3g}"
            f"{f' ({why})' if why else ''}"
        )


def shortfalls(check: Mapping[str, Any]) -> tuple[str, ...]:
    """How a written model differs from what was trained, with figures; empty if it passed.

    ``check`` has the figures of a ``ModelCheck`` by name. Those shown are those that decided.
    """
    tokens, loss_trained, loss_written = (
        check["supervised_tokens"],
        check["loss_trained"],
        check["loss_written"],
    )
    bound = _LOSS_SHARE * loss_trained + _LOSS_PLUS
    problems = []
    if not check["equal_argmax"] >= _LEAST_EQUAL:
        other = round(tokens * (1 - check["equal_argmax"]))
        problems.append(
            f"{other:,} of {quantity(tokens, 'token')} differ from the trained model's, more than "
            f"the "
            f"{percent(1 - _LEAST_EQUAL, 0)} allowed"
        )
    if not abs(loss_written - loss_trained) <= bound:
        problems.append(
            f"the loss is {loss_written:.4g} instead of {loss_trained:.4g}, further off than the "
            f"{bound:.2g} allowed"
        )
    return tuple(problems)


def save_model(
    run: RunDirectory,
    config: TrainConfig,
    model: Any,
    tokenizer: Any,
    rows: Preflight,
    *,
    base: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write ``adapter/`` (LoRA only) and ``model/`` (merged, bfloat16 if that is good enough).

    Returns what ``model_check.json`` says: the figures of ``ModelCheck``, ``passed``, and under
    ``before`` those of a bfloat16 model that wasn't good enough. Raises ``RunError`` when the
    float32 model fails as well: then there is no ``model/``, but the adapter is kept. ``model`` is
    used up: a LoRA model is merged, and its weights may be freed. ``base`` is the base model's
    directory, which QLoRA needs to merge.
    """
    model = _plain(model)
    sample = _sample(rows, int(model.config.vocab_size))
    expected = supervised_logits(
        model, sample, tokenizer.eos_token_id, _part(progress, "Asking the trained model")
    )
    if config.adapts:
        progress("Writing the adapter", 0, 0)
        with whole_directory(run.path / "adapter") as new:
            model.save_pretrained(new)
        model = _merge(config, model, run.path / "adapter", base)
    model.config.use_cache = True
    with whole_directory(run.model) as new:
        checks = _write_checked(new, model, tokenizer, sample, expected, progress)
        record = _record(checks)
        write_json(run.path / CHECK_FILE, record)
        if not checks[-1].is_same:
            raise _check_error(config, checks)
    return record


def _merge(config: TrainConfig, model: Any, adapter: Path, base: Path | None) -> Any:
    if config.method != "qlora" or base is None:
        return model.merge_and_unload()
    ends = model.get_base_model().generation_config
    merged_model = dequantize_and_merge(base, adapter)
    merged_model.generation_config = ends
    return merged_model.eval()


def _part(progress: Progress, what: str) -> Told:
    return lambda done, total: progress(what, done, total)


def _record(checks: Sequence[ModelCheck]) -> dict[str, Any]:
    last = checks[-1]
    before = [{**asdict(c), "passed": c.is_same} for c in checks[:-1]]
    return {**asdict(last), "passed": last.is_same, "before": before}


def _check_error(config: TrainConfig, checks: Sequence[ModelCheck]) -> RunError:
    figures = "; ".join(str(c) for c in checks)
    if config.method == "full":
        return RunError(
            f"The written model isn't the trained one ({figures})",
            remedy="The checkpoints are kept. Look for a full or faulty disk, then resume.",
        )
    return RunError(
        f"The merged model doesn't do what base and adapter do ({figures})",
        remedy="The adapter is kept: use it unmerged (adapter/), or train with lora_targets "
        "all-linear, which leaves the embeddings and the output layer alone.",
    )


def _plain(model: Any) -> Any:
    """The model without the autocast that the Trainer wraps its forward in, ready to be asked."""
    from accelerate.utils import extract_model_from_parallel

    return extract_model_from_parallel(model, keep_fp32_wrapper=False).eval()


def _sample(rows: Preflight, vocabulary: int) -> list[Encoded]:
    """Up to 32 validation rows (training rows where there are none), evenly spread.

    Fewer where the logits of all of them wouldn't fit into 1 GiB.
    """
    source = rows.validation or rows.train
    count = min(_ROWS, len(source))
    spread = [source[i * len(source) // count] for i in range(count)]
    sample, tokens = spread[:1], spread[0].supervised_tokens
    for row in spread[1:]:
        tokens += row.supervised_tokens
        if tokens * vocabulary > _MOST_LOGITS:
            break
        sample.append(row)
    return sample


def checking_tokens(rows: Preflight, vocabulary: int, *, bf16: bool) -> float:
    """How many tokens a forward pass over which takes about as long as checking the saved model.

    The pass is one as a run with or without ``bf16`` does it. The check is one of the trained model
    in float32 and one of the written model; where the two dtypes both occur, how they compare is
    measured on a product (some 0.1 s).
    """
    import torch

    sample = _sample(rows, vocabulary)
    widths = [len(row.input_ids) for row in sample]
    parts = [widths[i : i + _ROWS_AT_ONCE] for i in range(0, len(widths), _ROWS_AT_ONCE)]
    padded_tokens = sum(len(part) * max(part) for part in parts)
    native = native_bf16()
    if torch.cuda.is_available() or not (native or bf16):
        return 2.0 * padded_tokens
    full, half = _product_seconds(torch.float32), _product_seconds(torch.bfloat16)
    return padded_tokens * (full + (half if native else full)) / (half if bf16 else full)


def checking_bytes(rows: Preflight, model: Any) -> int:
    """The memory that checking the saved model on a CPU takes.

    ``model`` in float32, its optimizer, what is written of it, and both their logits.
    """
    size = int(model.config.vocab_size)
    weights: int = sum(p.numel() for p in model.parameters())
    parameter_count: int = sum(p.numel() for p in model.parameters() if p.requires_grad)
    logits = sum(row.supervised_tokens for row in _sample(rows, size)) * size
    return (4 + (2 if native_bf16() else 4)) * weights + 8 * parameter_count + 2 * 4 * logits


def _product_seconds(dtype: torch.dtype) -> float:
    """Measure the seconds of a linear layer's product, on the CPU.

    ``@`` on what isn't transposed may be twenty times slower where bfloat16 is emulated.
    """
    import torch
    from torch.nn.functional import linear

    rows, weight = torch.ones(256, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        linear(rows, weight)
        times.append(time.perf_counter() - start)
    return min(times)


def supervised_logits(
    model: Any, rows: Sequence[Encoded], pad_id: int, report: Told = lambda done, total: None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits ``(tokens, vocabulary)`` that predict each supervised token, and those tokens.

    Both on the CPU, logits in float32, rows in order. ``model`` computes as it is; ``report`` gets
    the rows done and those in all.
    """
    import torch

    parts: list[tuple[torch.Tensor, torch.Tensor]] = []
    report(0, len(rows))
    with torch.no_grad():
        for batch in _batches(rows, pad_id):
            parts.append(_batch_logits(model, batch))
            report(min(len(rows), len(parts) * _ROWS_AT_ONCE), len(rows))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def _batches(rows: Sequence[Encoded], pad_id: int) -> Iterator[dict[str, torch.Tensor]]:
    collate = Collator(pad_id)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        batch = rows[start : start + _ROWS_AT_ONCE]
        yield collate([{"input_ids": r.input_ids, "labels": r.labels} for r in batch])


def _batch_logits(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    labels = batch["labels"]
    first = int((labels != IGNORED).any(dim=0).nonzero()[0])
    keep = labels.shape[1] - first + 1  # the position before a token predicts it
    inputs = {k: v.to(model.device) for k, v in batch.items() if k != "labels"}
    logits = model(**inputs, logits_to_keep=keep).logits[:, :-1]
    targets = labels[:, first:]
    supervised = targets != IGNORED
    return logits.cpu()[supervised].float(), targets[supervised]


def _write_checked(
    new: Path,
    model: Any,
    tokenizer: Any,
    sample: Sequence[Encoded],
    expected: tuple[torch.Tensor, torch.Tensor],
    progress: Progress,
) -> list[ModelCheck]:
    """Write ``model`` into ``new`` in bfloat16, and in float32 if that isn't good enough.

    Beside ``model`` there is at most one other copy, of two bytes a weight (four where bfloat16 is
    emulated); before the float32 one is loaded, ``model``'s own weights are freed.
    """
    device, checks = model.device, []
    dtypes: tuple[Dtype, ...] = ("bfloat16", "float32")
    for dtype in dtypes:
        progress(f"Writing the model in {dtype}", 0, 0)
        for file in new.iterdir():
            file.unlink()
        _write(new, model, tokenizer, dtype)
        if dtype == dtypes[-1]:
            _free(model)
        report = _part(progress, f"Checking the model in {dtype}")
        checks.append(_check(new, device, tokenizer.eos_token_id, sample, expected, dtype, report))
        if checks[-1].is_same:
            break
    return checks


def _write(new: Path, model: Any, tokenizer: Any, dtype: Dtype) -> None:
    """``save_pretrained`` in ``dtype``, leaving ``model`` as it is; tied weights stay tied."""
    import torch

    torch_dtype = getattr(torch, dtype)
    cast: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
    weights = {}
    for name, weight in model.state_dict().items():
        key = (weight.data_ptr(), tuple(weight.shape))
        if key not in cast:
            cast[key] = weight.to(torch_dtype) if weight.is_floating_point() else weight
        weights[name] = cast[key]
    model.save_pretrained(new, state_dict=weights)
    config = read_json(new / "config.json")  # it says the dtype of the model in memory
    config.pop("torch_dtype", None)
    write_json(new / "config.json", {**config, "dtype": dtype})
    tokenizer.save_pretrained(new)


def _free(model: Any) -> None:
    """Give back the memory of the weights, whoever else holds the model."""
    import torch

    for weight in (*model.parameters(), *model.buffers()):
        weight.data = torch.empty(0)


def _check(
    directory: Path,
    device: Any,
    pad_id: int,
    sample: Sequence[Encoded],
    expected: tuple[torch.Tensor, torch.Tensor],
    dtype: Dtype,
    report: Told,
) -> ModelCheck:
    """Load what ``directory`` holds, as anybody would, and compare it with ``expected``.

    Where bfloat16 is emulated it is used in float32, as the studio asks models on a CPU: what is
    checked is merging and rounding, and computing takes a sixth of the time.
    """
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    quiet_loading()
    copy = AutoModelForCausalLM.from_pretrained(
        str(directory), dtype="auto", local_files_only=True, use_safetensors=True
    )
    computed_in: Dtype = "float32" if not native_bf16() else dtype
    if computed_in == "float32":
        copy = copy.float()
    logits, _ = supervised_logits(copy.to(device).eval(), sample, pad_id, report)
    original, tokens = expected
    same = (logits.argmax(dim=-1) == original.argmax(dim=-1)).float().mean()
    return ModelCheck(
        rows=len(sample),
        supervised_tokens=len(tokens),
        equal_argmax=float(same),
        loss_trained=float(cross_entropy(original, tokens)),
        loss_written=float(cross_entropy(logits, tokens)),
        max_logit_difference=float((logits - original).abs().max()),
        dtype=dtype,
        computed_in=computed_in,
    )
