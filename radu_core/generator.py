"""A causal language model that scores candidates and generates greedily, in batches."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from radu_core.models import loading
from radu_core.progress import Progress, silent
from radu_core.tokenizing import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Generated", "Generator", "LanguageModel", "Walk"]


class Generated(NamedTuple):
    """What a model said. ``cut``: it hadn't ended when its tokens were used up."""

    text: str
    cut: bool = False


class Walk(Protocol):
    """A model that has read a prompt, and says how likely every next token of its answer is."""

    def tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a completion that begins with ``text``."""

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        """``(vocabulary,)`` log-probabilities of the token that follows prompt and ``path``."""

    def closing(self, first: str) -> Sequence[int]:
        """The tokens that begin with one of ``first``, or, where it isn't ``"``, end an answer."""


class LanguageModel(Protocol):
    """What a parser needs of a model; tests put a scripted one in its place."""

    def count_tokens(self, text: str) -> int: ...

    def score(self, prompt: str, candidates: Sequence[str]) -> list[float]: ...

    def score_each(
        self, prompts: Sequence[str], candidates: Sequence[str]
    ) -> list[list[float]]: ...

    def generate(
        self,
        prompts: Sequence[str],
        budgets: Sequence[int],
        *,
        batch_size: int = 16,
        progress: Progress = silent,
    ) -> list[Generated]: ...

    def walk(self, prompt: str) -> Walk: ...


