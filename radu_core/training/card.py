"""The model card that lies beside a trained model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from radu_core.dataset import SPLITS, Manifest, Mixture, read_dataset
from radu_core.errors import RaduError
from radu_core.terms import describe_point
from radu_core.training.base_licence import base_licence, cell
from radu_core.training.config import TrainConfig, settings_of_retriever
from radu_core.words import percent, percent_range, quantity

__all__ = ["PROMPT_FILE", "example_prompt", "model_card", "vllm_command"]

PROMPT_FILE = "prompt.txt"  # a prompt of the training rows, beside what prompts are made from

_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
_NO_DORA = " vLLM doesn't serve DoRA adapters: serve the merged model there."
Form = Literal["run", "model", "adapter", "bundle"]


def model_card(
    run: str,
    config: TrainConfig,
    report: Mapping[str, Any],
    *,
    base: Path | None = None,
    evaluations: Sequence[Mapping[str, Any]] = (),
    modules: Sequence[str] = (),
    place: str = "model",
    form: Form = "run",
    base_name: str = "",
    prompt: str = "",
) -> str:
    """Markdown: what the model is, what it was made from, how good it is, and how to load it.

    ``base`` is the base model's directory, for its licence; ``evaluations`` are evaluation reports
    as JSON; ``modules`` names the modules where the dataset may be gone; ``place`` is where the
    model lies, as seen from the card; ``form`` is what the card lies beside: a run, an exported
    model or adapter, or a bundle, which says itself how to use it. ``base_name`` is how an adapter
    names its base; ``prompt`` is the file of a prompt that the model was trained with, as seen from
    the card.
    """
    dataset = _dataset(config)
    module_names = tuple(dataset.modules) if dataset else tuple(modules) or (config.dataset.name,)
    if config.target == "retriever":
        return _retriever_card(run, config, report, module_names, evaluations, base, form)
    parts = [
        f"# {run}",
        _what(config, module_names),
        _data(config, dataset, module_names, report),
        _metrics(report, evaluations),
        _check(config, report.get("model_check")),
        _limits(module_names),
        _use_parsed(run, form, module_names),
        _use(config, report, place, form, base_name or config.base_model, prompt),
        _settings(config),
        f"## Licence\n\nThe base model's: {base_licence(base)}. It holds for this model, too. The "
        "training utterances are the team's own.",
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _retriever_card(
    run: str,
    config: TrainConfig,
    report: Mapping[str, Any],
    modules: Sequence[str],
    evaluations: Sequence[Mapping[str, Any]],
    base: Path | None,
    form: Form,
) -> str:
    """The card of a tuned embedding model and, where it has one, its head."""
    alone = config.tunes_alone
    weights = report.get("weights")
    weights_sorted = (
        sorted(weights.items(), key=lambda i: -i[1]) if isinstance(weights, Mapping) else []
    )
    adds = report.get("adds") or {}
    head = "\n".join(
        f"| {name} | {weight:.2f} | {adds.get(name, 0.0):+.3f} |" for name, weight in weights_sorted
    )
    parts = [
        f"# {run}",
        _tuned_for(config, modules[0]),
        f"## Data\n\n- Dataset: `{_dataset_name(config)}`\n"
        + (
            ""
            if config.learns_by_teacher
            else f"- Labels: {_number(report.get('train_rows'))}; longer than the encoder reads, "
            f"so that their ends weren't learnt: {len(report.get('overlong') or ())}\n"
        )
        + f"- Negative exemplars, which aren't learnt: {_number(report.get('negatives'))}\n"
        f"- Manifest hash: `{report.get('dataset', 'unknown')}`",
        _metrics(report, evaluations),
        _lessons(config, report)
        if alone
        else "## Head\n\nHow much each source weighs, and by how much the log loss on rows that it "
        "didn't learn would rise without it.\n\n| source | weight | adds |\n|---|---:|---:|\n"
        f"{head}",
        _retrieval(report.get("retrieval")),
        "## Limitations\n\n- It knows the functions and slots of that module as they were when "
        "it was tuned."
        + (
            ""
            if alone
            else "\n- It can choose a wrong function and mark a wrong value. Check a call before "
            "you act on it."
        ),
        _use_retriever(run, config) if alone else _use_fast(run, form),
        _settings(config, settings_of_retriever(config.objective)),
        f"## Licence\n\nThe base model's: {base_licence(base)}. It holds for this model, too. The "
        "training utterances are the team's own.",
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _tuned_for(config: TrainConfig, module: str) -> str:
    if config.learns_by_teacher:
        return (
            f"**{config.base_model}**, tuned to retrieve the exemplars of the module `{module}` "
            "that help a language model to name an utterance's function. Made with Radu Studio."
        )
    if config.tunes_alone:
        return (
            f"**{config.base_model}**, tuned to retrieve the exemplars and descriptions of an "
            f"utterance's function in the module `{module}`. Made with Radu Studio."
        )
    return (
        f"**{config.base_model}**, tuned to turn an utterance of the module `{module}` into a "
        "function call without a language model. Made with Radu Studio."
    )


def _lessons(config: TrainConfig, report: Mapping[str, Any]) -> str:
    """What the retriever learnt, and what of it couldn't be learnt."""
    lines = (
        _teacher_lines(config, report)
        if config.learns_by_teacher
        else _contrastive_lines(config, report)
    )
    before = (report.get("before") or {}).get("function_accuracy")
    lines.append(
        "- Function accuracy of the exemplars' vote before tuning, on validation rows: "
        f"{'not measured' if before is None else f'{percent(before)}'}"
    )
    return "## Lessons\n\n" + "\n".join(lines)


