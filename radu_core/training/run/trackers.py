"""The trackers that transformers' Trainer reports to, and whether they are installed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

__all__ = ["TRACKERS", "keep_in", "missing_tracker"]

# name → modules of which each group needs one, and what to install; a test compares the names with
# those that the installed transformers knows
TRACKERS: dict[str, tuple[tuple[tuple[str, ...], ...], str]] = {
    "azure_ml": ((("azureml.core.run",),), "azureml-core"),
    "clearml": ((("clearml",),), "clearml"),
    "codecarbon": ((("codecarbon",),), "codecarbon"),
    "comet_ml": ((("comet_ml",),), "comet-ml"),
    "dagshub": ((("dagshub",), ("mlflow",)), "dagshub mlflow"),
    "dvclive": ((("dvclive",),), "dvclive"),
    "flyte": ((("flytekit",), ("flytekitplugins.deck",)), "flytekit flytekitplugins-deck-standard"),
    "kubeflow": ((), ""),
    "mlflow": ((("mlflow",),), "mlflow"),
    "neptune": ((("neptune",),), "neptune"),
    "swanlab": ((("swanlab",),), "swanlab"),
    "tensorboard": ((("tensorboard", "tensorboardX"),), "tensorboard"),
    "trackio": ((("trackio",),), "trackio"),
    "wandb": ((("wandb",),), "wandb"),
}
_KUBEFLOW = "KUBEFLOW_TRAINER_SERVER_URL"


def missing_tracker(name: str) -> str:
    """What a tracker lacks here and how to get it; empty if it can be used."""
    if name == "kubeflow":
        return "" if os.environ.get(_KUBEFLOW) else f"kubeflow needs {_KUBEFLOW} to be set"
    groups, packages = TRACKERS[name]
    if all(any(map(_there, modules)) for modules in groups):
        return ""
    return f"{name} isn't installed; pip install {packages}"


def keep_in(directory: Path) -> None:
    """Let trackers that write files write them there, unless the environment says where."""
    directory.mkdir(parents=True, exist_ok=True)
    for variable, value in {
        "TENSORBOARD_LOGGING_DIR": str(directory / "tensorboard"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{directory / 'mlflow.db'}",
        "WANDB_DIR": str(directory),
        "SWANLAB_LOG_DIR": str(directory / "swanlab"),
        "CODECARBON_OUTPUT_DIR": str(directory),
    }.items():
        os.environ.setdefault(variable, value)


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # its parent isn't there
        return False
