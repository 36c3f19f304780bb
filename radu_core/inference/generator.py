"""A causal language model that scores candidates and generates greedily, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from radu_core.dataset import Encoder
from radu_core.models import loading
from radu_core.progress import Progress, silent

__all__ = ["Generator", "LanguageModel"]


class LanguageModel(Protocol):
    """What a parser needs of a model; tests put a scripted one in its place."""

    def score(self, prompt: str, candidates: Sequence[str]) -> list[float]: ...

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 64,
        batch_size: int = 16,
        progress: Progress = silent,
    ) -> list[str]: ...


class Generator:
    """A model directory (safetensors and tokenizer), loaded once.

    ``template`` is the chat template that prompts are put with: the one the model was trained
    with (None: plain text). Runs in bf16 where a GPU has it and in fp32 on a CPU, so that scores
    don't depend on rounding.
    """

    def __init__(
        self, directory: Path, *, template: str | None = None, threads: int | None = None
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if threads:
            torch.set_num_threads(threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        with loading(
            f"a model from {directory}",
            remedy="Name a directory with config.json, safetensors weights and a tokenizer; a "
            "run's model that is damaged comes back by restoring a backup or training again.",
        ):
            model = AutoModelForCausalLM.from_pretrained(
                str(directory), dtype=dtype, local_files_only=True, use_safetensors=True
            )
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                str(directory), local_files_only=True
            )
        self._model: Any = model.to(device).eval()
        self._device = device
        self._encoder = Encoder(self._tokenizer, template)
        self._pad: int = self._tokenizer.eos_token_id
        self._stops = [self._encoder.end, self._pad, *_newline_tokens(self._tokenizer)]

    def count_tokens(self, text: str) -> int:
        """The number of tokens of ``text``, without special tokens."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def score(self, prompt: str, candidates: Sequence[str]) -> list[float]:
        """Summed log-likelihood of each candidate and its end token after ``prompt``.

        The prompt is read once: its key/value cache is shared by all candidates, which are
        scored in one padded batch. (The sum with the end token beat the per-token mean, NOTES.)
        """
        import torch

        rows = [self._encoder.row(prompt, c) for c in candidates]
        prefix, options = rows[0][0], [answer for _, answer in rows]
        width = max(len(o) for o in options)
        with torch.inference_mode():
            first = self._model(
                input_ids=torch.tensor([prefix], device=self._device),
                use_cache=True,
                logits_to_keep=1,
            )
            cache = first.past_key_values
            cache.batch_repeat_interleave(len(options))
            padded = torch.tensor(
                [o + [self._pad] * (width - len(o)) for o in options], device=self._device
            )
            mask = torch.ones(len(options), len(prefix) + width, device=self._device)
            for row, option in enumerate(options):
                mask[row, len(prefix) + len(option) :] = 0
            rest = self._model(input_ids=padded, past_key_values=cache, attention_mask=mask)
            logits = torch.cat(
                [first.logits[:, -1:].expand(len(options), -1, -1), rest.logits[:, :-1]], dim=1
            )
            logprobs = torch.log_softmax(logits.float(), dim=-1)
            chosen = logprobs.gather(2, padded.unsqueeze(2)).squeeze(2)
        return [float(chosen[row, : len(option)].sum()) for row, option in enumerate(options)]

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 64,
        batch_size: int = 16,
        progress: Progress = silent,
    ) -> list[str]:
        """Greedy continuation of each prompt to its end token or a new line (completions are one
        line), in batches of like length."""
        ids = [self._encoder.prompt(p) for p in prompts]
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        texts = [""] * len(ids)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            progress("Generating", start, len(order))
            for row, text in zip(
                rows, self._generate([ids[r] for r in rows], max_new_tokens), strict=True
            ):
                texts[row] = text
        return texts

    def _generate(self, batch: list[list[int]], max_new_tokens: int) -> list[str]:
        import torch

        width = max(map(len, batch))
        padded = torch.tensor(
            [[self._pad] * (width - len(r)) + r for r in batch], device=self._device
        )
        mask = torch.tensor(
            [[0] * (width - len(r)) + [1] * len(r) for r in batch], device=self._device
        )
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=padded,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                eos_token_id=self._stops,
                pad_token_id=self._pad,
            )
        return [str(self._tokenizer.decode(row[width:], skip_special_tokens=True)) for row in out]


def _newline_tokens(tokenizer: Any) -> list[int]:
    """Tokens that contain a line feed, as byte-level and byte-fallback vocabularies write it."""
    vocabulary = tokenizer.get_vocab()
    return sorted(
        i for token, i in vocabulary.items() if {"\n", "Ċ"} & set(token) or token == "<0x0A>"
    )
