"""What the processor or the GPU can do."""

from __future__ import annotations

import os

from radu_core.errors import InputError

__all__ = ["VARIABLE", "native_bf16", "usable_cores"]

VARIABLE = "RADU_BF16"
"""The environment variable that overrides the probe: 1 has bf16, 0 hasn't; unset or empty asks."""


def native_bf16() -> bool:
    """Whether torch computes in bf16 with the hardware here; emulated, it is far slower than fp32.

    On a CPU: x86 with avx512_bf16 or AMX, ARM with bf16. On GPUs: from Ampere on. ``RADU_BF16``
    overrides it, for a processor that reports wrongly and for tests of both kinds of machine.
    """
    override = os.environ.get(VARIABLE, "")
    if override:
        if override not in ("0", "1"):
            raise InputError(
                f"{VARIABLE} must be 0 or 1",
                value=override,
                remedy="Set it to 1 (this machine computes in bf16) or 0 (it doesn't), or unset "
                "it to have the hardware asked.",
            )
        return override == "1"
    return _probe()


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _probe() -> bool:
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
