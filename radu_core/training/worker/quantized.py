"""QLoRA: an adapter on a base model whose weights are kept in 4 bits (NF4), on a CUDA GPU.

Dettmers et al. 2023, by bitsandbytes and peft. What is saved is not in 4 bits: the adapter is
merged into the weights as they were used, that is the base rounded to NF4 and taken back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["dequantize_and_merge", "load_quantized", "own_gpu"]


def own_gpu(environment: Mapping[str, str]) -> int:
    """The GPU of this process, as torchrun numbers them; 0 for one that is alone.

    Weights in 4 bits can't be moved, so they are loaded where accelerate will train them.
    """
    return max(0, int(environment.get("LOCAL_RANK", "-1")))  # -1: none, as accelerate reads it


def load_quantized(directory: Path) -> Any:
    """The base model in NF4 on the GPU, ready for an adapter: frozen, norms in float32."""
    from peft import prepare_model_for_kbit_training

    # the Trainer checkpoints activations where the config says so
    return prepare_model_for_kbit_training(_load(directory), use_gradient_checkpointing=False)


def _load(directory: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    bf16 = torch.cuda.is_bf16_supported()
    return AutoModelForCausalLM.from_pretrained(
        str(directory),
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if bf16 else torch.float16,
        ),
        device_map={"": own_gpu(os.environ)},
        dtype=torch.bfloat16 if bf16 else torch.float16,
        local_files_only=True,
        use_safetensors=True,
    )


def dequantize_and_merge(directory: Path, adapter: Path) -> Any:
    """A plain float32 model that does what base and adapter did in training.

    Merging into 4-bit weights would round them again, and the weights of the base before they
    were rounded aren't those that the adapter was trained on. Rounding the base from scratch gives
    the same.
    """
    from peft import PeftModel

    plain = _load(directory).dequantize().float()
    if hasattr(plain.config, "quantization_config"):
        del plain.config.quantization_config
    return PeftModel.from_pretrained(plain, str(adapter)).merge_and_unload()