class Generator:
    """A model directory (safetensors and tokenizer), loaded once.

    ``template`` is the chat template that prompts are put with: the one the model was trained
    with (None: plain text). ``adapter`` is the directory of a LoRA adapter on the model, which has
    the tokenizer then. Runs in bf16 where a GPU has it and in fp32 on a CPU, so that scores
    don't depend on rounding; ``bf16`` asks for it there, too: half the time, and scores are right
    to two digits.
    """

    def __init__(
        self,
        directory: Path,
        *,
        template: str | None = None,
        adapter: Path | None = None,
        threads: int | None = None,
        bf16: bool = False,
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if threads:
            torch.set_num_threads(threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if bf16 or device == "cuda" else torch.float32
        with loading(
            f"a model from {directory}",
            remedy="Name a directory with config.json, safetensors weights and a tokenizer; a "
            "run's model that is damaged comes back by restoring a backup or training again.",
        ):
            model = AutoModelForCausalLM.from_pretrained(
                str(directory), dtype=dtype, local_files_only=True, use_safetensors=True
            )
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                str(adapter or directory), local_files_only=True
            )
        self._model: Any = model.to(device).eval()
        self._device = device
        self._encoder = Encoder(self._tokenizer, template)
        self._pad: int = self._tokenizer.eos_token_id
        self._stops = [self._encoder.end, self._pad, *_newline_tokens(self._tokenizer)]
        self._begun: dict[str, list[int]] = {}

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
            likelihoods = logprobs.gather(2, padded.unsqueeze(2)).squeeze(2)
        return [float(likelihoods[row, : len(option)].sum()) for row, option in enumerate(options)]

    def walk(self, prompt: str) -> Walk:
        """The model behind a prompt, ready to say what follows."""
        return _Walk(self, prompt)

    def _tokens_starting(self, first: str) -> list[int]:
        """The tokens that begin with one of the characters ``first``."""
        if first not in self._begun:
            vocabulary = self._tokenizer.get_vocab()
            self._begun[first] = [i for token, i in vocabulary.items() if token[:1] in {*first}]
        return self._begun[first]

    def score_each(self, prompts: Sequence[str], candidates: Sequence[str]) -> list[list[float]]:
        """As ``score``, the same candidates after each of several prompts.

        What all prompts begin with is read once. The candidates stand one behind another after
        each prompt, and none sees another, so that no prompt is read twice.
        """
        rows = [[self._encoder.row(p, c) for c in candidates] for p in prompts]
        options = [answer for _, answer in rows[0]] if rows else []
        alike = all([answer for _, answer in row] == options for row in rows)
        if len(rows) < 2 or not alike or getattr(self._model, "_is_stateful", False):
            return [self.score(p, candidates) for p in prompts]
        return self._packed_likelihoods([row[0][0] for row in rows], options)

    def _packed_likelihoods(
        self, prompts: list[list[int]], options: list[list[int]]
    ) -> list[list[float]]:
        """Log-likelihoods ``[prompt][option]``, a prompt's options in one row of the batch."""
        import torch

        prefix_length = _shared_length(prompts)
        ends = [p[prefix_length:] for p in prompts]
        width = max(map(len, ends))
        tail = [token for option in options for token in option]
        before = [0, *itertools.accumulate(map(len, options))]
        ids = torch.tensor([[self._pad] * (width - len(e)) + e + tail for e in ends])
        visible, places = _layout([len(e) for e in ends], before, prefix_length)
        with torch.inference_mode():
            cache = None
            if prefix_length:
                prefix = torch.tensor([prompts[0][:prefix_length]], device=self._device)
                cache = self._model(
                    input_ids=prefix, use_cache=True, logits_to_keep=1
                ).past_key_values
                cache.batch_repeat_interleave(len(ends))
            mask = torch.zeros(visible.shape, dtype=self._model.dtype)
            mask.masked_fill_(~visible, torch.finfo(mask.dtype).min)
            logits = self._model(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                position_ids=places.to(self._device),
                past_key_values=cache,
                logits_to_keep=len(tail) + 1,
            ).logits
            logprobs = torch.log_softmax(logits.float(), dim=-1)
            # a token is foretold by the one before it, an option's first by the prompt's last
            positions = [0 if at in before else at for at in range(len(tail))]
            targets = torch.tensor(tail, device=self._device).expand(len(ends), -1)
            likelihoods = logprobs[:, positions].gather(2, targets.unsqueeze(2)).squeeze(2)
        return [
            [float(row[start:end].sum()) for start, end in itertools.pairwise(before)]
            for row in likelihoods
        ]

    def generate(
        self,
        prompts: Sequence[str],
        budgets: Sequence[int],
        *,
        batch_size: int = 16,
        progress: Progress = silent,
    ) -> list[Generated]:
        """Continue each prompt greedily, by at most its budget of tokens, in batches.

        Prompts of like length stand in one batch. An answer ends with the end token, a new line
        (completions are one line), or the bracket or quote that closes a JSON value.
        """
        ids = [self._encoder.prompt(p) for p in prompts]
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        answers = [Generated("")] * len(ids)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            progress("Generating", start, len(order))
            continuations = self._generate([ids[r] for r in rows], [budgets[r] for r in rows])
            for row, continuation in zip(rows, continuations, strict=True):
                answers[row] = continuation
        return answers

    def _generate(self, batch: list[list[int]], budgets: Sequence[int]) -> list[Generated]:
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
                max_new_tokens=max(budgets),
                eos_token_id=self._stops,
                pad_token_id=self._pad,
                stopping_criteria=[_Closed(self._tokenizer, width)],
            )
        answers = [row[width:].tolist() for row in out]
        return [self._read(ids, most) for ids, most in zip(answers, budgets, strict=True)]

    def _read(self, ids: list[int], budget: int) -> Generated:
        """A row's answer, however long the others of its batch are."""
        own = ids[:budget]
        text = str(self._tokenizer.decode(own, skip_special_tokens=True))
        end = json_end(text)
        return Generated(text[:end], cut=end is None and not set(self._stops) & set(own))


