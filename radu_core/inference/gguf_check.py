"""Check that a GGUF says what the model says that it was made from.

Where llama.cpp is at hand (the package llama-cpp-python), it loads the file and is asked itself.
Elsewhere the file is read back into transformers, which shows that weights and settings are right,
but not how llama.cpp cuts a text into tokens.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from radu_core.errors import ModelError
from radu_core.files import read_json, write_json
from radu_core.generator import Generator
from radu_core.models import dequantize_gguf, loading
from radu_core.progress import Progress, silent
from radu_core.tokenizing import Encoder, load_tokenizer
from radu_core.training.worker.saving import shortfalls
from radu_core.words import quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Agreement", "AskedRow", "compare_gguf", "find_runtime"]

_LEAST_EQUAL = 0.99
_TRANSFORMERS = "transformers"


@dataclass(frozen=True)
class AskedRow:
    """A row to compare on.

    ``candidates`` are the completions of the functions to choose from; none where the row doesn't
    ask for a function. Without a completion only the first token of an answer is compared.
    """

    prompt: str
    completion: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """The written file beside the model, on the tokens of the completions of ``rows`` rows.

    ``runtime`` is what read the file; ``equal_tokens`` is how many of ``tokens`` both would say,
    ``equal_choices`` in how many of ``choices`` rows both find the same function the likeliest;
    losses are means per token, in nats.
    ``equal_texts`` is how many rows' texts became the same token ids; None where the file's own
    tokenizer wasn't asked. ``log_difference`` is the largest of a right token's log-probability.
    """

    runtime: str
    weights: str
    rows: int
    tokens: int
    equal_tokens: int
    loss_model: float
    loss_gguf: float
    choices: int
    equal_choices: int
    equal_texts: int | None
    log_difference: float

    @property
    def is_usable(self) -> bool:
        """Whether the file can be used in the model's place.

        Tokens and loss must be as is asked of a saved model, and choices as tokens are.
        """
        figures = {
            "supervised_tokens": self.tokens,
            "equal_argmax": self.equal_tokens / max(1, self.tokens),
            "loss_trained": self.loss_model,
            "loss_written": self.loss_gguf,
        }
        return (
            not shortfalls(figures)
            and self.equal_choices >= _LEAST_EQUAL * self.choices
            and self.equal_texts in (None, self.rows)
        )

    def __str__(self) -> str:
        texts = (
            f"the same token ids for {self.equal_texts:,} of {quantity(self.rows, 'row')}, "
            if self.equal_texts is not None
            else ""
        )
        choices = (
            f", the same function in {self.equal_choices:,} of {self.choices:,}"
            if self.choices
            else ""
        )
        return (
            f"{self.runtime} with {self.weights} weights: {texts}the same next token for "
            f"{self.equal_tokens:,} of {self.tokens:,} in {quantity(self.rows, 'row')}{choices}; "
            f"mean loss {self.loss_gguf:.4f} (model {self.loss_model:.4f}), "
            f"log-probabilities differ by up to {self.log_difference:.2g}"
        )


class _Asked(Protocol):
    """A model that reads a prompt's ids, then says how likely every next token is."""

    def read(self, prompt: str) -> None: ...

    def after(self, path: Sequence[int]) -> NDArray[np.float64]: ...


def find_runtime() -> Any:
    """The package ``llama_cpp``; None where it isn't installed or can't be loaded."""
    try:
        return import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError, AttributeError):  # a library that is missing
        return None


def compare_gguf(
    path: Path,
    directory: Path,
    rows: Sequence[AskedRow],
    *,
    template: str | None,
    weights: str,
    progress: Progress = silent,
) -> Agreement:
    """Ask the file ``path`` and the model in ``directory`` that it was made from, row by row.

    ``template`` is the chat template that the model was trained with. Raises ``ModelError`` where
    the file can't be loaded at all.
    """
    original = _Transformers(directory, template)
    encoder = Encoder(load_tokenizer(directory), template)
    runtime = find_runtime()
    copy_model = (
        _llama_cpp(runtime, path, encoder, rows)
        if runtime
        else _read_back(path, directory, template)
    )
    with copy_model as copy:
        return _compare(original, copy, encoder, rows, weights, progress)


