"""The model card that lies beside a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radu_core.dataset import SPLITS, Manifest, Mixture, read_dataset
from radu_core.errors import RaduError
from radu_core.training.run.cards.parts import (
    format_number,
    licence_section,
    metrics_section,
    settings_section,
)
from radu_core.training.run.cards.retriever import retriever_card
from radu_core.training.run.cards.usage import Form, use_with_studio, use_without_studio
from radu_core.training.run.config import TrainConfig
from radu_core.words import percent, quantity

__all__ = ["model_card"]


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
        return retriever_card(run, config, report, module_names, evaluations, base, form)
    parts = [
        f"# {run}",
        _what(config, module_names),
        _data(config, dataset, module_names, report),
        metrics_section(report, evaluations),
        _check(config, report.get("model_check")),
        _limits(module_names),
        use_with_studio(run, form, module_names),
        use_without_studio(config, report, place, form, base_name or config.base_model, prompt),
        settings_section(config),
        licence_section(base),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _dataset(config: TrainConfig) -> Manifest | Mixture | None:
    """The dataset's manifest; None where the dataset is gone by now."""
    try:
        return read_dataset(config.dataset)
    except RaduError:
        return None


def _what(config: TrainConfig, modules: Sequence[str]) -> str:
    names = ", ".join(f"`{m}`" for m in modules)
    where = f"the module {names}" if len(modules) == 1 else f"the modules {names}"
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
    amount = f"{steps_text} of {quantity(size, 'row')}, in {format_number(seconds)} s"
    if not isinstance(rows, int):
        return amount
    if not (isinstance(steps, int) and rows):
        return f"{amount}, from {quantity(rows, 'row')}"
    epochs = f"{report.get('epochs', steps * size / rows):.3g}"
    return f"{amount}: {epochs} epoch{'s' * (epochs != '1')} of {quantity(rows, 'row')}"


def _check(config: TrainConfig, check: Mapping[str, Any] | None) -> str:
    """What the written model was found to do beside the trained one."""
    if not check:
        return ""
    original = "base and adapter" if config.adapts else "the model as trained"
    precision = f", computing in {check['computed_in']}," if "computed_in" in check else ""
    lines = [
        f"The weights are safetensors in {check['dtype']}. As written they were loaded "
        f"again{precision} "
        f"and compared with {original}, in float32, on "
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
