"""The tiny model with a LoRA adapter, as a run has it when its training is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def adapted(tiny: Path, *, targets: Any = "all-linear", size: float = 0.05) -> Any:
    """The tiny model with an adapter that does something."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    model = get_peft_model(
        base, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=size)
    return model