def _contrastive_lines(config: TrainConfig, report: Mapping[str, Any]) -> list[str]:
    return [
        "- Loss: supervised contrastive (Khosla et al. 2020) over utterances, templates and "
        f"descriptions, temperature {config.retriever_temperature:g}",
        f"- Judged pairs of labels: {_number(report.get('judged_pairs'))}",
        "- Pairs of two functions that seem to mean the same and weren't set against each other: "
        f"{_number(len(report.get('left_out_pairs') or ()))}",
    ]


def _teacher_lines(config: TrainConfig, report: Mapping[str, Any]) -> list[str]:
    """What a language model taught."""
    one, other = config.divergence.split("_")
    tower = {
        "query": "the encoder of utterances; exemplars keep the base model's vectors",
        "shared": f"one encoder of both; exemplars were embedded again every "
        f"{quantity(config.reembed_every, 'step')}",
    }[config.tower]
    skipped = report.get("skipped") or {}
    return [
        f"- Teachers: {', '.join(f'`{cell(t)}`' for t in config.teachers)}",
        f"- Loss: KL({one} || {other}) over {quantity(config.chunks, 'exemplar')} a row, "
        f"temperatures {config.retriever_temperature:g} (retriever) and "
        f"{config.teacher_temperature:g} (teacher)",
        f"- Tuned: {tower}",
        f"- Rows learnt: {_number(report.get('train_rows'))}",
        *(f"- Rows left out, as {why}: {count:,}" for why, count in sorted(skipped.items())),
        f"- From the worst exemplar to the best, the right answer's probability rises by "
        f"{_number(report.get('answer_spread'))} on average",
    ]


def _use_retriever(run: str, config: TrainConfig) -> str:
    towers = config.learns_by_teacher and config.tower == "query"
    both = (
        "\n\nIt is a sentence-transformers model with two towers: `encode_query` embeds "
        "utterances, `encode_document` exemplars."
    )
    return f"""## Use

It answers nothing by itself. In Radu Studio, choose `{cell(run)}` as the module's embedding model.
`model/encoder/` loads with sentence-transformers.{both if towers else ""}"""


def _retrieval(told: Mapping[str, Any] | None) -> str:
    """The tuned encoder beside the untuned one, as what a module retrieves with."""
    if not told:
        return ""
    k_desc, k_exemplar = told["point"]
    lines = [
        f"| {m['measure']} | {m['rows']:,} | {percent(m['before'] / max(1, m['rows']))} | "
        f"{percent(m['after'] / max(1, m['rows']))} | {m['gained']:,} | {m['lost']:,} | "
        f"{m['p']:.2g} |"
        for m in told["measures"]
    ]
    table = "\n".join(lines)
    return (
        "## Retrieval\n\nThe tuned encoder beside the untuned one, as the module's retriever, on "
        "labels that were held out of its training, fold by fold (duplicates in one fold). "
        f"Coverage is measured with {describe_point(k_desc, k_exemplar)}; the ten nearest "
        "utterances vote "
        "on the function; p is of McNemar's exact test.\n\n| measure | rows | untuned | tuned | "
        "gained | lost | p |\n|---|---:|---:|---:|---:|---:|---:|\n"
        f"{table}\n\n{told['verdict']}"
    )