class _Walk:
    """A prompt that a model has read, and the tokens after it that it was asked about last.

    What a new path shares with them isn't read again.
    """

    def __init__(self, generator: Generator, prompt: str) -> None:
        self._generator = generator
        self._encoder = generator._encoder
        self._start = self._encoder.prompt(prompt)
        self._ids = self._encoder.answers(prompt)
        self._path: list[int] = []
        self._cache: Any = None
        self._said: list[NDArray[np.float64]] = []  # after the prompt, and after each token

    def tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a completion that begins with ``text``."""
        return tuple(self._ids(text))

    def closing(self, first: str) -> Sequence[int]:
        """The tokens that begin with one of ``first``, or, where it isn't ``"``, end an answer."""
        openers = self._generator._tokens_starting(first)
        return openers if '"' in first else sorted({*openers, *self._generator._stops})

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        """``(vocabulary,)`` log-probabilities of the token that follows prompt and ``path``."""
        common = 0
        while common < min(len(path), len(self._path)) and path[common] == self._path[common]:
            common += 1
        if common == len(path) and self._said:
            return self._said[common]
        if getattr(self._generator._model, "_is_stateful", False):  # its state can't be cropped
            self._cache, self._said = None, []
        if self._said:
            self._cache.crop(common - len(self._path))
            del self._said[common + 1 :]
            self._read(list(path[common:]))
        else:
            self._read([*self._start, *path], keep=len(path) + 1)
        self._path = list(path)
        return self._said[-1]

    def _read(self, ids: list[int], *, keep: int | None = None) -> None:
        import torch

        with torch.inference_mode():
            out = self._generator._model(
                input_ids=torch.tensor([ids], device=self._generator._device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=keep or len(ids),
            )
        self._cache = out.past_key_values
        self._said += list(torch.log_softmax(out.logits[0].float(), -1).double().cpu().numpy())


class _Closed:
    """Tells generation which rows hold a whole JSON object, list or text by now."""

    def __init__(self, tokenizer: Any, width: int) -> None:
        self._tokenizer = tokenizer
        self._width = width

    def __call__(self, ids: Any, scores: Any, **more: Any) -> Any:
        import torch

        last = self._tokenizer.batch_decode(ids[:, -1:])
        is_closed = [
            bool(set(token) & set('}]"'))
            and json_end(self._tokenizer.decode(row[self._width :], skip_special_tokens=True))
            is not None
            for row, token in zip(ids, last, strict=True)
        ]
        return torch.tensor(is_closed, device=ids.device)


def json_end(text: str) -> int | None:
    """Where the JSON object, list or string that ``text`` begins with ends, if it does.

    None for a number: more digits may follow.
    """
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] not in ("{", "[", '"'):
        return None
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _layout(ends: Sequence[int], before: Sequence[int], prefix_length: int) -> tuple[Any, Any]:
    """Who sees whom, ``(rows, 1, tokens, shared + tokens)`` bool, and each token's position.

    A row holds the end of a prompt, padded on the left (``ends``: the lengths), and the options,
    which begin at ``before``. ``prefix_length`` tokens stand before all of it.
    """
    import torch

    width, options = max(ends), list(itertools.pairwise(before))
    total = width + before[-1]
    own = torch.ones(total, total).tril().bool()
    for start, stop in options:
        own[width + start : width + stop, width : width + start] = False
    visible = torch.ones(len(ends), 1, total, prefix_length + total).bool()
    visible[..., prefix_length:] = own
    places = torch.zeros(len(ends), total, dtype=torch.long)
    for row, length in enumerate(ends):
        unused, first = width - length, prefix_length + length
        visible[row, 0, unused:, prefix_length : prefix_length + unused] = (
            False  # padding sees itself, or NaN
        )
        places[row, unused:width] = torch.arange(prefix_length, first)
        for start, stop in options:
            places[row, width + start : width + stop] = torch.arange(first, first + stop - start)
    return visible, places


def _shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, at least one of each left over."""
    columns = zip(*(p[:-1] for p in prompts), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda some: len(set(some)) == 1, columns))


def _newline_tokens(tokenizer: Any) -> list[int]:
    """Tokens that contain a line feed, as byte-level and byte-fallback vocabularies write it."""
    vocabulary = tokenizer.get_vocab()
    return sorted(
        i for token, i in vocabulary.items() if {"\n", "Ċ"} & set(token) or token == "<0x0A>"
    )
