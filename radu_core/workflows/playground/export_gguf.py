"""A run's model as a GGUF that was asked what the model says, with a Modelfile for Ollama."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.dataset import DatasetRow, read_rows
from radu_core.errors import InputError, ModelError, RaduError
from radu_core.files import read_json, write_text
from radu_core.inference.gguf_check import Agreement, AskedRow, compare_gguf
from radu_core.inference.gguf_export import WeightType, find_obstacle, write_gguf
from radu_core.inference.modelfile import make_modelfile, turns_around
from radu_core.progress import Progress, silent
from radu_core.prompts import require_strategy
from radu_core.tokenizing import Encoder, load_tokenizer
from radu_core.training.run.cards.usage import PROMPT_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of

__all__ = ["CONVERTER", "GGUF", "MODELFILE", "WrittenGguf", "export_gguf", "find_converter"]

CONVERTER = "RADU_GGUF_CONVERTER"
GGUF, MODELFILE = "model.gguf", "Modelfile"
_SCRIPT = "convert_hf_to_gguf.py"
_TYPES: dict[str, tuple[WeightType, ...]] = {"bfloat16": ("bf16", "f16"), "float16": ("f16",)}
_ROWS = 32
_ANSWER = 256  # tokens, as the card's example allows


@dataclass(frozen=True)
class WrittenGguf:
    """What came of writing a GGUF.

    ``agreement`` is None where there was no row to compare on; ``card`` is the model card's part.
    """

    agreement: Agreement | None
    notes: tuple[str, ...]
    card: str


def find_converter(source: Path) -> Path | None:
    """llama.cpp's converter, for a model that the studio doesn't write itself; else None.

    ``InputError`` says what is missing and how to get it.
    """
    obstacle = find_obstacle(source)
    if not obstacle:
        return None
    setting = os.environ.get(CONVERTER)
    if setting:
        path = Path(setting).expanduser()
        if path.is_file():
            return path.resolve()
        raise InputError(f"{CONVERTER} names no file", value=setting, remedy=f"Name {_SCRIPT}.")
    script = shutil.which(_SCRIPT)
    if script:
        return Path(script)
    raise InputError(
        f"The studio doesn't write this model as GGUF itself ({obstacle}), and {_SCRIPT} is not on "
        f"PATH and {CONVERTER} is not set",
        remedy="Get it with `git clone https://github.com/ggml-org/llama.cpp` and set "
        f"{CONVERTER}=…/llama.cpp/{_SCRIPT}; it needs the Python packages of "
        "llama.cpp/requirements/requirements-convert_hf_to_gguf.txt.",
    )


def export_gguf(
    run: RunDirectory,
    new: Path,
    *,
    converter: Path | None,
    dtype: str,
    weights: WeightType | None = None,
    progress: Progress = silent,
) -> WrittenGguf:
    """Write ``model.gguf`` and ``Modelfile`` into ``new``, which holds the model already.

    The weights have the model's ``dtype`` unless ``weights`` says otherwise; where a file doesn't
    say what the model says, it is written again with finer ones: llama.cpp rounds activations to
    the type of the weights, and float16 has more digits than bfloat16. ``ModelError`` where float32
    disagrees as well, or where the wanted ``weights`` do.
    """
    template = template_of(run)
    rows = _rows_to_ask(run)
    agreements: list[Agreement] = []
    kinds = (weights,) if weights else (*_TYPES.get(dtype, ()), "f32")
    for kind in kinds:
        progress(f"Writing the GGUF in {kind}", 0, 0)
        _write(new, converter, kind)
        if not rows:
            break
        agreements.append(
            compare_gguf(new / GGUF, new, rows, template=template, weights=kind, progress=progress)
        )
        if agreements[-1].is_usable:
            break
    if agreements and not agreements[-1].is_usable:
        raise ModelError(
            f"The GGUF's answers differ from the model's ({'; '.join(map(str, agreements))})",
            remedy="Nothing was exported. Export the model without a GGUF."
            if not weights
            else "Nothing was exported. Don't choose the type of its weights.",
        )
    return _finish(run, new, rows, template, agreements)


def _finish(
    run: RunDirectory,
    new: Path,
    rows: Sequence[AskedRow],
    template: str | None,
    agreements: Sequence[Agreement],
) -> WrittenGguf:
    tokenizer = load_tokenizer(new)
    around = turns_around(Encoder(tokenizer, template), [row.prompt for row in rows])
    if around:
        path = new / "generation_config.json"
        end_tokens = read_json(path).get("eos_token_id") if path.is_file() else None
        ends = end_tokens if isinstance(end_tokens, list) else [end_tokens]
        stops = [tokenizer.convert_ids_to_tokens(e) for e in ends if e is not None]
        context = run.config().max_length
        text = make_modelfile(
            GGUF, around, stops=stops, context=context, answer=min(_ANSWER, context // 2)
        )
        write_text(new / MODELFILE, text)
    agreement = agreements[-1] if agreements else None
    notes = tuple(_notes(agreements, has_modelfile=around is not None))
    return WrittenGguf(
        agreement,
        notes,
        _card_part(new, agreement, has_modelfile=around is not None),
    )


def _notes(agreements: Sequence[Agreement], *, has_modelfile: bool) -> Iterator[str]:
    agreement = agreements[-1] if agreements else None
    if len(agreements) > 1:
        coarser = "; ".join(map(str, agreements[:-1]))
        weights = agreements[-1].weights
        yield f"The GGUF has {weights} weights: others said something else: {coarser}."
    if agreement is None:
        yield "The GGUF wasn't compared with the model: the run's dataset and prompts are gone."
    elif agreement.equal_texts is None:
        yield (
            "The GGUF was read back into transformers and compared there, as llama.cpp isn't "
            "installed here: how llama.cpp cuts texts into tokens wasn't tried. "
            "`pip install llama-cpp-python` lets the export ask llama.cpp itself."
        )
    if not has_modelfile:
        yield (
            "There is no Modelfile: the chat template does more than put something around a "
            "prompt, which Ollama's templates can't say. Use llama.cpp's server."
        )


def _card_part(new: Path, agreement: Agreement | None, *, has_modelfile: bool) -> str:
    """How to use the GGUF, and how far it agrees with the model."""
    prompt_files = sorted((new / "radu").glob(f"**/{PROMPT_FILE}"))
    prompt = prompt_files[0].relative_to(new).as_posix() if prompt_files else "prompt.txt"
    figures = f"\n\nCompared with the model beside it: {agreement}." if agreement else ""
    how = f"""

