"""What the processor can do, and how to say otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from radu_core.errors import InputError
from radu_core.hardware import VARIABLE, native_bf16


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [
        ({"avx2": True, "avx512_f": True}, False),
        ({"avx2": True, "avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": False, "amx_bf16": False}, False),
        ({"bf16": True}, True),
        ({}, False),
    ],
)
def test_the_processor_is_asked(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], native: bool
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert native_bf16() is native
    monkeypatch.setenv(VARIABLE, "")
    assert native_bf16() is native


@pytest.mark.parametrize("said", ["0", "1"])
def test_the_variable_is_believed(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(VARIABLE, said)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: pytest.fail("it was asked"))
    assert native_bf16() is (said == "1")


def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(InputError, match=r"RADU_BF16 must be 0 or 1: 'yes'\. Set it to 1"):
        native_bf16()


def test_a_process_of_its_own_inherits_it() -> None:
    code = "from radu_core.hardware import native_bf16; print(native_bf16())"
    for said, expected in (("0", "False"), ("1", "True")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, VARIABLE: said},
        )
        assert done.stdout.strip() == expected
