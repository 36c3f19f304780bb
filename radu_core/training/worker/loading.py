"""The model that a run begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radu_core.errors import RunError
from radu_core.models import quiet_loading
from radu_core.training.run.config import TrainConfig
from radu_core.training.worker.quantized import load_quantized

__all__ = ["load_model"]


def load_model(config: TrainConfig, directory: Path) -> Any:
    """The base model in ``directory``, in float32, with a new adapter for methods that have one.

    ``RunError`` where the adapter's layers aren't the model's.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet_loading()

    if config.method == "qlora":
        model = load_quantized(directory)
    else:
        model = AutoModelForCausalLM.from_pretrained(
            str(directory), dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    model.config.use_cache = False
    if config.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    targets = config.lora_targets
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        use_dora=config.use_dora,
        use_rslora=config.use_rslora,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        if "module" not in str(error).lower():
            raise
        linear = (n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear))
        names = sorted({name.rpartition(".")[2] for name in linear} - {"lm_head"})
        targets_text = targets if isinstance(targets, str) else ", ".join(targets)
        raise RunError(
            f"lora_targets ({targets_text}) aren't layers of {config.base_model}",
            remedy=f"Choose among {', '.join(names)}, or all-linear.",
        ) from error
