"""The model card that lies beside a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radu_core.training.config import TrainConfig

__all__ = ["model_card"]


def model_card(run: str, config: TrainConfig, report: Mapping[str, Any]) -> str:
    """Markdown: what the model is, what it was made from, and how to load it."""
    settings = "\n".join(
        f"| {name} | {value} |" for name, value in config.model_dump(mode="json").items()
    )
    loss = report.get("validation_loss")
    return f"""# {run}

A {config.method} fine-tune of **{config.base_model}** that turns an utterance of the module
`{config.dataset.name}` into a function call. Made with Radu Studio. The licence of the base model
applies; the training utterances are the team's own.

- Training rows: {report["train_rows"]}, steps: {report["steps"]}, time: {report["seconds"]} s
- Validation loss: {"not measured" if loss is None else f"{loss:.4f}"}
- Dataset manifest: `{report["dataset"]}`
- Token ids and labels: `{report["tokens_hash"]}`

`model/` loads with plain transformers (`AutoModelForCausalLM.from_pretrained`); a LoRA run also
keeps its `adapter/`. Weights are safetensors in bfloat16. Use it through `radu parse`, which
builds the prompts it was trained on.

| setting | value |
|---|---|
{settings}
"""