def _use_fast(run: str, form: Form) -> str:
    if form == "bundle":
        return ""
    target = shlex.quote(run) if form == "run" else "."
    where = "" if form == "run" else ", in the directory of this file"
    return f"""## Use

With Radu Studio{where}:

```sh
radu parse {target} "what somebody says" "and something else"
```

It needs the untuned embedding model, too, and fetches it where it is missing. Without an utterance
it reads one per line from its input. `encoder/` alone is a sentence-transformers model."""


def example_prompt(directory: Path, kept: str) -> str:
    """The file of a prompt that lies in ``kept``, as seen from ``directory``; or ""."""
    prompt_files = sorted((directory / kept).glob(f"**/{PROMPT_FILE}"))
    return prompt_files[0].relative_to(directory).as_posix() if prompt_files else ""


def _dataset(config: TrainConfig) -> Manifest | Mixture | None:
    """The dataset's manifest; None where the dataset is gone by now."""
    try:
        return read_dataset(config.dataset)
    except RaduError:
        return None


def _what(config: TrainConfig, modules: Sequence[str]) -> str:
    text = ", ".join(f"`{m}`" for m in modules)
    where = f"the module {text}" if len(modules) == 1 else f"the modules {text}"
    how = {"lora": "LoRA", "qlora": "QLoRA (base in 4 bits)", "full": "full"}[config.method]
    return (
        f"A {how} fine-tune of **{config.base_model}** that turns an utterance of {where} into a "
        "function call. Made with Radu Studio."
    )


def _data(
    config: TrainConfig,
    dataset: Manifest | Mixture | None,
    modules: Sequence[str],
    report: Mapping[str, Any],
) -> str:
    lines = [f"- Dataset: `{config.dataset.parent.name}/{config.dataset.name}`"]
    if len(modules) > 1:
        lines.append(f"- Modules: {', '.join(f'`{m}`' for m in modules)}")
    same = dataset is not None and dataset.hash == report.get("dataset", dataset.hash)
    if dataset is None or not same:
        lines.append("- Rows per split: the dataset isn't there any more, or was built again")
    else:
        rows = ", ".join(f"{dataset.rows(s):,} {s}" for s in SPLITS)
        lines.append(f"- Rows per split: {rows} (test rows were not trained on)")
    lines += [
        f"- Trained: {_training_text(config, report)}",
        f"- Rows left out for their length: {len(report.get('overlong') or ())}",
        f"- Rows left out for a special token in their text: {len(report.get('special') or ())}",
        f"- Manifest hash: `{report.get('dataset') or (dataset.hash if dataset else 'unknown')}`",
        f"- Token ids and labels: `{report.get('tokens_hash', 'unknown')}`",
    ]
    return "## Data\n\n" + "\n".join(lines)


def _training_text(config: TrainConfig, report: Mapping[str, Any]) -> str:
    """How much was read of the rows, whether all of them or a few."""
    steps, rows, seconds = (report.get(n) for n in ("steps", "train_rows", "seconds"))
    size = config.step_rows
    steps_text = quantity(steps, "step") if isinstance(steps, int) else "an unknown number of steps"
    text = f"{steps_text} of {quantity(size, 'row')}, in {_number(seconds)} s"
    if not isinstance(rows, int):
        return text
    if not (isinstance(steps, int) and rows):
        return f"{text}, from {quantity(rows, 'row')}"
    epochs = f"{report.get('epochs', steps * size / rows):.3g}"
    return f"{text}: {epochs} epoch{'s' * (epochs != '1')} of {quantity(rows, 'row')}"


