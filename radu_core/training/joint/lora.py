"""LoRA on the encoder of a joint model: low-rank adapters on its linear layers (Hu et al. 2021).

The adapters are put into the encoder's own layers and merged into them at the end, so that what is
written is a plain sentence-transformers model.
"""

from __future__ import annotations

from typing import Any, Protocol

from radu_core.training.run.config import TrainConfig

__all__ = ["Adaptable", "adapt", "merge"]


class Adaptable(Protocol):
    """A model with a sentence-transformers ``encoder``; ``adapters`` is empty at first."""

    encoder: Any
    adapters: list[Any]


def adapt(model: Adaptable, config: TrainConfig) -> None:
    """Freeze the encoder and put an adapter on each of its linear layers; the heads learn as ever.

    The adapters begin with the seed's draw.
    """
    import torch
    from peft import LoraConfig, TaskType, get_peft_model

    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type=TaskType.FEATURE_EXTRACTION,
    )
    model.encoder.requires_grad_(False)
    torch.manual_seed(config.seed)
    model.adapters.append(get_peft_model(model.encoder[0].model, lora))


def merge(model: Adaptable) -> None:
    """Add the adapters to the weights they belong to; nothing of them is left."""
    while model.adapters:
        model.encoder[0].model = model.adapters.pop().merge_and_unload()
