"""How to load, serve and ask a generator: the commands and code that its card shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from radu_core.training.run.config import TrainConfig

__all__ = [
    "PROMPT_FILE",
    "Form",
    "example_prompt",
    "use_with_studio",
    "use_without_studio",
    "vllm_command",
]

PROMPT_FILE = "prompt.txt"  # a prompt of the training rows, beside what prompts are made from

_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
_NO_DORA = " vLLM doesn't serve DoRA adapters: serve the merged model there."
Form = Literal["run", "model", "adapter", "bundle"]
_ASK = {
    False: 'inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")',
    True: """inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": prompt}],
    add_generation_prompt=True, return_dict=True, return_tensors="pt",
)""",
}
_ASK_VLLM = {
    False: "`/v1/completions` with `temperature` 0 and `add_special_tokens` false: the prompts are "
    "plain\ntext, and the chat template that lies with the model gives them as they are.",
    True: "`/v1/chat/completions` with the prompt as the user's message and `temperature` 0: the "
    "chat template\nthat it was trained with lies with the model.",
}
_LOAD_MODEL = """from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForCausalLM.from_pretrained({place}, dtype="auto")"""
_LOAD_ADAPTER = """from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
base = AutoModelForCausalLM.from_pretrained({base}, dtype="float32")
model = PeftModel.from_pretrained(base, {place})"""


def example_prompt(directory: Path, folder: str) -> str:
    """The file of a prompt that lies in ``folder``, as seen from ``directory``; or ""."""
    prompt_files = sorted((directory / folder).glob(f"**/{PROMPT_FILE}"))
    return prompt_files[0].relative_to(directory).as_posix() if prompt_files else ""


def vllm_command(
    config: TrainConfig,
    place: str,
    *,
    adapter: bool = False,
    base: str | None = None,
    dtype: str = "bfloat16",
) -> str:
    """The shell command that serves ``place``, or the adapter that lies there on ``base``.

    Rows hold prompt and completion, so a request needs as many tokens as a row may have. vLLM
    would halve float32 weights by itself, so ``dtype`` is given where it has to be kept.
    """
    length = f"--max-model-len {config.max_length}"
    if not adapter:
        option = " --dtype float32" if dtype == "float32" else ""
        return f"vllm serve {shlex.quote(place)} {length}{option}"
    rank = next((r for r in _VLLM_RANKS if r >= config.lora_rank), _VLLM_RANKS[-1])
    return (
        f"vllm serve {shlex.quote(base or config.base_model)} --enable-lora "
        f"--lora-modules {shlex.quote(f'radu={place}')} --max-lora-rank {rank} {length}"
    )


def use_with_studio(run: str, form: Form, modules: Sequence[str]) -> str:
    """How to ask it with the studio: an export from its own directory, a run by its id."""
    if form == "bundle":
        return ""
    target = shlex.quote(run) if form == "run" else "."
    module = f" --module {modules[0]}" if len(modules) > 1 else ""
    where = "" if form == "run" else ", in the directory of this file"
    files = _files_folder(form)
    return f"""## Use

With Radu Studio{where}:

```sh
radu parse {target}{module} "what somebody says" "and something else"
```

It builds the prompts from the schema, the templates and the index in `{files}`, and checks
the answers. It needs the embedding model of the index, too, and fetches it where it is missing.
Without an utterance it reads one a line from its input."""


def _files_folder(form: Form) -> str:
    return "serving/" if form == "run" else "radu/"


def use_without_studio(
    config: TrainConfig,
    report: Mapping[str, Any],
    place: str,
    form: Form,
    base_name: str,
    prompt: str,
) -> str:
    """How to load and serve it without the studio."""
    if form == "bundle":
        return ""
    adapter = form == "adapter"
    load = _LOAD_ADAPTER if adapter else _LOAD_MODEL
    dtype = str((report.get("model_check") or {}).get("dtype", "bfloat16"))
    beside = "\n\nThe adapter alone lies in `adapter/`."
    beside = beside if config.adapts and form == "run" else ""
    chat = bool(report.get("chat_template"))
    like = f", as that in `{prompt}` is" if prompt else ""
    prompt_code = f'Path({json.dumps(prompt)}).read_text(encoding="utf-8")' if prompt else '"…"'
    return f"""Without it, in the directory of this file:

```python
{load.format(place=json.dumps(place), base=json.dumps(base_name))}
prompt = {prompt_code}
{_ASK[chat]}
answer = model.generate(**inputs, max_new_tokens=256, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

With vLLM: `{vllm_command(config, place, adapter=adapter, dtype=dtype)}`, then ask
{_ASK_VLLM[chat]}{_NO_DORA if adapter and config.use_dora else ""}

The prompt has to be one like those it was trained on{like}.{beside}"""
