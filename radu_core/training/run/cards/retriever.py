"""The card of a tuned retriever, with or without a head."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radu_core.terms import describe_point
from radu_core.training.run.cards.base_licence import cell
from radu_core.training.run.cards.parts import (
    dataset_name,
    format_number,
    licence_section,
    metrics_section,
    settings_section,
)
from radu_core.training.run.cards.usage import Form
from radu_core.training.run.config import TrainConfig, settings_of_retriever
from radu_core.words import percent, quantity

__all__ = ["retriever_card"]


def retriever_card(
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
        _purpose(config, modules[0]),
        f"## Data\n\n- Dataset: `{dataset_name(config)}`\n"
        + (
            ""
            if config.learns_by_teacher
            else f"- Labels: {format_number(report.get('train_rows'))}; longer than the encoder "
            f"reads, so that their ends weren't learnt: {len(report.get('overlong') or ())}\n"
        )
        + f"- Negative exemplars, which aren't learnt: {format_number(report.get('negatives'))}\n"
        f"- Manifest hash: `{report.get('dataset', 'unknown')}`",
        metrics_section(report, evaluations),
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
        settings_section(config, settings_of_retriever(config.objective)),
        licence_section(base),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _purpose(config: TrainConfig, module: str) -> str:
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
        f"{'not measured' if before is None else percent(before)}"
    )
    return "## Lessons\n\n" + "\n".join(lines)


def _contrastive_lines(config: TrainConfig, report: Mapping[str, Any]) -> list[str]:
    return [
        "- Loss: supervised contrastive (Khosla et al. 2020) over utterances, templates and "
        f"descriptions, temperature {config.retriever_temperature:g}",
        f"- Judged pairs of labels: {format_number(report.get('judged_pairs'))}",
        "- Pairs of two functions that seem to mean the same and weren't set against each other: "
        f"{format_number(len(report.get('left_out_pairs') or ()))}",
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
        f"- Rows learnt: {format_number(report.get('train_rows'))}",
        *(f"- Rows left out, as {why}: {count:,}" for why, count in sorted(skipped.items())),
        f"- From the worst exemplar to the best, the right answer's probability rises by "
        f"{format_number(report.get('answer_spread'))} on average",
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


def _retrieval(settings: Mapping[str, Any] | None) -> str:
    """The tuned encoder beside the untuned one, as what a module retrieves with."""
    if not settings:
        return ""
    k_desc, k_exemplar = settings["point"]
    lines = [
        f"| {m['measure']} | {m['rows']:,} | {percent(m['before'] / max(1, m['rows']))} | "
        f"{percent(m['after'] / max(1, m['rows']))} | {m['gained']:,} | {m['lost']:,} | "
        f"{m['p']:.2g} |"
        for m in settings["measures"]
    ]
    table = "\n".join(lines)
    return (
        "## Retrieval\n\nThe tuned encoder beside the untuned one, as the module's retriever, on "
        "labels that were held out of its training, fold by fold (duplicates in one fold). "
        f"Coverage is measured with {describe_point(k_desc, k_exemplar)}; the ten nearest "
        "utterances vote "
        "on the function; p is of McNemar's exact test.\n\n| measure | rows | untuned | tuned | "
        "gained | lost | p |\n|---|---:|---:|---:|---:|---:|---:|\n"
        f"{table}\n\n{settings['verdict']}"
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