def _metrics(report: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]]) -> str:
    loss = report.get("validation_loss")
    lines = [f"- Validation loss: {'not measured' if loss is None else _number(loss)}"]
    task = report.get("task_metrics")
    if isinstance(task, Mapping):
        lines += [
            f"- On validation rows, {str(k).replace('_', ' ')}: {_number(v)}"
            for k, v in task.items()
            if isinstance(v, int | float)
        ]
    table = [line for e in evaluations for line in _evaluation(e)]
    if not table:
        return "## Metrics\n\n" + "\n".join([*lines, "- Not evaluated on a split yet."])
    head = [
        "| module | split | rows | system | function accuracy (95 %) | slot F1 | exact match |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    return "## Metrics\n\n" + "\n".join(lines) + "\n\n" + "\n".join([*head, *table])


def _evaluation(report: Mapping[str, Any]) -> list[str]:
    """The lines of the table, from an evaluation report as JSON: one, or more where the model was
    measured in other ways as well."""
    own = (report.get(name) for name in ("ensemble", "full", "full_ensemble"))
    others = (*own, *report.get("others", ()))
    return [
        "| " + " | ".join(cell(str(c)) for c in _measurement_row(report, metrics)) + " |"
        for metrics in (report["trained"], *(o["metrics"] for o in others if o))
    ]


def _measurement_row(report: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Any]:
    function = metrics["function"]
    return [
        report["module"],
        report["split"],
        report["rows"],
        metrics["system"],
        f"{percent(function['share'])} ({percent_range(function['low'], function['high'])})",
        percent(metrics["slot_f1"]),
        percent(metrics["exact_match"]["share"]),
    ]


def _check(config: TrainConfig, check: Mapping[str, Any] | None) -> str:
    """What the written model was found to do beside the trained one."""
    if not check:
        return ""
    trained = "base and adapter" if config.adapts else "the model as trained"
    text = f", computing in {check['computed_in']}," if "computed_in" in check else ""
    lines = [
        f"The weights are safetensors in {check['dtype']}. As written they were loaded again{text} "
        f"and compared with {trained}, in float32, on "
        f"{quantity(check['rows'], 'row')} "
        f"({quantity(check['supervised_tokens'], 'supervised token')}):",
        "",
        f"- Same most likely token: {percent(check['equal_argmax'], 2)}",
        f"- Mean loss: {check['loss_written']:.4f} (as trained {check['loss_trained']:.4f})",
        f"- Largest difference of a logit: {check['max_logit_difference']:.3g}",
    ]
    if check.get("before"):
        lines.append("- bfloat16 was tried first and was too coarse.")
    return "## Written model\n\n" + "\n".join(lines)


def _limits(modules: Sequence[str]) -> str:
    kind = "that module" if len(modules) == 1 else "those modules"
    return f"""## Limitations

- It knows the functions and slots of {kind} as they were when it was trained, and prompts built
  like those of its rows. To any other text its answer means nothing.
- It can choose a wrong function and copy a wrong value. Check a call before you act on it.
- It was measured on utterances like those it was trained on, if at all; how well it does on others
  has to be measured."""


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
        text = " --dtype float32" if dtype == "float32" else ""
        return f"vllm serve {shlex.quote(place)} {length}{text}"
    rank = next((r for r in _VLLM_RANKS if r >= config.lora_rank), _VLLM_RANKS[-1])
    return (
        f"vllm serve {shlex.quote(base or config.base_model)} --enable-lora "
        f"--lora-modules {shlex.quote(f'radu={place}')} --max-lora-rank {rank} {length}"
    )


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


def _use_parsed(run: str, form: Form, modules: Sequence[str]) -> str:
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


def _use(
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
    text = f'Path({json.dumps(prompt)}).read_text(encoding="utf-8")' if prompt else '"…"'
    return f"""Without it, in the directory of this file:

```python
{load.format(place=json.dumps(place), base=json.dumps(base_name))}
prompt = {text}
{_ASK[chat]}
answer = model.generate(**inputs, max_new_tokens=256, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

With vLLM: `{vllm_command(config, place, adapter=adapter, dtype=dtype)}`, then ask
{_ASK_VLLM[chat]}{_NO_DORA if adapter and config.use_dora else ""}

The prompt has to be one like those it was trained on{like}.{beside}"""


def _settings(config: TrainConfig, only: frozenset[str] | None = None) -> str:
    values = config.model_dump(mode="json")
    values["dataset"] = _dataset_name(config)  # a card leaves this machine; its paths stay
    rows = "\n".join(
        f"| {name} | {cell(str(value))} |"
        for name, value in values.items()
        if only is None or name in only
    )
    return f"## Settings\n\n| setting | value |\n|---|---|\n{rows}"


def _dataset_name(config: TrainConfig) -> str:
    return f"{config.dataset.parent.name}/{config.dataset.name}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "unknown"
