"""What the processor or the GPU can do."""

from __future__ import annotations

__all__ = ["native_bf16"]


def native_bf16() -> bool:
    """Whether torch computes in bf16 with the hardware here; emulated, it is far slower than fp32.

    On a CPU: x86 with avx512_bf16 or AMX, ARM with bf16. On GPUs: from Ampere on.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