With Ollama, in the directory of this file, answers being the likeliest ones:

```sh
ollama create radu -f {MODELFILE}
ollama run radu < {prompt}
```"""
    ollama = how if has_modelfile else ""
    return f"""
## GGUF

`{GGUF}` is for llama.cpp and what is built on it: `llama-server -m {GGUF}`, then
`POST /v1/chat/completions` with the prompt as the user's only message and `temperature` 0. The chat
template in the file is that of the training, and nothing is put before a prompt.{figures}{ollama}
"""


def _rows_to_ask(run: RunDirectory) -> list[AskedRow]:
    """Up to 32 validation rows to ask about, evenly spread.

    Training rows where there are none; and where the dataset is gone, the prompts that were kept
    with the run.
    """
    config = run.config()
    for split in ("validation", "train"):
        with suppress(RaduError):
            rows_found = [
                row
                for row in read_rows(config.dataset, split)
                if row.tokens is None or row.tokens <= config.max_length
            ]
            if rows_found:
                count = min(_ROWS, len(rows_found))
                return [_asked_row(rows_found[i * len(rows_found) // count]) for i in range(count)]
    prompt_files = sorted((run.path / "serving").glob(f"**/{PROMPT_FILE}"))
    return [AskedRow(path.read_text(encoding="utf-8")) for path in prompt_files]


def _asked_row(row: DatasetRow) -> AskedRow:
    choices = require_strategy(row.task).choices(row.candidates)
    return AskedRow(row.prompt, row.completion, choices if len(choices) > 1 else ())


def _write(new: Path, converter: Path | None, weights: WeightType) -> None:
    if converter:
        _convert(converter, new, weights)
        return
    template = str(load_tokenizer(new).chat_template)
    write_gguf(new, new / GGUF, weights=weights, template=template)


def _convert(converter: Path, new: Path, weights: WeightType) -> None:
    """Run llama.cpp's converter on ``new`` and open what it wrote."""
    command = [sys.executable, str(converter)] if converter.suffix == ".py" else [str(converter)]
    options = [str(new), "--outfile", str(new / GGUF), "--outtype", weights]
    try:
        process = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ModelError(
            f"Can't run {converter} ({error.strerror})", remedy=f"Check {CONVERTER}."
        ) from error
    if process.returncode != 0:
        last = next(reversed(process.stderr.strip().splitlines()), "it said nothing")
        raise ModelError(
            f"{converter.name} ended with {process.returncode}: {last[:300]}",
            remedy="Check that it knows this kind of model and that its packages are installed; "
            "nothing was exported.",
        )
    _check_gguf(new / GGUF, converter)


def _check_gguf(path: Path, converter: Path) -> None:
    from gguf import GGUFReader

    try:
        tensors = len(GGUFReader(path).tensors)
    except Exception as error:  # the reader raises whatever the bytes lead it to
        raise ModelError(
            f"{converter.name} wrote no readable GGUF ({type(error).__name__}: {error})",
            remedy="Use llama.cpp's own converter, of a newer version; nothing was exported.",
        ) from error
    if not tensors:
        raise ModelError(
            f"{converter.name} wrote a GGUF without tensors",
            remedy="Use llama.cpp's own converter; nothing was exported.",
        )
