"""From a wheel to an answer, where there is no checkout: sample, fit, export, serve, one call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import Installed, free_port
from openai import OpenAI
from studio_process import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
MODULE = "aurora_restaurant_en"


def test_a_wheel_leads_from_the_sample_to_a_call(
    install_wheel: Callable[..., Installed], server_alone: Installed, tmp_path: Path
) -> None:
    studio = install_wheel("studio")
    home = tmp_path / "workspace"
    home.mkdir()
    (home / "models").symlink_to((ROOT / "workspace" / "models").resolve())

    def radu(*arguments: str) -> Any:
        done = studio.run("radu", *arguments, "--json", cwd=tmp_path, RADU_HOME=str(home))
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    radu("sample")
    fitted = radu("fit", "-m", MODULE, "--minutes", "1")
    bundle = tmp_path / "bundle"
    written = radu("export-model", fitted["run"], "--to", "bundle", str(bundle))
    test = written["manifest"]["self_test"]
    assert test["equal"] == test["rows"] > 0
    tried = json.loads((bundle / "self-test.json").read_text("utf-8"))
    row = next(r for r in tried if r["function"])
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with server_alone.started(
        "radu",
        "serve",
        str(bundle),
        "--port",
        str(port),
        cwd=tmp_path,
        log=tmp_path / "serve.log",
        health=f"{address}/ready",
    ):
        client = OpenAI(base_url=f"{address}/v1", api_key="none")
        answer = client.chat.completions.create(
            model=MODULE, messages=[{"role": "user", "content": row["utterance"]}]
        )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == row["function"]
    assert json.loads(call.function.arguments) == row["arguments"]