def _compare(
    original: _Transformers,
    copy: _Transformers | _LlamaCpp,
    encoder: Encoder,
    rows: Sequence[AskedRow],
    weights: str,
    progress: Progress,
) -> Agreement:
    equal = choices = equal_choices = texts = 0
    log_probabilities: list[tuple[float, float]] = []  # each right token's log-probability in both
    for number, row in enumerate(rows):
        progress("Comparing the GGUF with the model", number, len(rows))
        for model in (original, copy):
            model.read(row.prompt)
        answer = encoder.row(row.prompt, row.completion)[1] if row.completion else []
        for at in range(max(1, len(answer))):
            one, other = original.after(answer[:at]), copy.after(answer[:at])
            equal += int(one.argmax() == other.argmax())
            right = answer[at] if answer else int(one.argmax())
            log_probabilities.append((float(one[right]), float(other[right])))
        if row.candidates:
            options = [encoder.row(row.prompt, c)[1] for c in row.candidates]
            choices += 1
            equal_choices += int(_likeliest(original, options) == _likeliest(copy, options))
        if isinstance(copy, _LlamaCpp):
            texts += int(copy.reads_alike(row.prompt, row.completion))
    return Agreement(
        runtime=copy.name,
        weights=weights,
        rows=len(rows),
        tokens=len(log_probabilities),
        equal_tokens=equal,
        loss_model=-sum(one for one, _ in log_probabilities) / len(log_probabilities),
        loss_gguf=-sum(other for _, other in log_probabilities) / len(log_probabilities),
        choices=choices,
        equal_choices=equal_choices,
        equal_texts=texts if isinstance(copy, _LlamaCpp) else None,
        log_difference=max(abs(one - other) for one, other in log_probabilities),
    )


def _likeliest(model: _Asked, options: Sequence[Sequence[int]]) -> int:
    sums = [sum(float(model.after(o[:at])[o[at]]) for at in range(len(o))) for o in options]
    return max(range(len(sums)), key=sums.__getitem__)


class _Transformers:
    """A model's directory, as the studio asks it."""

    name = _TRANSFORMERS

    def __init__(self, directory: Path, template: str | None) -> None:
        self._generator = Generator(directory, template=template)

    def read(self, prompt: str) -> None:
        """Make ready for what follows ``prompt``."""
        self._walk = self._generator.walk(prompt)

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        """``(vocabulary,)`` log-probabilities behind the prompt and ``path``."""
        return self._walk.after(path)


class _LlamaCpp:
    """A GGUF that llama.cpp has loaded."""

    def __init__(self, model: Any, version: str, encoder: Encoder) -> None:
        self.name = f"llama.cpp (llama-cpp-python {version})"
        self._model = model
        self._encoder = encoder
        self._known: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def read(self, prompt: str) -> None:
        """Make ready for what follows ``prompt``."""
        self._start = self._encoder.prompt(prompt)
        self._path: tuple[int, ...] | None = None
        self._known = {}

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        """``(vocabulary,)`` log-probabilities behind the prompt and ``path``."""
        import numpy as np
        from scipy.special import log_softmax

        key = tuple(path)
        if key in self._known:
            return self._known[key]
        if self._path is None or not key:
            self._model.reset()
            self._model.eval([*self._start, *key])
        else:
            pairs = zip(self._path, key[:-1], strict=False)  # the last is read in any case
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            self._model.n_tokens = len(self._start) + common
            self._model.eval(list(key[common:]))
        self._path = key
        logits = np.asarray(self._model.scores[self._model.n_tokens - 1], dtype=np.float64)
        self._known[key] = log_softmax(logits)
        return self._known[key]

    def reads_alike(self, prompt: str, completion: str) -> bool:
        """Whether the file's tokenizer makes of both texts what the model was trained with."""
        encoder = self._encoder
        start, answer = encoder.row(prompt, completion)
        if encoder.template is None:
            texts = [(prompt, start), (completion, answer[:-1])]
        else:
            texts = [(encoder.prompt_text(prompt), start)]
        return all(
            list(self._model.tokenize(text.encode(), add_bos=False, special=True)) == ids
            for text, ids in texts
        )


@contextmanager
def _llama_cpp(
    runtime: Any, path: Path, encoder: Encoder, rows: Sequence[AskedRow]
) -> Iterator[_LlamaCpp]:
    longest = max(
        len(start) + len(answer)
        for row in rows
        for text in (row.completion, *row.candidates)
        for start, answer in [encoder.row(row.prompt, text)]
    )
    threads = len(os.sched_getaffinity(0))
    try:
        model = runtime.Llama(
            str(path),
            n_ctx=longest + 1,
            n_batch=longest + 1,
            n_threads=threads,
            n_threads_batch=threads,
            logits_all=True,
            verbose=False,
        )
    except Exception as error:  # whatever the file's bytes lead the library to
        raise ModelError(
            f"llama.cpp can't load the GGUF ({type(error).__name__}: {str(error)[:200]})",
            remedy="Report this; nothing was exported.",
        ) from error
    try:
        yield _LlamaCpp(model, getattr(runtime, "__version__", "unknown"), encoder)
    finally:
        model.close()


@contextmanager
def _read_back(path: Path, directory: Path, template: str | None) -> Iterator[_Transformers]:
    """The file's tensors and settings as a model of transformers, with the model's tokenizer."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".read-") as scratch:
        new = Path(scratch)
        with loading("the GGUF", remedy="Report this; nothing was exported."):
            dequantize_gguf(path.parent, path.name, new, dtype="float32")
        rope = read_json(directory / "config.json").get("rope_parameters") or {}
        if rope.get("rope_type", "default") != "default":  # transformers doesn't read it
            settings = {**read_json(new / "config.json"), "rope_parameters": rope}
            write_json(new / "config.json", settings)
        load_tokenizer(directory).save_pretrained(new)
        yield _Transformers(new, template)
